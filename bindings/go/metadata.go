package fovea

import (
	"math"
	"runtime"
	"unsafe"

	"fovea/internal/capi"
)

// Limits is the largest batch that a [Metadata], a workspace or plan memory is made for.
type Limits struct {
	MaxNumSeqs      int32 // at least 1
	MaxNumTokens    int32 // query tokens of all sequences; at least 1
	MaxSeqLen       int32 // longest sequence; at least 1
	MaxBlocksPerSeq int32 // columns of the block table; 0 if there is no cache (encoder attention)
	MaxPrefixRanges int32 // of all sequences together; 0 if none are used
}

func (l Limits) open() (capi.FoveaMetadataLimits_t, error) {
	limits := capi.NewFoveaMetadataLimits_t()
	if limits.Swigcptr() == 0 {
		return nil, outOfMemory("limits")
	}
	limits.SetMax_num_seqs(l.MaxNumSeqs)
	limits.SetMax_num_tokens(l.MaxNumTokens)
	limits.SetMax_seq_len(l.MaxSeqLen)
	limits.SetMax_blocks_per_seq(l.MaxBlocksPerSeq)
	limits.SetMax_prefix_ranges(l.MaxPrefixRanges)
	return limits, nil
}

// Metadata is one batch: boundaries of sequences, their lengths, the block table and the causal flag. It is made once
// with its limits and updated in place. Setters must not run while another goroutine uses it.
//
// Sequence s has query_len = queryStartLoc[s+1] - queryStartLoc[s] new tokens and seqLens[s] keys in all. A causal
// row at position p sees the keys t <= p; a non-causal row sees every key of its sequence.
type Metadata struct {
	handle  handle[capi.Metadata]
	numSeqs int
}

const (
	hostMemory   = 0
	deviceMemory = 1
)

// NewMetadata makes metadata for batches within limits: causal, and without sequences.
func (c *Context) NewMetadata(limits Limits) (*Metadata, error) {
	context, err := c.handle.open("context")
	if err != nil {
		return nil, err
	}
	defer c.handle.done()
	bounds, err := limits.open()
	if err != nil {
		return nil, err
	}
	defer capi.DeleteFoveaMetadataLimits_t(bounds)
	var handle capi.Metadata
	if err := errorOf(capi.FoveaMetadataCreate(context, bounds, &handle)); err != nil {
		return nil, err
	}
	metadata := new(Metadata)
	metadata.handle.value = handle
	runtime.SetFinalizer(metadata, (*Metadata).Close)
	return metadata, nil
}

// Close gives the metadata back. It may be called twice.
func (m *Metadata) Close() error {
	runtime.SetFinalizer(m, nil)
	m.handle.close(capi.FoveaMetadataDestroy)
	return nil
}

func (m *Metadata) call(f func(capi.Metadata) *capi.Failure) error {
	handle, err := m.handle.open("metadata")
	if err != nil {
		return err
	}
	defer m.handle.done()
	return errorOf(f(handle))
}

// SetCausal sets whether the batch is causal (the default) or non-causal. It takes effect at once and needs no
// commit. A forward refuses false unless its config declared NonCausal.
func (m *Metadata) SetCausal(causal bool) error {
	return m.call(func(h capi.Metadata) *capi.Failure { return capi.FoveaMetadataSetCausal(h, flag(causal)) })
}

// Causal reads the flag set by SetCausal.
func (m *Metadata) Causal() (bool, error) {
	var causal int32
	err := m.call(func(h capi.Metadata) *capi.Failure { return capi.FoveaMetadataGetCausal(h, &causal) })
	return causal != 0, err
}

