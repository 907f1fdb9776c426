package fovea

import "fovea/internal/capi"

// DataType is the type of a tensor's elements.
type DataType int32

const (
	NoDataType DataType = 0
	Float32    DataType = 1
	Float16    DataType = 2
	BFloat16   DataType = 3
	F8E4M3FN   DataType = 4 // OCP e4m3: bias 7, maximum 448, no infinity
	F8E4M3FNUZ DataType = 5 // bias 8, maximum 240, no infinity, no negative zero
	F8E5M2     DataType = 6 // OCP e5m2: bias 15, maximum 57344, has infinities
)

// String is "f32", "f16", "bf16", "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2" or "none".
func (d DataType) String() string { return capi.FoveaDataTypeName(int32(d)) }

// Size of an element in bytes; 0 for NoDataType and unknown values.
func (d DataType) Size() int {
	switch d {
	case Float32:
		return 4
	case Float16, BFloat16:
		return 2
	case F8E4M3FN, F8E4M3FNUZ, F8E5M2:
		return 1
	}
	return 0
}

// Device is a kind of device.
type Device int32

const (
	DeviceAuto   Device = 0 // a GPU if one works, else the CPU
	DeviceCPU    Device = 1
	DeviceGPU    Device = 2 // any GPU: AMD first, then NVIDIA
	DeviceAMD    Device = 3
	DeviceNVIDIA Device = 4
)

// AttentionType tells where keys come from. Encoder and encoder-decoder attention is never causal.
type AttentionType int32

const (
	Decoder        AttentionType = 0 // self-attention over a KV cache
	Encoder        AttentionType = 1 // self-attention over the dense key and value of the same tokens; no cache
	EncoderDecoder AttentionType = 2 // cross-attention over a KV cache that holds the encoder's keys
)

// KVCacheLayout is the order of the axes of a KV cache.
type KVCacheLayout int32

const (
	KVCacheStrided    KVCacheLayout = 0 // [num_blocks, block_size, num_kv_heads, head_size], any strides
	KVCacheVectorized KVCacheLayout = 1 // key [num_blocks, num_kv_heads, head_size/x, block_size, x], value
	//                                     [num_blocks, num_kv_heads, head_size, block_size]; x = 16 / bytes per element
)

// Alibi is a bias that is added to the score of query position p and key position t.
type Alibi int32

const (
	NoAlibi     Alibi = 0
	AlibiLinear Alibi = 1 // -slope[h] * |p - t|
	AlibiSqrt   Alibi = 2 // -slope[h] * sqrt(|p - t|)
)

// PrefixRanges says how tokens of a range see each other, whatever the causal flag says.
type PrefixRanges int32

const (
	NoPrefixRanges       PrefixRanges = 0
	PrefixRangesFull     PrefixRanges = 1 // within a range every token sees every other
	PrefixRangesWindowed PrefixRanges = 2 // within a range also p - t <= left window
)

// KVScales is the granularity of the dequantisation scales of the KV cache.
type KVScales int32

const (
	NoKVScales        KVScales = 0 // scale 1
	KVScalesPerTensor KVScales = 1
	KVScalesPerHead   KVScales = 2 // [num_kv_heads]
)

// CausalMode is what a plan or a forward asks for; flags of single sequences win over it.
type CausalMode int32

const (
	CausalFromMetadata CausalMode = 0
	Causal             CausalMode = 1
	NonCausal          CausalMode = 2
)

// Stream is a GPU's stream (hipStream_t); NoStream on a CPU.
type Stream uintptr

// NoStream is the stream of a CPU, and the default stream of a GPU.
const NoStream Stream = 0

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// Version of the library that was loaded, e.g. "1.0.0".
func Version() string { return capi.FoveaGetVersionString() }
