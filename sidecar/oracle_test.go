package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestOracleStepSpeaksItsWords: programs read them.
func TestOracleStepSpeaksItsWords(t *testing.T) {
	for line, want := range map[string]string{
		`{"problem":"q","step":"3 * 4 = 13 pens"}`:                                                           "wrong",
		`{"problem":"q","reference":"She has 3 + 4 = 7 pens.","step":"She has 4 + 3 = 7 pens."}`:             "correct",
		`{"problem":"q","reference":"She has 3 + 4 = 7 pens.","step":"So her brother has 2 * 7 = 14 pens."}`: "unknown",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"oracle", "step"}, strings.NewReader(line), &out, &errs); code != 0 {
			t.Fatalf("%s: status %d: %s", line, code, &errs)
		}
		var got struct{ Verdict string }
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Verdict != want {
			t.Errorf("%s: %s, %v; want %s", line, &out, err, want)
		}
	}
}
