package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/oracle"
	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/feature"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/prm/vote"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
)

// solution is a whole answer that an LLM gave, read.
type solution struct {
	problem step.Problem
	kind    step.Kind
	program *feature.Program // what is known of its run; nil of prose
	source  string           // of the program
	steps   []string
	tokens  [][]step.Token
	answer  string       // "" where it has none that counts
	right   step.Verdict // of the answer
	spent   int          // tokens

	chance *float64 // P(True), and hidden states by kind; nil where the LLM wasn't asked
	states map[string]dataset.Vector
}

// natural are the whole answers that a run of the game drew, those of the problems that it kept for measuring among
// them, and what it learned from by contrast.
func natural(folder string) ([]solution, []train.Contrast, error) {
	labelled, err := generator.ReadLabelled(filepath.Join(folder, StepsFile))
	if err != nil {
		return nil, nil, err
	}
	solutions, contrasts := whole(labelled)
	return solutions, contrasts, nil
}

// whole puts the steps of whole answers together. Contrasts are of problems that are learned from: a correct step and
// its sure corruption, and a right answer of the LLM's own and what it made of it where it ended wrong.
func whole(labelled []generator.Labelled) ([]solution, []train.Contrast) {
	byID, branches := map[string]*solution{}, map[string]*solution{}
	leaves := map[string]string{} // of each branched answer: the sample
	var order, branched []string
	pairs := map[string][2][]generator.Labelled{} // right ones and wrong ones
	var names []string
	for _, l := range labelled {
		of, list := byID, &order
		switch {
		case l.Source == generator.Branched && l.HeldOut:
			continue
		case l.Source == generator.Branched:
			of, list = branches, &branched
			leaves[l.Sample] = l.Against
		case l.Source != generator.Natural:
			if l.Pair != "" && !l.HeldOut && l.Step != step.Unknown {
				if _, known := pairs[l.Pair]; !known {
					names = append(names, l.Pair)
				}
				p := pairs[l.Pair]
				side := 0
				if l.Step == step.Wrong {
					side = 1
				}
				p[side] = append(p[side], l)
				pairs[l.Pair] = p
			}
			continue
		}
		s := of[l.Sample]
		if s == nil && len(l.Prefix.Steps) > 0 { // of one that was cut off, lessons may hold a later step alone
			continue
		}
		if s == nil {
			s = &solution{problem: l.Prefix.Problem, kind: step.Prose}
			of[l.Sample], *list = s, append(*list, l.Sample)
		}
		if len(l.Prefix.Steps) != len(s.steps) { // a step that was labelled again stands there already
			continue
		}
		s.steps, s.tokens, s.spent = append(s.steps, l.Text), append(s.tokens, l.Tokens), s.spent+len(l.Tokens)
		if s.right = l.Value; l.Value != step.Unknown {
			if s.answer = l.Answer; s.answer == "" { // the run is of before answers were kept, or there is none
				s.answer, _ = arith.Extract(strings.Join(s.steps, "\n"))
			}
		}
	}
	var out []solution
	for _, id := range order {
		out = append(out, *byID[id])
	}
	var contrasts []train.Contrast
	for _, name := range names {
		for _, better := range pairs[name][0] {
			for _, worse := range pairs[name][1] {
				contrasts = append(contrasts, train.Contrast{Better: pooled(better.Trace(), nil), Worse: pooled(worse.Trace(), nil), Problem: problemKey(better.Prefix.Problem)})
			}
		}
	}
	for _, id := range branched {
		if better, worse := byID[leaves[id]], branches[id]; better != nil {
			tokens := [2][][]step.Token{better.tokens, worse.tokens}
			if slices.ContainsFunc(worse.tokens, func(t []step.Token) bool { return t == nil }) {
				tokens = [2][][]step.Token{}
			}
			contrasts = append(contrasts, train.Contrast{Better: pooled(better.trace(), tokens[0]), Worse: pooled(worse.trace(), tokens[1]), Problem: problemKey(better.problem)})
		}
	}
	return out, contrasts
}

func (s solution) trace() step.Trace { return step.Trace{Problem: s.problem, Steps: s.steps} }

