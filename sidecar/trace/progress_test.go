package trace

import (
	"testing"

	"aprm/sidecar/decode"
)

// TestNotesOfAVote: whole answers are told of as they come.
func TestNotesOfAVote(t *testing.T) {
	p := NewProgress(true, false)
	tell := func(c decode.Candidate) { p.Watch(decode.Event{Candidate: &c}) }
	var all []decode.Candidate
	for i, answer := range []string{"12", "7", "", "12", "12"} {
		c := decode.Candidate{ID: i + 1, Text: "…", Answer: answer, Answered: answer != ""}
		tell(c)
		all = append(all, c)
	}
	if want := "candidate 1: answer 12\ncandidate 2: answer 7\ncandidate 3: no answer\ncandidate 4: answer 12\ncandidate 5: answer 12\n"; p.Notes(false) != want {
		t.Errorf("want %q", want)
	}
	for i, c := range all {
		c.Score, c.Scored = .9-.2*float64(i), true
		tell(c)
		if c.Kept = "its answer has the most votes"; i > 0 {
			c.Kept, c.Dropped = "", "outvoted"
		}
		tell(c)
	}
	if got, want := p.Notes(true), "5 candidates, kept 0.90 answer 12, dropped 0.70 answer 7, dropped 0.50 no answer, dropped 0.30 answer 12 and 1 more\n"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
