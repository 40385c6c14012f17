package experiment

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"aprm/generator"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/eval"
	"aprm/sidecar/training"
)

// Report is what an experiment found. Intervals are 95 %, by bootstrap over problems and seeds at once; differences are
// paired.
type Report struct {
	Title     string      `json:"title"`
	Model     string      `json:"model"`
	Server    string      `json:"server"`
	Seeds     []int64     `json:"seeds"`
	Sizes     []int       `json:"sizes"`
	Votes     int         `json:"votes"`               // of so many, on the development problems
	Game      string      `json:"game,omitempty"`      // the PRM that is compared with the strongest
	Strongest string      `json:"strongest,omitempty"` // of the fixed ones, on the development problems
	Trials    []Trial     `json:"trials"`
	Sets      []Set       `json:"sets"`
	Attacks   []AttackSet `json:"attacks,omitempty"`
	Labels    []LabelRow  `json:"labels,omitempty"` // of each PRM's first seed
	PRMs      []Training  `json:"prms"`

	strongest float64
}

// Trial is a setting tried on the development problems, by a weighted vote.
type Trial struct {
	PRM       string          `json:"prm"`
	Trial     int             `json:"trial"`
	Aggregate prm.Aggregation `json:"aggregate"`
	Accuracy  metric.Interval `json:"accuracy"`
	Gain      metric.Interval `json:"gain"` // over a majority of as many
	Chosen    bool            `json:"chosen"`
}

// Set is what was found on a set of test problems.
type Set struct {
	Name     string `json:"name"`
	Problems int    `json:"problems"`
	Rows     []Row  `json:"rows"`

	Untold  *eval.Untold `json:"untold,omitempty"` // of the pool that all choose from
	Answers []AnswerRow  `json:"answers,omitempty"`
	Steps   []StepRow    `json:"steps,omitempty"`

	baselines eval.Report
	measured  []measured
	truth     []step.Judged
}

// measured is a PRM's results on a set, by seed.
type measured struct {
	prm    PRM
	votes  []eval.Report
	guided []eval.Report
	scores [][][]float64 // by seed, solution and step
}

// Row is a method with a PRM, or a baseline without one.
type Row struct {
	PRM         string           `json:"prm,omitempty"`
	Method      string           `json:"method"`
	N           int              `json:"n"`
	Problems    int              `json:"problems"`
	Accuracy    metric.Interval  `json:"accuracy"`
	VsMajority  metric.Interval  `json:"vs_majority"`            // of as many candidates
	VsStrongest *metric.Interval `json:"vs_strongest,omitempty"` // the same method with the strongest fixed PRM
	Untold      metric.Figure    `json:"untold"`                 // share of problems on which it can't be told, and counts as wrong; NaN where an older build measured
	Tokens      float64          `json:"tokens"`                 // generated, mean over problems

	// Over seeds alone, by Student's t, where there are several: how much is luck of training.
	MajoritySeeds  *metric.Interval `json:"vs_majority_seeds,omitempty"`
	StrongestSeeds *metric.Interval `json:"vs_strongest_seeds,omitempty"`
}

// AnswerRow is how a PRM orders whole answers: the chance that of a right and a wrong one to the same problem it thinks
// the right one better. Intervals are over seeds, by Student's t.
type AnswerRow struct {
	PRM         string           `json:"prm"`
	AUC         metric.Interval  `json:"auc_within_problem"`
	VsStrongest *metric.Interval `json:"vs_strongest,omitempty"`
}

// StepRow is how a PRM finds the first wrong steps of natural solutions.
type StepRow struct {
	PRM         string           `json:"prm"`
	Solutions   int              `json:"solutions"` // with a right step before the wrong one
	InTrace     metric.Interval  `json:"auc_within_trace"`
	AtPosition  metric.Interval  `json:"auc_at_position"`        // first seed
	VsStrongest *metric.Interval `json:"vs_strongest,omitempty"` // AUC within a trace
}

// Training is what training a PRM took, and what the game came to.
type Training struct {
	PRM    string        `json:"prm"`
	About  string        `json:"about"`
	Trial  int           `json:"trial"`
	Right  metric.Figure `json:"right"` // steps fitted to in the last round, and prefixes labelled by outcome: means over seeds
	Wrong  metric.Figure `json:"wrong"`
	Values metric.Figure `json:"values"`
	Calls  metric.Figure `json:"llm_calls"`
	Prompt metric.Figure `json:"prompt_tokens"`
	Tokens metric.Figure `json:"completion_tokens"`
	LLM    metric.Figure `json:"llm_minutes"` // of the runs that were not cut off, whose time is known; NaN without any
	Own    metric.Figure `json:"own_minutes"` // all that is not the LLM's

	Worth  []Worth          `json:"worth"`            // after each round; first seed
	Rounds []training.Round `json:"rounds"`           // means over seeds
	Caught [][]float64      `json:"caught,omitempty"` // [r][t]: share of round t's held-out attacks that R of round r calls wrong; first seed
}

