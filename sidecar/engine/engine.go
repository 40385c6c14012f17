// Package engine joins an LLM and a PRM: it lets decode sample from the one and score with the other, and it is the
// only path by which a step reaches the PRM, in training, evaluation, scoring and serving alike. What the PRM was
// trained on is therefore what it is served.
package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"aprm/adapters"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Config of an Engine. Only Open is needed.
type Config struct {
	// Open returns the LLM of that name at the endpoint, the configured one for "". It is called once a name and starts
	// nothing; whether the endpoint knows the name shows at the first request.
	Open func(model string) (adapters.LLM, error)
	// Instruction is added to the system message of guided requests; "" leaves conversations as they are.
	Instruction string
	// CachedStates bounds how many steps' hidden states are kept in memory; 0 means 4096.
	CachedStates int
	// NoHidden leaves the hidden states out even where the endpoint gives them.
	NoHidden bool
	// Remote scores in place of a checkpoint; nil for none. It reads no hidden states and no log-probabilities.
	Remote Remote
	// NeedHidden makes an error of a trace that can't be read, which is else scored without hidden states: what is
	// measured must not change its nature on the way.
	NeedHidden bool
}

// Remote is a PRM that runs elsewhere. It is safe for concurrent use.
type Remote interface {
	// Score returns the probability that each step of a trace is correct, in order.
	Score(ctx context.Context, t step.Trace) ([]float64, error)

	// ID names it.
	ID() string
}

// Engine is safe for concurrent use; the PRM can be swapped while requests run.
type Engine struct {
	open        func(model string) (adapters.LLM, error)
	instruction string
	noHidden    bool
	needHidden  bool
	remote      Remote
	opening     *sync.Mutex // held while an LLM is opened: two of one name would each have the endpoint's slots to themselves
	llms        *lru.Cache[string, adapters.LLM]
	states      *lru.Cache[stateKey, adapters.State]
	prm         atomic.Pointer[prm.Model]
	gate        atomic.Pointer[decode.Gate]
}

// knownLLMs bounds how many names of models are remembered: clients may send any.
const knownLLMs = 64

// New returns an engine without a PRM; see Use.
func New(cfg Config) (*Engine, error) {
	if cfg.CachedStates == 0 {
		cfg.CachedStates = 4096
	}
	states, err := lru.New[stateKey, adapters.State](cfg.CachedStates)
	if err != nil {
		return nil, fmt.Errorf("engine: cache of hidden states: %w", err)
	}
	llms, err := lru.New[string, adapters.LLM](knownLLMs)
	if err != nil {
		return nil, fmt.Errorf("engine: known models: %w", err)
	}
	return &Engine{open: cfg.Open, instruction: cfg.Instruction, noHidden: cfg.NoHidden, needHidden: cfg.NeedHidden, remote: cfg.Remote,
		opening: new(sync.Mutex), llms: llms, states: states}, nil
}

// Bare returns an engine without a PRM that shares the LLMs and the hidden states known so far.
func (e *Engine) Bare() *Engine {
	return &Engine{open: e.open, instruction: e.instruction, noHidden: e.noHidden, needHidden: e.needHidden, opening: e.opening, llms: e.llms, states: e.states}
}

// Use makes m the PRM of every request that starts from now on. A PRM trained on another splitter is refused, and any
// where a remote one is in place.
func (e *Engine) Use(m *prm.Model) error {
	if e.remote != nil {
		return fmt.Errorf("%s scores already: there can be no checkpoint beside it", e.remote.ID())
	}
	if v := m.Header().Splitter; v != step.Version {
		return fmt.Errorf("the checkpoint was trained with step splitter %d and this build has %d: train it again", v, step.Version)
	}
	e.prm.Store(m)
	return nil
}

// Trust makes g what auto knows of its own PRM and LLM from now on: it counts for no others. Nil for nothing.
func (e *Engine) Trust(g *decode.Gate) { e.gate.Store(g) }

