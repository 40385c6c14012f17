package builtin

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestGolden holds the forward pass to the training toolkit's: train/train.py wrote logits and states of the weights as
// they are in the repository.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		IDs    []int32 `json:"ids"`
		Logits []float64
		State  []float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	llm, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	m := llm.scheduler.model
	for i, c := range cases {
		w := new(scratch)
		states := m.read(w, []run{{c.IDs, new(cache)}})
		last := append([]float32(nil), states[(len(c.IDs)-1)*m.Dim:][:m.Dim]...)
		logits := m.head(w, last, 1)
		var worst float64
		for k, want := range c.Logits {
			worst = max(worst, math.Abs(float64(logits[k])-want))
		}
		for k, want := range c.State {
			worst = max(worst, math.Abs(float64(last[k])-want))
		}
		t.Logf("conversation %d, %d tokens: off by %.1e at most", i, len(c.IDs), worst)
		if len(c.Logits) != len(m.Vocab) || len(c.State) != m.Dim || !(worst < 2e-4) { // NaN too
			t.Errorf("conversation %d: %d logits, %d numbers in the state, off by %.1e", i, len(c.Logits), len(c.State), worst)
		}
	}
	if len(cases) == 0 {
		t.Error("the golden file is empty")
	}
}
