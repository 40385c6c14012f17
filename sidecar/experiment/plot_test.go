package experiment

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"aprm/prm/metric"
)

// TestPlotsOfGamesWithoutAttacks: a round in which nothing was attacked has no fooling to draw, and that is no reason to lose the report.
func TestPlotsOfGamesWithoutAttacks(t *testing.T) {
	none := Round{Fooling: metric.Figure(math.NaN())}
	for name, test := range map[string]struct {
		rounds []Round
		drawn  bool
	}{
		"no attacks":     {[]Round{none, none}, false},
		"a round of two": {[]Round{{Fooling: 0.5}, none}, true},
	} {
		folder := t.TempDir()
		names, err := Report{PRMs: []Training{{PRM: "game", Rounds: test.rounds}}}.plots(folder)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(folder, "fooling.svg")); (err == nil) != test.drawn || len(names) > 0 != test.drawn {
			t.Errorf("%s: plots %v, %v", name, names, err)
		}
	}
}