// SetSequences sets the sequences of the batch: queryStartLoc has one entry more than seqLens, and its last one is the
// number of query tokens. It clears flags of single sequences and prefix ranges, and keeps the block table. The slices
// are read before it returns. Needs a commit.
func (m *Metadata) SetSequences(queryStartLoc, seqLens []int32) error {
	if len(queryStartLoc) != len(seqLens)+1 || len(seqLens) > math.MaxInt32 {
		return invalidArgument("query_start_loc: has %d entries, expected %d, one more than seq_lens",
			len(queryStartLoc), len(seqLens)+1)
	}
	return m.setSequences(hostMemory, int32(len(seqLens)), queryStartLoc[len(seqLens)], 0, 0,
		unsafe.SliceData(queryStartLoc), unsafe.SliceData(seqLens))
}

// DeviceSequences are sequences whose arrays live on the context's device; they are borrowed.
type DeviceSequences struct {
	NumSeqs, NumTokens     int32
	MaxQueryLen, MaxSeqLen int32  // upper bounds known to the host
	QueryStartLoc          Memory // int32 [NumSeqs + 1]
	SeqLens                Memory // int32 [NumSeqs]
}

// SetDeviceSequences is SetSequences for arrays on the device.
func (m *Metadata) SetDeviceSequences(s DeviceSequences) error {
	if err := s.QueryStartLoc.requireInt32("query_start_loc", int64(s.NumSeqs)+1); err != nil {
		return err
	}
	if err := s.SeqLens.requireInt32("seq_lens", int64(s.NumSeqs)); err != nil {
		return err
	}
	return m.setSequences(deviceMemory, s.NumSeqs, s.NumTokens, s.MaxQueryLen, s.MaxSeqLen,
		(*int32)(s.QueryStartLoc.pointer), (*int32)(s.SeqLens.pointer))
}

func (m *Metadata) setSequences(memory, numSeqs, numTokens, maxQueryLen, maxSeqLen int32, queryStartLoc,
	seqLens *int32) error {
	err := m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataSetSequences(h, memory, numSeqs, numTokens, maxQueryLen, maxSeqLen, queryStartLoc,
			seqLens)
	})
	if err == nil {
		m.numSeqs = int(numSeqs)
	}
	return err
}

// SetCausalPerSequence gives each sequence a flag of its own, which wins over every other; nil clears them. Needs a
// commit.
func (m *Metadata) SetCausalPerSequence(causal []bool) error {
	if causal == nil {
		return m.setCausalPerSequence(hostMemory, nil)
	}
	if len(causal) != m.numSeqs {
		return invalidArgument("causal: has %d entries, expected one for each of %d sequences",
			len(causal), m.numSeqs)
	}
	// One more, so that an empty batch does not look like nil.
	flags := make([]int32, len(causal)+1)
	for i, yes := range causal {
		flags[i] = flag(yes)
	}
	return m.setCausalPerSequence(hostMemory, unsafe.SliceData(flags))
}

// SetDeviceCausalPerSequence is SetCausalPerSequence for an array on the device, int32 [num_seqs], each 0 or 1.
func (m *Metadata) SetDeviceCausalPerSequence(causal Memory) error {
	if err := causal.requireInt32("causal", int64(m.numSeqs)); err != nil {
		return err
	}
	return m.setCausalPerSequence(deviceMemory, (*int32)(causal.pointer))
}

func (m *Metadata) setCausalPerSequence(memory int32, causal *int32) error {
	return m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataSetCausalPerSequence(h, memory, causal)
	})
}

// SetBlockTable sets the block table, row-major [num_seqs, numColumns]: key t of sequence s is row t % block_size of
// cache block table[s*numColumns + t/block_size]. Entries that no query can see are never read. A nil table clears it.
// Needs a commit.
func (m *Metadata) SetBlockTable(table []int32, numColumns int32) error {
	if table == nil {
		return m.setBlockTable(hostMemory, 0, 0, 0, nil)
	}
	if numColumns < 1 || len(table)%int(numColumns) != 0 {
		return invalidArgument("block_table: has %d entries, expected a multiple of num_columns = %d", len(table), numColumns)
	}
	return m.setBlockTable(hostMemory, int32(len(table)/int(numColumns)), numColumns, 0, unsafe.SliceData(table))
}

