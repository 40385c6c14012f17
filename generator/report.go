package generator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"aprm/prm/metric"
	"aprm/prm/step"
)

// Report is what happened in a round. Figures without examples are NaN, null in JSON. Rates are shares in [0,1].
type Report struct {
	Round      int                   `json:"round"`
	Strategies []StrategyReport      `json:"strategies"`
	Total      StrategyReport        `json:"total"`
	RewardR    metric.Figure         `json:"reward_r"` // R's mean reward over the pairs, before it learned
	Policy     map[Kind][]Preference `json:"policy"`   // that the last attacks were drawn from
	Entropy    map[Kind]float64      `json:"entropy"`  // of that policy, nats

	Samples      int `json:"samples"`                  // natural solutions
	SamplesRight int `json:"samples_right"`            // of these, with the right answer
	Untold       int `json:"samples_untold,omitempty"` // of these, cut off, without an answer that can be extracted, or with one that can't be compared with the problem's
	FalseEqs     int `json:"false_equations"`
	Rolled       int `json:"rolled,omitempty"` // attacks that the third layer was asked about

	Learn   LearnReport `json:"learn"`
	Probes  Probes      `json:"probes"`   // over the pairs of all rounds so far
	HeldOut Measured    `json:"held_out"` // after learning, over the held-out problems of all rounds so far

	Examples []Example `json:"examples,omitempty"` // attacks that fooled R, and what it says of them after learning: what it learned most of first, of held-out problems before others

	Failures         []string `json:"failures,omitempty"` // units that failed
	Calls            int      `json:"calls"`              // to the LLM
	PromptTokens     int      `json:"prompt_tokens"`
	CompletionTokens int      `json:"completion_tokens"`
	Minutes          float64  `json:"minutes"`
	Alarms           []string `json:"alarms,omitempty"`
}

// StrategyReport counts the attacks of one strategy, or of all.
type StrategyReport struct {
	Strategy string        `json:"strategy,omitempty"`
	Asked    int           `json:"asked"`
	Usable   int           `json:"usable"` // replies that are a step other than the one attacked
	Wrong    int           `json:"wrong"`
	Right    int           `json:"still_correct"`
	Unknown  int           `json:"unknown"`
	Verbatim int           `json:"verbatim"` // not usable: the step as it was
	Fooling  metric.Figure `json:"fooling"`  // mean P(correct) that R gave the wrong steps
	Fooled   metric.Figure `json:"fooled"`   // share of the wrong steps with P > .5
	Damage   metric.Figure `json:"damage"`   // mean chance that a vote of two prefers the wrong ones

	own               bool // a move of the solver's own
	dry               int  // of Right: own moves that came to nothing wrong
	steps             int  // of Wrong: those whose step is
	sum, above, share float64
}

// Example is a trick as it is reported.
type Example struct {
	Trick
	Question string  `json:"question"`
	Fooled   float64 `json:"fooled"`   // P(correct) when it was played
	Now      float64 `json:"now"`      // after the round, in which R learned from it unless it is held out
	HeldOut  bool    `json:"held_out"` // of a problem that R never learns from
}

// Preference is a strategy's probability.
type Preference struct {
	Strategy string  `json:"strategy"`
	P        float64 `json:"p"`
}

// Measured is R on problems it never learned from. A step counts as detected, or as a false alarm, when P(correct) <
// .5.
type Measured struct {
	Steps      int           `json:"steps"`     // with a sure label
	Natural    int           `json:"natural"`   // wrong steps among them: the solver's own
	Synthetic  int           `json:"synthetic"` // wrong steps among them: attacks
	DetectNat  metric.Figure `json:"detect_natural"`
	DetectSyn  metric.Figure `json:"detect_synthetic"`
	FalseAlarm metric.Figure `json:"false_alarms"` // among correct steps
	ECE        metric.Figure `json:"ece"`          // ten bins
	AUC        metric.Figure `json:"auc_within_problem"`
}

// Thresholds of the alarms. An alarm needs at least enough examples of what it is about.
const (
	enough        = 10
	few           = 4    // enough of one strategy
	tooFooled     = 0.90 // share with P > .5: R takes nearly every wrong step for correct
	tooSafe       = 0.05 // mean P: the adversary hardly ever fools R; in round 0, where R knows nothing, it is .5
	tooManyRight  = 0.30 // of the usable attacks, still correct; of all and of a strategy's
	tooManyDry    = 0.85 // of an own move's, none of whose continuations ended wrong
	tooUnknown    = 0.40 // of the usable attacks, no verdict
	tooUnusable   = 0.40 // of the attacks asked
	narrow        = 0.50 // of the greatest entropy, mean over kinds
	tooSynthetic  = 0.25 // detection of synthetic errors above that of natural ones: R may know the adversary's dialect
	tooAlarmed    = 0.30 // false alarms
	miscalibrated = 0.15 // ECE
	tooWeak       = 0.60 // AUC within a problem
	tooFormal     = 0.65 // AUC of the format probe
)

