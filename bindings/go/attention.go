package fovea

import (
	"runtime"

	"fovea/internal/capi"
)

// Attention is a config bound to a backend. It never changes; any number of goroutines may use one.
type Attention struct {
	handle   handle[capi.Attention]
	config   Config
	oneScale int32 // numbers in k_scale and v_scale
}

// NewAttention binds a config to a backend: the kernel is chosen and loaded, the threads are started. BackendAuto
// chooses as SelectBackend does.
func (c *Context) NewAttention(config Config, backend Backend) (*Attention, error) {
	context, err := c.handle.open("context")
	if err != nil {
		return nil, err
	}
	defer c.handle.done()
	described, err := config.open()
	if err != nil {
		return nil, err
	}
	defer capi.FoveaConfigDestroy(described)
	var handle capi.Attention
	if err := errorOf(capi.FoveaAttentionCreate(context, described, int32(backend), &handle)); err != nil {
		return nil, err
	}
	attention := &Attention{config: config, oneScale: 1}
	if config.KVScales == KVScalesPerHead {
		attention.oneScale = config.NumKVHeads
	}
	attention.handle.value = handle
	runtime.SetFinalizer(attention, (*Attention).Close)
	return attention, nil
}

// Close gives the attention back. It may be called twice.
func (a *Attention) Close() error {
	runtime.SetFinalizer(a, nil)
	a.handle.close(capi.FoveaAttentionDestroy)
	return nil
}

// Backend is the backend that the attention is bound to; never BackendAuto.
func (a *Attention) Backend() (Backend, error) {
	handle, err := a.handle.open("attention")
	if err != nil {
		return BackendAuto, err
	}
	defer a.handle.done()
	var backend int32
	err = errorOf(capi.FoveaAttentionGetBackend(handle, &backend))
	return Backend(backend), err
}

// WorkspaceSize is the number of bytes of workspace that a forward needs for any batch within limits. Workspace is
// scratch: all layers that run one after another may share it.
func (a *Attention) WorkspaceSize(limits Limits) (int, error) {
	return a.size(limits, capi.FoveaAttentionGetWorkspaceSize)
}

// PlanSize is the number of bytes of plan memory for any batch within limits. Plan memory is not scratch: it holds the
// plan until it is made anew.
func (a *Attention) PlanSize(limits Limits) (int, error) {
	return a.size(limits, capi.FoveaAttentionGetPlanSize)
}

func (a *Attention) size(limits Limits,
	query func(capi.Attention, capi.FoveaMetadataLimits_t, *uintptr) *capi.Failure) (int, error) {
	handle, err := a.handle.open("attention")
	if err != nil {
		return 0, err
	}
	defer a.handle.done()
	bounds, err := limits.open()
	if err != nil {
		return 0, err
	}
	defer capi.DeleteFoveaMetadataLimits_t(bounds)
	var size uintptr
	err = errorOf(query(handle, bounds, &size))
	return int(size), err
}

// PlanArgs are the arguments of [Attention.Plan].
type PlanArgs struct {
	Plan   Memory // at least PlanSize bytes; see AlignedBytes
	Stream Stream
	Causal CausalMode // forwards must ask for the same
}

// Plan turns committed metadata into a work list, once per step instead of once per layer. The plan serves every
// attention of equal config and backend on the same context until the metadata changes. Optional: a forward without a
// plan makes its own. Forwards of BackendROCmUnifiedAttn that share a plan must follow one another on the device.
func (a *Attention) Plan(metadata *Metadata, args PlanArgs) error {
	handle, err := a.handle.open("attention")
	if err != nil {
		return err
	}
	defer a.handle.done()
	plan := capi.NewFoveaPlanArgs_t()
	if plan.Swigcptr() == 0 {
		return outOfMemory("plan")
	}
	defer capi.DeleteFoveaPlanArgs_t(plan)
	var held pins
	defer held.release()
	plan.SetPlan(held.pointer(args.Plan))
	plan.SetPlan_size(int64(args.Plan.size))
	plan.SetStream(capi.Fovea_pointer_of_address(uintptr(args.Stream)))
	plan.SetCausal(int32(args.Causal))
	return metadata.call(func(m capi.Metadata) *capi.Failure { return capi.FoveaAttentionPlan(handle, m, plan) })
}

// KVWriteArgs are the arguments of [Attention.WriteKVCache].
type KVWriteArgs struct {
	Key         Tensor // [>= NumTokens, num_kv_heads, head_size]
	Value       Tensor // [>= NumTokens, num_kv_heads, head_size_v]
	KeyCache    Tensor // in the config's layout
	ValueCache  Tensor
	SlotMapping Memory // int64 [NumTokens]: block * block_size + row; negative = skip
	NumTokens   int32
	KScale      Memory // float32, as Config.KVScales declares; a stored value is round(x / scale)
	VScale      Memory
	Stream      Stream
}

