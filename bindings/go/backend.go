package fovea

import (
	"bytes"

	"fovea/internal/capi"
)

// Backend is one way of computing attention; [Backends] lists those that this library knows.
type Backend int32

const (
	BackendAuto            Backend = 0 // the library chooses one that can serve a config
	BackendROCmAttn        Backend = 1 // HIP kernels in a module that is loaded on demand
	BackendROCmUnifiedAttn Backend = 2 // in the same module: one kernel for prefill and decode, causal only
	BackendCPUAttn         Backend = 3 // in the core library; always available
)

// Capability is a feature that a backend may or may not have.
type Capability int32

const (
	CapabilityNonCausal          Capability = 0
	CapabilityPerSequenceCausal  Capability = 1
	CapabilitySlidingWindow      Capability = 2 // left side, for causal rows
	CapabilitySlidingWindowRight Capability = 3 // right side, for non-causal rows
	CapabilityPrefixRanges       Capability = 4
	CapabilityLogitsSoftCap      Capability = 5
	CapabilityAlibi              Capability = 6
	CapabilityAlibiSqrt          Capability = 7
	CapabilitySinks              Capability = 8
	CapabilityLSE                Capability = 9
	CapabilityPartialState       Capability = 10
	CapabilityFP8KVCache         Capability = 11
	CapabilityFP8Query           Capability = 12
	CapabilityFP8Output          Capability = 13
	CapabilityPerHeadKVScales    Capability = 14
	CapabilityVectorizedKVCache  Capability = 15
	CapabilityDifferentVSize     Capability = 16
	CapabilityBatchInvariance    Capability = 17
	CapabilityGraphCapture       Capability = 18
	CapabilityDecoder            Capability = 19
	CapabilityEncoder            Capability = 20
	CapabilityEncoderDecoder     Capability = 21
)

// String is a short name, e.g. "non_causal".
func (c Capability) String() string { return capi.FoveaCapabilityName(int32(c)) }

// DataTypeRole is what a data type is used for.
type DataTypeRole int32

const (
	RoleQuery   DataTypeRole = 0
	RoleKVCache DataTypeRole = 1
	RoleOutput  DataTypeRole = 2
)

// BoundsAttribute is a quantity with bounds.
type BoundsAttribute int32

const (
	BoundsHeadSize            BoundsAttribute = 0
	BoundsHeadSizeV           BoundsAttribute = 1
	BoundsBlockSize           BoundsAttribute = 2
	BoundsQueryHeadsPerKVHead BoundsAttribute = 3
)

// Bounds are the values that a backend takes: Min <= value <= Max, a multiple of MultipleOf; and one of Values, if
// there are any.
type Bounds struct {
	Min, Max, MultipleOf int32
	Values               []int32
}

// Backends lists the backends that this library knows, available or not, in order of preference.
func Backends() ([]Backend, error) {
	var count int32
	if err := errorOf(capi.FoveaGetBackendCount(&count)); err != nil {
		return nil, err
	}
	backends := make([]Backend, count)
	for i := range backends {
		var backend int32
		if err := errorOf(capi.FoveaGetBackend(int32(i), &backend)); err != nil {
			return nil, err
		}
		backends[i] = Backend(backend)
	}
	return backends, nil
}

// BackendByName finds a backend by its name, e.g. "CPU_ATTN" or "AUTO", without regard to case.
func BackendByName(name string) (Backend, error) {
	var backend int32
	err := errorOf(capi.FoveaBackendFromName(name, &backend))
	return Backend(backend), err
}

// String is the name, e.g. "CPU_ATTN".
func (b Backend) String() string { return capi.FoveaBackendGetName(int32(b)) }

// Available tells whether the backend can be used on this machine, and if not, why. It may load a GPU module.
func (b Backend) Available() (available bool, reason string, err error) {
	var yes int32
	sentence := make([]byte, 1024)
	if err := errorOf(capi.FoveaBackendIsAvailable(int32(b), &yes, sentence)); err != nil {
		return false, "", err
	}
	if end := bytes.IndexByte(sentence, 0); end >= 0 {
		sentence = sentence[:end]
	}
	return yes != 0, string(sentence), nil
}

// SupportsNonCausal tells whether the backend can compute non-causal attention.
func (b Backend) SupportsNonCausal() (bool, error) {
	var supported int32
	err := errorOf(capi.FoveaBackendSupportsNonCausal(int32(b), &supported))
	return supported != 0, err
}

// Supports tells whether the backend has a capability. What is not claimed is refused, never ignored.
func (b Backend) Supports(capability Capability) (bool, error) {
	var supported int32
	err := errorOf(capi.FoveaBackendSupports(int32(b), int32(capability), &supported))
	return supported != 0, err
}

// SupportsDataType tells whether the backend takes a data type in a role.
func (b Backend) SupportsDataType(role DataTypeRole, dataType DataType) (bool, error) {
	var supported int32
	err := errorOf(capi.FoveaBackendSupportsDataType(int32(b), int32(role), int32(dataType), &supported))
	return supported != 0, err
}

// Bounds are the values that the backend takes for a quantity.
func (b Backend) Bounds(attribute BoundsAttribute) (Bounds, error) {
	bounds := capi.NewFoveaBounds_t()
	if bounds.Swigcptr() == 0 {
		return Bounds{}, outOfMemory("bounds")
	}
	defer capi.DeleteFoveaBounds_t(bounds)
	if err := errorOf(capi.FoveaBackendGetBounds(int32(b), int32(attribute), bounds)); err != nil {
		return Bounds{}, err
	}
	result := Bounds{Min: bounds.GetMin(), Max: bounds.GetMax(), MultipleOf: bounds.GetMultiple_of()}
	for i := int32(0); i < bounds.GetCount(); i++ {
		result.Values = append(result.Values, bounds.Value(i))
	}
	return result, nil
}
