package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aprm/adapters"
	"aprm/generator"
	"aprm/generator/tasks"
	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/eval"
	"aprm/sidecar/training"
)

// Lab is where plans are carried out.
type Lab struct {
	LLM         adapters.LLM
	Folder      string // of results; what is there already isn't done again
	Concurrency int    // LLM calls at a time while a game is played
	// Progress shows how far a piece of work is; it is asked for a new one for each.
	Progress func(what string) func(done, total int, detail string)
}

// study is a plan being carried out.
type study struct {
	Lab
	plan   Plan
	desk   *desk
	engine *engine.Engine
	train  []step.Problem
	toys   map[string]tasks.Problem // train by ID, where it is of the toy world
	caps   adapters.Capabilities
	dev    *eval.Pool
}

// unit is one PRM, trained: by which trial, with which seed.
type unit struct {
	prm   PRM
	trial int
	seed  int64
}

// Run carries a plan out and writes its report into the folder.
func (l Lab) Run(ctx context.Context, plan Plan) (Report, error) {
	if err := plan.apart(); err != nil {
		return Report{}, err
	}
	s := &study{Lab: l, plan: plan, desk: newDesk(l.LLM)}
	var err error
	if s.caps, err = s.desk.Capabilities(ctx); err != nil {
		return Report{}, err
	}
	s.engine, err = engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return s.desk, nil },
		Instruction: generator.Instruction, NoHidden: plan.NoHidden, CachedStates: 1 << 19,
		NeedHidden: !plan.NoHidden && s.caps.Hidden.OfSteps()})
	if err != nil {
		return Report{}, err
	}
	if plan.Sampling.Kinds.HavePrograms() {
		if err := s.engine.Writes(ctx, ""); err != nil {
			return Report{}, fmt.Errorf("sampling: kinds: %w", err)
		}
	}
	if err := s.bind(); err != nil {
		return Report{}, err
	}
	var toys []tasks.Problem
	if s.train, toys, err = plan.Train.read(); err != nil {
		return Report{}, err
	}
	s.toys = map[string]tasks.Problem{}
	for _, p := range toys {
		s.toys[p.ID] = p
	}
	report := Report{strongest: -1, Title: plan.Title, Model: s.caps.Model, Server: s.caps.Server, Seeds: plan.Seeds, Sizes: plan.Sizes, Votes: s.votes(), Game: plan.Game}
	chosen, err := s.tune(ctx, &report)
	if err != nil {
		return Report{}, err
	}
	if err := s.trainAll(ctx, chosen); err != nil {
		return Report{}, err
	}
	for _, source := range plan.Test {
		set, err := s.measureSet(ctx, source, chosen)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", source.Name, err)
		}
		report.Sets = append(report.Sets, set)
	}
	if plan.Labels.File != "" {
		set, err := s.labelled(ctx, chosen)
		if err != nil {
			return Report{}, err
		}
		report.Sets = append(report.Sets, set)
	}
	for _, a := range plan.Attacks {
		set, err := s.attackSet(ctx, a, chosen)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", a.Name, err)
		}
		report.Attacks = append(report.Attacks, set)
	}
	for _, c := range chosen {
		of, err := s.rounds(ctx, c)
		if err != nil {
			return Report{}, err
		}
		report.PRMs = append(report.PRMs, of)
		rows, err := s.labels(ctx, c)
		if err != nil {
			return Report{}, err
		}
		report.Labels = append(report.Labels, rows...)
	}
	report.compare()
	return report, report.write(l.Folder)
}

// pool draws the answers to a source's problems, as many as the greatest of sizes; toys where they are of the toy
// world.
func (s *study) pool(ctx context.Context, source Source, sizes []int) (*eval.Pool, []tasks.Problem, error) {
	problems, toys, err := source.read()
	if err != nil {
		return nil, nil, err
	}
	pool, err := eval.Draw(ctx, s.engine, problems, eval.Config{Options: s.plan.Sampling.options(sizes[0]), Sizes: sizes,
		Parallel: s.plan.Sampling.Parallel, Progress: s.Progress("answers to " + source.title())})
	return pool, toys, err
}

