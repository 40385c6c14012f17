package generator

import (
	"context"
	"errors"
	"fmt"

	"aprm/prm/step"
)

// Players is who and what a game is played with.
type Players struct {
	LLM     LLM // the adversary, and the solver of natural samples
	Judge   Judge
	Reward  RewardModel
	Journal *Journal // belongs to one run: rounds are replayed from it
	Queue   Queue    // nil for a Pool of Config.Concurrency

	// Truth returns the index of a solution's first wrong step, −1 where none is; ok is false where that isn't known.
	// It is for Exact alone: made-up problems whose solutions can be followed.
	Truth func(step.Trace) (first int, ok bool)
}

// Game plays rounds. Build it with New.
type Game struct {
	cfg      Config
	problems []step.Problem
	Players
}

// State is all that a round hands to the next, besides the journal and R's checkpoints: kept as JSON, it is where a run
// that was killed goes on.
type State struct {
	Round   int      `json:"round"` // the next to be played, from 0
	Policy  *Policy  `json:"policy"`
	Memory  *Memory  `json:"memory"`
	Reports []Report `json:"reports"` // of the rounds played
}

// New checks the settings and the problems: each needs an id of its own, a question and an answer.
func New(cfg Config, problems []step.Problem, p Players) (*Game, error) {
	errs := []error{cfg.Validate()}
	seen := make(map[string]bool)
	for i, q := range problems {
		switch {
		case q.ID == "" || q.Question == "" || q.Answer == "":
			errs = append(errs, fmt.Errorf("problem %d (id %q): id, question and answer are needed", i, q.ID))
		case seen[q.ID]:
			errs = append(errs, fmt.Errorf("problem %d: id %q is there twice", i, q.ID))
		}
		seen[q.ID] = true
	}
	if cfg.Natural == Exact && p.Truth == nil {
		errs = append(errs, errors.New("natural: exact truth is known of made-up problems only"))
	}
	if len(problems) == 0 {
		errs = append(errs, errors.New("no problems to learn from"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if p.Queue == nil {
		p.Queue = Pool(cfg.Concurrency)
	}
	return &Game{cfg: cfg, problems: problems, Players: p}, nil
}

// Start returns the state before round 0.
func (g *Game) Start() State {
	var names []string
	for _, a := range g.cfg.arms() {
		names = append(names, a.Name)
	}
	return State{Policy: NewPolicy(names, g.cfg), Memory: &Memory{Limit: g.cfg.Memory}}
}

// Run plays the rounds from state on until Config.Rounds are played. save gets the state after each; its error ends the
// run. A round that fails leaves nothing behind but journal entries, which playing it again finds in place.
func (g *Game) Run(ctx context.Context, state State, save func(State) error) (State, error) {
	for state.Round < g.cfg.Rounds {
		next, err := g.Round(ctx, state)
		if err != nil {
			return state, fmt.Errorf("round %d: %w", state.Round, err)
		}
		if err := save(next); err != nil {
			return state, fmt.Errorf("round %d: keep the state: %w", state.Round, err)
		}
		state = next
	}
	return state, nil
}
