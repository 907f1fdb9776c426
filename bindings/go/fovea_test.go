package fovea

import (
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"fovea/internal/capi"
)

func TestConstantsAreThoseOfTheHeader(t *testing.T) {
	same := func(name string, here, header int) {
		t.Helper()
		if here != header {
			t.Errorf("%s is %d, in the header %d", name, here, header)
		}
	}
	statuses := []Status{StatusSuccess, StatusInvalidArgument, StatusNotSupported, StatusInvalidState,
		StatusWorkspaceTooSmall, StatusOutOfMemory, StatusDeviceOutOfMemory, StatusNoDevice, StatusArchMismatch,
		StatusBackendUnavailable, StatusDeviceError, StatusVersionMismatch, StatusInternalError}
	names := "SUCCESS INVALID_ARGUMENT NOT_SUPPORTED INVALID_STATE WORKSPACE_TOO_SMALL OUT_OF_MEMORY DEVICE_OUT_OF_MEMORY " +
		"NO_DEVICE ARCH_MISMATCH BACKEND_UNAVAILABLE DEVICE_ERROR VERSION_MISMATCH INTERNAL_ERROR"
	for i, name := range strings.Fields(names) {
		if statuses[i].String() != "FOVEA_STATUS_"+name {
			t.Errorf("%d is %s, expected %s", statuses[i], statuses[i], name)
		}
	}
	for dataType, name := range map[DataType]string{NoDataType: "none", Float32: "f32", Float16: "f16", BFloat16: "bf16",
		F8E4M3FN: "f8_e4m3fn", F8E4M3FNUZ: "f8_e4m3fnuz", F8E5M2: "f8_e5m2"} {
		if dataType.String() != name {
			t.Errorf("%d is %s, expected %s", dataType, dataType, name)
		}
		same("size of "+name, dataType.Size(), int(capi.FoveaDataTypeSize(int32(dataType))))
	}
	capabilities := "non_causal per_sequence_causal sliding_window sliding_window_right prefix_ranges logits_soft_cap alibi " +
		"alibi_sqrt sinks lse partial_state fp8_kv_cache fp8_query fp8_output per_head_kv_scales vectorized_kv_cache " +
		"different_v_size batch_invariance graph_capture decoder encoder encoder_decoder"
	for i, name := range strings.Fields(capabilities) {
		if Capability(i).String() != name {
			t.Errorf("capability %d is %s, expected %s", i, Capability(i), name)
		}
	}
	same("DeviceAuto", int(DeviceAuto), int(capi.FOVEA_DEVICE_AUTO))
	same("DeviceCPU", int(DeviceCPU), int(capi.FOVEA_DEVICE_CPU))
	same("DeviceGPU", int(DeviceGPU), int(capi.FOVEA_DEVICE_GPU))
	same("DeviceAMD", int(DeviceAMD), int(capi.FOVEA_DEVICE_AMD))
	same("DeviceNVIDIA", int(DeviceNVIDIA), int(capi.FOVEA_DEVICE_NVIDIA))
	same("BackendAuto", int(BackendAuto), int(capi.FOVEA_BACKEND_AUTO))
	same("BackendROCmAttn", int(BackendROCmAttn), int(capi.FOVEA_BACKEND_ROCM_ATTN))
	same("BackendROCmUnifiedAttn", int(BackendROCmUnifiedAttn), int(capi.FOVEA_BACKEND_ROCM_UNIFIED_ATTN))
	same("BackendCPUAttn", int(BackendCPUAttn), int(capi.FOVEA_BACKEND_CPU_ATTN))
	same("CapabilityEncoderDecoder", int(CapabilityEncoderDecoder), int(capi.FOVEA_CAPABILITY_ENCODER_DECODER))
	same("Decoder", int(Decoder), int(capi.FOVEA_ATTENTION_DECODER))
	same("Encoder", int(Encoder), int(capi.FOVEA_ATTENTION_ENCODER))
	same("EncoderDecoder", int(EncoderDecoder), int(capi.FOVEA_ATTENTION_ENCODER_DECODER))
	same("KVCacheVectorized", int(KVCacheVectorized), int(capi.FOVEA_KV_CACHE_LAYOUT_VECTORIZED))
	same("AlibiLinear", int(AlibiLinear), int(capi.FOVEA_ALIBI_LINEAR))
	same("AlibiSqrt", int(AlibiSqrt), int(capi.FOVEA_ALIBI_SQRT))
	same("PrefixRangesFull", int(PrefixRangesFull), int(capi.FOVEA_PREFIX_RANGES_FULL))
	same("PrefixRangesWindowed", int(PrefixRangesWindowed), int(capi.FOVEA_PREFIX_RANGES_WINDOWED))
	same("KVScalesPerTensor", int(KVScalesPerTensor), int(capi.FOVEA_KV_SCALES_PER_TENSOR))
	same("KVScalesPerHead", int(KVScalesPerHead), int(capi.FOVEA_KV_SCALES_PER_HEAD))
	same("RoleOutput", int(RoleOutput), int(capi.FOVEA_ROLE_OUTPUT))
	same("BoundsQueryHeadsPerKVHead", int(BoundsQueryHeadsPerKVHead), int(capi.FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD))
	same("ReasonHeadSize", int(ReasonHeadSize), int(capi.FOVEA_REASON_HEAD_SIZE))
	same("ReasonNonCausal", int(ReasonNonCausal), int(capi.FOVEA_REASON_NON_CAUSAL))
	same("ReasonContradiction", int(ReasonContradiction), int(capi.FOVEA_REASON_CONTRADICTION))
	same("ReasonDevice", int(ReasonDevice), int(capi.FOVEA_REASON_DEVICE))
	same("hostMemory", hostMemory, int(capi.FOVEA_MEMORY_HOST))
	same("deviceMemory", deviceMemory, int(capi.FOVEA_MEMORY_DEVICE))
	same("forwardPartialState", forwardPartialState, int(capi.FOVEA_FORWARD_PARTIAL_STATE))
}

