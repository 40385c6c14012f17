package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"aprm/prm/metric"
)

// markdown is the report for people, with the plots of these names.
func (r Report) markdown(plots []string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# %s\n\nModel: %s (%s). Seeds of training: %s. Intervals are 95 %%, by bootstrap over problems, and over seeds at once where a PRM has several; differences are paired.\n",
		r.Title, r.Model, r.Server, strings.Trim(fmt.Sprint(r.Seeds), "[]"))
	if r.Strongest != "" && r.Game != "" {
		p("Of the PRMs on fixed data, **%s** did best on the development problems; the column \"against %s\" has the gains of **%s** over it, by the same method.\n", r.Strongest, r.Strongest, r.Game)
	}
	for _, s := range r.Sets {
		if len(s.Rows) == 0 {
			p("\n## %s\n", s.Name)
		} else {
			p("\n## %s, %d problems\n\n| PRM | method | problems | correct | not told | against a majority of as many | against %s | tokens |\n|---|---|---:|---|---:|---|---|---:|\n", s.Name, s.Problems, or(r.Strongest, "the strongest fixed PRM"))
		}
		for _, row := range s.Rows {
			p("| %s | %s | %d | %s | %s | %s | %s | %.0f |\n", or(row.PRM, "–"), row.Method, row.Problems, share(&row.Accuracy), (100 * row.Untold).Text("%.1f %%"), gain(&row.VsMajority), gain(row.VsStrongest), row.Tokens)
		}
		if len(s.Rows) > 0 {
			p("\n%s\n", s.Untold)
		}
		s.overSeeds(p, r)
		if len(s.Steps) == 0 || s.Steps[0].Solutions == 0 {
			continue
		}
		p("\nFirst wrong steps, of %d solutions with right steps before them (AUC of the wrong one against those; at the same position: the first seed alone, against right steps of other solutions):\n\n", s.Steps[0].Solutions)
		p("| PRM | AUC within a trace | AUC at the same position | against %s |\n|---|---|---|---|\n", or(r.Strongest, "the strongest fixed PRM"))
		for _, row := range s.Steps {
			p("| %s | %s | %s | %s |\n", row.PRM, auc("%.3f", &row.InTrace), auc("%.3f", &row.AtPosition), auc("%+.3f", row.VsStrongest))
		}
	}
	for _, a := range r.Attacks {
		p("\n## %s\n\n%d pairs of a correct step and a truly wrong attack on it.\n\n| PRM | wrong one scores lower | wrong ones below 1/2 | correct ones not below 1/2 |\n|---|---|---|---|\n", a.Name, a.Pairs)
		for _, row := range a.Rows {
			p("| %s | %s | %s | %s |\n", row.PRM, share(&row.Ranked), share(&row.Caught), share(&row.Passed))
		}
	}
	for _, name := range plots {
		p("\n![%s](%s)\n", strings.TrimSuffix(name, ".svg"), name)
	}
	p("\n## What training took (means over seeds)\n\nRight, wrong and outcome labels are those that the last round's fit was made to, four in five of all. The LLM's minutes count what was answered from memory, because another PRM had asked it, as if it had been asked again; of runs that were all cut off and gone on with they aren't known (–).\n\n")
	p("| PRM | | right | wrong | outcomes | LLM calls | tokens read | tokens generated | minutes of the LLM | of all else | which is |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, t := range r.PRMs {
		p("| %s | %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %s | %s | %s |\n", t.PRM, t.About, t.Right, t.Wrong, t.Values, t.Calls, t.Prompt, t.Tokens, t.LLM.Text("%.1f"), t.Own.Text("%.1f"), percent(t.Own/t.LLM))
	}
	p("\n## What it takes to a PRM worth using\n\nA weighted vote of %d against a plain one on the development problems, by the PRM of each round; the minutes are shared out among the rounds by tokens (seed %d; – of a run that was cut off). A PRM is worth using from where the interval lies above 0.\n\n| PRM | after round | tokens generated | minutes | gain | |\n|---|---:|---:|---:|---|---|\n", r.Votes, r.Seeds[0])
	for _, t := range r.PRMs {
		for i, w := range t.Worth {
			p("| %s | %d | %d | %s | %s | %s |\n", t.PRM, i+1, w.Tokens, w.Minutes.Text("%.1f"), gain(&w.Gain), map[bool]string{true: "worth using"}[w.Gain.Low > 0])
		}
	}
	for _, t := range r.PRMs {
		if len(t.Rounds) < 2 {
			continue
		}
		p("\n## The game of %s, round by round\n\nFooling is the mean P(correct) that R gave truly wrong attacks before it learned from them; what R finds is on problems kept out of training.\n\n", t.PRM)
		p("| round | fooling | policy entropy | wrong | still correct | unknown | finds natural errors | finds attacks | false alarms | ECE | AUC within a problem |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
		for i, round := range t.Rounds {
			p("| %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", i+1, round.Fooling.Text("%.2f"), round.Entropy.Text("%.2f"), percent(round.Wrong), percent(round.StillCorrect),
				percent(round.Unknown), percent(round.DetectNat), percent(round.DetectSyn), percent(round.FalseAlarm), round.ECE.Text("%.2f"), round.AUC.Text("%.2f"))
		}
		if len(t.Caught) == 0 {
			continue
		}
		p("\nShare of a round's attacks, on problems kept out of training, that R of a round calls wrong (seed %d):\n\n| R after round |", r.Seeds[0])
		for i := range t.Caught {
			p(" attacks of round %d |", i+1)
		}
		p("\n|---|%s\n", strings.Repeat("---:|", len(t.Caught)))
		for i, row := range t.Caught {
			p("| %d |", i+1)
			for _, v := range row {
				p(" %.0f %% |", 100*v)
			}
			p("\n")
		}
	}
	if len(r.Labels) > 0 {
		p("\n## Labels, against the toy world's exact truth (seed %d)\n\nWhat follows a wrong step is neither right nor wrong: it counts only where it is called right, which is a mistake, or states a false equation.\n\n| PRM | of | ground | called right | of these right | called wrong | of these wrong | left open | of these wrong |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n", r.Seeds[0])
		of := func(part, all int) string { return percent(metric.Figure(part) / metric.Figure(all)) }
		for _, l := range r.Labels {
			p("| %s | %s | %s | %d | %s | %d | %s | %d | %s |\n", l.PRM, l.Source, l.Ground, l.Right, of(l.TrulyRight, l.Right), l.Wrong, of(l.TrulyWrong, l.Wrong), l.Open, of(l.OpenWrong, l.Open))
		}
	}
	p("\n## Trials, on the development problems\n\nEach by a weighted vote, with the first seed.\n\n| PRM | trial | scores aggregated by | correct | against majority | |\n|---|---:|---|---|---|---|\n")
	for _, t := range r.Trials {
		p("| %s | %d | %s | %s | %s | %s |\n", t.PRM, t.Trial+1, t.Aggregate, share(&t.Accuracy), gain(&t.Gain), map[bool]string{true: "chosen"}[t.Chosen])
	}
	return b.String()
}