// pooled is what the solution head reads of an answer or a beginning; tokens are of its steps, nil where they aren't
// known or, as those of a corruption, are of another prompt.
func pooled(t step.Trace, tokens [][]step.Token) feature.Solution {
	return feature.Pool(read(t.Problem, t.Steps, tokens, nil), tokens)
}

// Attacks are corruptions by rule of recorded answers that are right, to learn from beside them: no LLM is asked. The
// zero value is none.
type Attacks struct {
	Programs int // of each program, at most: run, to see that it is wrong
	Prose    int // of each answer in prose: steps that hold a true equation, with another operator, operand or result
}

// on are pairs of what is right and what is wrong for one thing that was changed in it: a program (see
// generator.AttackProgram), or a beginning of an answer in prose (see oracle.Corrupt), whose log-probabilities aren't
// known then.
func (n Attacks) on(ctx context.Context, solutions []solution, seed int64) []train.Contrast {
	of := make([][]train.Contrast, len(solutions))
	concurrently(len(solutions), func(i int) {
		s := solutions[i]
		switch {
		case s.right != step.Right:
		case s.program != nil && n.Programs > 0:
			of[i] = s.attackedProgram(ctx, chance(seed, i), n.Programs)
		default:
			for better, worse := range s.attackedProse(chance(seed, i), n.Prose) {
				of[i] = append(of[i], train.Contrast{Better: pooled(better, nil), Worse: pooled(worse, nil), Problem: problemKey(s.problem)})
			}
		}
	})
	return slices.Concat(of...)
}

// spoilt is how many corruptions of each right answer in prose the heads for steps learn from at least: of its own
// errors an LLM's answers show but false equations for sure, which are few. More than one teaches little more.
const spoilt = 1

// steps are such corruptions of the prose of the answer that is at a place among all, for the heads for steps: the step
// that was changed, and what it was before. see reads their hidden states.
func (n Attacks) steps(ctx context.Context, s solution, at int, seed int64, see sight) (out []train.Example, err error) {
	for better, worse := range s.attackedProse(chance(seed, at), max(n.Prose, spoilt)) {
		for _, is := range []struct {
			trace step.Trace
			step  step.Verdict
		}{{better, step.Right}, {worse, step.Wrong}} {
			states, err := see(ctx, is.trace)
			if err != nil {
				return nil, err
			}
			last := len(is.trace.Steps) - 1
			out = append(out, train.Example{Input: feature.Extract(is.trace, last, engine.Evidence(states, nil, last)), Step: is.step,
				Problem: problemKey(s.problem), Pair: fmt.Sprintf("%d/%d", at, last)})
		}
	}
	return out, nil
}

// chance is the source of chance of the answer at a place among all.
func chance(seed int64, at int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), uint64(at))) // #nosec G115 G404 -- a seed, of which all bits count; a draw that must follow from it, and guards nothing
}

func (s solution) attackedProgram(ctx context.Context, rng *rand.Rand, n int) (out []train.Contrast) {
	told := func(steps []string, run *feature.Program) feature.Solution {
		return pooled(step.Trace{Problem: s.problem, Steps: steps}, nil).Of(run)
	}
	better := told(s.steps, s.program)
	for _, a := range generator.AttackProgram(ctx, rng, s.source, s.answer, n) {
		read := decode.Ran(a.Run)
		out = append(out, train.Contrast{Better: better, Worse: told(read.Steps, read.Program), Problem: problemKey(s.problem)})
	}
	return out
}

// attackedProse yields beginnings of a right answer in prose that end with a step that can be made wrong, n at most and
// each another, and each with that step made wrong.
func (s solution) attackedProse(rng *rand.Rand, n int) iter.Seq2[step.Trace, step.Trace] {
	return func(yield func(better, worse step.Trace) bool) {
		if s.right != step.Right || s.kind != step.Prose || n == 0 {
			return
		}
		for _, i := range rng.Perm(len(s.steps)) {
			wrong := oracle.Corrupt(rng, s.problem.Question, s.steps[i])
			if len(wrong) == 0 {
				continue
			}
			until := func(text string) step.Trace {
				return step.Trace{Problem: s.problem, Steps: append(slices.Clone(s.steps[:i]), text)}
			}
			if !yield(until(s.steps[i]), until(wrong[rng.IntN(len(wrong))].Text)) {
				return
			}
			if n--; n == 0 {
				return
			}
		}
	}
}

