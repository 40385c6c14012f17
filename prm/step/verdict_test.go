package step

import (
	"encoding/json"
	"testing"
)

// TestVerdictsAreWords: labelled steps lie on disk with these words, and are read again by other builds.
func TestVerdictsAreWords(t *testing.T) {
	for word, v := range map[string]Verdict{"unknown": Unknown, "right": Right, "wrong": Wrong} {
		text, err := json.Marshal(v)
		if err != nil || string(text) != `"`+word+`"` {
			t.Errorf("%v is written %s, %v", v, text, err)
		}
		var again Verdict
		if err := json.Unmarshal(text, &again); err != nil || again != v {
			t.Errorf("%s is read as %v, %v", text, again, err)
		}
	}
	var v Verdict
	for _, foreign := range []string{`"Right"`, `"correct"`, `""`, `1`} {
		if err := json.Unmarshal([]byte(foreign), &v); err == nil {
			t.Errorf("%s is read as %v", foreign, v)
		}
	}
	if got := Verdict(7).String(); got != "Verdict(7)" {
		t.Errorf("an impossible verdict is %s", got)
	}
}
