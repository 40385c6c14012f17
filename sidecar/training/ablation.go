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
)

// components is how many principal components of a kind of hidden states are weighed: more than a few hundred problems
// can't tell apart.
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

// UnlikeError is of recorded answers that can't be held against each other.
type UnlikeError struct{ error }

func (e UnlikeError) Unwrap() error { return e.error }

// Ablate weighs the inputs of recorded answers crosswise: symbols, log-probabilities of the steps, the profile of the
// whole answer's, the runs of programs, what a step head says of the steps, and, where the answers were examined,
// P(True) and hidden states; and beside these, where there is the folder of a run of the game with the same LLM, what
// the corruptions that it was sure of teach, and those by rule (Attacks). progress is called after each fit, nil for
// none.
func (t Solutions) Ablate(ctx context.Context, run string, progress func(done, total int)) (Ablation, error) {
	llm, solutions, err := recordedSolutions(ctx, t.Answered)
	if err != nil {
		return Ablation{}, err
	}
	answers, order, _ := grouped(solutions, nil)
	out := Ablation{Answers: len(answers), Problems: len(order)}
	for _, s := range solutions {
		if s.chance == nil && s.states == nil {
			out.Unasked++
		}
	}
	var corrupted train.Beside
	drawn := len(answers)
	contrasts := t.Attacks.on(ctx, solutions, t.Head.Seed)
	if run != "" {
		of, err := contrastsOf(run, llm)
		if err != nil {
			return out, err
		}
		contrasts = append(contrasts, of...)
	}
	for _, c := range contrasts {
		n := len(answers)
		answers = append(answers, train.Answer{Solution: c.Better, Problem: c.Problem, Group: -1}, train.Answer{Solution: c.Worse, Problem: c.Problem, Group: -1})
		corrupted.Pairs = append(corrupted.Pairs, [2]int{n, n + 1})
	}
	corrupted.Weights = contrastWeights[1:]
	kinds, err := t.kindsOf(ctx, solutions, answers)
	if err != nil {
		return out, err
	}
	rows := rowsOf(kinds)
	fits := 2*len(rows) + 1
	if len(corrupted.Pairs) > 0 {
		fits += 2
	}
	done := 0
	weigh := func(beside train.Beside, of ...kind) (w train.Worth, err error) {
		among := answers
		if len(beside.Pairs) == 0 {
			among = answers[:drawn]
		}
		var numbers []train.Numbers
		for _, k := range of {
			for _, n := range k.of {
				numbers = append(numbers, n[:len(among)])
			}
		}
		if len(numbers) > 0 {
			w, err = train.Weigh(ctx, among, beside, numbers...)
		}
		if done++; progress != nil {
			progress(done, fits)
		}
		return w, err
	}
	if out.All, err = weigh(corrupted, kinds...); err != nil {
		return out, err
	}
	row := func(name string, alone, without func() (train.Worth, error)) error {
		a, err := alone()
		if err != nil {
			return err
		}
		w, err := without()
		out.Kinds, out.Alone, out.Without = append(out.Kinds, name), append(out.Alone, a), append(out.Without, w)
		return err
	}
	for _, r := range rows {
		with, rest := r.split(kinds)
		err := row(r.name, func() (train.Worth, error) { return weigh(train.Beside{}, with...) }, func() (train.Worth, error) { return weigh(corrupted, rest...) })
		if err != nil {
			return out, err
		}
	}
	if len(corrupted.Pairs) == 0 {
		return out, nil
	}
	alone := corrupted
	alone.Alone, alone.Weights = true, []float64{1}
	err = row(fmt.Sprintf("corruptions (%d)", len(corrupted.Pairs)), func() (train.Worth, error) { return weigh(alone, kinds...) },
		func() (train.Worth, error) { return weigh(train.Beside{}, kinds...) })
	return out, err
}

// together is what several kinds of inputs are together.
type together struct {
	name string
	of   []string
}

// rowsOf are the kinds, each by itself, and hidden states together too: what is left without one way of pooling them,
// another has.
func rowsOf(kinds []kind) (rows []together) {
	states := together{name: "hidden states together"}
	for _, k := range kinds {
		rows = append(rows, together{k.name, []string{k.name}})
		if strings.HasPrefix(k.name, hiddenStates) {
			states.of = append(states.of, k.name)
		}
	}
	if len(states.of) > 1 {
		rows = append(rows, states)
	}
	return rows
}

// split are those of kinds that are meant, and the others.
func (t together) split(kinds []kind) (with, rest []kind) {
	for _, k := range kinds {
		if slices.Contains(t.of, k.name) {
			with = append(with, k)
		} else {
			rest = append(rest, k)
		}
	}
	return with, rest
}

// hiddenStates begins the names of their kinds.
const hiddenStates = "hidden states: "

// contrastsOf are the corruptions of a run of the game with an LLM.
func contrastsOf(run, llm string) ([]train.Contrast, error) {
	played, err := playedWith(run)
	if err != nil {
		return nil, err
	}
	if played != llm {
		return nil, UnlikeError{fmt.Errorf("the game in %s was played with %s, the recorded answers are of %s", run, played, llm)}
	}
	_, contrasts, err := natural(run)
	if err != nil {
		return nil, FolderError{err}
	}
	if len(contrasts) == 0 {
		return nil, FolderError{fmt.Errorf("%s: the game found no corruption that it was sure of", run)}
	}
	return contrasts, nil
}

// kindsOf are the kinds of inputs that the answers have, solutions first among them. Beside prose, a program's numbers
// weigh what they weigh in prose, and something of their own.
func (t Solutions) kindsOf(ctx context.Context, solutions []solution, answers []train.Answer) ([]kind, error) {
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
	judged, err := train.Crosswise(ctx, examplesOf(solutions), t.PRM)
	if err != nil {
		return nil, err
	}
	add("logits of the step and the value head", append(judged, make(train.Numbers, len(answers)-len(solutions))...))
	add("P(True)", numbers(func(i int) []float32 {
		if i >= len(solutions) || solutions[i].chance == nil {
			return nil
		}
		c := max(min(*solutions[i].chance, 1-1e-4), 1e-4)
		return []float32{float32(math.Log(c / (1 - c)))}
	}))
	names := map[string]bool{}
	for _, s := range solutions {
		for name := range s.states {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		states := numbers(func(i int) []float32 {
			if i >= len(solutions) {
				return nil
			}
			return solutions[i].states[name]
		})
		reduced, err := train.Components(answers, states, components)
		if err != nil {
			return nil, UnlikeError{fmt.Errorf("hidden states %q: %w: they were read at servers of different models, or something other than 'sidecar examine' wrote them; examine the answers anew at one", name, err)}
		}
		add(hiddenStates+name, reduced)
	}
	return kinds, nil
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
