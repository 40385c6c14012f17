package training

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"aprm/generator"
	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
)

// Learner is the PRM as a player of the game: it scores what the adversary made and learns from it. Each round's model
// is kept in a folder, so that a run can go on from there. It implements generator.RewardModel.
type Learner struct {
	engine  *engine.Engine
	folder  string
	options train.Options
	head    train.SolutionOptions
	pace    float64

	current *prm.Model   // the newest
	rounds  []*prm.Model // of each round, at a pace of 1 of the first and the last; the first is what later ones are held to
	reports []train.Report
}

var _ generator.RewardModel = (*Learner)(nil)

// NewLearner returns the player before round 0. options are those of every round's train.Fit, head those of the head
// for whole answers. pace, in (0,1], is how much of a whole learning it does in a round, so that it stays to be fooled
// while rounds last: so much of options.Epochs, and the head for whole answers goes so far from where it was to where
// it would be. Finish brings it to its end. At 1 each round is learned to the end.
func NewLearner(e *engine.Engine, folder string, options train.Options, head train.SolutionOptions, pace float64) *Learner {
	return &Learner{engine: e, folder: folder, options: options, head: head, pace: pace}
}

// Resume puts the models of the rounds before this one in place.
func (l *Learner) Resume(round int) error {
	for r := range round {
		if l.pace == 1 && r > 0 && r < round-1 {
			continue
		}
		m, err := prm.Load(l.path(r))
		if err != nil {
			return err
		}
		l.become(m)
	}
	return nil
}

// become makes m the newest model. Those between the first and the newest have a say at a pace below 1 alone: see
// Weigh.
func (l *Learner) become(m *prm.Model) {
	if l.pace == 1 && len(l.rounds) > 1 {
		l.rounds = l.rounds[:1]
	}
	l.current, l.rounds = m, append(l.rounds, m)
}

// Model is the newest model, nil before round 0 is learned.
func (l *Learner) Model() *prm.Model { return l.current }

// Reports are those of the rounds learned since the learner was made.
func (l *Learner) Reports() []train.Report { return l.reports }

func (l *Learner) path(round int) string { return RoundPath(l.folder, round) }

// RoundPath is where a Learner keeps a round's checkpoint.
func RoundPath(folder string, round int) string {
	return filepath.Join(folder, fmt.Sprintf("round-%03d.prm", round))
}

// Score implements generator.RewardModel. Before round 0 it knows nothing: one half for everything.
func (l *Learner) Score(ctx context.Context, examples []generator.Labelled) ([]float64, error) {
	scores := make([]float64, len(examples))
	if l.current == nil {
		for i := range scores {
			scores[i] = 0.5
		}
		return scores, nil
	}
	inputs, err := l.inputs(ctx, examples)
	if err != nil {
		return nil, err
	}
	for i, in := range inputs {
		scores[i] = l.current.Score(in).Step
	}
	return scores, nil
}

// Weigh implements generator.RewardModel: the head for whole answers gives the logits, where there were answers enough
// to learn one from, else the worst step; how much they count is what they were measured to be worth in a vote, or as
// much as where nothing was measured. Hidden states are not read, as the head doesn't either. At a pace below 1 the
// rounds before have a say, the older the less, and what was known before round 0 too, which is nothing.
func (l *Learner) Weigh(_ context.Context, candidates []generator.Candidate) ([]float64, error) {
	weights := make([]float64, len(candidates))
	say := l.rounds
	if l.pace == 1 {
		say = say[max(0, len(say)-1):]
	}
	for i, c := range candidates {
		inputs := read(c.Trace.Problem, c.Trace.Steps, c.Tokens, nil)
		for _, m := range say {
			weights[i] += l.pace * (weigh(m, inputs, c.Tokens) - weights[i])
		}
	}
	return weights, nil
}

// weigh is the log of what an answer weighs in a vote by a model.
func weigh(m *prm.Model, inputs []feature.Input, tokens [][]step.Token) float64 {
	rule := decode.Unmeasured
	if h := m.Header().Solution; h != nil && h.Vote.Trusted() {
		rule = h.Vote
	}
	scores := make([]prm.Score, len(inputs))
	for k, in := range inputs {
		scores[k] = m.Score(in)
	}
	rate := m.Judge(scores, inputs, tokens, nil).Rate(prm.Min)
	return rule.Weight(decode.Numbered([]decode.Ballot{{Answer: "its own", Answered: true, Score: rate}}))
}

