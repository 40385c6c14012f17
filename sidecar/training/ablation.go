package training

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"aprm/prm/feature"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
)

// components is how many principal components of a kind of hidden states are weighed: more than a few hundred problems can't tell apart.
const components = 16

// kind is one kind of inputs of whole answers.
type kind struct {
	name string
	of   []train.Numbers
}

// Ablation says what the inputs of whole answers are worth: each alone, and what is left without it.
type Ablation struct {
	Answers  int
	All      train.Worth
	Kinds    []string
	Alone    []train.Worth
	Without  []train.Worth // zero where there is but one kind
	Unasked  int           // answers of which nothing was asked after they were drawn
	Problems int
}

// Ablate weighs the inputs of recorded answers crosswise: symbols, log-probabilities of the steps, the profile of the whole answer's, the runs of programs, and, where the answers
// were examined, P(True) and hidden states. progress is called after each fit, nil for none.
func Ablate(ctx context.Context, answered []dataset.Answered, progress func(done, total int)) (Ablation, error) {
	_, solutions, err := recordedSolutions(ctx, answered)
	if err != nil {
		return Ablation{}, err
	}
	answers, order, _ := grouped(solutions)
	out := Ablation{Answers: len(answers), Problems: len(order)}
	kinds := kindsOf(solutions, answers)
	for _, s := range solutions {
		if s.chance == nil && s.states == nil {
			out.Unasked++
		}
	}
	fits := 2*len(kinds) + 1
	done := 0
	weigh := func(of ...kind) (w train.Worth, err error) {
		var numbers []train.Numbers
		for _, k := range of {
			numbers = append(numbers, k.of...)
		}
		if len(numbers) > 0 {
			w, err = train.Weigh(ctx, answers, numbers...)
		}
		if done++; progress != nil {
			progress(done, fits)
		}
		return w, err
	}
	if out.All, err = weigh(kinds...); err != nil {
		return out, err
	}
	for i, k := range kinds {
		alone, err := weigh(k)
		if err != nil {
			return out, err
		}
		without, err := weigh(slices.Concat(kinds[:i:i], kinds[i+1:])...)
		if err != nil {
			return out, err
		}
		out.Kinds, out.Alone, out.Without = append(out.Kinds, k.name), append(out.Alone, alone), append(out.Without, without)
	}
	return out, nil
}

// kindsOf are the kinds of inputs that the answers have. Beside prose, a program's numbers weigh what they weigh in prose, and something of their own.
func kindsOf(solutions []solution, answers []train.Answer) []kind {
	const steps = feature.NumPooledLogProbs - feature.NumProfile
	numbers := func(of func(i int) []float32) train.Numbers {
		out := make(train.Numbers, len(answers))
		for i := range answers {
			out[i] = of(i)
		}
		return out
	}
	logProbs := func(from, to int) train.Numbers {
		return numbers(func(i int) []float32 {
			if lp := answers[i].Solution.LogProbs; lp != nil {
				return lp[from:to]
			}
			return nil
		})
	}
	program := func(i int) bool { return answers[i].Solution.Program != nil }
	programs := 0
	for i := range answers {
		if program(i) {
			programs++
		}
	}
	var kinds []kind
	add := func(name string, of train.Numbers) {
		if !slices.ContainsFunc(of, func(x []float32) bool { return x != nil }) {
			return
		}
		k := kind{name, []train.Numbers{of}}
		if programs > 0 && programs < len(answers) {
			k.of = append(k.of, numbers(func(i int) []float32 {
				if program(i) {
					return of[i]
				}
				return nil
			}))
		}
		kinds = append(kinds, k)
	}
	add("symbols", numbers(func(i int) []float32 { return answers[i].Solution.Symbols[:] }))
	add("log-probabilities of the steps", logProbs(0, steps))
	add("profile of the answer's", logProbs(steps, feature.NumPooledLogProbs))
	if programs > 0 {
		kinds = append(kinds, kind{"runs of programs", []train.Numbers{numbers(func(i int) []float32 {
			var run [feature.NumProgram]float32 // nothing, of prose
			if program(i) {
				run = answers[i].Solution.Program.Numbers()
			}
			return run[:]
		})}})
	}
	add("P(True)", numbers(func(i int) []float32 {
		if p := solutions[i].chance; p != nil {
			c := max(min(*p, 1-1e-4), 1e-4)
			return []float32{float32(math.Log(c / (1 - c)))}
		}
		return nil
	}))
	names := map[string]bool{}
	for _, s := range solutions {
		for name := range s.states {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		states := numbers(func(i int) []float32 { return solutions[i].states[name] })
		add("hidden states: "+name, train.Components(answers, states, components))
	}
	return kinds
}

// String is a table.
func (a Ablation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d answers to %d problems, linear heads, crosswise; nats are gained in a vote over one without logits, %.3f of them by chance; points of accuracy [95 %%] over majority\n\n",
		a.Answers, a.Problems, a.All.Vote.Margin)
	b.WriteString("| inputs | alone: AUC within a problem | nats |")
	for _, n := range train.VoteSizes {
		fmt.Fprintf(&b, " vote of %d |", n)
	}
	b.WriteString(" left out: AUC | nats |")
	for _, n := range train.VoteSizes {
		fmt.Fprintf(&b, " vote of %d |", n)
	}
	b.WriteString("\n|---" + strings.Repeat("|---:", 2*(2+len(train.VoteSizes))) + "|\n")
	cells := func(w train.Worth) string {
		s := fmt.Sprintf(" %.3f | %+.3f |", w.AUC, w.Vote.Nats)
		for _, g := range w.Gains {
			if math.IsNaN(g.Mean) {
				s += " |" // no problem has so many answers
				continue
			}
			s += fmt.Sprintf(" %+.1f [%+.1f, %+.1f] |", 100*g.Mean, 100*g.Low, 100*g.High)
		}
		return s
	}
	nothing := strings.Repeat(" |", 2+len(train.VoteSizes))
	fmt.Fprintf(&b, "| all |%s%s\n", cells(a.All), nothing)
	for i, name := range a.Kinds {
		without := nothing
		if len(a.Kinds) > 1 {
			without = cells(a.Without[i])
		}
		fmt.Fprintf(&b, "| %s |%s%s\n", name, cells(a.Alone[i]), without)
	}
	if a.Unasked > 0 {
		fmt.Fprintf(&b, "\nOf %d answers neither P(True) nor hidden states are known: sidecar examine asks for them.\n", a.Unasked)
	}
	return b.String()
}
