package fovea

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A backend that is causal only, on a GPU module without a GPU that claims what the shipped ones do. In a process of its
// own, because modules are looked for once in the life of one, and the other tests are not to see it.
func TestNonCausalRequestsOfACausalOnlyBackendAreRefusedWithTheReason(t *testing.T) {
	const inChild = "FOVEA_TEST_IN_CHILD"
	if os.Getenv(inChild) == "" {
		module := os.Getenv("FOVEA_TEST_CLAIMS_MODULE")
		if module == "" {
			t.Skip("FOVEA_TEST_CLAIMS_MODULE names the folder of a module, as tests/bindings/go.sh sets it")
		}
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), inChild+"=1", "FOVEA_BACKEND_PATH="+module)
		if output, err := child.CombinedOutput(); err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}

	refused := func(what string, err error) {
		t.Helper()
		var failure *Error
		if !errors.As(err, &failure) || failure.Status != StatusNotSupported ||
			!strings.Contains(failure.Message, "non-causal attention not supported") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if supported, err := BackendROCmUnifiedAttn.SupportsNonCausal(); supported || err != nil {
		t.Errorf("non-causal: %v, %v", supported, err)
	}
	context, err := NewContext(ContextOptions{Device: DeviceGPU})
	must(err)
	defer context.Close()

	// A config that declares non-causal use.
	config := Config{NumQueryHeads: 4, NumKVHeads: 2, HeadSize: 64, QueryType: BFloat16, NonCausal: true}
	reasons, err := config.Check(BackendROCmUnifiedAttn)
	refused("check", err)
	if len(reasons) != 1 || reasons[0] != (Reason{ReasonNonCausal, "non-causal attention not supported"}) {
		t.Errorf("reasons: %v", reasons)
	}
	_, err = context.NewAttention(config, BackendROCmUnifiedAttn)
	refused("attention", err)
	if backend, err := context.SelectBackend(config, BackendAuto); backend != BackendROCmAttn || err != nil {
		t.Errorf("selected %v, %v", backend, err)
	}

	// One that does not, and a batch that is non-causal all the same.
	config.NonCausal = false
	attention, err := context.NewAttention(config, BackendROCmUnifiedAttn)
	must(err)
	defer attention.Close()
	metadata, err := context.NewMetadata(Limits{MaxNumSeqs: 1, MaxNumTokens: 2, MaxSeqLen: 4})
	must(err)
	defer metadata.Close()
	must(metadata.SetSequences([]int32{0, 2}, []int32{4}))
	must(metadata.Commit())
	plan := Host(AlignedBytes(64))
	refused("plan by call", attention.Plan(metadata, PlanArgs{Plan: plan, Causal: NonCausal}))
	must(metadata.SetCausal(false))
	refused("plan by metadata", attention.Plan(metadata, PlanArgs{Plan: plan}))
}