// problemKey names a problem by its question: ids may be those of several files.
func problemKey(p step.Problem) string { return dataset.ProblemID(p.Question) }

// Sample is a recorded answer of that kind, as it was drawn.
func Sample(a dataset.Answer, kind step.Kind) decode.Sample {
	s := decode.Sample{Kind: kind, Text: a.Text, Tokens: a.Tokens, Finish: decode.FinishEnd, CompletionTokens: a.Spent}
	if a.Cut {
		s.Finish = decode.FinishLength
	}
	return s
}

// recordedSolutions reads what `sidecar sample` wrote, and which LLM wrote it: one only. Programs are run.
func recordedSolutions(ctx context.Context, answered []dataset.Answered) (model string, out []solution, err error) {
	for _, of := range answered {
		switch {
		case model == "":
			model = of.Sampling.Model
		case model != of.Sampling.Model:
			return "", nil, fmt.Errorf("answers of %s and of %s: a PRM is of one LLM", model, of.Sampling.Model)
		}
		for _, a := range of.Answers {
			if err := ctx.Err(); err != nil {
				return "", nil, err
			}
			read := Sample(a, of.Sampling.Kind).Read(ctx)
			s := solution{problem: of.Problem, kind: of.Sampling.Kind, program: read.Program, source: read.Source, steps: read.Steps, tokens: read.Tokens, spent: a.Spent, chance: a.PTrue, states: a.States}
			cut := a.Cut && s.program == nil && s.kind != step.Program
			if read.Answered && !cut {
				s.answer = read.Answer
			}
			switch {
			case cut:
			case of.Problem.Answer == "":
				if s.answer != "" && arith.Equal(of.Wrong, s.answer) == arith.True {
					s.right = step.Wrong
				}
			case s.answer == "":
				s.right = step.Wrong
			default:
				switch arith.Equal(of.Problem.Answer, s.answer) {
				case arith.True:
					s.right = step.Right
				case arith.False:
					s.right = step.Wrong
				}
			}
			if len(s.steps) > 0 {
				out = append(out, s)
			}
		}
	}
	return model, out, nil
}

// Outcomes are recorded answers in prose that are known to end right or wrong. Which step of a wrong one is the first
// wrong isn't known: it is said to be the first.
func Outcomes(ctx context.Context, answered []dataset.Answered) ([]step.Judged, error) {
	_, solutions, err := recordedSolutions(ctx, answered)
	if err != nil {
		return nil, err
	}
	var out []step.Judged
	for _, s := range solutions {
		if s.kind == step.Prose && s.right != step.Unknown {
			j := step.Judged{Trace: s.trace()}
			if s.right == step.Right {
				j.FirstWrong = -1
			}
			out = append(out, j)
		}
	}
	return out, nil
}

// read returns what the PRM reads of an answer's steps; tokens and states are theirs, nil where none are known.
func read(p step.Problem, steps []string, tokens [][]step.Token, states []adapters.State) []feature.Input {
	out := make([]feature.Input, len(steps))
	r := feature.NewReader(p)
	for i, text := range steps {
		out[i] = r.Next(text, engine.Evidence(states, tokens, i))
	}
	return out
}

// contrastWeights are the weights of contrasts beside outcomes that are tried where the options say none; the best by
// held-out likelihood stands.
var contrastWeights = []float64{0, 0.1, 0.3, 1}

// disguised is an answer of prose in each of some disguises; how likely the LLM would find them isn't known.
func (s solution) disguised(as []eval.Disguise) (out []feature.Solution) {
	if s.kind == step.Program {
		return nil
	}
	for _, d := range as {
		if steps, ok := d.Of(s.problem.Question, s.steps); ok {
			out = append(out, pooled(step.Trace{Problem: s.problem, Steps: steps}, nil))
		}
	}
	return out
}