func TestContextAndBackends(t *testing.T) {
	info, err := newTestContext(t).Info()
	if err != nil || info.Device != DeviceCPU || info.NumThreads != 2 || info.DeviceName == "" || info.Architecture == "" {
		t.Errorf("%+v, %v", info, err)
	}
	if Version() == "" {
		t.Error("no version")
	}
	backends, err := Backends()
	if err != nil || len(backends) == 0 || backends[len(backends)-1] != BackendCPUAttn {
		t.Errorf("backends: %v, %v", backends, err)
	}
	available, reason, err := BackendCPUAttn.Available()
	if !available || reason != "" || err != nil {
		t.Errorf("CPU_ATTN: %v, %q, %v", available, reason, err)
	}
	if available, reason, err = BackendROCmAttn.Available(); err != nil || available == (reason != "") {
		t.Errorf("ROCM_ATTN: %v, %q, %v", available, reason, err)
	}
	if backend, err := BackendByName("cpu_attn"); backend != BackendCPUAttn || err != nil {
		t.Errorf("cpu_attn: %v, %v", backend, err)
	}
	if supported, err := BackendCPUAttn.SupportsNonCausal(); !supported || err != nil {
		t.Errorf("non-causal: %v, %v", supported, err)
	}
	if supported, err := BackendCPUAttn.Supports(CapabilitySinks); !supported || err != nil {
		t.Errorf("sinks: %v, %v", supported, err)
	}
	if supported, err := BackendCPUAttn.SupportsDataType(RoleKVCache, F8E5M2); !supported || err != nil {
		t.Errorf("e5m2 cache: %v, %v", supported, err)
	}
	if supported, err := BackendCPUAttn.SupportsDataType(RoleQuery, NoDataType); supported || !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("query without type: %v, %v", supported, err)
	}
	bounds, err := BackendCPUAttn.Bounds(BoundsHeadSize)
	if err != nil || bounds.Min != 8 || bounds.Max != 256 || bounds.MultipleOf != 8 || bounds.Values != nil {
		t.Errorf("head sizes: %+v, %v", bounds, err)
	}
	if bounds, err = BackendCPUAttn.Bounds(BoundsBlockSize); err != nil || bounds.MultipleOf != 16 {
		t.Errorf("block sizes: %+v, %v", bounds, err)
	}
}

