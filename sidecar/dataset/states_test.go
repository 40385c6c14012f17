package dataset

import (
	"encoding/json"
	"math"
	"testing"
)

func TestVector(t *testing.T) {
	want := Vector{0, 1, -2.5, 0.333, 65504}
	text, err := json.Marshal(want)
	if err != nil || len(text) != 18 { // 10 bytes in base64, and quotes
		t.Fatalf("%s, %v", text, err)
	}
	var got Vector
	if err := json.Unmarshal(text, &got); err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for i, v := range want {
		if math.Abs(float64(got[i]-v)) > math.Abs(float64(v))/1024 {
			t.Errorf("%g came back as %g", v, got[i])
		}
	}
	text, err = json.Marshal(Vector{1e6, float32(math.Inf(-1))})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil || got[0] != 65504 || got[1] != -65504 {
		t.Errorf("what is too large came back as %v, %v", got, err)
	}
	if text, err := json.Marshal(Vector{0, float32(math.NaN())}); err == nil {
		t.Errorf("no number is written as %s", text)
	}
	for _, text := range []string{`"AAA="x`, `"A"`, `"AAAA"`, `[1,2]`, `"AHw="`, `"AH4="`} { // torn, no base64, three bytes, numbers, ∞, NaN
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}
