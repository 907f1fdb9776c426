package main

import (
	"os"
	"strings"
	"testing"
)

func TestEachSequenceSeesWhatItsMaskSays(t *testing.T) {
	input, err := os.Open("batch.json")
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	var output strings.Builder
	if err := run(input, &output); err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(output.String(), "\n") {
		if fields := strings.Fields(line); len(fields) == 7 {
			rows[fields[0]] = fields[1:6]
		}
	}
	for sequence, expected := range map[string]string{
		"0": "non-causal 100 16 116 116",
		"1": "causal 37 1 38 38",
		"2": "causal 0 24 1 24",
		"3": "causal 500 5 501 505",
		"4": "non-causal 500 5 505 505",
	} {
		if got := strings.Join(rows[sequence], " "); got != expected {
			t.Errorf("sequence %s: %q, expected %q", sequence, got, expected)
		}
	}
}

func TestWrongInputIsRefused(t *testing.T) {
	for _, input := range []string{"", "{}", `{"sequences": [{"query_length": 1}]}`, `{"sequences": [{"query_len": -1}]}`,
		`{"head_size": 100, "sequences": [{"query_len": 1}]}`, `{"block_size": 8, "sequences": [{"query_len": 1}]}`,
		`{"block_size": 0, "sequences": [{"query_len": 1}]}`} {
		if err := run(strings.NewReader(input), &strings.Builder{}); err == nil {
			t.Errorf("%q was taken", input)
		}
	}
}