// grouped are whole answers to learn from, and in these disguises; order names their problems as they come, byProblem
// has those answers to each of which it is known whether they are right.
func grouped(solutions []solution, as []eval.Disguise) (answers []train.Answer, order []string, byProblem map[string][]int) {
	answers = make([]train.Answer, len(solutions))
	concurrently(len(solutions), func(i int) {
		s := solutions[i]
		answers[i] = train.Answer{Solution: pooled(s.trace(), s.tokens).Of(s.program), Right: s.right == step.Right, Problem: problemKey(s.problem), Group: -1,
			Disguised: s.disguised(as)}
	})
	byProblem = map[string][]int{}
	for i, s := range solutions {
		key := answers[i].Problem
		if _, known := byProblem[key]; !known {
			order, byProblem[key] = append(order, key), nil
		}
		if s.right != step.Unknown {
			byProblem[key] = append(byProblem[key], i)
		}
	}
	for _, key := range order {
		var finals []string
		for _, i := range byProblem[key] {
			finals = append(finals, solutions[i].answer)
		}
		for k, group := range arith.Groups(finals) {
			answers[byProblem[key][k]].Group = group
		}
	}
	return answers, order, byProblem
}

// judging gives a model a solution head learned from whole answers of an LLM, which disguises should not move, and
// returns what was found of each of the answers' problems crosswise, for a gate. A model whose answers are too few
// stays as it is; the report then says why.
func judging(ctx context.Context, model *prm.Model, llm string, solutions []solution, contrasts []train.Contrast, as []eval.Disguise, opt train.SolutionOptions) (*prm.Model, SolutionReport, []eval.Votes, error) {
	answers, order, byProblem := grouped(solutions, as)
	untold := 0
	for _, s := range solutions {
		if s.right == step.Unknown {
			untold++
		}
	}
	var head *prm.SolutionHead
	var report SolutionReport
	weights := contrastWeights
	switch {
	case len(contrasts) == 0:
		weights = weights[:1]
	case opt.Contrasts > 0:
		weights = []float64{opt.Contrasts}
	}
	for _, w := range weights {
		try := opt
		try.Contrasts = w
		found, of, err := train.FitSolution(ctx, answers, contrasts, try)
		if err != nil {
			if ctx.Err() != nil {
				return nil, report, nil, ctx.Err()
			}
			return model, SolutionReport{Why: err.Error(), Answers: len(solutions), Untold: untold, few: errors.As(err, &train.TooFewError{})}, nil, nil
		}
		if head == nil || of.Likelihood() > report.Likelihood() {
			head, report = found, SolutionReport{SolutionReport: of, ContrastWeight: w, Answers: len(solutions), Untold: untold}
		}
	}
	var votes []eval.Votes
	for _, key := range order {
		var v eval.Votes
		for _, i := range byProblem[key] {
			s := solutions[i]
			v.Ballots = append(v.Ballots, decode.Ballot{Answer: s.answer, Answered: s.answer != "", Score: vote.Logistic(report.Logits[i]), Tokens: max(s.spent, 1), Kind: s.kind, Program: s.program != nil})
			v.Right = append(v.Right, s.right == step.Right)
		}
		if len(v.Ballots) > 0 {
			votes = append(votes, v)
		}
	}
	report.Drawing = eval.NewDrawing(votes, uint64(opt.Seed), 0) // #nosec G115 -- a seed, of which all bits count
	prose := report.Vote
	if !slices.ContainsFunc(solutions, func(s solution) bool { return s.kind != step.Program }) { // it says nothing of prose
		prose, report.Drawing = vote.Rule{}, &prm.Drawing{Use: step.OnlyProse, Programs: report.Vote, Problems: len(votes)}
	}
	model, err := model.Judging(head, prm.SolutionHeader{Model: llm, Problems: report.Problems, AUC: report.AUC(), Vote: prose, Drawing: report.Drawing})
	if err != nil {
		return nil, report, nil, err
	}
	return model, report, votes, nil
}

// longestBeginning is how many steps of an answer a prefix head learns from, at most: later ones are few, and near the
// end.
const longestBeginning = 8

