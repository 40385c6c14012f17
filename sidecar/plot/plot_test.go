package plot

import (
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// whole says whether a drawing can be read as XML.
func whole(t *testing.T, svg []byte) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		if _, err := dec.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
}

type place struct{ x, y float64 }

var placed = regexp.MustCompile(`translate\(([\d.-]+),([\d.-]+)\)" fill="#ffffff" stroke="([^"]+)"`)

// marks are where a drawing's marks stand, by their colour; the last of each is the legend's.
func marks(svg []byte) map[string][]place {
	out := map[string][]place{}
	for _, m := range placed.FindAllSubmatch(svg, -1) {
		x, _ := strconv.ParseFloat(string(m[1]), 64)
		y, _ := strconv.ParseFloat(string(m[2]), 64)
		out[string(m[3])] = append(out[string(m[3])], place{x, y})
	}
	return out
}

func curves(n, points int) (out []Curve) {
	for k := range n {
		c := Curve{Name: strings.Repeat("long name ", k), Colour: k}
		for i := range points {
			y := 50 + float64(k)/10 + float64(10*i)
			c.Points = append(c.Points, Point{float64(1 + i), y, y - 3, y + 3})
		}
		out = append(out, c)
	}
	return out
}

// TestChart: of eight curves through nearly the same points every one is seen: side by side, away from the edges and
// from the legend, and in the order that their figures have.
func TestChart(t *testing.T) {
	for _, n := range []int{1, 2, 8} {
		svg := Chart{Title: "votes & <more>", X: "answers", Y: "correct, %", Whole: true, Curves: curves(n, 4)}.SVG()
		whole(t, svg)
		of := marks(svg)
		if len(of) != n {
			t.Fatalf("%d colours of %d curves", len(of), n)
		}
		seen := map[int]bool{}
		for k := range n {
			at := of[palette[k]]
			if len(at) != 5 {
				t.Fatalf("curve %d: marks %v, want 4 and the legend's", k, at)
			}
			legend := at[4]
			for i, p := range at[:4] {
				if p.x < left+8 || p.x > legend.x-16 || p.y < top+8 || p.y > height-bottom-8 {
					t.Errorf("curve %d of %d: a mark on the edge or the legend: %v", k, n, p)
				}
				if i > 0 && (p.x <= at[i-1].x || p.y >= at[i-1].y) {
					t.Errorf("curve %d rises to %v from %v", k, p, at[i-1])
				}
			}
			if column := int(at[0].x); seen[column] {
				t.Errorf("curve %d of %d hides another's interval", k, n)
			} else {
				seen[column] = true
			}
		}
	}
}

// TestChartOfLittle: nothing, one point and what is no number are drawn as what they are.
func TestChartOfLittle(t *testing.T) {
	nan := math.NaN()
	for name, test := range map[string]struct {
		points []Point
		marks  int
	}{
		"nothing":    {nil, 1},
		"a point":    {[]Point{At(3, 7)}, 2},
		"not told":   {[]Point{At(1, 5), At(2, nan), At(3, 6)}, 3},
		"no numbers": {[]Point{At(1, nan)}, 1},
	} {
		svg := Chart{Curves: []Curve{{Name: "a", Points: test.points}}}.SVG()
		whole(t, svg)
		if got := len(marks(svg)[palette[0]]); got != test.marks || strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("%s: %d marks, want %d, its legend's among them\n%s", name, got, test.marks, svg)
		}
	}
}

// TestRows: each name has a height of its own, the first the highest, and more stands further right.
func TestRows(t *testing.T) {
	var c Chart
	for i, name := range []string{"majority", "a longer name", "game"} {
		c.Curves = append(c.Curves, Curve{name, i, []Point{{0, float64(50 + 5*i), float64(45 + 5*i), float64(55 + 5*i)}}})
	}
	svg := c.Rows()
	whole(t, svg)
	of := marks(svg)
	for i := range 2 {
		a, b := of[palette[i]][0], of[palette[i+1]][0]
		if a.y >= b.y || a.x >= b.x {
			t.Errorf("row %d at %v, the next at %v", i, a, b)
		}
	}
}

func TestTicks(t *testing.T) {
	for name, test := range map[string]struct {
		low, high float64
		whole     bool
		want      []float64
	}{
		"percent":         {38, 76, false, []float64{40, 50, 60, 70}},
		"shares":          {0, 1, false, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		"whole and few":   {1, 3, true, []float64{1, 2, 3}},
		"below and above": {-3, 3, false, []float64{-3, -2, -1, 0, 1, 2, 3}},
	} {
		s := scale{low: test.low, high: test.high}
		got := s.ticks(6, test.whole)
		if len(got) != len(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
			continue
		}
		for i := range got {
			if math.Abs(got[i]-test.want[i]) > 1e-9 {
				t.Errorf("%s: %v, want %v", name, got, test.want)
			}
		}
	}
}