func TestErrors(t *testing.T) {
	_, err := BackendByName("NO_SUCH_ATTN")
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != StatusInvalidArgument || !strings.Contains(failure.Message, "NO_SUCH_ATTN") {
		t.Errorf("got %v", err)
	}
	if !errors.Is(err, StatusInvalidArgument) || errors.Is(err, StatusNotSupported) {
		t.Errorf("%v is not (only) StatusInvalidArgument", err)
	}
	if _, err := NewContext(ContextOptions{Device: DeviceCPU, DeviceOrdinal: 7}); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("ordinal 7 of the CPU: %v", err)
	}
	context := newTestContext(t)
	config := Config{NumQueryHeads: 4, NumKVHeads: 2, HeadSize: 64, QueryType: Float32}
	if backend, err := context.SelectBackend(config, BackendAuto); backend != BackendCPUAttn || err != nil {
		t.Errorf("selected %v, %v", backend, err)
	}
	if _, err := context.SelectBackend(config, BackendROCmAttn); err == nil {
		t.Error("a GPU's backend was selected on a CPU")
	}
	config.HeadSize = 100
	if _, err := context.NewAttention(config, BackendAuto); !errors.Is(err, StatusNotSupported) ||
		!strings.Contains(err.Error(), "head_size not supported") {
		t.Errorf("head size 100: %v", err)
	}
}

// A layer with one decode batch that the tests below share.
type layer struct {
	context   *Context
	attention *Attention
	metadata  *Metadata
	limits    Limits
	args      ForwardArgs
	output    []float32
}

const (
	layerTokens = 16
	layerHeads  = 4
	layerSize   = 32
)

