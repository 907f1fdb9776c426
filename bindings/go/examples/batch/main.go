// Command batch runs one mixed batch, causal and non-causal sequences side by side, and prints what each saw.
//
//	go run ./examples/batch < examples/batch/batch.json
//
// The batch is read as JSON from standard input: the layer's heads, and for each sequence the number of tokens in its
// context and in its query. Keys, values and queries are random numbers of a fixed seed, in a paged cache whose blocks
// are handed out in a scattered order.
//
// How many keys a row saw is measured, not derived: with a query of zeros every score is 0, and the log-sum-exp of a
// row is the logarithm of the number of its keys.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"os"
	"time"

	"fovea"
)

type batch struct {
	NumQueryHeads int32      `json:"num_query_heads"`
	NumKVHeads    int32      `json:"num_kv_heads"`
	HeadSize      int32      `json:"head_size"`
	BlockSize     int32      `json:"block_size"`
	NumThreads    int32      `json:"num_threads"`
	Sequences     []sequence `json:"sequences"`
}

type sequence struct {
	ContextLen int32 `json:"context_len"`
	QueryLen   int32 `json:"query_len"`
	Causal     bool  `json:"causal"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "batch:", err)
		os.Exit(1)
	}
}

func run(input io.Reader, output io.Writer) error {
	b := batch{NumQueryHeads: 8, NumKVHeads: 2, HeadSize: 64, BlockSize: 16}
	decoder := json.NewDecoder(input)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if len(b.Sequences) == 0 {
		return errors.New("standard input: there are no sequences")
	}
	if b.BlockSize < 1 {
		return fmt.Errorf("standard input: block_size is %d, expected at least 1", b.BlockSize)
	}
	context, err := fovea.NewContext(fovea.ContextOptions{Device: fovea.DeviceCPU, NumThreads: b.NumThreads})
	if err != nil {
		return err
	}
	defer context.Close()
	attention, err := context.NewAttention(fovea.Config{
		NumQueryHeads: b.NumQueryHeads, NumKVHeads: b.NumKVHeads, HeadSize: b.HeadSize, QueryType: fovea.Float32,
		BlockSize: b.BlockSize, NonCausal: true, PerSequenceCausal: true, LSE: true,
	}, fovea.BackendAuto)
	if err != nil {
		return err
	}
	defer attention.Close()
	return b.compute(context, attention, output)
}

// layout is where the batch's tokens lie: their rows in the query, their blocks in the cache.
type layout struct {
	queryStartLoc, seqLens []int32
	causal                 []bool
	blockTable             []int32
	numColumns, numBlocks  int32
	slots                  []int64 // of every key, sequence by sequence
}

func (b *batch) layOut(random *rand.Rand) (layout, error) {
	l := layout{queryStartLoc: []int32{0}}
	for i, s := range b.Sequences {
		if s.ContextLen < 0 || s.QueryLen < 0 || int64(s.ContextLen)+int64(s.QueryLen) > 1<<20 {
			return layout{}, fmt.Errorf("sequence %d: context_len %d and query_len %d are not 0 to 2^20 tokens", i,
				s.ContextLen, s.QueryLen)
		}
		seqLen := s.ContextLen + s.QueryLen
		l.queryStartLoc = append(l.queryStartLoc, l.queryStartLoc[i]+s.QueryLen)
		l.seqLens = append(l.seqLens, seqLen)
		l.causal = append(l.causal, s.Causal)
		columns := (seqLen + b.BlockSize - 1) / b.BlockSize
		l.numColumns = max(l.numColumns, columns, 1)
		l.numBlocks += columns
	}
	order := random.Perm(int(l.numBlocks))
	l.blockTable = make([]int32, int(l.numColumns)*len(l.seqLens))
	next := 0
	for i, seqLen := range l.seqLens {
		row := l.blockTable[i*int(l.numColumns):][:l.numColumns]
		for t := int32(0); t < seqLen; t++ {
			if t%b.BlockSize == 0 {
				row[t/b.BlockSize] = int32(order[next])
				next++
			}
			l.slots = append(l.slots, int64(row[t/b.BlockSize])*int64(b.BlockSize)+int64(t%b.BlockSize))
		}
	}
	return l, nil
}

func (b *batch) compute(context *fovea.Context, attention *fovea.Attention, output io.Writer) error {
	random := rand.New(rand.NewSource(7))
	l, err := b.layOut(random)
	if err != nil {
		return err
	}
	numSeqs, numTokens := len(l.seqLens), l.queryStartLoc[len(l.seqLens)]
	limits := fovea.Limits{MaxNumSeqs: int32(numSeqs), MaxNumTokens: max(numTokens, 1), MaxSeqLen: 1,
		MaxBlocksPerSeq: l.numColumns}
	for _, seqLen := range l.seqLens {
		limits.MaxSeqLen = max(limits.MaxSeqLen, seqLen)
	}
	metadata, err := context.NewMetadata(limits)
	if err != nil {
		return err
	}
	defer metadata.Close()
	if err := metadata.SetSequences(l.queryStartLoc, l.seqLens); err != nil {
		return err
	}
	if err := metadata.SetCausalPerSequence(l.causal); err != nil {
		return err
	}
	if err := metadata.SetBlockTable(l.blockTable, l.numColumns); err != nil {
		return err
	}
	if err := metadata.Commit(); err != nil {
		return err
	}

	numbers := func(count int64) []float32 {
		values := make([]float32, count)
		for i := range values {
			values[i] = float32(random.NormFloat64())
		}
		return values
	}
	tokens, queryHeads := int64(numTokens), int64(b.NumQueryHeads)
	kvHeads, headSize := int64(b.NumKVHeads), int64(b.HeadSize)
	numKeys := int64(len(l.slots))
	cacheShape := []int64{int64(l.numBlocks), int64(b.BlockSize), kvHeads, headSize}
	cacheSize := cacheShape[0] * cacheShape[1] * kvHeads * headSize
	keyCache := fovea.F32(make([]float32, cacheSize), cacheShape...)
	valueCache := fovea.F32(make([]float32, cacheSize), cacheShape...)
	err = attention.WriteKVCache(fovea.KVWriteArgs{
		Key:      fovea.F32(numbers(numKeys*kvHeads*headSize), numKeys, kvHeads, headSize),
		Value:    fovea.F32(numbers(numKeys*kvHeads*headSize), numKeys, kvHeads, headSize),
		KeyCache: keyCache, ValueCache: valueCache, SlotMapping: fovea.Host(l.slots), NumTokens: int32(numKeys),
	})
	if err != nil {
		return err
	}
	workspaceSize, err := attention.WorkspaceSize(limits)
	if err != nil {
		return err
	}
	workspace := fovea.Host(fovea.AlignedBytes(workspaceSize))
	result, lse := make([]float32, tokens*queryHeads*headSize), make([]float32, tokens*queryHeads)
	forward := func(query []float32) error {
		return attention.Forward(metadata, fovea.ForwardArgs{
			Query:    fovea.F32(query, tokens, queryHeads, headSize),
			KeyCache: keyCache, ValueCache: valueCache, Workspace: workspace,
			Output: fovea.F32(result, tokens, queryHeads, headSize), LSE: fovea.F32(lse, tokens, queryHeads),
		})
	}

	if err := forward(make([]float32, tokens*queryHeads*headSize)); err != nil {
		return err
	}
	seen := make([]int, tokens)
	for row := range seen {
		seen[row] = int(math.Round(math.Exp(float64(lse[int64(row)*queryHeads]))))
	}
	query := numbers(tokens * queryHeads * headSize)
	started := time.Now()
	if err := forward(query); err != nil {
		return err
	}
	elapsed := time.Since(started)
	backend, err := attention.Backend()
	if err != nil {
		return err
	}

	fmt.Fprintf(output, "%d sequences, %d query tokens, %d keys in %d blocks, %s\n", numSeqs, tokens, numKeys,
		l.numBlocks, backend)
	fmt.Fprintln(output, "sequence  mask        context  query  first row sees  last row sees  mean |output|")
	for i, s := range b.Sequences {
		mask, first, last, mean := "non-causal", "-", "-", "-"
		if s.Causal {
			mask = "causal"
		}
		if begin, end := l.queryStartLoc[i], l.queryStartLoc[i+1]; begin < end {
			first, last = fmt.Sprint(seen[begin]), fmt.Sprint(seen[end-1])
			sum, part := 0.0, result[int64(begin)*queryHeads*headSize:int64(end)*queryHeads*headSize]
			for _, value := range part {
				sum += math.Abs(float64(value))
			}
			mean = fmt.Sprintf("%.4f", sum/float64(len(part)))
		}
		fmt.Fprintf(output, "%8d  %-10s  %7d  %5d  %14s  %13s  %13s\n", i, mask, s.ContextLen, s.QueryLen, first, last,
			mean)
	}
	fmt.Fprintf(output, "one forward took %.3f ms\n", float64(elapsed.Nanoseconds())/1e6)
	return nil
}
