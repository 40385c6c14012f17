package pooling

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"aprm/adapters/adaptertest"
	"aprm/prm/step"
)

// solved are solutions for a PRM that nobody trained to look at.
var solved = []step.Trace{
	{Problem: step.Problem{Question: "Tom has 3 boxes of 12 pens and gives 5 away. How many are left?"}, Steps: []string{"Tom has 3 × 12 = 36 pens.", "He gives 5 away, so 36 - 5 = 31 are left.", "#### 31"}},
	{Problem: step.Problem{Question: "A train goes 60 km an hour for 2.5 hours, then 40 km. How far does it go?"}, Steps: []string{"In 2.5 hours it goes 60 * 2.5 = 150 km.", "150 + 40 = 180.", "Then 190 km.", "#### 190"}},
	{Problem: step.Problem{Question: "¿Cuánto son 7 más 8?"}, Steps: []string{"7 + 8 = 15\nSon quince. 🎉", "#### 15"}},
}

// quad stands behind steps in the vocabulary of Qwen2.5 where Qwen2.5-Math-PRM has <extra_0>.
const quad = "<|quad_end|>"

// TestRealScores holds that what vLLM answers for a PRM and what this package reads of it is what transformers makes of
// the same model: SIDECAR_TEST_PRM_URL is a vLLM that serves the model which testdata/reward.py made in the folder
// SIDECAR_TEST_PRM_FOLDER, and SIDECAR_TEST_PYTHON a Python with transformers. SIDECAR_TEST_RECORD keeps what both
// said, for TestScoresOfVLLM.
func TestRealScores(t *testing.T) {
	url, folder, python := os.Getenv("SIDECAR_TEST_PRM_URL"), os.Getenv("SIDECAR_TEST_PRM_FOLDER"), os.Getenv("SIDECAR_TEST_PYTHON")
	if url == "" || folder == "" || python == "" {
		t.Skip("SIDECAR_TEST_PRM_URL, SIDECAR_TEST_PRM_FOLDER and SIDECAR_TEST_PYTHON name no PRM")
	}
	var in bytes.Buffer
	for _, s := range solved {
		if err := json.NewEncoder(&in).Encode(map[string]any{"problem": s.Problem.Question, "steps": s.Steps}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/reward.py", "score", folder)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("SIDECAR_TEST_RECORD") != "" {
		if err := os.WriteFile(ofTransformers, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	scoresAs(t, url, adaptertest.Recording(t, transport), want)
}

const ofTransformers = "testdata/reward.jsonl"

// TestScoresOfVLLM is TestRealScores of what was recorded.
func TestScoresOfVLLM(t *testing.T) {
	want, err := os.ReadFile(ofTransformers)
	if err != nil {
		t.Fatal(err)
	}
	scoresAs(t, "http://recorded", adaptertest.Play(t, "../testdata/cassettes/vllm-prm.jsonl.gz"), want)
}

func scoresAs(t *testing.T, url string, via http.RoundTripper, lines []byte) {
	t.Helper()
	c, err := New(Config{URL: url, Model: "reward", StepToken: quad, Column: 1, Tries: 1, Transport: via})
	if err != nil {
		t.Fatal(err)
	}
	apart := 0.0
	for dec, i := json.NewDecoder(bytes.NewReader(lines)), 0; i < len(solved); i++ {
		var want struct{ Scores []float64 }
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		got, err := c.Score(t.Context(), solved[i])
		if err != nil || len(got) != len(want.Scores) {
			t.Fatalf("solution %d: %v, %v, want %v", i, got, err, want.Scores)
		}
		for k := range got {
			apart = max(apart, math.Abs(got[k]-want.Scores[k]))
		}
	}
	t.Logf("vLLM's scores are at most %.2g from those of transformers", apart)
	if apart > 1e-4 {
		t.Errorf("%g apart", apart)
	}
}