func figure(v float64) metric.Figure { return metric.Figure(v) }

func newReport(round int, strategies []string) Report {
	r := Report{Round: round, Policy: make(map[Kind][]Preference), Entropy: make(map[Kind]float64)}
	for _, name := range strategies {
		r.Strategies = append(r.Strategies, StrategyReport{Strategy: name})
	}
	return r
}

// drawnFrom takes down the policy of the round's last attacks.
func (r *Report) drawnFrom(policy *Policy) {
	for _, k := range Kinds() {
		for i, p := range policy.Probabilities(k) {
			r.Policy[k] = append(r.Policy[k], Preference{policy.Names[i], p})
		}
		r.Entropy[k] = policy.Entropy(k)
	}
}

// count takes up a natural solution.
func (r *Report) count(s solution) {
	r.Samples++
	if len(s.steps) > 0 && s.steps[0].Value == step.Right {
		r.SamplesRight++
	}
	if s.untold {
		r.Untold++
	}
	for _, l := range s.steps {
		if l.Step == step.Wrong {
			r.FalseEqs++
		}
	}
}

// attacked takes up an attack that R has judged.
func (r *Report) attacked(a *attack) {
	r.Total.count(a)
	for i := range r.Strategies {
		if r.Strategies[i].Strategy == a.arm.Name {
			r.Strategies[i].own = a.arm.Own()
			r.Strategies[i].count(a)
		}
	}
}

func (s *StrategyReport) count(a *attack) {
	s.Asked++
	if a.why != nil {
		if errors.Is(a.why, errVerbatim) {
			s.Verbatim++
		}
		return
	}
	s.Usable++
	switch a.label {
	case step.Right:
		s.Right++
		if a.arm.Own() {
			s.dry++
		}
	case step.Wrong:
		s.Wrong++
		s.share += a.damage
		if a.verdict() != step.Wrong {
			return
		}
		s.steps++
		s.sum += a.p
		if a.p > 0.5 {
			s.above++
		}
	default:
		s.Unknown++
	}
}

// finish works out the rates and the alarms.
func (r *Report) finish() {
	r.Total.finish()
	for i := range r.Strategies {
		r.Strategies[i].finish()
	}
	r.Alarms = r.alarms()
}

func (s *StrategyReport) finish() {
	s.Fooling, s.Fooled = figure(s.sum/float64(s.steps)), figure(s.above/float64(s.steps))
	s.Damage = figure(s.share / float64(s.Wrong))
}