// Worth is what a PRM has cost after a round, and what it is worth by then: a weighted vote's gain over a plain one on
// the development problems.
type Worth struct {
	Tokens  int             `json:"completion_tokens"`
	Minutes metric.Figure   `json:"minutes"` // of the LLM and of all else, shared out among the rounds by tokens; NaN of a run that was cut off
	Gain    metric.Interval `json:"gain"`
}

const draws = 2000

// compare works out the rows of every set.
func (r *Report) compare() {
	for k := range r.Sets {
		s := &r.Sets[k]
		at := func(name string) *measured {
			if i := slices.IndexFunc(s.measured, func(m measured) bool { return m.prm.Name == name }); i >= 0 {
				return &s.measured[i]
			}
			return nil
		}
		for _, row := range s.baselines.Rows {
			s.Rows = append(s.Rows, Row{Method: row.Method, N: row.N, Problems: len(row.Outcomes), Accuracy: row.Accuracy, VsMajority: row.VsMajority, Untold: untold([]eval.Report{s.baselines}, row.Method), Tokens: row.Tokens})
		}
		s.Untold = s.baselines.Untold
		strongest := at(r.Strongest)
		for _, m := range s.measured {
			var rival *measured
			if m.prm.Name == r.Game {
				rival = strongest
			}
			for _, reports := range [][]eval.Report{m.votes, m.guided} {
				if len(reports) == 0 {
					continue
				}
				for _, row := range reports[0].Rows {
					if !strings.HasPrefix(row.Method, "best-of") && !strings.HasPrefix(row.Method, "weighted") && !strings.HasPrefix(row.Method, "guided") {
						continue
					}
					s.Rows = append(s.Rows, r.row(m.prm.Name, row.Method, reports, rival))
				}
			}
			if m.prm.Name != perfect && len(m.votes) > 0 {
				s.Answers = append(s.Answers, answerRow(m, rival))
			}
			if len(m.scores) > 0 {
				s.Steps = append(s.Steps, r.stepRow(m, s.truth, rival))
			}
		}
	}
}

// outcomes returns what a method made of each problem, by seed; nil when it wasn't measured.
func outcomes(reports []eval.Report, method string) [][]float64 {
	var out [][]float64
	for _, r := range reports {
		i := slices.IndexFunc(r.Rows, func(row eval.Row) bool { return row.Method == method })
		if i < 0 {
			return nil
		}
		var of []float64
		for _, o := range r.Rows[i].Outcomes {
			of = append(of, o.Correct)
		}
		out = append(out, of)
	}
	return out
}

// untold is a method's share of problems on which it can't be told, mean over seeds.
func untold(reports []eval.Report, method string) metric.Figure {
	sum := metric.Figure(0)
	for _, r := range reports {
		if r.Untold == nil {
			return metric.Figure(math.NaN())
		}
		sum += metric.Figure(r.Rows[slices.IndexFunc(r.Rows, func(row eval.Row) bool { return row.Method == method })].Untold)
	}
	return sum / metric.Figure(len(reports))
}

func (r *Report) row(name, method string, reports []eval.Report, rival *measured) Row {
	first := reports[0].Rows[slices.IndexFunc(reports[0].Rows, func(row eval.Row) bool { return row.Method == method })]
	ours := outcomes(reports, method)
	majority := outcomes(reports, fmt.Sprintf("majority-%d", first.N))
	row := Row{PRM: name, Method: method, N: first.N, Problems: len(ours[0]),
		Accuracy:   overBoth(ours, func(seed, i int) float64 { return ours[seed][i] }),
		VsMajority: overBoth(ours, func(seed, i int) float64 { return ours[seed][i] - majority[seed][i] }), Untold: untold(reports, method)}
	row.MajoritySeeds = overSeeds(ours, majority)
	for _, report := range reports {
		row.Tokens += report.Rows[slices.IndexFunc(report.Rows, func(row eval.Row) bool { return row.Method == method })].Tokens / float64(len(reports))
	}
	if rival != nil {
		theirs := outcomes(rival.votes, method)
		if theirs == nil {
			theirs = outcomes(rival.guided, method)
		}
		if theirs != nil {
			d := overBoth(ours[:min(len(ours), len(theirs))], func(seed, i int) float64 { return ours[seed][i] - theirs[seed][i] })
			row.VsStrongest, row.StrongestSeeds = &d, overSeeds(ours, theirs)
		}
	}
	return row
}