// WriteKVCache writes keys and values of new tokens into the paged cache. It needs no metadata. fp8 values are
// rounded to nearest even and saturate.
func (a *Attention) WriteKVCache(args KVWriteArgs) error {
	handle, err := a.handle.open("attention")
	if err != nil {
		return err
	}
	defer a.handle.done()
	write := capi.NewFoveaKvWriteArgs_t()
	if write.Swigcptr() == 0 {
		return outOfMemory("write")
	}
	defer capi.DeleteFoveaKvWriteArgs_t(write)
	var held pins
	defer held.release()
	if err := held.putTensor("key", args.Key, write.Set_key); err != nil {
		return err
	}
	if err := held.putTensor("value", args.Value, write.Set_value); err != nil {
		return err
	}
	if err := held.putTensor("key_cache", args.KeyCache, write.Set_key_cache); err != nil {
		return err
	}
	if err := held.putTensor("value_cache", args.ValueCache, write.Set_value_cache); err != nil {
		return err
	}
	if err := args.SlotMapping.requireBytes("slot_mapping", uint64(max(args.NumTokens, 0))*8); err != nil {
		return err
	}
	write.SetSlot_mapping((*int64)(held.pointer(args.SlotMapping)))
	write.SetNum_tokens(args.NumTokens)
	kScale, err := held.floats("k_scale", args.KScale, a.oneScale)
	if err != nil {
		return err
	}
	write.SetK_scale(kScale)
	vScale, err := held.floats("v_scale", args.VScale, a.oneScale)
	if err != nil {
		return err
	}
	write.SetV_scale(vScale)
	write.SetStream(capi.Fovea_pointer_of_address(uintptr(args.Stream)))
	return errorOf(capi.FoveaAttentionWriteKvCache(handle, write))
}

// ForwardArgs are the arguments of [Attention.Forward]. What does not apply is left zero.
type ForwardArgs struct {
	Query      Tensor // [>= num_tokens, num_query_heads, head_size]
	Key        Tensor // this step's keys [>= num_tokens, num_kv_heads, head_size]; absent: everything is in the cache
	Value      Tensor // [>= num_tokens, num_kv_heads, head_size_v]; given exactly when Key is
	KeyCache   Tensor // in the config's layout; absent for encoder attention
	ValueCache Tensor
	Output     Tensor // [>= num_tokens, num_query_heads, head_size_v]; rows beyond num_tokens stay untouched
	LSE        Tensor // f32 [>= num_tokens, num_query_heads], natural logarithm

	QScale       Memory // one float32; fp8 query only
	KScale       Memory // float32, as Config.KVScales declares
	VScale       Memory
	OutputScale  Memory // one float32; fp8 output only
	AlibiSlopes  Memory // float32 [num_query_heads], exactly when declared
	Sinks        Memory // float32 [num_query_heads], exactly when declared, and not with PartialState
	Workspace    Memory // at least WorkspaceSize bytes; see AlignedBytes
	Plan         Memory // of Plan, or none
	Stream       Stream
	Causal       CausalMode
	PartialState bool // Output is f32 and without sinks, LSE is required: to be combined by Context.MergeStates
}

// Forward computes attention for a committed batch. On a CPU it computes before it returns. Concurrent forwards need a
// workspace each.
func (a *Attention) Forward(metadata *Metadata, args ForwardArgs) error {
	handle, err := a.handle.open("attention")
	if err != nil {
		return err
	}
	defer a.handle.done()
	forward := capi.NewFoveaForwardArgs_t()
	if forward.Swigcptr() == 0 {
		return outOfMemory("forward")
	}
	defer capi.DeleteFoveaForwardArgs_t(forward)
	var held pins
	defer held.release()
	if err := a.put(&held, forward, &args); err != nil {
		return err
	}
	return metadata.call(func(m capi.Metadata) *capi.Failure { return capi.FoveaAttentionForward(handle, m, forward) })
}

func (a *Attention) put(held *pins, forward capi.FoveaForwardArgs_t, args *ForwardArgs) error {
	for _, field := range []struct {
		name   string
		tensor Tensor
		set    tensorSetter
	}{
		{"query", args.Query, forward.Set_query},
		{"key", args.Key, forward.Set_key},
		{"value", args.Value, forward.Set_value},
		{"key_cache", args.KeyCache, forward.Set_key_cache},
		{"value_cache", args.ValueCache, forward.Set_value_cache},
		{"output", args.Output, forward.Set_output},
		{"lse", args.LSE, forward.Set_lse},
	} {
		if err := held.putTensor(field.name, field.tensor, field.set); err != nil {
			return err
		}
	}
	for _, field := range []struct {
		name   string
		memory Memory
		count  int32
		set    func(*float32)
	}{
		{"q_scale", args.QScale, 1, forward.SetQ_scale},
		{"k_scale", args.KScale, a.oneScale, forward.SetK_scale},
		{"v_scale", args.VScale, a.oneScale, forward.SetV_scale},
		{"output_scale", args.OutputScale, 1, forward.SetOutput_scale},
		{"alibi_slopes", args.AlibiSlopes, a.config.NumQueryHeads, forward.SetAlibi_slopes},
		{"sinks", args.Sinks, a.config.NumQueryHeads, forward.SetSinks},
	} {
		if field.memory.pointer == nil {
			continue
		}
		numbers, err := held.floats(field.name, field.memory, field.count)
		if err != nil {
			return err
		}
		field.set(numbers)
	}
	forward.SetWorkspace(held.pointer(args.Workspace))
	forward.SetWorkspace_size(int64(args.Workspace.size))
	if args.Plan.pointer != nil {
		forward.SetPlan(held.pointer(args.Plan))
		forward.SetPlan_size(int64(args.Plan.size))
	}
	if args.Stream != NoStream {
		forward.SetStream(capi.Fovea_pointer_of_address(uintptr(args.Stream)))
	}
	forward.SetCausal(int32(args.Causal))
	if args.PartialState {
		forward.SetFlags(forwardPartialState)
	}
	return nil
}

const forwardPartialState = 1