// overSeeds has what the seeds of training come to, by the votes of the greatest size.
func (s Set) overSeeds(p func(format string, args ...any), r Report) {
	rival := or(r.Strongest, "the strongest fixed PRM")
	if len(s.Answers) > 0 {
		p("\nWhole answers: the chance that of a right and a wrong one to the same problem the right one is thought the better (AUC; intervals over seeds, Student's t).\n\n| PRM | AUC within a problem | against %s |\n|---|---|---|\n", rival)
	}
	for _, a := range s.Answers {
		p("| %s | %s | %s |\n", a.PRM, auc("%.3f", &a.AUC), auc("%+.3f", a.VsStrongest))
	}
	if len(r.Seeds) < 2 || len(s.Rows) == 0 {
		return
	}
	p("\nOver the %d seeds of training alone (Student's t; the problems stay):\n\n| PRM | method | against a majority of as many | against %s |\n|---|---|---|---|\n", len(r.Seeds), rival)
	for _, row := range s.Rows {
		if row.MajoritySeeds != nil && row.N == slices.Max(r.Sizes) {
			p("| %s | %s | %s | %s |\n", row.PRM, row.Method, gain(row.MajoritySeeds), gain(row.StrongestSeeds))
		}
	}
}

// auc writes an AUC or a difference of two, "–" for none, without what isn't known of the interval.
func auc(format string, i *metric.Interval) string {
	switch {
	case i == nil:
		return "–"
	case math.IsNaN(i.Low):
		return fmt.Sprintf(format, i.Mean)
	}
	return fmt.Sprintf(format+" ["+format+", "+format+"]", i.Mean, i.Low, i.High)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func share(i *metric.Interval) string {
	return fmt.Sprintf("%.1f %% [%.1f, %.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
}

func gain(i *metric.Interval) string {
	if i == nil {
		return ""
	}
	return fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*i.Mean, 100*i.Low, 100*i.High)
}

func percent(f metric.Figure) string { return (100 * f).Text("%.0f %%") }
