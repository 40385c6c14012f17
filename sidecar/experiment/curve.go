package experiment

import (
	"fmt"
	"strings"

	"aprm/prm/metric"
	"aprm/sidecar/eval"
	"aprm/sidecar/plot"
)

// What every plot has one colour for; those after them are of PRMs, or of ways to choose.
const (
	ofMajority = iota
	ofCeiling
	ofOthers
)

const ceiling = "any right (the ceiling)"

// percents is an accuracy as a point at x.
func percents(x float64, i metric.Interval) plot.Point {
	return plot.Point{X: x, Y: 100 * i.Mean, Low: 100 * i.Low, High: 100 * i.High}
}

// Curve draws, as SVG, the accuracy of each way to choose over the number of answers it chooses from, with 95 %
// intervals side by side.
func Curve(r eval.Report, title string) []byte {
	c := plot.Chart{Title: title, X: "answers", Y: "correct, %", Whole: true}
	at := map[string]int{}
	for _, row := range r.Rows {
		name, _, sized := strings.Cut(row.Method, fmt.Sprintf("-%d", row.N))
		if strings.HasPrefix(row.Method, "pass@") {
			name, sized = ceiling, row.Method != "pass@1 (mean of the pool)"
		}
		if !sized || strings.HasPrefix(name, "auto") {
			continue
		}
		if _, known := at[name]; !known {
			at[name] = len(c.Curves)
			c.Curves = append(c.Curves, plot.Curve{Name: name})
		}
		of := &c.Curves[at[name]]
		of.Points = append(of.Points, percents(float64(row.N), row.Accuracy))
	}
	others := ofOthers
	for i := range c.Curves {
		switch of := &c.Curves[i]; of.Name {
		case "majority":
			of.Colour = ofMajority
		case ceiling:
			of.Colour = ofCeiling
		default:
			of.Colour = others
			others++
		}
	}
	return c.SVG()
}