// Gate is what Trust gave for the PRM in use and the configured LLM, else what the PRM has from its training with that
// LLM, else what was found of it with others than it was trained with; nil for nothing.
func (e *Engine) Gate(ctx context.Context) (*decode.Gate, error) {
	m := e.prm.Load()
	if m == nil {
		return nil, nil
	}
	llm, err := e.llm("")
	if err != nil {
		return nil, err
	}
	return e.gateOf(ctx, m, llm)
}

func (e *Engine) gateOf(ctx context.Context, m *prm.Model, llm adapters.LLM) (*decode.Gate, error) {
	g, own := e.gate.Load(), m.Header().Solution
	if g == nil && own == nil {
		return nil, nil
	}
	caps, err := llm.Capabilities(ctx)
	if errors.Is(err, adapters.ErrUnprobed) {
		return nil, nil // whose gate it is can't be told yet
	}
	switch {
	case err != nil:
		return nil, err
	case g.Of(m.ID(), caps.Identity()):
		if caps.Thinks && !adapters.Thoughtless(ctx) && g.Escalate != "" { // measured when it didn't
			without := *g
			without.Escalate = ""
			g = &without
		}
		if g.Drawing == nil && own != nil && own.Model == g.Model { // what was measured of votes says nothing of programs: training has
			with := *g
			with.Drawing = own.Drawing
			return &with, nil
		}
		return g, nil
	case own == nil:
		return nil, nil
	}
	g = &decode.Gate{Format: decode.GateFormat, Checkpoint: m.ID(), Model: caps.Identity(), Aggregate: prm.Min}
	switch {
	case own.Model == caps.Identity():
		g.Problems, g.Source, g.Vote, g.Drawing = own.Problems, "its own training, crosswise", own.Vote, own.Drawing
	case own.Elsewhere != nil:
		g.Problems, g.Source, g.Vote = own.Elsewhere.Problems, "answers of other models ("+strings.Join(own.Elsewhere.Models, ", ")+"), none of this one", own.Elsewhere.Vote
	default:
		return nil, nil
	}
	return g, nil
}

// Checkpoint names the PRM in use, a remote one by its model; ok is false when there is none.
func (e *Engine) Checkpoint() (id string, ok bool) {
	if e.remote != nil {
		return e.remote.ID(), true
	}
	if m := e.prm.Load(); m != nil {
		return m.ID(), true
	}
	return "", false
}

// Instruction is what is added to the system message of guided requests, "" when nothing is.
func (e *Engine) Instruction() string { return e.instruction }

// LLM returns the LLM of that name, the configured one for "", as it is searched with.
func (e *Engine) LLM(name string) (adapters.LLM, error) { return e.llm(name) }

// llm returns the LLM of that name, the configured one for "".
func (e *Engine) llm(name string) (adapters.LLM, error) {
	e.opening.Lock()
	defer e.opening.Unlock()
	if llm, ok := e.llms.Get(name); ok {
		return llm, nil
	}
	llm, err := e.open(name)
	if err != nil {
		return nil, err
	}
	e.llms.Add(name, llm)
	return llm, nil
}

// Capabilities are those of the configured model.
func (e *Engine) Capabilities(ctx context.Context) (adapters.Capabilities, error) {
	llm, err := e.llm("")
	if err != nil {
		return adapters.Capabilities{}, err
	}
	return llm.Capabilities(ctx)
}

