package experiment

import (
	"bytes"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"aprm/sidecar/eval"
)

// Curve draws, as SVG, the accuracy of each way to choose over the number of answers it chooses from, with 95 % intervals side by side.
func Curve(r eval.Report, title string) ([]byte, error) {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = "answers", "correct, %"
	p.X.Tick.Marker = plot.TickerFunc(rounds)
	p.BackgroundColor = color.White
	p.Title.Padding, p.Legend.Padding = 2*vg.Millimeter, vg.Millimeter
	lines := map[string]*points{}
	var order []string
	for _, row := range r.Rows {
		name, _, sized := strings.Cut(row.Method, fmt.Sprintf("-%d", row.N))
		if strings.HasPrefix(row.Method, "pass@") {
			name, sized = "any right (the ceiling)", row.Method != "pass@1 (mean of the pool)"
		}
		if !sized || strings.HasPrefix(name, "auto") {
			continue
		}
		if lines[name] == nil {
			lines[name] = &points{}
			order = append(order, name)
		}
		at := float64(row.N) + 0.06*float64(slices.Index(order, name)-2)
		l := lines[name]
		l.XYs = append(l.XYs, plotter.XY{X: at, Y: 100 * row.Accuracy.Mean})
		l.YErrors = append(l.YErrors, struct{ Low, High float64 }{100 * (row.Accuracy.Mean - row.Accuracy.Low), 100 * (row.Accuracy.High - row.Accuracy.Mean)})
	}
	for i, name := range order {
		if err := draw(p, i, name, lines[name]); err != nil {
			return nil, err
		}
	}
	p.Y.Max += (p.Y.Max - p.Y.Min) / 3 // the legend stands above the curves
	p.Legend.Top, p.Legend.Left = true, true
	margin(p)
	w, err := p.WriterTo(16*vg.Centimeter, 11*vg.Centimeter, "svg")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}
