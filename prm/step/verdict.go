package step

import "fmt"

// Verdict says what is known of something that is right or wrong: a step, an answer, whether what begins with a prefix
// ends right. As text, in JSON too, it is its name.
type Verdict int8

const (
	Unknown Verdict = iota // nothing sure: never trained on
	Right
	Wrong
)

var verdictNames = [...]string{Unknown: "unknown", Right: "right", Wrong: "wrong"}

// VerdictOf is the verdict on what is known to be right or not.
func VerdictOf(right bool) Verdict {
	if right {
		return Right
	}
	return Wrong
}

func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdictNames) {
		return fmt.Sprintf("Verdict(%d)", int8(v))
	}
	return verdictNames[v]
}

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict's name.
func (v *Verdict) UnmarshalText(b []byte) error {
	for i, name := range verdictNames {
		if name == string(b) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q: want unknown, right or wrong", b)
}