// read returns a source's problems; toys where they are of the toy world.
func (s Source) read() (problems []step.Problem, toys []tasks.Problem, err error) {
	if s.Split != "" {
		for i := range s.Problems {
			p := tasks.Generate(tasks.Split(s.Split), s.Seed, i)
			toys = append(toys, p)
			problems = append(problems, step.Problem{ID: p.ID, Question: p.Question, Answer: fmt.Sprint(p.Answer), Worked: p.Worked()})
		}
		return problems, toys, nil
	}
	all, err := dataset.ReadProblems(s.File)
	if err != nil {
		return nil, nil, err
	}
	problems = all.Problems
	if s.Skip >= len(problems) {
		return nil, nil, fmt.Errorf("%s: skip %d leaves nothing of %d problems", s.File, s.Skip, len(problems))
	}
	problems = problems[s.Skip:]
	if s.Problems > 0 && s.Problems < len(problems) {
		problems = problems[:s.Problems]
	}
	return problems, nil, nil
}

// truth labels the first solution of each toy problem exactly.
func truth(pool *eval.Pool, toys []tasks.Problem) []step.Judged {
	var out []step.Judged
	for i, p := range toys {
		sample := pool.Samples(i)[0]
		if sample.Err != nil || sample.Finish == decode.FinishLength {
			continue // what was cut off is not the LLM's own error
		}
		var steps []string
		for _, raw := range step.Split(sample.Text) {
			if text := step.Normalize(raw); text != "" {
				steps = append(steps, text)
			}
		}
		if len(steps) > 0 {
			out = append(out, step.Judged{Trace: step.Trace{Problem: pool.Problems()[i], Steps: steps}, FirstWrong: p.FirstError(steps)})
		}
	}
	return out
}

// votes is the number of candidates by which trials are chosen.
func (s *study) votes() int {
	if s.plan.Guided.N > 0 {
		return s.plan.Guided.N
	}
	return slices.Max(s.plan.Sizes)
}

// choice is a PRM with the trial and the aggregation that did best on the development problems.
type choice struct {
	prm       PRM
	trial     int
	aggregate prm.Aggregation
}

// tune tries each PRM's trials, with the first seed, and every way to aggregate where there are scores of steps to be
// aggregated: a head for whole answers leaves nothing to choose. What decides is a weighted vote on the development
// problems.
func (s *study) tune(ctx context.Context, report *Report) ([]choice, error) {
	var err error
	if s.dev, _, err = s.pool(ctx, s.plan.Dev, []int{s.votes()}); err != nil {
		return nil, err
	}
	var chosen []choice
	for _, p := range s.plan.PRMs {
		best := choice{prm: p}
		top := -1.0
		for trial := range p.Trials {
			u := unit{p, trial, s.plan.Seeds[0]}
			m, _, err := s.model(ctx, u)
			if err != nil {
				return nil, err
			}
			ways := []prm.Aggregation{prm.Min, prm.Product, prm.Last}
			if m.Header().Solution != nil {
				ways = ways[:1]
			}
			for _, how := range ways {
				r, err := s.measure(ctx, u, s.dev, "dev", how, []int{s.votes()}, []string{decode.WeightedVote})
				if err != nil {
					return nil, err
				}
				row := r.Rows[slices.IndexFunc(r.Rows, func(r eval.Row) bool { return r.Method == fmt.Sprintf("weighted-vote-%d", s.votes()) })]
				t := Trial{PRM: p.Name, Trial: trial, Aggregate: how, Accuracy: row.Accuracy, Gain: row.VsMajority}
				report.Trials = append(report.Trials, t)
				if row.Accuracy.Mean > top {
					top, best.trial, best.aggregate = row.Accuracy.Mean, trial, how
				}
			}
		}
		chosen = append(chosen, best)
		if p.Fixed && top > report.strongest {
			report.Strongest, report.strongest = p.Name, top
		}
	}
	for i, t := range report.Trials {
		report.Trials[i].Chosen = slices.ContainsFunc(chosen, func(c choice) bool {
			return c.prm.Name == t.PRM && c.trial == t.Trial && c.aggregate == t.Aggregate
		})
	}
	return chosen, nil
}

