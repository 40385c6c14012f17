package experiment

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"aprm/prm/disk"
	"aprm/sidecar/plot"
	"aprm/sidecar/training"
)

// plots draws what looking at beats reading, and returns the names of the files. A PRM has the same colour in all of
// them.
func (r Report) plots(folder string) ([]string, error) {
	var names []string
	save := func(name string, drawing []byte) error {
		name = strings.ReplaceAll(name, " ", "-") + ".svg"
		names = append(names, name)
		return disk.Write(filepath.Join(folder, name), drawing, disk.Public)
	}
	for _, s := range r.Sets {
		if len(s.Rows) == 0 {
			continue // labelled solutions only
		}
		if err := save("accuracy-"+s.Name, s.plot(r.colour)); err != nil {
			return nil, err
		}
	}
	if c := r.fooling(); len(c.Curves) > 0 {
		if err := save("fooling", c.SVG()); err != nil {
			return nil, err
		}
	}
	for _, t := range r.PRMs {
		if len(t.Rounds) < 2 {
			continue
		}
		if err := save("training-"+t.PRM, training.Curves("The game of "+t.PRM+", round by round", t.Rounds).SVG()); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// colour is that of a PRM by its name.
func (r Report) colour(name string) int {
	at := slices.IndexFunc(r.PRMs, func(t Training) bool { return t.PRM == name })
	if at < 0 {
		at = len(r.PRMs)
	}
	return ofOthers + at
}

// plot draws accuracy over tokens: a line a PRM by weighted vote, and the majority vote. Of votes of one size there are
// no lines to draw: then it is a row a PRM.
func (s Set) plot(colour func(string) int) []byte {
	c := plot.Chart{Title: fmt.Sprintf("%s, %d problems: weighted votes", s.Name, s.Problems), X: "tokens generated a problem", Y: "correct, %"}
	at, most := map[string]int{}, 0
	for _, row := range s.Rows {
		name, of := row.PRM, colour(row.PRM)
		switch {
		case strings.HasPrefix(row.Method, "majority"):
			name, of = "majority", ofMajority
		case strings.HasPrefix(row.Method, "pass@") && row.PRM == "" && !strings.HasPrefix(row.Method, "pass@1 "):
			name, of = ceiling, ofCeiling
		case !strings.HasPrefix(row.Method, "weighted"):
			continue
		}
		if _, known := at[name]; !known {
			at[name] = len(c.Curves)
			c.Curves = append(c.Curves, plot.Curve{Name: name, Colour: of})
		}
		curve := &c.Curves[at[name]]
		curve.Points = append(curve.Points, percents(row.Tokens, row.Accuracy))
		most = max(most, len(curve.Points))
	}
	if most == 1 {
		return c.Rows()
	}
	return c.SVG()
}

// fooling draws how far each game's attacks fooled R, round by round: of games of several rounds, and rounds with an
// attack that was truly wrong.
func (r Report) fooling() plot.Chart {
	c := plot.Chart{Title: "How far wrong attacks fool R, round by round", X: "round", Y: "mean P(correct)", Whole: true, Range: [2]float64{0, 1}}
	for _, t := range r.PRMs {
		curve := plot.Curve{Name: t.PRM, Colour: r.colour(t.PRM)}
		for k, round := range t.Rounds {
			if y := float64(round.Fooling); !math.IsNaN(y) {
				curve.Points = append(curve.Points, plot.At(float64(k+1), y))
			}
		}
		if len(t.Rounds) > 1 && len(curve.Points) > 0 {
			c.Curves = append(c.Curves, curve)
		}
	}
	return c
}
