package decode

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestASettingsRange: what it holds, what its words say, and what is read from JSON are one.
func TestASettingsRange(t *testing.T) {
	for _, s := range Settings() {
		good, bad := []string{s.Default}, []string{`"nonsense"`, `{}`, `[]`}
		switch s.Range.Type {
		case "string":
			good = nil
			for _, word := range s.Range.Words {
				good = append(good, fmt.Sprintf("%q", word))
			}
			bad = append(bad, `1`, `true`, `""`)
		case "boolean":
			good, bad = append(good, "true", "false"), append(bad, "1")
		case "integer":
			good, bad = append(good, fmt.Sprint(s.Range.Least), "7.0", "8e2"), append(bad, fmt.Sprint(s.Range.Least-1), "1.5", "1e300", `"3"`)
		case "number":
			good, bad = append(good, fmt.Sprint(s.Range.Most)), append(bad, fmt.Sprint(s.Range.Most+0.01), "-0.01", "NaN")
			if s.Range.Above {
				bad = append(bad, fmt.Sprint(s.Range.Least))
			} else {
				good = append(good, fmt.Sprint(s.Range.Least))
			}
		}
		for _, value := range good {
			var o Options
			if err := s.Set(&o, json.RawMessage(value)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
		for _, value := range bad {
			var o Options
			if err := s.Set(&o, json.RawMessage(value)); err == nil || !strings.Contains(err.Error(), "must be "+s.Range.String()) {
				t.Errorf("%s: %s: %v", s.Name, value, err)
			}
		}
	}
	o, named := Options{}.withDefaults(), func(s Setting) string { return s.Name }
	if err := Check(o, named); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	o.Temperature, o.Threshold = math.NaN(), math.NaN()
	if err := Check(o, named); err == nil || strings.Count(err.Error(), "must be") != 2 {
		t.Errorf("no numbers: %v", err)
	}
}