// trainAll trains the chosen PRMs, seed after seed: of a study that is cut short the first seeds are whole.
func (s *study) trainAll(ctx context.Context, chosen []choice) error {
	for _, seed := range s.plan.Seeds {
		for _, c := range chosen {
			if !slices.Contains(s.plan.seeds(c.prm), seed) {
				continue
			}
			if _, _, err := s.model(ctx, unit{c.prm, c.trial, seed}); err != nil {
				return err
			}
		}
	}
	return nil
}

const planFile = "plan.json"

// bind has the folder belong to this plan and this LLM: another's would write its report over what was measured here.
func (s *study) bind() error {
	path := filepath.Join(s.Folder, planFile)
	now := struct {
		Title  string `json:"title"`
		Model  string `json:"model"`
		Digest string `json:"digest"` // of the plan
	}{s.plan.Title, s.caps.Identity(), digest(s.plan, s.plan.PRMs)}
	before := now
	switch found, err := kept(path, &before); {
	case err != nil:
		return err
	case !found:
		return dataset.WriteJSON(path, now, disk.Public)
	case before.Model != now.Model:
		return fmt.Errorf("%s: this folder is of an experiment with %s, not with %s: take another folder", path, before.Model, now.Model)
	case before != now:
		return fmt.Errorf("%s: this folder is of another experiment (%q, or one of its settings differs): take another folder, or delete that file to have this one's report written over the other's", path, before.Title)
	}
	return nil
}

// folder is where a unit's game is kept: another when its settings are others.
func (s *study) folder(u unit) string {
	t := u.prm.Trials[u.trial]
	t.Seed, t.Concurrency = 0, 0
	return filepath.Join(s.Folder, "prms", u.prm.Name, digest(s.caps.Identity(), t, s.train, s.plan.NoHidden), fmt.Sprintf("seed-%d", u.seed))
}

// digest names what depends on these values and on nothing else.
func digest(of ...any) string {
	text, _ := json.Marshal(of) // plain values always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// costs is what training a PRM took.
type costs struct {
	LLM     time.Duration      `json:"llm_ns"`            // the LLM at work
	Own     time.Duration      `json:"own_ns"`            // all else
	Resumed bool               `json:"resumed,omitempty"` // cut off and gone on with: what both are is not known
	Model   string             `json:"model,omitempty"`   // id of the PRM that came of it; "" of an older build
	Game    []generator.Report `json:"game"`
	PRM     []train.Report     `json:"prm"`
}

const (
	doneFile  = "done.json"
	modelFile = "model.prm"
)

// model returns the unit's PRM, trained now unless it is there.
func (s *study) model(ctx context.Context, u unit) (*prm.Model, costs, error) {
	folder := s.folder(u)
	var c costs
	if found, err := kept(filepath.Join(folder, doneFile), &c); err != nil || found {
		if err != nil {
			return nil, c, err
		}
		m, err := prm.Load(filepath.Join(folder, modelFile))
		if err != nil { // of an older build, it may be
			err = fmt.Errorf("%w (delete %s to have it trained again)", err, folder)
		} else if c.Model != "" && m.ID() != c.Model {
			err = fmt.Errorf("%s is PRM %s, and %s was trained there: put it back, or delete %s to have it trained again", filepath.Join(folder, modelFile), m.ID(), c.Model, folder)
		}
		return m, c, err
	}
	t := u.prm.Trials[u.trial]
	t.Seed, t.Concurrency = u.seed, s.Concurrency
	bar := s.Progress(fmt.Sprintf("train %s, trial %d, seed %d", u.prm.Name, u.trial+1, u.seed))
	t.Progress = func(p generator.Progress) {
		bar(p.Done, p.Total, fmt.Sprintf("round %d of %d: %s", p.Round+1, t.Rounds, p.Stage))
	}
	n := t.Network
	_, err := os.Stat(folder)
	resumed := err == nil
	s.desk.remember(true)
	defer s.desk.remember(false)
	began := time.Now()
	spent, saved := s.desk.worked()
	trained, err := training.Run{Game: t.Config, Folder: folder, Engine: s.engine.Bare(), Truth: s.firstError, Pace: n.Pace,
		PRM: train.Options{Seed: u.seed, Epochs: n.Epochs, Patience: n.Patience, Rate: n.Rate, Decay: n.Decay, Dropout: n.Dropout,
			KL: n.KL, Entropy: n.Entropy, Adversarial: n.Adversarial, Plain: n.Plain, Without: n.Without, Shape: prm.Shape{Hidden: n.Units}}}.Play(ctx, s.desk, s.train)
	if err != nil {
		return nil, c, fmt.Errorf("%s, seed %d: %w", u.prm.Name, u.seed, err)
	}
	nowSpent, nowSaved := s.desk.worked()
	c = costs{LLM: nowSpent - spent + nowSaved - saved, Own: time.Since(began) - (nowSpent - spent), Resumed: resumed, Game: trained.Game, PRM: trained.Reports, Model: trained.Model.ID()}
	if err := prm.Save(filepath.Join(folder, modelFile), trained.Model); err != nil {
		return nil, c, err
	}
	return trained.Model, c, dataset.WriteJSON(filepath.Join(folder, doneFile), c, disk.Public)
}

// kept reads what an earlier run wrote, if it did.
func kept(path string, into any) (bool, error) {
	data, err := disk.Read(path, 1<<30)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return false, fmt.Errorf("%s: %w (delete it to have it made again)", path, err)
	}
	return true, nil
}