func (r *Report) alarms() []string {
	var out []string
	alarm := func(n int, is bool, format string, args ...any) {
		if n >= enough && is {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	share := func(a, b int) float64 { return float64(a) / float64(b) }
	t, h := r.Total, r.HeldOut
	alarm(t.steps, t.Fooled > tooFooled, "fooled on %.0f %% of the wrong steps (above %.0f %%): R does not see them; play more rounds, or attack more steps in each (--rounds, --attacks)", 100*t.Fooled, 100*tooFooled)
	alarm(t.steps, t.Fooling < tooSafe, "wrong steps get P(correct) %.2f in the mean (below %.2f): the attacks teach nothing; have the adversary try again or slip (--turns, --slip)", t.Fooling, tooSafe)
	alarm(t.Usable, share(t.Right-t.dry, t.Usable) > tooManyRight, "%.0f %% of the attacks are still correct (above %.0f %%): the model hardly spoils a step; a larger one does, or its own slips (--slip)", 100*share(t.Right-t.dry, t.Usable), 100*tooManyRight)
	for _, s := range r.Strategies {
		if s.Usable >= few && !s.own && share(s.Right, s.Usable) > tooManyRight {
			out = append(out, fmt.Sprintf("%.0f %% of %s's attacks are still correct (above %.0f %%)", 100*share(s.Right, s.Usable), s.Strategy, 100*tooManyRight))
		}
	}
	alarm(t.Usable, share(t.Unknown, t.Usable) > tooUnknown, "no verdict on %.0f %% of the attacks (above %.0f %%): worked solutions to the problems decide more, or rollouts (--rollouts)", 100*share(t.Unknown, t.Usable), 100*tooUnknown)
	alarm(t.Asked, share(t.Asked-t.Usable, t.Asked) > tooUnusable, "%.0f %% of the replies are of no use (above %.0f %%): the model doesn't do what the prompts say; an instructed one does, or its own slips (--slip)", 100*share(t.Asked-t.Usable, t.Asked), 100*tooUnusable)
	var mean float64
	for _, k := range Kinds() {
		mean += r.Entropy[k] / float64(len(Kinds()))
	}
	most := math.Log(float64(len(r.Strategies)))
	alarm(t.Asked, mean < narrow*most, "the policy's entropy is %.2f nats of at most %.2f (below half): few tricks are left", mean, most)
	alarm(min(h.Natural, h.Synthetic), h.DetectSyn-h.DetectNat > tooSynthetic, "%.0f %% of synthetic errors are detected, of natural ones %.0f %% (%.0f points apart): learn from more of the model's own, and reword more (--samples, --paraphrases)", 100*h.DetectSyn, 100*h.DetectNat, 100*tooSynthetic)
	alarm(h.Steps-h.Natural-h.Synthetic, h.FalseAlarm > tooAlarmed, "false alarms on %.0f %% of the correct steps (above %.0f %%): learn from more problems (--per-round)", 100*h.FalseAlarm, 100*tooAlarmed)
	alarm(h.Steps, h.ECE > miscalibrated, "calibration error %.2f (above %.2f): scores are no probabilities yet; learn from more problems (--per-round)", h.ECE, miscalibrated)
	alarm(h.Steps, h.AUC < tooWeak, "AUC within a problem %.2f (below %.2f): hardly better than a coin; learn from more problems, or for more rounds", h.AUC, tooWeak)
	alarm(t.Wrong, r.Probes.Format > tooFormal, "the format alone tells wrong steps with AUC %.2f (above %.2f): reword more of the correct ones (--paraphrases)", r.Probes.Format, tooFormal)
	if n := len(r.Failures); n > 0 {
		out = append(out, fmt.Sprintf("%d units failed, the first: %s", n, r.Failures[0]))
	}
	return out
}

// mostExamples are reported of a round.
const mostExamples = 8

// measure scores the held-out steps of all rounds so far, and again the attacks of this one that fooled R.
func (g *Game) measure(ctx context.Context, rep *Report, round int, attacks []*attack) error {
	var steps, all []Labelled
	for r := range round + 1 {
		all = append(all, g.Journal.Rounds(r)...)
	}
	rep.Probes = Probe(all)
	for _, l := range all {
		if l.HeldOut && l.Step != step.Unknown {
			steps = append(steps, l)
		}
	}
	held := len(steps)
	var fooling []*attack
	for _, a := range attacks {
		if a.verdict() == step.Wrong && a.p > 0.5 {
			fooling, steps = append(fooling, a), append(steps, a.labelled(round))
		}
	}
	p, err := g.score(ctx, steps)
	if err != nil {
		return fmt.Errorf("held-out problems: %w", err)
	}
	rep.HeldOut = Measure(steps[:held], p[:held])
	for i, a := range fooling {
		rep.Examples = append(rep.Examples, Example{Trick: a.trick(), Question: a.problem.Question, Fooled: a.p, Now: p[held+i], HeldOut: a.problem.heldOut})
	}
	slices.SortStableFunc(rep.Examples, func(a, b Example) int {
		if a.HeldOut != b.HeldOut {
			if a.HeldOut {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Fooled-b.Now, a.Fooled-a.Now)
	})
	rep.Examples = rep.Examples[:min(len(rep.Examples), mostExamples)]
	return nil
}

// Measure compares R's probabilities with the labels of steps, each Right or Wrong.
func Measure(steps []Labelled, p []float64) Measured {
	m := Measured{Steps: len(steps)}
	right := make([]bool, len(steps))
	problem := make([]string, len(steps))
	var nat, syn, alarms, rights float64
	for i, l := range steps {
		right[i], problem[i] = l.Step == step.Right, l.Prefix.Problem.ID
		low := 0.0
		if p[i] < 0.5 {
			low = 1
		}
		switch {
		case right[i]:
			rights++
			alarms += low
		case l.Source == Natural:
			m.Natural++
			nat += low
		default:
			m.Synthetic++
			syn += low
		}
	}
	m.DetectNat, m.DetectSyn = figure(nat/float64(m.Natural)), figure(syn/float64(m.Synthetic))
	m.FalseAlarm = figure(alarms / rights)
	m.ECE, m.AUC = figure(metric.ECE(p, right, 10)), figure(metric.GroupAUC(p, right, problem))
	return m
}

// Line is the round in one line; people count rounds from 1.
func (r Report) Line() string {
	t, h := r.Total, r.HeldOut
	return fmt.Sprintf("Round %d: %d attacks, %d wrong, %d still correct, %d unknown; fooling %s (%s), damage %s; held out: natural %s, synthetic %s, false alarms %s, ECE %s, AUC %s; %d calls, %d+%d tokens, %.1f min",
		r.Round+1, t.Asked, t.Wrong, t.Right, t.Unknown, t.Fooling.Text("%.2f"), (100 * t.Fooled).Text("%.0f %%"), t.Damage.Text("%.2f"), (100 * h.DetectNat).Text("%.0f %%"),
		(100 * h.DetectSyn).Text("%.0f %%"), (100 * h.FalseAlarm).Text("%.0f %%"), h.ECE.Text("%.2f"), h.AUC.Text("%.2f"),
		r.Calls, r.PromptTokens, r.CompletionTokens, r.Minutes)
}

// String is the round in Markdown: its line, its arms as a table, what is wrong with it, and last its verdict.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| arm | asked | usable | wrong | correct | unknown | fooling | p > .5 | damage |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n", r.Line())
	row := func(name string, s StrategyReport) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %s | %s | %s |\n", name, s.Asked, s.Usable, s.Wrong, s.Right, s.Unknown,
			s.Fooling.Text("%.2f"), (100 * s.Fooled).Text("%.0f %%"), s.Damage.Text("%.2f"))
	}
	for _, s := range r.Strategies {
		row(s.Strategy, s)
	}
	row("all", r.Total)
	fmt.Fprintf(&b, "\n| policy, by kind of step | %s\n|---|", strings.Join(strategyNames(r.Strategies), " | ")+" | entropy, nats |")
	fmt.Fprintln(&b, strings.Repeat("---:|", len(r.Strategies)+1))
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| %s |", k)
		for i := range r.Strategies {
			fmt.Fprintf(&b, " %.3f |", r.Policy[k][i].P)
		}
		fmt.Fprintf(&b, " %.2f |\n", r.Entropy[k])
	}
	fmt.Fprintf(&b, "\nThe greatest entropy is %.2f nats. ", math.Log(float64(len(r.Strategies))))
	fmt.Fprintf(&b, "Natural samples: %d of %d right, %d not told, %d false equations; held out: %d steps, %d natural and %d synthetic errors. ",
		r.SamplesRight, r.Samples, r.Untold, r.FalseEqs, r.HeldOut.Steps, r.HeldOut.Natural, r.HeldOut.Synthetic)
	fmt.Fprintf(&b, "Probes (AUC): the adversary's dialect %s, wrong steps by format alone %s.\n", r.Probes.Dialect.Text("%.2f"), r.Probes.Format.Text("%.2f"))
	for _, a := range r.Alarms {
		fmt.Fprintln(&b, "\nALARM:", a)
	}
	fmt.Fprintf(&b, "\nRound %d: the PRM %s.\n", r.Round+1, r.HeldOut.Verdict())
	return b.String()
}