// overSeeds is the mean gain of what one had over what the other had with the same seed; nil of a single seed.
func overSeeds(ours, theirs [][]float64) *metric.Interval {
	n := min(len(ours), len(theirs))
	if n < 2 {
		return nil
	}
	gains := make([]float64, n)
	for seed := range gains {
		gains[seed] = stat.Mean(ours[seed], nil) - stat.Mean(theirs[seed], nil)
	}
	out := metric.StudentT(gains)
	return &out
}

func answerRow(m measured, rival *measured) AnswerRow {
	aucs := func(m measured) (out []float64) {
		for _, v := range m.votes {
			out = append(out, v.AUC.Mean)
		}
		return out
	}
	ours := aucs(m)
	row := AnswerRow{PRM: m.prm.Name, AUC: metric.StudentT(ours)}
	if rival != nil {
		theirs := aucs(*rival)
		n := min(len(ours), len(theirs))
		d := metric.StudentT(floats.SubTo(make([]float64, n), ours[:n], theirs[:n]))
		row.VsStrongest = &d
	}
	return row
}

// overBoth is a mean over seeds and problems, with an interval by resampling both.
func overBoth(like [][]float64, of func(seed, i int) float64) metric.Interval {
	return metric.BootstrapOver(1, []int{len(like[0]), len(like)}, draws, func(idx [][]int) float64 {
		sum := 0.0
		for _, seed := range idx[1] {
			for _, i := range idx[0] {
				sum += of(seed, i)
			}
		}
		return sum / float64(len(idx[0])*len(idx[1]))
	})
}

// stepRow has intervals over solutions and seeds: pairs of a solution's first wrong step and a right one before it, as
// metric.GroupAUC counts them.
func (r *Report) stepRow(m measured, solutions []step.Judged, rival *measured) StepRow {
	type tally struct{ won, pairs float64 }
	within := func(scores [][][]float64) [][]tally { // by seed and solution
		out := make([][]tally, len(scores))
		for seed, of := range scores {
			for i, s := range solutions {
				var t tally
				for j := range max(s.FirstWrong, 0) {
					t.pairs++
					switch a, b := of[i][j], of[i][s.FirstWrong]; {
					case a > b:
						t.won++
					case a == b:
						t.won += 0.5
					}
				}
				out[seed] = append(out[seed], t)
			}
		}
		return out
	}
	ours := within(m.scores)
	mean := func(won func(seed, i int) float64) metric.Interval {
		return metric.BootstrapOver(1, []int{len(solutions), len(ours)}, draws, func(idx [][]int) float64 {
			sum, n := 0.0, 0.0
			for _, seed := range idx[1] {
				for _, i := range idx[0] {
					sum, n = sum+won(seed, i), n+ours[seed][i].pairs
				}
			}
			return sum / n
		})
	}
	row := StepRow{PRM: m.prm.Name, InTrace: mean(func(seed, i int) float64 { return ours[seed][i].won }),
		AtPosition: eval.CompareSteps("", solutions, m.scores[0], 1, 200).AtPosition}
	for _, t := range ours[0] {
		if t.pairs > 0 {
			row.Solutions++
		}
	}
	if rival != nil {
		theirs := within(rival.scores)
		ours = ours[:min(len(ours), len(theirs))]
		d := mean(func(seed, i int) float64 { return ours[seed][i].won - theirs[seed][i].won })
		row.VsStrongest = &d
	}
	return row
}

// rounds tells what training a choice's PRMs took and how the game went.
func (s *study) rounds(ctx context.Context, c choice) (Training, error) {
	out := Training{PRM: c.prm.Name, About: c.prm.About, Trial: c.trial}
	seeds := s.plan.seeds(c.prm)
	n, timed := metric.Figure(len(seeds)), metric.Figure(0)
	for _, seed := range seeds {
		m, cost, err := s.model(ctx, unit{c.prm, c.trial, seed})
		if err != nil {
			return out, err
		}
		learned := m.Header().Trained
		out.Right += metric.Figure(learned.Right) / n
		out.Wrong += metric.Figure(learned.Wrong) / n
		out.Values += metric.Figure(learned.Values) / n
		if !cost.Resumed {
			timed++
			out.LLM += metric.Figure(cost.LLM.Minutes())
			out.Own += metric.Figure(cost.Own.Minutes())
		}
		for k, g := range cost.Game {
			out.Calls += metric.Figure(g.Calls) / n
			out.Prompt += metric.Figure(g.PromptTokens) / n
			out.Tokens += metric.Figure(g.CompletionTokens) / n
			if k == len(out.Rounds) {
				out.Rounds = append(out.Rounds, training.Round{})
			}
			out.Rounds[k].Add(g, len(seeds))
		}
	}
	out.LLM, out.Own = out.LLM/timed, out.Own/timed
	first := unit{c.prm, c.trial, s.plan.Seeds[0]}
	var err error
	if out.Worth, err = s.worth(ctx, first); err != nil {
		return out, err
	}
	if len(out.Rounds) > 1 {
		out.Caught, err = s.caught(ctx, first, len(out.Rounds))
		return out, err
	}
	return out, nil
}