// bench returns an engine with a PRM in place.
func (s *study) bench(m *prm.Model) (*engine.Engine, error) {
	e := s.engine.Bare()
	return e, e.Use(m)
}

// measure measures a unit's PRM on a pool by some strategies, unless that is done already.
func (s *study) measure(ctx context.Context, u unit, pool *eval.Pool, set string, aggregate prm.Aggregation, sizes []int, strategies []string) (eval.Report, error) {
	m, _, err := s.model(ctx, u)
	if err != nil {
		return eval.Report{}, err
	}
	return s.measureModel(ctx, m, fmt.Sprintf("%s on %s, seed %d, %s", u.prm.Name, set, u.seed, aggregate), pool, set, aggregate, sizes, strategies)
}

// measureModel measures a PRM, which messages call what.
func (s *study) measureModel(ctx context.Context, m *prm.Model, what string, pool *eval.Pool, set string, aggregate prm.Aggregation, sizes []int, strategies []string) (eval.Report, error) {
	e, err := s.bench(m)
	if err != nil {
		return eval.Report{}, err
	}
	id, _ := e.Checkpoint()
	cfg := eval.Config{Options: s.plan.Sampling.options(sizes[0]), Sizes: sizes, Strategies: strategies, Parallel: s.plan.Sampling.Parallel, Draws: 2000}
	cfg.Options.Aggregate = aggregate
	gate, err := e.Gate(ctx)
	if err != nil {
		return eval.Report{}, err
	}
	cfg.Options.By(gate)
	return s.once(id, set, pool, cfg, func() (eval.Report, error) {
		cfg.Progress = s.Progress(what)
		return pool.Measure(ctx, e, cfg)
	})
}

// once does a measurement of the checkpoint of that id, unless its result is kept.
func (s *study) once(id, set string, pool *eval.Pool, cfg eval.Config, do func() (eval.Report, error)) (eval.Report, error) {
	problems := pool.Problems()
	var drawn []string
	for i := range problems {
		for _, sample := range pool.Samples(i) {
			drawn = append(drawn, sample.Text)
		}
	}
	path := filepath.Join(s.Folder, "measured", set, digest(s.caps.Identity(), id, cfg.Options, cfg.Sizes, cfg.Strategies, problems, drawn)+".json")
	var r eval.Report
	if found, err := kept(path, &r); err != nil || found {
		return r, err
	}
	r, err := do()
	if err != nil {
		return r, err
	}
	return r, dataset.WriteJSON(path, r, disk.Public)
}

