package fovea

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

// The file that all languages run; tests/bindings/README.md says what its fields mean.
const casesPath = "../../tests/bindings/cases.json"

type conformanceFile struct {
	Format int
	Cases  []conformanceCase
	Errors []conformanceCase
	Merges []mergeCase
}

type conformanceCase struct {
	Name    string
	Seed    uint64
	NumKeys int `json:"num_keys"`
	Config  struct {
		NumQueryHeads     int32   `json:"num_query_heads"`
		NumKVHeads        int32   `json:"num_kv_heads"`
		HeadSize          int32   `json:"head_size"`
		HeadSizeV         int32   `json:"head_size_v"`
		QueryType         string  `json:"query_dtype"`
		KVCacheType       string  `json:"kv_cache_dtype"`
		OutputType        string  `json:"output_dtype"`
		Scale             float32 `json:"scale"`
		WindowLeft        int32   `json:"window_left"`
		WindowRight       int32   `json:"window_right"`
		SoftCap           float32 `json:"soft_cap"`
		Alibi             string  `json:"alibi"`
		Sinks             int     `json:"sinks"`
		LSE               int     `json:"lse"`
		PrefixRanges      string  `json:"prefix_ranges"`
		PerSequenceCausal int     `json:"per_sequence_causal"`
		NonCausal         int     `json:"non_causal"`
		BatchInvariant    int     `json:"batch_invariant"`
		AttentionType     string  `json:"attention_type"`
		KVCacheLayout     string  `json:"kv_cache_layout"`
		BlockSize         int32   `json:"block_size"`
		KVScales          string  `json:"kv_scales"`
	}
	Limits struct {
		MaxNumSeqs      int32 `json:"max_num_seqs"`
		MaxNumTokens    int32 `json:"max_num_tokens"`
		MaxSeqLen       int32 `json:"max_seq_len"`
		MaxBlocksPerSeq int32 `json:"max_blocks_per_seq"`
		MaxPrefixRanges int32 `json:"max_prefix_ranges"`
	}
	Metadata struct {
		NumSeqs           int     `json:"num_seqs"`
		NumTokens         int     `json:"num_tokens"`
		QueryStartLoc     []int32 `json:"query_start_loc"`
		SeqLens           []int32 `json:"seq_lens"`
		Causal            int     `json:"causal"`
		CausalPerSequence []int   `json:"causal_per_sequence"`
		NumColumns        int32   `json:"num_columns"`
		BlockTable        []int32 `json:"block_table"`
		RangeStartLoc     []int32 `json:"range_start_loc"`
		Ranges            []int32 `json:"ranges"`
	}
	Cache struct {
		KeyShape   []int64 `json:"key_shape"`
		ValueShape []int64 `json:"value_shape"`
		FillByte   byte    `json:"fill_byte"`
	}
	SlotMapping []int64   `json:"slot_mapping"`
	KScale      []float32 `json:"k_scale"`
	VScale      []float32 `json:"v_scale"`
	AlibiSlopes []float32 `json:"alibi_slopes"`
	Sinks       []float32 `json:"sinks"`
	Forward     struct {
		KeyRows      []int      `json:"key_rows"`
		Causal       CausalMode `json:"causal"`
		PartialState int        `json:"partial_state"`
		UsePlan      int        `json:"use_plan"`
	}
	Expect struct {
		Output          []float64
		OutputTolerance float64 `json:"output_tolerance"`
		LSE             []float64
		LSETolerance    float64 `json:"lse_tolerance"`
		Step            string
		Status          string
		Message         []string
		Reasons         []ReasonCode
	}
}

type mergeCase struct {
	Name          string
	Seed          uint64
	NumStates     int       `json:"num_states"`
	NumTokens     int       `json:"num_tokens"`
	NumQueryHeads int       `json:"num_query_heads"`
	HeadSizeV     int       `json:"head_size_v"`
	LSEs          []float64 `json:"lses"`
	Sinks         []float32 `json:"sinks"`
	OutputType    string    `json:"output_dtype"`
	Expect        struct {
		Output          []float64
		OutputTolerance float64 `json:"output_tolerance"`
		LSE             []float64
		LSETolerance    float64 `json:"lse_tolerance"`
	}
}

