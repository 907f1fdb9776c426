package fovea

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// residentBytes is the process's memory, that of the library included, which Go's own figures do not show.
func residentBytes(t *testing.T) int {
	t.Helper()
	if detectorEnabled {
		return 0 // the plain run measures
	}
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("this machine has no /proc/self/statm")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

const flat = 2 << 20

// round makes one of each object, uses them, and fails a call of each kind that can fail on the way.
func round(t *testing.T) (*Context, *Attention, *Metadata) {
	context, err := NewContext(ContextOptions{Device: DeviceCPU, NumThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{NumQueryHeads: 2, NumKVHeads: 1, HeadSize: 16, QueryType: Float32}
	attention, err := context.NewAttention(config, BackendAuto)
	if err != nil {
		t.Fatal(err)
	}
	limits := Limits{MaxNumSeqs: 64, MaxNumTokens: 64, MaxSeqLen: 64, MaxBlocksPerSeq: 4}
	metadata, err := context.NewMetadata(limits)
	if err != nil {
		t.Fatal(err)
	}
	config.NumQueryHeads = 0
	if config.Validate() == nil {
		t.Fatal("0 query heads were taken")
	}
	config.NumQueryHeads, config.HeadSize = 2, 12
	if reasons, err := config.Check(BackendCPUAttn); err == nil || len(reasons) != 1 {
		t.Fatal("head size 12 was taken")
	}
	if _, err := BackendByName("none of them"); err == nil {
		t.Fatal("a name was taken")
	}
	if err := metadata.SetSequences([]int32{0, 1}, []int32{1}); err != nil {
		t.Fatal(err)
	}
	if err := attention.Forward(metadata, ForwardArgs{}); err == nil {
		t.Fatal("a forward without anything ran")
	}
	return context, attention, metadata
}

func TestTenThousandRoundsLeaveNothing(t *testing.T) {
	const warm = 5_000 // until both heaps have their size
	before := 0
	for i := 0; i < warm+10_000; i++ {
		if i == warm {
			before = residentBytes(t)
		}
		context, attention, metadata := round(t)
		context.Close()
		metadata.Close()
		attention.Close()
	}
	grown := residentBytes(t) - before
	t.Logf("10,000 rounds left %d bytes", grown)
	if grown > flat {
		t.Errorf("10,000 rounds left %d bytes", grown)
	}
}

// What nobody closes is closed by the garbage collector.
func TestForgottenObjectsAreClosed(t *testing.T) {
	forget := func(rounds int) {
		for i := 0; i < rounds; i++ {
			round(t)
			if i%50 == 0 {
				runtime.GC()
			}
		}
	}
	forget(500)
	before := residentBytes(t)
	forget(3000)
	runtime.GC()
	grown := residentBytes(t) - before
	t.Logf("3,000 forgotten rounds left %d bytes", grown)
	if grown > flat {
		t.Errorf("3,000 forgotten rounds left %d bytes", grown)
	}
}