// foreseeing gives a model that has learned from answers alone, whose steps are labelled by little, a prefix head
// learned from the beginnings, and the ends, of answers in prose of which it is known how they end. One whose answers
// are too few, or say nothing at first of how they end, stays as it is.
func foreseeing(ctx context.Context, model *prm.Model, solutions []solution, opt train.SolutionOptions) (*prm.Model, error) {
	var of []solution
	for _, s := range solutions {
		if s.kind != step.Program && s.right != step.Unknown {
			of = append(of, s)
		}
	}
	begun := make([][]train.Answer, len(of))
	concurrently(len(of), func(i int) {
		s := of[i]
		inputs := read(s.problem, s.steps, s.tokens, nil)
		group := 0 // all that matters is which end right
		if s.right == step.Right {
			group = 1
		}
		for n := range min(len(inputs), longestBeginning) {
			tokens := s.tokens
			if tokens != nil {
				tokens = tokens[:n+1]
			}
			begun[i] = append(begun[i], train.Answer{Solution: feature.Pool(inputs[:n+1], tokens), Right: s.right == step.Right, Problem: problemKey(s.problem), Group: group, Steps: n + 1})
		}
	})
	opt.Progress = nil // of the head for whole answers
	head, report, err := train.FitPrefix(ctx, slices.Concat(begun...), opt)
	if errors.As(err, &train.TooFewError{}) {
		return model, nil
	}
	if err != nil {
		return nil, err
	}
	if !report.Vote.Trusted() { // searches do better by the step head, which has some sure labels
		return model, nil
	}
	return model.Foreseeing(head, prm.PrefixHeader{Problems: report.Problems, AUC: report.LinearAUC})
}

// SolutionReport says how the solution head was learned.
type SolutionReport struct {
	train.SolutionReport
	ContrastWeight float64       `json:"contrast_weight"`
	Why            string        `json:"why,omitempty"` // there is none
	few            bool          // too few answers are why
	Answers        int           `json:"answers"`                  // that were read
	Begun          metric.Figure `json:"beginnings_auc,omitempty"` // of beginnings of as many steps within a problem, by the prefix head, crosswise; 0 without one
	Drawing        *prm.Drawing  `json:"drawing,omitempty"`        // of programs beside prose; nil of one kind
	Untold         int           `json:"untold"`                   // of these, cut off or not to be compared with their problem's final answer: neither right nor wrong
}

// String says it to people.
func (r SolutionReport) String() string {
	if r.Drawing != nil {
		return fmt.Sprintf("%s. %s. %s", r.found(), r.Drawing, r.unread())
	}
	return fmt.Sprintf("%s. %s", r.found(), r.unread())
}

func (r SolutionReport) unread() string {
	return fmt.Sprintf("Of %d answers %d can't be told to be right or wrong: cut off, or not to be compared with the problem's", r.Answers, r.Untold)
}

func (r SolutionReport) found() string {
	if r.Why != "" {
		return "no head for whole answers: " + r.Why
	}
	kind := "linear"
	switch {
	case r.Dense:
		kind = "dense"
	case r.Untried:
		kind = "linear (no dense one is tried where there are programs)"
	}
	s := fmt.Sprintf("whole answers: %s head from %d problems with right and wrong answers; within a problem a right answer is thought better than a wrong one in %s %% of the cases (AUC, crosswise)",
		kind, r.Problems, (100 * r.AUC()).Text("%.1f"))
	if r.Begun > 0 {
		s += fmt.Sprintf(", of beginnings in %s %%", (100 * r.Begun).Text("%.1f"))
	}
	if r.Disguised > 0 {
		s += fmt.Sprintf("; %d answers were met in disguises", r.Disguised)
	}
	if r.Contrasts > 0 {
		s += fmt.Sprintf("; %d contrasts beside them weigh %g", r.Contrasts, r.ContrastWeight)
	}
	if !r.Vote.Trusted() {
		return s + fmt.Sprintf(". That is not shown to be worth anything in a vote (%+.3f nats a problem, %.3f are chance): votes stay plain", r.Vote.Nats, r.Vote.Margin)
	}
	return s + fmt.Sprintf("; worth %+.3f nats a problem in a vote (%.3f are chance), with beta %.2g and power %.2g", r.Vote.Nats, r.Vote.Margin, r.Vote.Beta, r.Vote.Power)
}

// FewError is that there are too few recorded answers to learn from.
type FewError struct{ error }

func (e FewError) Unwrap() error { return e.error }

