package capi

import (
	"sync"
	"testing"
	"unsafe"
)

// The widths that SWIG gets wrong by itself. That this compiles is the test.
var (
	_ func(Metadata, int32, int32, int32, int32, int32, *int32, *int32) *Failure = FoveaMetadataSetSequences
	_ func(Metadata, int32, int32, int32, int64, *int32) *Failure                = FoveaMetadataSetBlockTable
	_ func(Metadata, int32, int32, *int32, *int32) *Failure                      = FoveaMetadataSetPrefixRanges
	_ func(Metadata, int32, *int32) *Failure                                     = FoveaMetadataSetCausalPerSequence
	_ func(Metadata, unsafe.Pointer) *Failure                                    = FoveaMetadataCommit
	_ func(Attention, FoveaMetadataLimits_t, *uintptr) *Failure                  = FoveaAttentionGetWorkspaceSize
	_ func(FoveaKvWriteArgs_t, *int64)                                           = FoveaKvWriteArgs_t.SetSlot_mapping
	_ func(FoveaForwardArgs_t, *float32)                                         = FoveaForwardArgs_t.SetAlibi_slopes
	_ func(FoveaForwardArgs_t, unsafe.Pointer)                                   = FoveaForwardArgs_t.SetWorkspace
)

func must(t *testing.T, failure *Failure) {
	t.Helper()
	if failure != nil {
		t.Fatalf("status %d: %s", failure.Status, failure.Message)
	}
}

func newContext(t *testing.T) Context {
	t.Helper()
	info := NewFoveaContextCreateInfo_t()
	defer DeleteFoveaContextCreateInfo_t(info)
	info.SetDevice(int32(FOVEA_DEVICE_CPU))
	info.SetNum_threads(1)
	var context Context
	must(t, FoveaContextCreate(info, &context))
	t.Cleanup(func() { FoveaContextDestroy(context) })
	return context
}

func newMetadata(t *testing.T, context Context) Metadata {
	t.Helper()
	limits := NewFoveaMetadataLimits_t()
	defer DeleteFoveaMetadataLimits_t(limits)
	limits.SetMax_num_seqs(4)
	limits.SetMax_num_tokens(32)
	limits.SetMax_seq_len(64)
	limits.SetMax_blocks_per_seq(4)
	limits.SetMax_prefix_ranges(4)
	var metadata Metadata
	must(t, FoveaMetadataCreate(context, limits, &metadata))
	t.Cleanup(func() { FoveaMetadataDestroy(metadata) })
	return metadata
}

// An array that is read with the wrong stride gives the entries of another place: each entry here is wrong in every place
// but its own, and a wrong one is refused with its value.
func TestInt32ArraysAreReadEntryByEntry(t *testing.T) {
	metadata := newMetadata(t, newContext(t))
	queryStartLoc := []int32{0, 3, 5, 12}
	seqLens := []int32{13, 2, 64}
	must(t, FoveaMetadataSetSequences(metadata, 0, 3, 12, 7, 64, &queryStartLoc[0], &seqLens[0]))
	must(t, FoveaMetadataCommit(metadata, nil))
	for place, wrong := range []int32{65, 66, 67} {
		lens := []int32{13, 2, 64}
		lens[place] = wrong
		failure := FoveaMetadataSetSequences(metadata, 0, 3, 12, 7, 64, &queryStartLoc[0], &lens[0])
		if failure == nil {
			failure = FoveaMetadataCommit(metadata, nil)
		}
		if failure == nil || failure.Status != int32(FOVEA_STATUS_INVALID_ARGUMENT) {
			t.Fatalf("seq_lens[%d] = %d: got %v", place, wrong, failure)
		}
	}
	// The bound holds for entry 2 only, whose query is the longest.
	if failure := FoveaMetadataSetSequences(metadata, 0, 3, 12, 6, 64, &queryStartLoc[0], &seqLens[0]); failure == nil {
		if failure = FoveaMetadataCommit(metadata, nil); failure == nil {
			t.Fatal("a query of 7 tokens passed a bound of 6")
		}
	}
}

