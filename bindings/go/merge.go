package fovea

import (
	"unsafe"

	"fovea/internal/capi"
)

// State is a partial result: what a forward with PartialState gave for some of the keys.
type State struct {
	Output Tensor // f32 [>= num_tokens, num_query_heads, head_size_v]
	LSE    Tensor // f32 [>= num_tokens, num_query_heads]; -inf = empty
}

// MergeArgs are the arguments of [Context.MergeStates].
type MergeArgs struct {
	States      []State // 1 to 64
	NumTokens   int32
	Output      Tensor // [>= NumTokens, num_query_heads, head_size_v], any output type
	LSE         Tensor // f32 [>= NumTokens, num_query_heads], or absent
	Sinks       Memory // float32 [num_query_heads], applied once, or none
	OutputScale Memory // one float32, fp8 output only, or none
	Stream      Stream
}

// MergeStates combines partial results over disjoint sets of keys by their log-sum-exp, in the order given.
func (c *Context) MergeStates(args MergeArgs) error {
	handle, err := c.handle.open("context")
	if err != nil {
		return err
	}
	defer c.handle.done()
	// One more than the library takes is refused by it; a wild number must not wrap around.
	numStates := int32(min(len(args.States), 1<<16))
	merge := capi.NewFoveaMergeArgs_t(numStates)
	if merge.Swigcptr() == 0 {
		return outOfMemory("merge")
	}
	defer capi.DeleteFoveaMergeArgs_t(merge)
	var held pins
	defer held.release()
	for i, state := range args.States[:numStates] {
		if err := held.putTensor("outputs", state.Output, stateSetter(merge.Set_state_output, int32(i))); err != nil {
			return err
		}
		if err := held.putTensor("lses", state.LSE, stateSetter(merge.Set_state_lse, int32(i))); err != nil {
			return err
		}
	}
	if err := held.putTensor("output", args.Output, merge.Set_output); err != nil {
		return err
	}
	if err := held.putTensor("lse", args.LSE, merge.Set_lse); err != nil {
		return err
	}
	numQueryHeads := int32(0)
	if len(args.Output.Shape) > 1 {
		numQueryHeads = int32(min(max(args.Output.Shape[1], 0), 1<<30))
	}
	sinks, err := held.floats("sinks", args.Sinks, numQueryHeads)
	if err != nil {
		return err
	}
	merge.SetSinks(sinks)
	outputScale, err := held.floats("output_scale", args.OutputScale, 1)
	if err != nil {
		return err
	}
	merge.SetOutput_scale(outputScale)
	merge.SetNum_tokens(args.NumTokens)
	merge.SetStream(capi.Fovea_pointer_of_address(uintptr(args.Stream)))
	return errorOf(capi.FoveaMergeAttentionStates(handle, merge))
}

// stateSetter sets a tensor of state i.
func stateSetter(set func(int32, unsafe.Pointer, int32, int32, *int64, *int64), i int32) tensorSetter {
	return func(data unsafe.Pointer, dataType, ndim int32, shape, strides *int64) {
		set(i, data, dataType, ndim, shape, strides)
	}
}