// Solutions is a training from recorded answers alone.
type Solutions struct {
	PRM      train.Options
	Head     train.SolutionOptions
	Answered []dataset.Answered
	Attacks  Attacks
	Reading  Reading

	Disguises []eval.Disguise    // of answers, that ought not to move the logit of the head for whole answers
	Elsewhere []dataset.Answered // of other LLMs: not learned from, but what the head is worth with such is found on them
}

// Reading has the LLM read recorded answers again, and what Attacks makes of them, so that the heads for steps learn
// from its hidden states. The zero value is none.
type Reading struct {
	Engine   *engine.Engine        // over the LLM that gave the answers
	Answers  int                   // so many, of as many problems as may be; the states of others are masked
	Progress func(done, total int) // after each answer; nil for none
}

// sight reads the hidden states of a trace's steps; nil of those that aren't read.
type sight func(ctx context.Context, t step.Trace) ([]adapters.State, error)

func blind(context.Context, step.Trace) ([]adapters.State, error) { return nil, nil }

// Learn trains a PRM from recorded answers, with no endpoint but for Reading: its steps by what is sure of them (right
// in an answer that ends right and holds no false equation, wrong where an equation is the first false one or was
// changed by rule), the worth of a beginning and of a whole answer by outcome.
func (t Solutions) Learn(ctx context.Context) (Trained, error) {
	llm, solutions, err := recordedSolutions(ctx, t.Answered)
	if err != nil {
		return Trained{}, err
	}
	options := t.PRM
	if t.Reading.Engine != nil {
		caps, err := t.Reading.Engine.Capabilities(ctx)
		if err == nil && !caps.Hidden.OfSteps() {
			err = fmt.Errorf("hidden states of steps: %w", adapters.ErrUnsupported)
		}
		if err == nil && caps.Identity() != llm {
			err = otherLLM(llm, caps.Identity())
		}
		if err != nil {
			return Trained{}, err
		}
		options.Model, options.Normalised = caps.Identity(), caps.Hidden.Normalised
	}
	examples, err := t.lessons(ctx, solutions)
	if err != nil {
		return Trained{}, err
	}
	model, report, err := train.Fit(ctx, nil, nil, examples, options)
	if err != nil {
		return Trained{}, err
	}
	trained := Trained{Reports: []train.Report{report}}
	trained.Model, trained.Solutions, trained.votes, err = judging(ctx, model, llm, solutions, t.Attacks.on(ctx, solutions, t.Head.Seed), t.Disguises, t.Head)
	trained.llm = llm
	switch {
	case err != nil:
		return trained, err
	case trained.Solutions.Why != "":
		if err = errors.New(trained.Solutions.Why); trained.Solutions.few {
			err = FewError{err}
		}
		return trained, err
	case len(t.Elsewhere) > 0:
		if trained.Model, err = tried(ctx, trained.Model, trained.Solutions, t.Elsewhere); err != nil {
			return trained, err
		}
	}
	if trained.Model, err = foreseeing(ctx, trained.Model, solutions, t.Head); err != nil {
		return trained, err
	}
	if h := trained.Model.Header().Prefix; h != nil {
		trained.Solutions.Begun = h.AUC
	}
	return trained, nil
}

// tried returns a model that says what its solution head, of that report, is worth with the LLMs that gave some answers
// in prose.
func tried(ctx context.Context, model *prm.Model, report SolutionReport, answered []dataset.Answered) (*prm.Model, error) {
	header := *model.Header().Solution
	by := map[string][]dataset.Answered{}
	for _, of := range answered {
		if of.Sampling.Kind != step.Prose {
			continue
		}
		if of.Sampling.Model == header.Model {
			return nil, UnlikeError{fmt.Errorf("answers of %s, from which it learned: those of another LLM are wanted", header.Model)}
		}
		by[of.Sampling.Model] = append(by[of.Sampling.Model], of)
	}
	if len(by) == 0 {
		return nil, UnlikeError{errors.New("there is no answer in prose: what votes over programs are worth says nothing of it")}
	}
	header.Elsewhere = &prm.Elsewhere{Models: slices.Sorted(maps.Keys(by))}
	var all [][]train.Answer
	for _, llm := range header.Elsewhere.Models {
		_, solutions, err := recordedSolutions(ctx, by[llm])
		if err != nil {
			return nil, err
		}
		answers, _, _ := grouped(solutions, nil)
		all = append(all, answers)
	}
	header.Elsewhere.Vote, header.Elsewhere.AUC, header.Elsewhere.Problems = report.Try(all...)
	return model.Judging(model.Solution(), header)
}