// worth measures the PRM of each round of a unit on the development problems, and at last the one that the run came to.
func (s *study) worth(ctx context.Context, u unit) ([]Worth, error) {
	final, cost, err := s.model(ctx, u)
	if err != nil {
		return nil, err
	}
	all := 0
	for _, g := range cost.Game {
		all += g.CompletionTokens
	}
	var out []Worth
	tokens := 0
	for k, g := range cost.Game {
		tokens += g.CompletionTokens
		m := final
		if k < len(cost.Game)-1 {
			if m, err = prm.Load(training.RoundPath(s.folder(u), k)); err != nil {
				return nil, err
			}
		}
		w := Worth{Tokens: tokens, Minutes: metric.Figure((cost.LLM + cost.Own).Minutes() * float64(tokens) / float64(all))}
		if cost.Resumed {
			w.Minutes = metric.Figure(math.NaN())
		}
		r, err := s.measureModel(ctx, m, fmt.Sprintf("%s after round %d, seed %d", u.prm.Name, k+1, u.seed), s.dev, "dev", prm.Min, []int{s.votes()}, []string{decode.WeightedVote})
		if err != nil {
			return nil, err
		}
		w.Gain = r.Rows[slices.IndexFunc(r.Rows, func(r eval.Row) bool { return r.Method == fmt.Sprintf("weighted-vote-%d", s.votes()) })].VsMajority
		out = append(out, w)
	}
	return out, nil
}

// caught holds R of each round against the attacks of each round on problems that none of them learned from.
func (s *study) caught(ctx context.Context, u unit, rounds int) ([][]float64, error) {
	folder := s.folder(u)
	steps, err := generator.ReadLabelled(filepath.Join(folder, training.StepsFile))
	if err != nil {
		return nil, err
	}
	e := s.engine.Bare()
	out := make([][]float64, rounds)
	for r := range rounds {
		m, err := prm.Load(training.RoundPath(folder, r))
		if err != nil {
			return nil, err
		}
		if err := e.Use(m); err != nil {
			return nil, err
		}
		found, all := make([]float64, rounds), make([]float64, rounds)
		for _, l := range steps {
			if l.Source != generator.Attack || l.Step != step.Wrong || !l.HeldOut {
				continue
			}
			scores, _, err := e.Judge(ctx, l.Trace(), nil)
			if err != nil {
				return nil, err
			}
			all[l.Round]++
			if scores[len(scores)-1].Step < 0.5 {
				found[l.Round]++
			}
		}
		for t := range rounds {
			if all[t] == 0 {
				return nil, nil // a round without attacks on held-out problems: there is no table
			}
			out[r] = append(out[r], found[t]/all[t])
		}
	}
	return out, nil
}

// write writes results.json, results.csv, report.md and the plots.
func (r Report) write(folder string) error {
	if err := dataset.WriteJSON(filepath.Join(folder, "results.json"), r, disk.Public); err != nil {
		return err
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	lines := [][]string{{"set", "prm", "method", "n", "problems", "accuracy", "low", "high", "vs_majority", "low", "high", "vs_strongest", "low", "high", "untold", "tokens"}}
	for _, s := range r.Sets {
		for _, row := range s.Rows {
			line := []string{s.Name, row.PRM, row.Method, fmt.Sprint(row.N), fmt.Sprint(row.Problems)}
			line = append(append(line, cells(&row.Accuracy)...), cells(&row.VsMajority)...)
			lines = append(lines, append(append(line, cells(row.VsStrongest)...), row.Untold.Text("%.4f"), fmt.Sprintf("%.1f", row.Tokens)))
		}
	}
	if err := w.WriteAll(lines); err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(folder, "results.csv"), []byte(b.String()), disk.Public); err != nil {
		return err
	}
	plots, err := r.plots(folder)
	if err != nil {
		return err
	}
	return disk.Write(filepath.Join(folder, "report.md"), []byte(r.markdown(plots)), disk.Public)
}

func cells(i *metric.Interval) []string {
	if i == nil {
		return []string{"", "", ""}
	}
	return []string{fmt.Sprintf("%.4f", i.Mean), fmt.Sprintf("%.4f", i.Low), fmt.Sprintf("%.4f", i.High)}
}