func newLayer(t testing.TB) *layer {
	t.Helper()
	context := newTestContext(t)
	attention, err := context.NewAttention(Config{NumQueryHeads: layerHeads, NumKVHeads: 2, HeadSize: layerSize,
		QueryType: Float32, NonCausal: true, Alibi: AlibiLinear, Sinks: true}, BackendAuto)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { attention.Close() })
	l := &layer{context: context, attention: attention,
		limits: Limits{MaxNumSeqs: 1, MaxNumTokens: layerTokens, MaxSeqLen: 48, MaxBlocksPerSeq: 3}}
	if l.metadata, err = context.NewMetadata(l.limits); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.metadata.Close() })
	for _, err := range []error{
		l.metadata.SetSequences([]int32{0, layerTokens}, []int32{48}),
		l.metadata.SetBlockTable([]int32{2, 0, 1}, 3),
		l.metadata.SetCausal(false),
		l.metadata.Commit(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	workspace, err := attention.WorkspaceSize(l.limits)
	if err != nil {
		t.Fatal(err)
	}
	l.output = make([]float32, layerTokens*layerHeads*layerSize)
	l.args = ForwardArgs{
		Query:       generate(t, 5, 1, Float32, layerTokens, layerHeads, layerSize).tensor(),
		KeyCache:    generate(t, 5, 2, Float32, 3, 16, 2, layerSize).tensor(),
		ValueCache:  generate(t, 5, 3, Float32, 3, 16, 2, layerSize).tensor(),
		Output:      F32(l.output, layerTokens, layerHeads, layerSize),
		AlibiSlopes: Host([]float32{0.5, 0.25, 0.125, 0.0625}),
		Sinks:       Host([]float32{0, 1, 2, 3}),
		Workspace:   Host(AlignedBytes(workspace)),
	}
	return l
}

func TestMemoryThatIsTooSmallIsRefused(t *testing.T) {
	l := newLayer(t)
	short := make([]float32, len(l.output)-1)
	for name, change := range map[string]func(*ForwardArgs){
		"query":        func(a *ForwardArgs) { a.Query = F32(short, layerTokens, layerHeads, layerSize) },
		"output":       func(a *ForwardArgs) { a.Output = F32(short, layerTokens, layerHeads, layerSize) },
		"lse":          func(a *ForwardArgs) { a.LSE = F32(short[:63], layerTokens, layerHeads) },
		"alibi_slopes": func(a *ForwardArgs) { a.AlibiSlopes = Host(short[:3]) },
		"sinks":        func(a *ForwardArgs) { a.Sinks = Host(short[:3]) },
		"key_cache":    func(a *ForwardArgs) { a.KeyCache.Shape = []int64{1 << 40, 1 << 20, 2, layerSize} },
		"value_cache": func(a *ForwardArgs) {
			a.ValueCache.Strides = []int64{16 * 2 * layerSize, 2 * layerSize, layerSize + 1, 1}
		},
	} {
		args := l.args
		change(&args)
		err := l.attention.Forward(l.metadata, args)
		if !errors.Is(err, StatusInvalidArgument) || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	args := l.args
	args.Query.Shape = []int64{1, 1, 1, 1, layerTokens, layerHeads, layerSize}
	if err := l.attention.Forward(l.metadata, args); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("seven axes: %v", err)
	}
	args = l.args
	args.Workspace = Host(AlignedBytes(1))
	if err := l.attention.Forward(l.metadata, args); !errors.Is(err, StatusWorkspaceTooSmall) {
		t.Errorf("workspace of one byte: %v", err)
	}
	slots := Host([]int64{1, 2})
	write := KVWriteArgs{Key: generate(t, 6, 2, Float32, 3, 2, layerSize).tensor(),
		Value: generate(t, 6, 3, Float32, 3, 2, layerSize).tensor(), KeyCache: l.args.KeyCache, ValueCache: l.args.ValueCache,
		SlotMapping: slots, NumTokens: 3}
	if err := l.attention.WriteKVCache(write); err == nil || !strings.Contains(err.Error(), "slot_mapping: has 16 bytes") {
		t.Errorf("two slots for three tokens: %v", err)
	}
	for what, err := range map[string]error{
		"query_start_loc": l.metadata.SetSequences([]int32{0}, []int32{4}),
		"block_table":     l.metadata.SetBlockTable([]int32{0, 1, 2}, 2),
		"causal":          l.metadata.SetCausalPerSequence([]bool{true, false}),
		"range_start_loc": l.metadata.SetPrefixRanges([]int32{0}, nil),
		"seq_lens": l.metadata.SetDeviceSequences(DeviceSequences{NumSeqs: 1, NumTokens: 1,
			QueryStartLoc: DeviceMemory(64, 8), SeqLens: Host([]int32{1})}),
	} {
		if !errors.Is(err, StatusInvalidArgument) || !strings.Contains(err.Error(), what+": ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := l.attention.Forward(l.metadata, l.args); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
}

// The output is a part of a larger slice: the call writes exactly there.
func TestSlicesAreWrittenInPlace(t *testing.T) {
	l := newLayer(t)
	const before = 7
	all := make([]float32, before+len(l.output)+9)
	for i := range all {
		all[i] = -77
	}
	args := l.args
	part := all[before : before+len(l.output)]
	args.Output = F32(part, layerTokens, layerHeads, layerSize)
	for _, err := range []error{l.attention.Forward(l.metadata, l.args), l.attention.Forward(l.metadata, args)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, value := range all {
		inside := i >= before && i < before+len(l.output)
		if inside && value != l.output[i-before] || !inside && value != -77 {
			t.Fatalf("element %d is %v", i, value)
		}
	}
	if l.output[0] == 0 || math.IsNaN(float64(l.output[0])) {
		t.Errorf("the first element is %v", l.output[0])
	}
}

// Memory that Go does not own, such as a file mapped by an engine, is as good as a slice of its own.
func TestForeignMemory(t *testing.T) {
	l := newLayer(t)
	if err := l.attention.Forward(l.metadata, l.args); err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(-1, 0, 4*len(l.output), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mapped)
	args := l.args
	args.Output = NewTensor(Float32, Host(mapped), layerTokens, layerHeads, layerSize)
	if err := l.attention.Forward(l.metadata, args); err != nil {
		t.Fatal(err)
	}
	for i, value := range unsafe.Slice((*float32)(unsafe.Pointer(&mapped[0])), len(l.output)) {
		if value != l.output[i] {
			t.Fatalf("element %d is %v, expected %v", i, value, l.output[i])
		}
	}
}

// On a CPU the memory of the device is the host's; it is borrowed, so it must not be Go's.
func TestArraysOfTheDevice(t *testing.T) {
	l := newLayer(t)
	if err := l.attention.Forward(l.metadata, l.args); err != nil {
		t.Fatal(err)
	}
	expected := append([]float32(nil), l.output...)
	mapped, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mapped)
	place := 0
	borrow := func(values ...int32) Memory {
		part := mapped[place : place+4*len(values)]
		copy(unsafe.Slice((*int32)(unsafe.Pointer(&part[0])), len(values)), values)
		place += 64
		return DeviceMemory(uintptr(unsafe.Pointer(&part[0])), len(part))
	}
	metadata, err := l.context.NewMetadata(Limits{MaxNumSeqs: 1, MaxNumTokens: layerTokens, MaxSeqLen: 48, MaxBlocksPerSeq: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer metadata.Close()
	for _, err := range []error{
		metadata.SetDeviceSequences(DeviceSequences{NumSeqs: 1, NumTokens: layerTokens, MaxQueryLen: layerTokens, MaxSeqLen: 48,
			QueryStartLoc: borrow(0, layerTokens), SeqLens: borrow(48)}),
		metadata.SetDeviceBlockTable(borrow(2, 0, 1, -7), 1, 3, 4),
		metadata.SetCausal(false),
		metadata.Commit(),
		l.attention.Forward(metadata, l.args),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, value := range l.output {
		if value != expected[i] {
			t.Fatalf("element %d is %v, expected %v", i, value, expected[i])
		}
	}
	short := borrow(0)
	for what, err := range map[string]error{
		"query_start_loc: has 4 bytes": metadata.SetDeviceSequences(DeviceSequences{NumSeqs: 1, QueryStartLoc: short, SeqLens: short}),
		"block_table: has 4 bytes":     metadata.SetDeviceBlockTable(short, 2, 1, 0),
		"ranges: has 4 bytes":          metadata.SetDevicePrefixRanges(borrow(0, 1), short, 1),
	} {
		if !errors.Is(err, StatusInvalidArgument) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Those of single sequences need a config that declares them; the setter itself is what is tested here.
	if err := metadata.SetDeviceCausalPerSequence(borrow(0)); err != nil {
		t.Error(err)
	}
}

// The garbage collector runs all the while, and nothing but the call itself refers to the memory.
func TestMemoryIsHeldDuringTheCall(t *testing.T) {
	l := newLayer(t)
	if err := l.attention.Forward(l.metadata, l.args); err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	for round := 0; round < 50; round++ {
		args := l.args
		args.Query = generate(t, 5, 1, Float32, layerTokens, layerHeads, layerSize).tensor()
		args.AlibiSlopes, args.Sinks = Host([]float32{0.5, 0.25, 0.125, 0.0625}), Host([]float32{0, 1, 2, 3})
		output := make([]float32, len(l.output))
		args.Output = F32(output, layerTokens, layerHeads, layerSize)
		go runtime.GC()
		if err := l.attention.Forward(l.metadata, args); err != nil {
			t.Fatal(err)
		}
		for i, value := range output {
			if value != l.output[i] {
				t.Fatalf("round %d: element %d is %v, expected %v", round, i, value, l.output[i])
			}
		}
	}
}

func TestManyGoroutinesShareAnAttention(t *testing.T) {
	l := newLayer(t)
	if err := l.attention.Forward(l.metadata, l.args); err != nil {
		t.Fatal(err)
	}
	size, err := l.attention.PlanSize(l.limits)
	if err != nil {
		t.Fatal(err)
	}
	plan := Host(AlignedBytes(size))
	if err := l.attention.Plan(l.metadata, PlanArgs{Plan: plan}); err != nil {
		t.Fatal(err)
	}
	workspace, err := l.attention.WorkspaceSize(l.limits)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			args, output := l.args, make([]float32, len(l.output))
			args.Output, args.Plan = F32(output, layerTokens, layerHeads, layerSize), plan
			args.Workspace = Host(AlignedBytes(workspace))
			for round := 0; round < 20; round++ {
				if err := l.attention.Forward(l.metadata, args); err != nil {
					t.Error(err)
					return
				}
			}
			for i, value := range output {
				if value != l.output[i] {
					t.Errorf("element %d is %v, expected %v", i, value, l.output[i])
					return
				}
			}
		}()
	}
	group.Wait()
}

func TestClosedObjectsAreRefused(t *testing.T) {
	l := newLayer(t)
	// In an order that no engine would choose: children keep what they need.
	l.context.Close()
	if err := l.attention.Forward(l.metadata, l.args); err != nil {
		t.Errorf("after the context was closed: %v", err)
	}
	if _, err := l.context.Info(); !errors.Is(err, StatusInvalidState) {
		t.Errorf("info of a closed context: %v", err)
	}
	var group sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			args := l.args
			args.Output = F32(make([]float32, len(l.output)), layerTokens, layerHeads, layerSize)
			workspace, err := l.attention.WorkspaceSize(l.limits)
			for err == nil {
				args.Workspace = Host(AlignedBytes(workspace))
				err = l.attention.Forward(l.metadata, args)
			}
			if !errors.Is(err, StatusInvalidState) || !strings.Contains(err.Error(), "is closed") {
				t.Errorf("while it was being closed: %v", err)
			}
		}()
	}
	runtime.Gosched()
	l.attention.Close()
	group.Wait()
	l.attention.Close()
	l.metadata.Close()
	if err := l.metadata.SetCausal(true); !errors.Is(err, StatusInvalidState) {
		t.Errorf("a closed metadata: %v", err)
	}
}

func TestMetadataKeepsItsFlag(t *testing.T) {
	l := newLayer(t)
	for _, causal := range []bool{true, false, true} {
		if err := l.metadata.SetCausal(causal); err != nil {
			t.Fatal(err)
		}
		if got, err := l.metadata.Causal(); got != causal || err != nil {
			t.Errorf("%v, %v, expected %v", got, err, causal)
		}
	}
	if err := l.metadata.Validate(l.attention, 3); err != nil {
		t.Error(err)
	}
	if err := l.metadata.Validate(l.attention, 2); !errors.Is(err, StatusInvalidArgument) || !strings.Contains(err.Error(), "block_table") {
		t.Errorf("a cache of 2 blocks: %v", err)
	}
	if sequence, err := l.metadata.AsyncError(NoStream); sequence != -1 || err != nil {
		t.Errorf("%d, %v", sequence, err)
	}
}

func TestAlignedBytes(t *testing.T) {
	for size := 0; size < 200; size++ {
		bytes := AlignedBytes(size)
		if len(bytes) != size || size > 0 && uintptr(unsafe.Pointer(&bytes[0]))%64 != 0 {
			t.Fatalf("%d bytes: %d at %p", size, len(bytes), unsafe.SliceData(bytes))
		}
	}
}
