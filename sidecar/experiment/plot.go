package experiment

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"aprm/prm/disk"
)

// plots draws what looking at beats reading, and returns the names of the files.
func (r Report) plots(folder string) ([]string, error) {
	var names []string
	save := func(name string, p *plot.Plot) error {
		p.BackgroundColor = color.White // or a dark page shows through
		p.Title.Padding, p.Legend.Padding = 2*vg.Millimeter, vg.Millimeter
		p.Title.TextStyle.Font.Size, p.Legend.TextStyle.Font.Size = 11, 9
		w, err := p.WriterTo(16*vg.Centimeter, 10*vg.Centimeter, "svg")
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if _, err := w.WriteTo(&b); err != nil {
			return err
		}
		names = append(names, name)
		return disk.Write(filepath.Join(folder, name), b.Bytes(), disk.Public)
	}
	for _, s := range r.Sets {
		if len(s.Rows) == 0 {
			continue // labelled solutions only
		}
		p, err := s.plot()
		if err != nil {
			return nil, err
		}
		if err := save("accuracy-"+strings.ReplaceAll(s.Name, " ", "-")+".svg", p); err != nil {
			return nil, err
		}
	}
	p, any, err := r.fooling()
	if err != nil || !any {
		return names, err
	}
	return names, save("fooling.svg", p)
}

// plot draws accuracy over tokens: a line a PRM by weighted vote, and the majority vote. Of votes of one size there are no lines to
// draw: then it is a row a PRM.
func (s Set) plot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, %d problems: weighted votes", s.Name, s.Problems)
	lines := map[string]*points{}
	var order []string
	for _, row := range s.Rows {
		name := row.PRM
		switch {
		case strings.HasPrefix(row.Method, "majority"):
			name = "majority"
		case strings.HasPrefix(row.Method, "pass@") && row.PRM == "" && !strings.HasPrefix(row.Method, "pass@1 "):
			name = "any right (the ceiling)"
		case !strings.HasPrefix(row.Method, "weighted"):
			continue
		}
		if lines[name] == nil {
			lines[name] = &points{}
			order = append(order, name)
		}
		l := lines[name]
		l.XYs = append(l.XYs, plotter.XY{X: row.Tokens, Y: 100 * row.Accuracy.Mean})
		l.YErrors = append(l.YErrors, struct{ Low, High float64 }{100 * (row.Accuracy.Mean - row.Accuracy.Low), 100 * (row.Accuracy.High - row.Accuracy.Mean)})
	}
	if !slices.ContainsFunc(order, func(name string) bool { return len(lines[name].XYs) > 1 }) {
		return p, rows(p, order, lines)
	}
	p.X.Label.Text, p.Y.Label.Text = "tokens generated a problem", "correct, %"
	p.Legend.Top, p.Legend.Left = true, true
	for i, name := range order {
		if err := draw(p, i, name, lines[name]); err != nil {
			return nil, err
		}
	}
	margin(p)
	return p, nil
}

// margin leaves room for the marks at the right edge, which would be cut in two.
func margin(p *plot.Plot) { p.X.Max += (p.X.Max - p.X.Min) / 50 }

// rows draws the one point of each line as a row of its own, the first at the top.
func rows(p *plot.Plot, order []string, lines map[string]*points) error {
	p.X.Label.Text = "correct, %"
	var names []string
	for i, name := range slices.Backward(order) {
		l := lines[name]
		at := float64(len(names))
		names = append(names, name)
		mark := struct {
			plotter.XYs
			plotter.XErrors
		}{plotter.XYs{{X: l.XYs[0].Y, Y: at}}, plotter.XErrors{l.YErrors[0]}}
		dots, err := plotter.NewScatter(mark)
		if err != nil {
			return err
		}
		bars, err := plotter.NewXErrorBars(mark)
		if err != nil {
			return err
		}
		dots.Color, dots.Shape = palette[i%len(palette)], plotutil.Shape(0)
		bars.Color = dots.Color
		p.Add(dots, bars)
	}
	p.NominalY(names...)
	return nil
}

// palette is Okabe and Ito's, which people who see colours otherwise can tell apart too, with its black first and yellow left out.
var palette = []color.Color{
	color.RGBA{0, 0, 0, 255}, color.RGBA{150, 150, 150, 255}, color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255},
	color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255}, color.RGBA{86, 180, 233, 255}, color.RGBA{230, 159, 0, 255},
}

// points are a line's, with their intervals.
type points struct {
	plotter.XYs
	plotter.YErrors
}

func draw(p *plot.Plot, i int, name string, l *points) error {
	line, dots, err := plotter.NewLinePoints(l.XYs)
	if err != nil {
		return err
	}
	line.Color, dots.Color = palette[i%len(palette)], palette[i%len(palette)]
	line.Dashes, dots.Shape = plotutil.Dashes(i/len(palette)), plotutil.Shape(i)
	p.Add(line, dots)
	p.Legend.Add(name, line, dots)
	if l.YErrors == nil {
		return nil
	}
	bars, err := plotter.NewYErrorBars(l)
	if err != nil {
		return err
	}
	bars.Color = line.Color
	p.Add(bars)
	return nil
}

// fooling draws how far each game's attacks fooled R, round by round; any is false when there was no game of several rounds
// with an attack.
func (r Report) fooling() (p *plot.Plot, any bool, err error) {
	p = plot.New()
	p.Title.Text = "How far wrong attacks fool R, round by round"
	p.X.Label.Text, p.Y.Label.Text = "round", "mean P(correct)"
	p.X.Tick.Marker = plot.TickerFunc(rounds)
	p.Legend.Top, p.Legend.Left = true, true
	p.Y.Min, p.Y.Max = 0, 1
	i := 0
	for _, t := range r.PRMs {
		if len(t.Rounds) < 2 {
			continue
		}
		l := &points{}
		for k, round := range t.Rounds {
			if math.IsNaN(float64(round.Fooling)) {
				continue // no attack of that round was truly wrong, or none was made
			}
			l.XYs = append(l.XYs, plotter.XY{X: float64(k + 1), Y: float64(round.Fooling)})
		}
		if len(l.XYs) == 0 {
			continue
		}
		if err := draw(p, i, t.PRM, l); err != nil {
			return nil, false, err
		}
		i++
	}
	margin(p)
	return p, i > 0, nil
}

// rounds marks whole numbers.
func rounds(from, to float64) (ticks []plot.Tick) {
	for k := math.Ceil(from); k <= to; k++ {
		ticks = append(ticks, plot.Tick{Value: k, Label: strconv.Itoa(int(k))})
	}
	return ticks
}