// Learn implements generator.RewardModel.
func (l *Learner) Learn(ctx context.Context, round int, examples []generator.Labelled) (generator.LearnReport, error) {
	began := time.Now()
	options := l.options
	if l.pace < 1 {
		options.Epochs, options.Patience = max(1, int(math.Round(l.pace*float64(options.WithDefaults().Epochs)))), -1
	}
	model, report, err := l.fit(ctx, round, examples, options)
	if err != nil {
		return generator.LearnReport{}, err
	}
	// The vote that the adversary plays against: the linear floor, learned once.
	caps, err := l.engine.Capabilities(ctx)
	if err != nil {
		return generator.LearnReport{}, err
	}
	solutions, contrasts := whole(examples)
	head := l.head
	head.Units, head.Contrasts, head.Progress = -1, playing, nil
	if model, _, _, err = judging(ctx, model, caps.Identity(), solutions, contrasts, nil, head); err != nil {
		return generator.LearnReport{}, err
	}
	if err := os.MkdirAll(l.folder, 0o755); err != nil { // #nosec G301 -- folders may be looked into: what is private in them is 0600
		return generator.LearnReport{}, err
	}
	if err := prm.SaveResumable(l.path(round), model); err != nil {
		return generator.LearnReport{}, err
	}
	l.become(model)
	l.reports = append(l.reports, report)
	return generator.LearnReport{Checkpoint: model.ID(), Examples: len(examples), Loss: report.TrainLoss, Seconds: time.Since(began).Seconds()}, nil
}

// Finish learns to the end what a player with a pace has left, from the last round's lessons: it plays no more, so
// nothing holds it to R_ref. At a pace of 1 nothing is left.
func (l *Learner) Finish(ctx context.Context, rounds int, examples []generator.Labelled) error {
	if l.pace == 1 {
		return nil
	}
	options := l.options
	options.KL = 0
	model, report, err := l.fit(ctx, rounds, examples, options)
	if err == nil {
		l.current, l.reports = model, append(l.reports, report)
	}
	return err
}

// fit goes on from the current model.
func (l *Learner) fit(ctx context.Context, round int, examples []generator.Labelled, options train.Options) (*prm.Model, train.Report, error) {
	examples = slices.DeleteFunc(slices.Clone(examples), func(ex generator.Labelled) bool { return ex.Source == generator.Branched })
	inputs, err := l.inputs(ctx, examples)
	if err != nil {
		return nil, train.Report{}, err
	}
	learned := make([]train.Example, len(examples))
	for i, ex := range examples {
		learned[i] = train.Example{Input: inputs[i], Step: ex.Step, Value: ex.Value, Problem: ex.Prefix.Problem.ID, Pair: ex.Pair, Spare: ex.Spare}
	}
	options.Round = round
	var reference *prm.Model
	if len(l.rounds) > 0 {
		reference = l.rounds[0]
	} else {
		options.KL = 0 // round 0 is what the later rounds are held to
	}
	caps, err := l.engine.Capabilities(ctx)
	if err != nil {
		return nil, train.Report{}, err
	}
	options.Model, options.Normalised = caps.Identity(), caps.Hidden.Normalised
	return train.Fit(ctx, l.current, reference, learned, options)
}

// playing is the weight of contrasts in the head for whole answers while the game lasts; at its end the best of some is
// taken.
const playing = 0.3

// inputs returns what the PRM reads of each example. Problems are read side by side; of one problem the longest traces
// come first, one after the other: their hidden states serve the shorter ones that they begin with, and what the LLM is
// asked doesn't depend on who was faster.
func (l *Learner) inputs(ctx context.Context, examples []generator.Labelled) ([]feature.Input, error) {
	byQuestion := map[string][]int{}
	for i, ex := range examples {
		byQuestion[ex.Prefix.Problem.Question] = append(byQuestion[ex.Prefix.Problem.Question], i)
	}
	inputs := make([]feature.Input, len(examples))
	read := func(ctx context.Context, i int) error {
		t := examples[i].Trace()
		states, err := l.engine.Hidden(ctx, t)
		if err != nil {
			return err
		}
		last := len(t.Steps) - 1
		known := engine.Evidence(states, nil, last)
		known.Tokens = examples[i].Tokens
		inputs[i] = feature.Extract(t, last, known)
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, question := range slices.Sorted(maps.Keys(byQuestion)) {
		order := byQuestion[question]
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(len(examples[b].Prefix.Steps), len(examples[a].Prefix.Steps))
		})
		group.Go(func() error {
			for _, i := range order {
				if err := read(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return inputs, nil
}

// readers is how many problems are read at a time; the endpoint's adapter may allow fewer calls.
const readers = 8
