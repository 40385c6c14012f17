package experiment

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aprm/prm/metric"
	"aprm/sidecar/training"
)

// TestPlotsOfGamesWithoutAttacks: a round in which nothing was attacked has no fooling to draw, and that is no reason
// to lose the report.
func TestPlotsOfGamesWithoutAttacks(t *testing.T) {
	none := training.Round{Fooling: metric.Figure(math.NaN())}
	for name, test := range map[string]struct {
		rounds []training.Round
		drawn  bool
	}{
		"no attacks":     {[]training.Round{none, none}, false},
		"a round of two": {[]training.Round{{Fooling: 0.5}, none}, true},
	} {
		folder := t.TempDir()
		names, err := Report{PRMs: []Training{{PRM: "game", Rounds: test.rounds}}}.plots(folder)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(folder, "fooling.svg")); (err == nil) != test.drawn || slices.Contains(names, "fooling.svg") != test.drawn || !slices.Contains(names, "training-game.svg") {
			t.Errorf("%s: plots %v, %v", name, names, err)
		}
	}
}

// TestPlotOfOneSize: votes of one size are rows with a name each, not points on top of each other.
func TestPlotOfOneSize(t *testing.T) {
	folder := t.TempDir()
	row := func(prm, method string, mean float64) Row {
		return Row{PRM: prm, Method: method, Tokens: 500, Accuracy: metric.Interval{Mean: mean, Low: mean - 0.1, High: mean + 0.1}}
	}
	r := Report{Sets: []Set{{Name: "test", Problems: 9, Rows: []Row{row("", "majority-8", 0.5), row("game", "weighted-vote-8", 0.6), row("static", "weighted-vote-8", 0.55)}}}}
	if _, err := r.plots(folder); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(folder, "accuracy-test.svg"))
	if err != nil {
		t.Fatal(err)
	}
	height := map[string]bool{}
	for _, name := range []string{"majority", "game", "static"} {
		found := regexp.MustCompile(`y="([^"]+)"[^>]*>` + name + `<`).FindSubmatch(svg)
		if found == nil {
			t.Fatalf("no %s in %s", name, svg)
		}
		height[string(found[1])] = true
	}
	if len(height) != 3 || strings.Contains(string(svg), "tokens generated") {
		t.Errorf("names at heights %v", height)
	}
}