func strategyNames(of []StrategyReport) (names []string) {
	for _, s := range of {
		names = append(names, s.Strategy)
	}
	return names
}

// Verdict says in words what R does on problems that it never learned from; it follows "the PRM".
func (m Measured) Verdict() string {
	finds := func(n int, f metric.Figure, of string) string {
		if n < enough {
			return fmt.Sprintf("too few of %s to say (%d)", of, n)
		}
		return fmt.Sprintf("%s of %s", tenths(float64(f)), of)
	}
	s := "finds, of problems kept out, " + finds(m.Natural, m.DetectNat, "the model's own errors") + " and " + finds(m.Synthetic, m.DetectSyn, "the attacks")
	if right := m.Steps - m.Natural - m.Synthetic; right >= enough {
		s += fmt.Sprintf(", and takes %s of the correct steps for wrong", tenths(float64(m.FalseAlarm)))
	}
	return s
}

// tenths is a share as people say it.
func tenths(share float64) string {
	switch n := math.Round(10 * share); {
	case share > 0 && share < 0.15: // tenths would say up to twice as much
		return fmt.Sprintf("%.0f of 100", max(1, math.Round(100*share)))
	case n == 0:
		return "none"
	case n == 10 && share == 1:
		return "all"
	case n == 10:
		return fmt.Sprintf("%.0f of 100", min(99, math.Round(100*share)))
	default:
		return fmt.Sprintf("%.0f of 10", n)
	}
}
