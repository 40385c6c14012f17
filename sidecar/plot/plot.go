// Package plot draws figures with their intervals as SVG: curves over a number, or a row for each name. It is pure and
// writes no more than the few shapes that it needs, in the fonts of whoever looks: a library that draws everything
// brings a dozen fonts along, 6 MB of a binary.
package plot

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Chart is what is drawn. Where points of several curves have the same X they are set side by side, so that each
// interval is seen.
type Chart struct {
	Title, X, Y string
	Range       [2]float64 // that Y has at least
	Whole       bool       // X has whole numbers only
	Curves      []Curve
}

// Curve is a named line of points, in the order of X. Colour numbers what belongs together: the same in every plot of a
// report.
type Curve struct {
	Name   string
	Colour int
	Points []Point
}

// Point is a figure; Low and High are the ends of its interval, both Y where there is none. A point whose Y is no
// number isn't drawn.
type Point struct{ X, Y, Low, High float64 }

// At is a point without an interval.
func At(x, y float64) Point { return Point{x, y, y, y} }

// palette is Okabe and Ito's, which people who see colours otherwise can tell apart too, with its black first, a grey
// second and yellow left out. Past its end colours come again, with broken lines.
var palette = []string{"#000000", "#969696", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"}

var dashes = []string{"", "6 3", "2 3", "8 3 2 3"}

// shapes are marks around 0,0, as paths, one a colour: who sees no colours tells them apart by these.
var shapes = []string{"M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z", "M-3,-3h6v6h-6z", "M0,-4L3.7,2.6H-3.7z", "M-3,-3L3,3M-3,3L3,-3", "M0,-4V4M-4,0H4", "M0,-4.4L3.6,0L0,4.4L-3.6,0z",
	"M0,4L3.7,-2.6H-3.7z", "M-4,0L0,-4L4,0M-4,3L0,-1L4,3"}

func colour(i int) string { return palette[i%len(palette)] }

// size of the drawing in units, and what is left for axes and their words.
const (
	width, height       = 720.0, 420.0
	left, top, bottom   = 64.0, 34.0, 52.0
	letter              = 6.3 // the width of a letter, near enough for leaving room
	dodge               = 7.0 // between points that are set side by side
	narrow              = 14.0
	fonts               = "Helvetica, Arial, 'Liberation Sans', sans-serif"
	axisColour          = "#444444"
	gridColour          = "#e4e4e4"
	legendLine, legendX = 18.0, 26.0
)

// drawing is an SVG being written.
type drawing struct{ b strings.Builder }

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *drawing) text(x, y float64, anchor, more, words string) {
	d.add(`<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`, x, y, anchor, more, html.EscapeString(words))
}

