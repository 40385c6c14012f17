package training

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"strconv"
	"time"

	"aprm/generator"
	"aprm/prm/disk"
	"aprm/prm/metric"
	"aprm/sidecar/plot"
)

// The files of a run's folder in which its rounds are seen: a table, curves, and scalars for TensorBoard (tensorboard
// --logdir FOLDER).
const (
	roundsTable  = "rounds.csv"
	roundsCurves = "rounds.svg"
	roundsEvents = "events.out.tfevents.0.sidecar"
)

// Round is what a round of a game came to. Shares, probabilities and AUCs are in [0,1], the entropy in nats; NaN
// without examples.
type Round struct {
	Fooling      metric.Figure `json:"fooling"` // mean P(correct) of truly wrong attacks, before R learned from them
	Entropy      metric.Figure `json:"entropy"` // of the policy, mean over kinds of step
	Wrong        metric.Figure `json:"wrong"`   // shares of the usable attacks
	StillCorrect metric.Figure `json:"still_correct"`
	Unknown      metric.Figure `json:"unknown"`
	DetectNat    metric.Figure `json:"detect_natural"`
	DetectSyn    metric.Figure `json:"detect_synthetic"`
	FalseAlarm   metric.Figure `json:"false_alarms"`
	ECE          metric.Figure `json:"ece"`
	AUC          metric.Figure `json:"auc_within_problem"`
}

// Add adds the figures of one of n reports of the same round, so that the sum is their mean.
func (r *Round) Add(g generator.Report, n int) {
	usable := metric.Figure(g.Total.Usable)
	var entropy metric.Figure
	for _, k := range generator.Kinds() {
		entropy += metric.Figure(g.Entropy[k]) / metric.Figure(len(generator.Kinds()))
	}
	for _, f := range []struct {
		to *metric.Figure
		v  metric.Figure
	}{
		{&r.Fooling, g.Total.Fooling}, {&r.Entropy, entropy}, {&r.Wrong, metric.Figure(g.Total.Wrong) / usable},
		{&r.StillCorrect, metric.Figure(g.Total.Right) / usable}, {&r.Unknown, metric.Figure(g.Total.Unknown) / usable},
		{&r.DetectNat, g.HeldOut.DetectNat}, {&r.DetectSyn, g.HeldOut.DetectSyn}, {&r.FalseAlarm, g.HeldOut.FalseAlarm},
		{&r.ECE, g.HeldOut.ECE}, {&r.AUC, g.HeldOut.AUC},
	} {
		*f.to += f.v / metric.Figure(n)
	}
}

// followed are the figures of a round that are followed from round to round; those with a name for people are drawn
// too.
var followed = []struct {
	tag, name string
	of        func(Round) metric.Figure
}{
	{"held_out/detect_natural", "finds the model's own errors", func(r Round) metric.Figure { return r.DetectNat }},
	{"held_out/detect_synthetic", "finds attacks", func(r Round) metric.Figure { return r.DetectSyn }},
	{"held_out/auc_within_problem", "AUC within a problem", func(r Round) metric.Figure { return r.AUC }},
	{"held_out/false_alarms", "false alarms", func(r Round) metric.Figure { return r.FalseAlarm }},
	{"held_out/ece", "calibration error", func(r Round) metric.Figure { return r.ECE }},
	{"attacks/fooling", "P(correct) of wrong attacks", func(r Round) metric.Figure { return r.Fooling }},
	{"attacks/entropy", "", func(r Round) metric.Figure { return r.Entropy }},
	{"attacks/wrong", "", func(r Round) metric.Figure { return r.Wrong }},
	{"attacks/still_correct", "", func(r Round) metric.Figure { return r.StillCorrect }},
	{"attacks/unknown", "", func(r Round) metric.Figure { return r.Unknown }},
}

// Curves draws how rounds went: what R finds on problems kept out of training, and how far it is fooled. Rounds count
// from 1.
func Curves(title string, rounds []Round) plot.Chart {
	c := plot.Chart{Title: title, X: "round", Y: "share, or probability", Range: [2]float64{0, 1}, Whole: true}
	for i, f := range followed {
		if f.name == "" {
			continue
		}
		curve := plot.Curve{Name: f.name, Colour: i}
		for k, r := range rounds {
			curve.Points = append(curve.Points, plot.At(float64(k+1), float64(f.of(r))))
		}
		c.Curves = append(c.Curves, curve)
	}
	return c
}

// table has a line a round; what wasn't measured is empty.
func table(rounds []Round) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{{"round"}}
	for _, f := range followed {
		lines[0] = append(lines[0], f.tag)
	}
	for k, r := range rounds {
		line := []string{strconv.Itoa(k + 1)}
		for _, f := range followed {
			text := ""
			if v := f.of(r); v == v {
				text = strconv.FormatFloat(float64(v), 'g', 6, 64)
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	err := w.WriteAll(lines)
	return b.Bytes(), err
}

// follow writes what rounds came to into a run's folder.
func follow(folder string, reports []generator.Report) error {
	rounds := make([]Round, len(reports))
	for k, g := range reports {
		rounds[k].Add(g, 1)
	}
	lines, err := table(rounds)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		roundsTable:  lines,
		roundsCurves: Curves("Training, round by round", rounds).SVG(),
		roundsEvents: events(rounds, time.Now()),
	} {
		if err := disk.Write(filepath.Join(folder, name), data, disk.Private); err != nil {
			return err
		}
	}
	return nil
}