func readCases(t testing.TB) conformanceFile {
	t.Helper()
	text, err := os.ReadFile(casesPath)
	if err != nil {
		t.Fatal(err)
	}
	var file conformanceFile
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if file.Format != 1 {
		t.Fatalf("format is %d, expected 1", file.Format)
	}
	if len(file.Cases) == 0 || len(file.Errors) == 0 || len(file.Merges) == 0 {
		t.Fatal("a list of the file is empty")
	}
	return file
}

func newTestContext(t testing.TB) *Context {
	t.Helper()
	context, err := NewContext(ContextOptions{Device: DeviceCPU, NumThreads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { context.Close() })
	return context
}

// named finds the value that a word of the file stands for, and fails for a word it does not know.
func named[T any](t testing.TB, word string, values map[string]T) T {
	t.Helper()
	value, known := values[word]
	if !known {
		t.Fatalf("%q is not known", word)
	}
	return value
}

var dataTypes = map[string]DataType{"f32": Float32, "f16": Float16, "bf16": BFloat16, "f8_e4m3fn": F8E4M3FN,
	"f8_e4m3fnuz": F8E4M3FNUZ, "f8_e5m2": F8E5M2}

func (c *conformanceCase) config(t testing.TB) Config {
	f := &c.Config
	return Config{
		NumQueryHeads: f.NumQueryHeads, NumKVHeads: f.NumKVHeads, HeadSize: f.HeadSize, HeadSizeV: f.HeadSizeV,
		QueryType:   named(t, f.QueryType, dataTypes),
		KVCacheType: named(t, f.KVCacheType, dataTypes),
		OutputType:  named(t, f.OutputType, dataTypes),
		Scale:       f.Scale, Window: &Window{f.WindowLeft, f.WindowRight}, LogitsSoftCap: f.SoftCap,
		Alibi: named(t, f.Alibi, map[string]Alibi{"none": NoAlibi, "linear": AlibiLinear, "sqrt": AlibiSqrt}),
		Sinks: f.Sinks == 1, LSE: f.LSE == 1,
		PrefixRanges: named(t, f.PrefixRanges,
			map[string]PrefixRanges{"none": NoPrefixRanges, "full": PrefixRangesFull, "windowed": PrefixRangesWindowed}),
		NonCausal: f.NonCausal == 1, PerSequenceCausal: f.PerSequenceCausal == 1,
		AttentionType: named(t, f.AttentionType,
			map[string]AttentionType{"decoder": Decoder, "encoder": Encoder, "encoder_decoder": EncoderDecoder}),
		KVCacheLayout: named(t, f.KVCacheLayout,
			map[string]KVCacheLayout{"strided": KVCacheStrided, "vectorized": KVCacheVectorized}),
		BlockSize: f.BlockSize,
		KVScales: named(t, f.KVScales,
			map[string]KVScales{"none": NoKVScales, "per_tensor": KVScalesPerTensor, "per_head": KVScalesPerHead}),
		BatchInvariant: f.BatchInvariant == 1,
	}
}

type outcome struct {
	step        string
	err         error
	reasons     []Reason
	output, lse []float64
}

// run does the steps in the file's order and stops at the first that fails.
func (c *conformanceCase) run(t testing.TB, context *Context) outcome {
	config := c.config(t)
	if err := config.Validate(); err != nil {
		return outcome{step: "config", err: err}
	}
	if reasons, err := config.Check(BackendCPUAttn); err != nil {
		return outcome{step: "check", err: err, reasons: reasons}
	}
	attention, err := context.NewAttention(config, BackendAuto)
	if err != nil {
		return outcome{step: "attention", err: err}
	}
	defer attention.Close()
	limits := Limits(c.Limits)
	metadata, err := context.NewMetadata(limits)
	if err == nil {
		defer metadata.Close()
		err = c.fill(t, metadata)
	}
	if err != nil {
		return outcome{step: "metadata", err: err}
	}

	f, m := &c.Config, &c.Metadata
	key := generate(t, c.Seed, 2, config.QueryType, c.NumKeys, int(f.NumKVHeads), int(f.HeadSize))
	value := generate(t, c.Seed, 3, config.QueryType, c.NumKeys, int(f.NumKVHeads), int(f.HeadSizeV))
	args := ForwardArgs{
		Query:  generate(t, c.Seed, 1, config.QueryType, m.NumTokens, int(f.NumQueryHeads), int(f.HeadSize)).tensor(),
		KScale: Host(orNil(c.KScale)), VScale: Host(orNil(c.VScale)), AlibiSlopes: Host(orNil(c.AlibiSlopes)),
		Sinks: Host(orNil(c.Sinks)), Causal: c.Forward.Causal, PartialState: c.Forward.PartialState == 1,
	}
	if len(c.Cache.KeyShape) > 0 {
		args.KeyCache = filled(config.KVCacheType, c.Cache.FillByte, c.Cache.KeyShape)
		args.ValueCache = filled(config.KVCacheType, c.Cache.FillByte, c.Cache.ValueShape)
	}
	if len(c.SlotMapping) > 0 {
		err := attention.WriteKVCache(KVWriteArgs{Key: key.tensor(), Value: value.tensor(), KeyCache: args.KeyCache,
			ValueCache: args.ValueCache, SlotMapping: Host(c.SlotMapping), NumTokens: int32(c.NumKeys),
			KScale: args.KScale, VScale: args.VScale})
		if err != nil {
			return outcome{step: "write", err: err}
		}
	}
	if c.Forward.UsePlan == 1 {
		size, err := attention.PlanSize(limits)
		if err == nil {
			args.Plan = Host(AlignedBytes(size))
			err = attention.Plan(metadata, PlanArgs{Plan: args.Plan, Causal: c.Forward.Causal})
		}
		if err != nil {
			return outcome{step: "plan", err: err}
		}
	}
	if len(c.Forward.KeyRows) > 0 {
		args.Key, args.Value = key.rows(c.Forward.KeyRows).tensor(), value.rows(c.Forward.KeyRows).tensor()
	}
	outputType := config.OutputType
	if args.PartialState {
		outputType = Float32
	}
	output := poisoned(t, outputType, m.NumTokens, int(f.NumQueryHeads), int(f.HeadSizeV))
	lse := poisoned(t, Float32, m.NumTokens, int(f.NumQueryHeads))
	args.Output = output.tensor()
	if len(c.Expect.LSE) > 0 {
		args.LSE = lse.tensor()
	}
	size, err := attention.WorkspaceSize(limits)
	if err == nil {
		args.Workspace = Host(AlignedBytes(size))
		err = attention.Forward(metadata, args)
	}
	if err != nil {
		return outcome{step: "forward", err: err}
	}
	return outcome{output: output.values(), lse: lse.values()}
}

func (c *conformanceCase) fill(t testing.TB, metadata *Metadata) error {
	m := &c.Metadata
	if len(m.SeqLens) != m.NumSeqs {
		t.Fatal("num_seqs differs from the number of seq_lens")
	}
	if err := metadata.SetSequences(m.QueryStartLoc, m.SeqLens); err != nil {
		return err
	}
	if err := metadata.SetCausal(m.Causal == 1); err != nil {
		return err
	}
	if len(m.CausalPerSequence) > 0 {
		flags := make([]bool, len(m.CausalPerSequence))
		for i, causal := range m.CausalPerSequence {
			flags[i] = causal == 1
		}
		if err := metadata.SetCausalPerSequence(flags); err != nil {
			return err
		}
	}
	if len(m.BlockTable) > 0 {
		if err := metadata.SetBlockTable(m.BlockTable, m.NumColumns); err != nil {
			return err
		}
	}
	if len(m.RangeStartLoc) > 0 {
		ranges := make([][2]int32, len(m.Ranges)/2)
		for i := range ranges {
			ranges[i] = [2]int32(m.Ranges[2*i:])
		}
		if err := metadata.SetPrefixRanges(m.RangeStartLoc, ranges); err != nil {
			return err
		}
	}
	return metadata.Commit()
}

func TestConformance(t *testing.T) {
	context := newTestContext(t)
	for _, c := range readCases(t).Cases {
		t.Run(c.Name, func(t *testing.T) {
			result := c.run(t, context)
			if result.err != nil {
				t.Fatalf("%s: %v", result.step, result.err)
			}
			compare(t, "output", result.output, c.Expect.Output, c.Expect.OutputTolerance)
			if len(c.Expect.LSE) > 0 {
				compare(t, "lse", result.lse, c.Expect.LSE, c.Expect.LSETolerance)
			}
		})
	}
}

func TestConformanceErrors(t *testing.T) {
	context := newTestContext(t)
	for _, c := range readCases(t).Errors {
		t.Run(c.Name, func(t *testing.T) {
			result := c.run(t, context)
			failure, isError := result.err.(*Error)
			if !isError {
				t.Fatalf("got %v, expected step %s to fail with %s", result.err, c.Expect.Step, c.Expect.Status)
			}
			if result.step != c.Expect.Step || failure.Status.String() != c.Expect.Status {
				t.Errorf("step %s failed with %s (%s), expected %s of step %s", result.step, failure.Status, failure.Message,
					c.Expect.Status, c.Expect.Step)
			}
			for _, text := range c.Expect.Message {
				if !strings.Contains(failure.Message, text) {
					t.Errorf("%q does not contain %q", failure.Message, text)
				}
			}
			if len(result.reasons) != len(c.Expect.Reasons) {
				t.Fatalf("%d reasons, expected %d", len(result.reasons), len(c.Expect.Reasons))
			}
			for i, reason := range result.reasons {
				if reason.Code != c.Expect.Reasons[i] || !strings.Contains(failure.Message, reason.Sentence) || reason.Sentence == "" {
					t.Errorf("reason %d is %d, %q; expected %d and a part of %q", i, reason.Code, reason.Sentence,
						c.Expect.Reasons[i], failure.Message)
				}
			}
		})
	}
}

func TestConformanceMerges(t *testing.T) {
	context := newTestContext(t)
	for _, c := range readCases(t).Merges {
		t.Run(c.Name, func(t *testing.T) {
			args := MergeArgs{NumTokens: int32(c.NumTokens), Sinks: Host(orNil(c.Sinks))}
			rows := c.NumTokens * c.NumQueryHeads
			for i := 0; i < c.NumStates; i++ {
				lse := make([]float32, rows)
				for row, value := range c.LSEs[i*rows : (i+1)*rows] {
					lse[row] = float32(unlimited(value))
				}
				args.States = append(args.States, State{
					Output: generate(t, c.Seed, 4+uint64(i), Float32, c.NumTokens, c.NumQueryHeads, c.HeadSizeV).tensor(),
					LSE:    F32(lse, int64(c.NumTokens), int64(c.NumQueryHeads)),
				})
			}
			output := poisoned(t, named(t, c.OutputType, dataTypes), c.NumTokens, c.NumQueryHeads, c.HeadSizeV)
			lse := poisoned(t, Float32, c.NumTokens, c.NumQueryHeads)
			args.Output = output.tensor()
			if len(c.Expect.LSE) > 0 {
				args.LSE = lse.tensor()
			}
			if err := context.MergeStates(args); err != nil {
				t.Fatal(err)
			}
			compare(t, "output", output.values(), c.Expect.Output, c.Expect.OutputTolerance)
			if len(c.Expect.LSE) > 0 {
				compare(t, "lse", lse.values(), c.Expect.LSE, c.Expect.LSETolerance)
			}
		})
	}
}

func unlimited(value float64) float64 {
	if value <= -1e30 {
		return math.Inf(-1)
	}
	return value
}

func orNil(values []float32) []float32 {
	if len(values) == 0 {
		return nil
	}
	return values
}

func compare(t *testing.T, what string, got, expected []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(expected) {
		t.Fatalf("%s: %d elements, expected %d", what, len(got), len(expected))
	}
	for i, value := range expected {
		value = unlimited(value)
		right := math.Abs(got[i]-value) <= tolerance
		if math.IsInf(value, -1) {
			right = math.IsInf(got[i], -1)
		}
		if !right {
			t.Fatalf("%s: element %d is %v, expected %v within %v", what, i, got[i], value, tolerance)
		}
	}
}