// SetDeviceBlockTable is SetBlockTable for a table on the device, int32, rowStride elements between rows.
func (m *Metadata) SetDeviceBlockTable(table Memory, numSeqs, numColumns int32, rowStride int64) error {
	stride := max(rowStride, int64(numColumns))
	if err := table.requireInt32("block_table", int64(max(numSeqs-1, 0))*stride+int64(numColumns)); err != nil {
		return err
	}
	return m.setBlockTable(deviceMemory, numSeqs, numColumns, rowStride, (*int32)(table.pointer))
}

func (m *Metadata) setBlockTable(memory, numSeqs, numColumns int32, rowStride int64, table *int32) error {
	return m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataSetBlockTable(h, memory, numSeqs, numColumns, rowStride, table)
	})
}

// SetPrefixRanges sets spans of positions, first and last inclusive, whose tokens see each other: those of sequence s
// are ranges[rangeStartLoc[s]:rangeStartLoc[s+1]], sorted and disjoint. A nil rangeStartLoc clears them. Needs a
// commit.
func (m *Metadata) SetPrefixRanges(rangeStartLoc []int32, ranges [][2]int32) error {
	if rangeStartLoc != nil && len(rangeStartLoc) != m.numSeqs+1 {
		return invalidArgument("range_start_loc: has %d entries, expected %d, one more than sequences",
			len(rangeStartLoc), m.numSeqs+1)
	}
	return m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataSetPrefixRanges(h, hostMemory, int32(len(ranges)), unsafe.SliceData(rangeStartLoc),
			(*int32)(unsafe.Pointer(unsafe.SliceData(ranges))))
	})
}

// SetDevicePrefixRanges is SetPrefixRanges for arrays on the device, int32 [num_seqs + 1] and int32 [numRanges, 2].
func (m *Metadata) SetDevicePrefixRanges(rangeStartLoc, ranges Memory, numRanges int32) error {
	if err := rangeStartLoc.requireInt32("range_start_loc", int64(m.numSeqs)+1); err != nil {
		return err
	}
	if err := ranges.requireInt32("ranges", 2*int64(numRanges)); err != nil {
		return err
	}
	return m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataSetPrefixRanges(h, deviceMemory, numRanges, (*int32)(rangeStartLoc.pointer),
			(*int32)(ranges.pointer))
	})
}

// Only memory of a device is borrowed beyond the call: the garbage collector may free a slice before.
func (m Memory) requireInt32(name string, count int64) error {
	if m.pointer != nil && !m.device {
		return invalidArgument("%s: is memory of the host, expected memory of the device", name)
	}
	return m.requireBytes(name, uint64(max(count, 0))*4)
}

// Commit makes what was set the current batch and checks it as a whole; on a GPU it uploads on the default stream.
func (m *Metadata) Commit() error { return m.CommitOn(NoStream) }

// CommitOn is Commit with a GPU's stream.
func (m *Metadata) CommitOn(stream Stream) error {
	return m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataCommit(h, capi.Fovea_pointer_of_address(uintptr(stream)))
	})
}

// Validate checks committed metadata against an attention and a cache of numCacheBlocks blocks (0 skips the check of
// block ids), reading everything that a forward would. Meant for tests and debugging; waits for the GPU.
func (m *Metadata) Validate(attention *Attention, numCacheBlocks int64) error {
	handle, err := attention.handle.open("attention")
	if err != nil {
		return err
	}
	defer attention.handle.done()
	return m.call(func(h capi.Metadata) *capi.Failure { return capi.FoveaMetadataValidate(h, handle, numCacheBlocks) })
}

// AsyncError is the first error that a plan met in device data, with the index of the offending sequence; -1 if there
// is none. On a CPU such data is refused before anything runs. Waits for the stream.
func (m *Metadata) AsyncError(stream Stream) (sequence int32, err error) {
	sequence = -1
	err = m.call(func(h capi.Metadata) *capi.Failure {
		return capi.FoveaMetadataGetAsyncError(h, capi.Fovea_pointer_of_address(uintptr(stream)), &sequence)
	})
	return sequence, err
}