// begin opens the drawing, on white: or a dark page shows through.
func (d *drawing) begin(title string) {
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" font-family="%s" font-size="12" fill="#222222">`, width, height, width, height, fonts)
	d.add(`<title>%s</title>`, html.EscapeString(title))
	d.add(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	d.text(width/2, 20, "middle", ` font-size="14"`, title)
}

func (d *drawing) end() []byte {
	d.add(`</svg>`)
	return []byte(d.b.String())
}

// mark draws a point's shape.
func (d *drawing) mark(x, y float64, i int) {
	d.add(`<path d="%s" transform="translate(%.1f,%.1f)" fill="#ffffff" stroke="%s" stroke-width="1.5"/>`, shapes[i%len(shapes)], x, y, colour(i))
}

// SVG draws the chart: the legend stands beside the curves, never on them, and no mark touches an edge.
func (c Chart) SVG() []byte {
	d := &drawing{}
	d.begin(c.Title)
	names := 0
	x, y := newScale(), newScale()
	for _, of := range c.Curves {
		names = max(names, utf8.RuneCountInString(of.Name))
		for _, p := range of.Points {
			if !math.IsNaN(p.Y) {
				x.take(p.X)
				y.take(p.Low, p.Y, p.High)
			}
		}
	}
	if c.Range != [2]float64{} {
		y.take(c.Range[:]...)
	}
	right := width - legendX - 12 - letter*float64(names)
	x.fit(left, right, 16+dodge*float64(len(c.Curves))/2)
	y.fit(height-bottom, top, 10)
	d.axes(c, x, y, right)
	offsets := c.offsets(x)
	for k, of := range c.Curves {
		var path strings.Builder
		var bars, marks drawing
		for i, p := range of.Points {
			if math.IsNaN(p.Y) {
				continue
			}
			px, py := x.at(p.X)+offsets[k][i], y.at(p.Y)
			fmt.Fprintf(&path, "%s%.1f,%.1f", map[bool]string{true: "M", false: "L"}[path.Len() == 0], px, py)
			if p.Low != p.High {
				bars.add(`<path d="M%.1f,%.1fV%.1fM%.1f,%.1fh6M%.1f,%.1fh6" stroke="%s" fill="none"/>`, px, y.at(p.Low), y.at(p.High), px-3, y.at(p.Low), px-3, y.at(p.High), colour(of.Colour))
			}
			marks.mark(px, py, of.Colour)
		}
		dashed := dashes[of.Colour/len(palette)%len(dashes)]
		d.add(`<g>%s<path d="%s" stroke="%s" stroke-width="1.5" stroke-dasharray="%s" fill="none"/>%s</g>`, bars.b.String(), path.String(), colour(of.Colour), cmp.Or(dashed, "none"), marks.b.String())
		at := top + 8 + legendLine*float64(k)
		d.add(`<path d="M%.1f,%.1fh20" stroke="%s" stroke-width="1.5" stroke-dasharray="%s"/>`, right+6, at, colour(of.Colour), cmp.Or(dashed, "none"))
		d.mark(right+16, at, of.Colour)
		d.text(right+legendX+6, at+4, "start", "", of.Name)
	}
	return d.end()
}

// offsets are by how much each curve's points are moved aside: not at all where they stand alone, else so that those of
// one X are apart, but no further than half of the way to the next X.
func (c Chart) offsets(x *scale) [][]float64 {
	users := map[float64][]int{}
	for k, of := range c.Curves {
		for _, p := range of.Points {
			if !math.IsNaN(p.Y) {
				users[p.X] = append(users[p.X], k)
			}
		}
	}
	gap := math.Inf(1)
	var last *float64
	for _, at := range sorted(users) {
		if last != nil {
			gap = min(gap, x.at(at)-x.at(*last))
		}
		last = &at
	}
	out := make([][]float64, len(c.Curves))
	for k, of := range c.Curves {
		for _, p := range of.Points {
			with := users[p.X]
			apart := min(dodge, gap*0.6/float64(max(1, len(with)-1)))
			out[k] = append(out[k], apart*(float64(slices.Index(with, k))-float64(len(with)-1)/2))
		}
	}
	return out
}

func sorted(of map[float64][]int) (keys []float64) {
	for k := range of {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// axes draws both, with a grid of lines behind what is to come.
func (d *drawing) axes(c Chart, x, y *scale, right float64) {
	for _, v := range y.ticks(6, false) {
		d.add(`<path d="M%.1f,%.1fH%.1f" stroke="%s"/>`, left, y.at(v), right, gridColour)
		d.text(left-8, y.at(v)+4, "end", "", number(v))
	}
	for _, v := range x.ticks(8, c.Whole) {
		d.add(`<path d="M%.1f,%.1fv5" stroke="%s"/>`, x.at(v), height-bottom, axisColour)
		d.text(x.at(v), height-bottom+18, "middle", "", number(v))
	}
	d.add(`<path d="M%.1f,%.1fV%.1fH%.1f" stroke="%s" fill="none"/>`, left, top, height-bottom, right, axisColour)
	d.text((left+right)/2, height-12, "middle", "", c.X)
	d.add(`<text transform="translate(16,%.1f) rotate(-90)" text-anchor="middle">%s</text>`, (top+height-bottom)/2, html.EscapeString(c.Y))
}

// Rows draws each curve's first point as a row of its own, the first at the top, with Y along the axis.
func (c Chart) Rows() []byte {
	d := &drawing{}
	d.begin(c.Title)
	names := 0
	x := newScale()
	for _, of := range c.Curves {
		names = max(names, utf8.RuneCountInString(of.Name))
		x.take(of.Points[0].Low, of.Points[0].High)
	}
	from := 24 + letter*float64(names)
	x.fit(from, width-narrow, narrow)
	for _, v := range x.ticks(8, false) {
		d.add(`<path d="M%.1f,%.1fV%.1f" stroke="%s"/>`, x.at(v), top, height-bottom, gridColour)
		d.text(x.at(v), height-bottom+18, "middle", "", number(v))
	}
	d.add(`<path d="M%.1f,%.1fH%.1f" stroke="%s"/>`, from, height-bottom, width-narrow, axisColour)
	d.text((from+width)/2, height-12, "middle", "", c.Y)
	for i, of := range c.Curves {
		p := of.Points[0]
		at := top + (height-bottom-top)*(float64(i)+0.5)/float64(len(c.Curves))
		d.add(`<path d="M%.1f,%.1fH%.1fM%.1f,%.1fv6M%.1f,%.1fv6" stroke="%s" fill="none"/>`, x.at(p.Low), at, x.at(p.High), x.at(p.Low), at-3, x.at(p.High), at-3, colour(of.Colour))
		d.mark(x.at(p.Y), at, of.Colour)
		d.text(from-10, at+4, "end", "", of.Name)
	}
	return d.end()
}

// number is a tick's value in as few digits as tell it from its neighbours.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*1e9)/1e9, 'g', -1, 64) }

// scale takes values to places.
type scale struct{ low, high, from, to float64 }

func newScale() *scale { return &scale{low: math.Inf(1), high: math.Inf(-1)} }

// take widens the scale so that the values are on it.
func (s *scale) take(values ...float64) {
	for _, v := range values {
		if !math.IsNaN(v) {
			s.low, s.high = min(s.low, v), max(s.high, v)
		}
	}
}

// fit lays it between two places, with so much room at both ends.
func (s *scale) fit(from, to, room float64) {
	if s.low > s.high {
		s.low, s.high = 0, 1
	}
	if s.low == s.high {
		s.low, s.high = s.low-0.5, s.high+0.5
	}
	if to < from {
		room = -room
	}
	s.from, s.to = from+room, to-room
}

func (s *scale) at(v float64) float64 {
	return s.from + (v-s.low)/(s.high-s.low)*(s.to-s.from)
}

// ticks are at most so many round numbers on the scale; whole ones if need be.
func (s *scale) ticks(most int, whole bool) (out []float64) {
	unit := math.Pow(10, math.Floor(math.Log10((s.high-s.low)/float64(most))))
	for _, m := range []float64{1, 2, 5, 10} {
		if unit*m*float64(most) >= s.high-s.low {
			unit *= m
			break
		}
	}
	if whole {
		unit = max(1, math.Ceil(unit))
	}
	for k := math.Ceil(s.low/unit - 1e-9); k*unit <= s.high+unit*1e-9; k++ {
		out = append(out, k*unit)
	}
	return out
}