func TestOutputsAreWrittenInTheirWidth(t *testing.T) {
	context := newContext(t)
	metadata := newMetadata(t, context)
	untouched := func(what string, around [3]int32, expected int32) {
		t.Helper()
		if around != [3]int32{-11, expected, -33} {
			t.Errorf("%s: %v, expected %d between -11 and -33", what, around, expected)
		}
	}
	out := [3]int32{-11, -22, -33}
	must(t, FoveaMetadataGetCausal(metadata, &out[1]))
	untouched("causal", out, 1)
	must(t, FoveaMetadataSetCausal(metadata, 0))
	must(t, FoveaMetadataGetCausal(metadata, &out[1]))
	untouched("causal", out, 0)
	must(t, FoveaBackendFromName("cpu_attn", &out[1]))
	untouched("backend", out, int32(FOVEA_BACKEND_CPU_ATTN))
	must(t, FoveaBackendSupports(int32(FOVEA_BACKEND_CPU_ATTN), int32(FOVEA_CAPABILITY_NON_CAUSAL), &out[1]))
	untouched("supported", out, 1)
	must(t, FoveaGetVersion(&out[1]))
	if out[0] != -11 || out[1] < 10000 || out[2] != -33 {
		t.Errorf("version: %v", out)
	}

	var config Config
	must(t, FoveaConfigCreate(&config))
	defer FoveaConfigDestroy(config)
	must(t, FoveaConfigSetHeads(config, 4, 2))
	must(t, FoveaConfigSetHeadSizes(config, 64, 0))
	must(t, FoveaConfigSetDataTypes(config, int32(FOVEA_DATA_TYPE_F32), 0, 0))
	var attention Attention
	must(t, FoveaAttentionCreate(context, config, 0, &attention))
	defer FoveaAttentionDestroy(attention)
	limits := NewFoveaMetadataLimits_t()
	defer DeleteFoveaMetadataLimits_t(limits)
	limits.SetMax_num_seqs(1)
	limits.SetMax_num_tokens(4)
	limits.SetMax_seq_len(64)
	sizes := [3]uintptr{11, 0, 33}
	must(t, FoveaAttentionGetPlanSize(attention, limits, &sizes[1]))
	if sizes[0] != 11 || sizes[1] == 0 || sizes[1] > 1<<20 || sizes[2] != 33 {
		t.Errorf("plan size: %v", sizes)
	}
}

func TestStructsKeepWhatIsSet(t *testing.T) {
	args := NewFoveaForwardArgs_t()
	defer DeleteFoveaForwardArgs_t(args)
	if args.GetWorkspace() != nil || args.GetK_scale() != nil || args.GetCausal() != 0 || args.GetFlags() != 0 {
		t.Error("a new struct is not all zero")
	}
	args.SetWorkspace_size(1<<40 + 5)
	args.SetPlan_size(1<<41 + 7)
	args.SetCausal(2)
	args.SetFlags(1 << 31)
	// Addresses that nobody follows: wide enough to show a cut.
	args.SetWorkspace(Fovea_pointer_of_address(1<<45 + 64))
	args.SetStream(Fovea_pointer_of_address(1<<46 + 128))
	if args.GetWorkspace_size() != 1<<40+5 || args.GetPlan_size() != 1<<41+7 || args.GetCausal() != 2 ||
		args.GetFlags() != 1<<31 || uintptr(args.GetWorkspace()) != 1<<45+64 || uintptr(args.GetStream()) != 1<<46+128 {
		t.Error("a field does not hold what was set")
	}
}

// The sentence is the thread's; goroutines change threads between calls.
func TestFailuresKeepTheirOwnSentence(t *testing.T) {
	var group sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		group.Add(1)
		go func(letter string) {
			defer group.Done()
			name := ""
			for i := 0; i < 60; i++ {
				name += letter
				var backend int32
				failure := FoveaBackendFromName(name, &backend)
				if failure == nil || failure.Status != int32(FOVEA_STATUS_INVALID_ARGUMENT) ||
					!contains(failure.Message, `"`+name+`"`) {
					t.Errorf("%q: %v", name, failure)
					return
				}
			}
		}(string(rune('A' + worker)))
	}
	group.Wait()
}

func contains(text, part string) bool {
	for i := 0; i+len(part) <= len(text); i++ {
		if text[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestTextsAreCopied(t *testing.T) {
	name := FoveaBackendGetName(int32(FOVEA_BACKEND_CPU_ATTN))
	if name != "CPU_ATTN" || unsafe.StringData(name) == unsafe.StringData(FoveaBackendGetName(int32(FOVEA_BACKEND_CPU_ATTN))) {
		t.Errorf("%q, twice at the same address", name)
	}
}