// lessons are the steps to learn from. An answer that the endpoint refuses to read, as one that is too long for it, is
// learned from without hidden states, and said; that all are refused is an error.
func (t Solutions) lessons(ctx context.Context, solutions []solution) ([]train.Example, error) {
	seen := t.Reading.of(solutions)
	of := make([][]train.Example, len(solutions))
	var read struct {
		sync.Mutex
		answers int
		refused []error
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range solutions {
		group.Go(func() (err error) {
			if !seen[i] {
				of[i], err = t.lesson(ctx, solutions[i], i, blind)
				return err
			}
			of[i], err = t.lesson(ctx, solutions[i], i, t.Reading.Engine.Hidden)
			var refusal *adapters.UpstreamError
			if errors.As(err, &refusal) && !refusal.MayPass() {
				of[i], err = t.lesson(ctx, solutions[i], i, blind)
			}
			read.Lock()
			defer read.Unlock()
			if refusal != nil {
				read.refused = append(read.refused, refusal)
			}
			if read.answers++; t.Reading.Progress != nil {
				t.Reading.Progress(read.answers, len(seen))
			}
			return err
		})
	}
	err := group.Wait()
	switch refused := len(read.refused); {
	case err != nil:
		return nil, err
	case refused > 0 && refused == len(seen):
		return nil, fmt.Errorf("none of %d answers could be read for hidden states: %w", refused, read.refused[0])
	case refused > 0:
		slog.Warn("answers that couldn't be read are learned from without hidden states", "answers", refused, "of", len(seen), "such as", read.refused[0])
	}
	return slices.Concat(of...), nil
}

// lesson are the steps of the answer that is at a place among all, and what Attacks makes of them.
func (t Solutions) lesson(ctx context.Context, s solution, at int, see sight) ([]train.Example, error) {
	states, err := see(ctx, s.trace())
	if err != nil {
		return nil, err
	}
	attacked, err := t.Attacks.steps(ctx, s, at, t.Head.Seed, see)
	return append(s.examples(states), attacked...), err
}

// of says which answers are read: the first in prose of every problem, then the second of every one, and so on.
func (r Reading) of(solutions []solution) map[int]bool {
	turn := map[string]int{}
	var order [][2]int // the answer's turn and place
	for i, s := range solutions {
		if s.kind == step.Prose && r.Engine != nil {
			order = append(order, [2]int{turn[s.problem.Question], i})
			turn[s.problem.Question]++
		}
	}
	slices.SortStableFunc(order, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	seen := map[int]bool{}
	for _, at := range order[:min(len(order), r.Answers)] {
		seen[at[1]] = true
	}
	return seen
}

// examplesOf are the steps of answers, as they are.
func examplesOf(solutions []solution) [][]train.Example {
	examples := make([][]train.Example, len(solutions))
	concurrently(len(solutions), func(i int) { examples[i] = solutions[i].examples(nil) })
	return examples
}

// examples are the steps of an answer to learn from; states are theirs, nil where they aren't known.
func (s solution) examples(states []adapters.State) []train.Example {
	inputs := read(s.problem, s.steps, s.tokens, states)
	out := make([]train.Example, len(inputs))
	wrong := -1
	for i, text := range s.steps {
		out[i] = train.Example{Input: inputs[i], Value: s.right, Problem: problemKey(s.problem)}
		if wrong < 0 && slices.ContainsFunc(arith.CheckStep(step.Normalize(text)), func(c arith.Check) bool { return c.Verdict == arith.False }) {
			wrong = i
			out[i].Step = step.Wrong
		}
	}
	if s.right == step.Right && wrong < 0 {
		for i := range out {
			out[i].Step = step.Right
		}
	}
	return out
}

// concurrently calls do with 0 to n-1, a few at a time.
func concurrently(n int, do func(i int)) {
	var group errgroup.Group
	group.SetLimit(readers)
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait() // nothing fails
}