// measureSet measures every chosen PRM, of every seed, on a set of test problems.
func (s *study) measureSet(ctx context.Context, source Source, chosen []choice) (Set, error) {
	pool, toys, err := s.pool(ctx, source, s.plan.Sizes)
	if err != nil {
		return Set{}, err
	}
	out := Set{Name: source.Name, Problems: len(pool.Problems()), truth: truth(pool, toys)}
	cfg := eval.Config{Options: s.plan.Sampling.options(s.votes()), Sizes: s.plan.Sizes, Strategies: []string{decode.Greedy},
		Parallel: s.plan.Sampling.Parallel, Draws: 2000}
	bare := s.engine.Bare()
	out.baselines, err = s.once("none", source.Name, pool, cfg, func() (eval.Report, error) {
		cfg.Progress = s.Progress("baselines on " + source.Name)
		return pool.Measure(ctx, bare, cfg)
	})
	if err != nil {
		return out, err
	}
	for _, c := range chosen {
		of := measured{prm: c.prm}
		for _, seed := range s.plan.seeds(c.prm) {
			u := unit{c.prm, c.trial, seed}
			r, err := s.measure(ctx, u, pool, source.Name, c.aggregate, s.plan.Sizes, []string{decode.BestOfN, decode.WeightedVote})
			if err != nil {
				return out, err
			}
			of.votes = append(of.votes, r)
			if slices.Contains(s.plan.Guided.PRMs, c.prm.Name) {
				n := s.plan.Guided.Problems
				if n == 0 || n > len(pool.Problems()) {
					n = len(pool.Problems())
				}
				r, err := s.measure(ctx, u, pool.First(n), source.Name+" guided", c.aggregate, []int{s.plan.Guided.N}, []string{decode.Guided})
				if err != nil {
					return out, err
				}
				of.guided = append(of.guided, r)
			}
			if len(out.truth) > 0 {
				scores, err := s.steps(ctx, u, out.truth)
				if err != nil {
					return out, err
				}
				of.scores = append(of.scores, scores)
			}
		}
		out.measured = append(out.measured, of)
	}
	if len(toys) > 0 {
		cfg.Strategies, cfg.Options.Aggregate = []string{decode.BestOfN, decode.WeightedVote}, "min"
		r, err := s.once(perfect, source.Name, pool, cfg, func() (eval.Report, error) {
			cfg.Progress = s.Progress(perfect + " on " + source.Name)
			return pool.Measure(ctx, newExact(bare, toys), cfg)
		})
		if err != nil {
			return out, err
		}
		out.measured = append(out.measured, measured{prm: PRM{Name: perfect}, votes: []eval.Report{r}})
	}
	return out, nil
}

// labelled has every chosen PRM find the first wrong steps of the plan's labelled solutions.
func (s *study) labelled(ctx context.Context, chosen []choice) (Set, error) {
	truth, err := dataset.ReadJudged(s.plan.Labels.File, s.plan.Labels.Problems)
	if err != nil {
		return Set{}, err
	}
	out := Set{Name: filepath.Base(s.plan.Labels.File), truth: truth}
	for _, c := range chosen {
		of := measured{prm: c.prm}
		for _, seed := range s.plan.seeds(c.prm) {
			scores, err := s.steps(ctx, unit{c.prm, c.trial, seed}, out.truth)
			if err != nil {
				return out, err
			}
			of.scores = append(of.scores, scores)
		}
		out.measured = append(out.measured, of)
	}
	return out, nil
}

// steps scores labelled solutions.
func (s *study) steps(ctx context.Context, u unit, solutions []step.Judged) ([][]float64, error) {
	m, _, err := s.model(ctx, u)
	if err != nil {
		return nil, err
	}
	e, err := s.bench(m)
	if err != nil {
		return nil, err
	}
	bar := s.Progress(fmt.Sprintf("steps by %s, seed %d", u.prm.Name, u.seed))
	return eval.ScoreSteps(ctx, e.Judge, solutions, func(done, total int) { bar(done, total, "") })
}