// Solve answers the last message of a conversation with the model of that name, by the strategy that opts names, or by
// a plain vote when the PRM fails.
func (e *Engine) Solve(ctx context.Context, model string, messages []adapters.Message, opts decode.Options) (decode.Result, error) {
	ctx = adapters.WithSearch(ctx)
	sampler, err := e.sampler(model, messages)
	if err != nil {
		return decode.Result{}, err
	}
	scorer, err := e.scorer(model, step.Problem{Question: adapters.LastQuestion(messages)})
	if err != nil {
		return decode.Result{}, err
	}
	if bound, ok := scorer.(stepScorer); ok {
		gate, err := e.gateOf(ctx, bound.prm, bound.llm)
		if err != nil {
			return decode.Result{}, err
		}
		opts.By(gate)
	}
	if opts.Fallback = true; opts.Draws().HavePrograms() {
		if err := e.Writes(ctx, model); err != nil {
			return decode.Result{}, err
		}
	}
	var watch stopwatch
	result, err := decode.Solve(ctx, watch.sampler(sampler), watch.scorer(scorer), opts)
	result.LLMTime, result.PRMTime = watch.spent()
	return result, err
}

// Writes refuses a model, the configured one for "", that is known to write no programs: one that was trained on a form
// of its own and has no room for instructions.
func (e *Engine) Writes(ctx context.Context, model string) error {
	llm, err := e.llm(model)
	if err != nil {
		return err
	}
	caps, err := llm.Capabilities(ctx)
	switch {
	case errors.Is(err, adapters.ErrUnprobed):
		return nil // ask, and see
	case err != nil:
		return err
	case caps.Compact:
		return decode.ErrNoPrograms
	}
	return nil
}

// Opening is what an answer of that kind begins with without being drawn: the configured model is given it to go on
// with; "" for nothing.
func (e *Engine) Opening(ctx context.Context, kind step.Kind) (string, error) {
	llm, err := e.llm("")
	if err != nil || kind != step.Program {
		return "", err
	}
	opening, _, err := writing(ctx, llm)
	return opening, err
}

// Sampler draws solutions of a problem from the configured model, as Solve does for a conversation of that one
// question.
func (e *Engine) Sampler(p step.Problem) (decode.Sampler, error) {
	return e.sampler("", []adapters.Message{{Role: adapters.User, Content: p.Question}})
}

// Scorer scores steps of solutions of a problem; nil when there is no PRM.
func (e *Engine) Scorer(p step.Problem) (decode.Scorer, error) { return e.scorer("", p) }

func (e *Engine) sampler(model string, messages []adapters.Message) (decode.Sampler, error) {
	llm, err := e.llm(model)
	if err != nil {
		return nil, err
	}
	return redraw{conversation{llm: llm, messages: instruct(messages, e.instruction), programs: instruct(messages, decode.AsksProgram)}}, nil
}

// scorer binds the PRM in use: one search keeps it from the first step to the last, even if another is loaded
// meanwhile.
func (e *Engine) scorer(model string, p step.Problem) (decode.Scorer, error) {
	if e.remote != nil {
		return newRemoteScorer(e.remote, p), nil
	}
	m := e.prm.Load()
	if m == nil {
		return nil, nil
	}
	llm, err := e.llm(model)
	if err != nil {
		return nil, err
	}
	return stepScorer{llm: llm, engine: e, prm: m, problem: p}, nil
}

// Judge returns the scores of every step of a trace by the PRM in use, read by the configured model, and whether that
// model's hidden states were read. tokens are the steps' own log-probabilities where they were sampled while solving;
// nil otherwise. Without a PRM it is ErrNoCheckpoint.
func (e *Engine) Judge(ctx context.Context, t step.Trace, tokens [][]step.Token) (scores []prm.Score, sighted bool, err error) {
	bound, err := e.scorer("", t.Problem)
	if err != nil {
		return nil, false, err
	}
	if bound == nil {
		return nil, false, ErrNoCheckpoint
	}
	var j prm.Judgement
	if own, ok := bound.(stepScorer); ok {
		j, sighted, err = own.judge(ctx, decode.Working{Steps: t.Steps, Tokens: tokens})
	} else {
		j, err = bound.Score(ctx, decode.Working{Steps: t.Steps, Tokens: tokens})
	}
	return j.Steps, sighted, err
}
