// Package experiment remakes a study from one file: it trains several PRMs of one LLM in several ways, with several
// seeds, chooses their settings on development problems, measures them on the test problems, once, from one recorded
// pool of answers, and writes tables, figures and a report into a folder. Run again, it goes on where it was.
package experiment

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"aprm/generator"
	"aprm/generator/tasks"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
)

// Plan is what an experiment's file holds.
type Plan struct {
	Title    string    `yaml:"title"`
	Upstream string    `yaml:"upstream"` // as --upstream takes it; "" for what the flag says
	Seeds    []int64   `yaml:"seeds"`    // of training: each PRM is trained once with each
	Train    Source    `yaml:"train"`
	Dev      Source    `yaml:"dev"`      // on which trials, aggregation and the strongest fixed PRM are chosen
	Test     []Source  `yaml:"test"`     // looked at once, at the end
	Labels   Source    `yaml:"labels"`   // a file of solutions whose first wrong step is known, as prm eval reads them; the toy world needs none
	Sampling Sampling  `yaml:"sampling"` // of answers
	Sizes    []int     `yaml:"sizes"`    // of votes and best-of-N; the greatest is the pool's
	Guided   Guided    `yaml:"guided"`
	NoHidden bool      `yaml:"no_hidden"` // ask no endpoint for hidden states, as most have none to give
	Game     string    `yaml:"game"`      // the PRM that is held against the strongest of the fixed ones
	Attacks  []Attacks `yaml:"attacks"`   // held against PRMs, for robustness
	PRMs     []PRM     `yaml:"-"`
}

// Source is a set of problems: of a file, or of the toy world.
type Source struct {
	Name     string `yaml:"name"`
	File     string `yaml:"file"`     // as --problems takes it, relative to where the command runs
	Split    string `yaml:"split"`    // of the toy world
	Seed     uint64 `yaml:"seed"`     // of the toy world
	Skip     int    `yaml:"skip"`     // of the file's problems
	Problems int    `yaml:"problems"` // so many; 0 for all of a file
}

// Sampling is how answers are drawn.
type Sampling struct {
	Temperature float64 `yaml:"temperature"`
	TopP        float64 `yaml:"top_p"`
	MaxTokens   int     `yaml:"max_tokens"`
	MaxSteps    int     `yaml:"max_steps"`
	Seed        int64   `yaml:"seed"`
	Parallel    int     `yaml:"parallel"` // problems at a time

	Kinds step.Kinds `yaml:"kinds"` // of the pool's whole answers: prose, programs or mixed [prose]
}

// Guided says which PRMs guide decoding step by step, within the tokens of a vote of N.
type Guided struct {
	N        int      `yaml:"n"`
	PRMs     []string `yaml:"prms"`
	Problems int      `yaml:"problems"` // the first of each test set
}

// PRM is a way to train one, in some trials.
type PRM struct {
	Name   string
	About  string
	Fixed  bool // trained on fixed data: it may be the strongest static one
	Seeds  int  // with so many of the plan's seeds, the first; 0 for all
	Trials []Settings
}

// Settings are those of a game and of the network that learns by it. Seed and concurrency are the run's.
type Settings struct {
	generator.Config `yaml:",inline"`

	Network Network `yaml:"network"`
}

// Network are the settings of a fit (train.Options, whose defaults 0 stands for), and what it doesn't read.
type Network struct {
	Epochs      int             `yaml:"epochs"`
	Patience    int             `yaml:"patience"`
	Rate        float64         `yaml:"rate"`
	Decay       float64         `yaml:"decay"`
	Dropout     float64         `yaml:"dropout"`
	Units       int             `yaml:"units"` // of the hidden layer
	KL          float64         `yaml:"kl"`
	Entropy     float64         `yaml:"entropy"`
	Pace        float64         `yaml:"pace"`        // how much of a whole learning is done in a round, in (0,1]; 0 for 1
	Adversarial float64         `yaml:"adversarial"` // share of the weight that attacked pairs have in each batch; 0: as many as there are
	Plain       bool            `yaml:"plain"`       // Adam along the gradient itself, not the optimistic one
	Without     []feature.Block `yaml:"without"`
}

// file is a plan as it is written: a PRM is settings over the base, a trial settings over the PRM's.
type file struct {
	Plan `yaml:",inline"`

	Base yaml.Node `yaml:"base"`
	PRMs []struct {
		Name     string      `yaml:"name"`
		About    string      `yaml:"about"`
		Fixed    bool        `yaml:"fixed"`
		Seeds    int         `yaml:"seeds"`
		Settings yaml.Node   `yaml:"settings"`
		Trials   []yaml.Node `yaml:"trials"`
	} `yaml:"prms"`
}

// Read reads a plan and says everything that is wrong with it.
func Read(r io.Reader) (Plan, error) {
	f := file{Plan: Plan{Sampling: Sampling{Temperature: 0.8, TopP: 1, MaxTokens: 320, MaxSteps: 32, Seed: 1, Parallel: 1}}}
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return Plan{}, fmt.Errorf("experiment: %w", err)
	}
	plan := f.Plan
	base := Settings{Config: generator.DefaultConfig()}
	errs := []error{over(&base, f.Base, "base")}
	for _, p := range f.PRMs {
		of := base
		errs = append(errs, over(&of, p.Settings, p.Name+": settings"))
		out := PRM{Name: p.Name, About: p.About, Fixed: p.Fixed, Seeds: p.Seeds}
		if len(p.Trials) == 0 {
			out.Trials = []Settings{of}
		}
		for i, node := range p.Trials {
			trial := of
			errs = append(errs, over(&trial, node, fmt.Sprintf("%s: trial %d", p.Name, i+1)))
			out.Trials = append(out.Trials, trial)
		}
		plan.PRMs = append(plan.PRMs, out)
	}
	if err := errors.Join(append(errs, plan.check())...); err != nil {
		return Plan{}, fmt.Errorf("experiment: %w", err)
	}
	return plan, nil
}

// over reads a node's settings over those that are there.
func over(s *Settings, node yaml.Node, what string) error {
	if node.IsZero() {
		return nil
	}
	text, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true) // which a node's own Decode doesn't have
	if err := dec.Decode(s); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (p Plan) check() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if len(p.PRMs) == 0 {
		return errors.New("prms: want at least one")
	}
	wrong(len(p.Seeds) == 0, "seeds: want at least one")
	wrong(len(p.Test) == 0, "test: want at least one set of problems")
	wrong(len(slices.Compact(slices.Sorted(slices.Values(p.Seeds)))) < len(p.Seeds), "seeds: one is there twice")
	wrong(!(p.Sampling.TopP > 0 && p.Sampling.TopP <= 1), "sampling: top_p must be in (0,1]")
	wrong(p.Guided.Problems < 0, "guided: problems must not be negative")
	wrong(len(p.Guided.PRMs) > 0 && len(p.Sizes) > 0 && p.Guided.N > slices.Max(p.Sizes), "guided: n must not exceed the greatest of sizes, whose tokens it may take")
	wrong(len(p.Sizes) == 0 || slices.Contains(p.Sizes, 0) || slices.Min(append(p.Sizes, 1)) < 1, "sizes: want numbers of candidates")
	wrong(p.Sampling.MaxTokens < 1 || p.Sampling.MaxSteps < 1 || p.Sampling.Parallel < 1, "sampling: max_tokens, max_steps and parallel must be at least 1")
	wrong(!(p.Sampling.Temperature > 0), "sampling: temperature must be above 0, or all samples are alike")
	wrong(p.Sampling.Kinds != "" && p.Sampling.Kinds != step.OnlyProse && !p.Sampling.Kinds.HavePrograms(), "sampling: kinds must be prose, programs or mixed")
	names := map[string]bool{}
	for _, s := range append([]Source{p.Train, p.Dev}, p.Test...) {
		toy := s.Split != ""
		wrong(toy == (s.File != ""), "%s: want either a file or a split of the toy world", s.title())
		wrong(toy && !slices.Contains(tasks.Splits(), tasks.Split(s.Split)), "%s: no such split", s.title())
		wrong(toy && s.Problems < 1, "%s: say how many problems", s.title())
		wrong(toy && s.Skip != 0, "%s: skip is of files", s.title())
		wrong(s.Skip < 0 || s.Problems < 0, "%s: skip and problems must not be negative", s.title())
	}
	wrong(p.Labels != Source{} && p.Labels.File == "", "labels: want a file")
	wrong(p.Labels.Problems < 0 || p.Labels.Skip != 0 || p.Labels.Split != "", "labels: only a file and how many of its solutions can be said")
	for _, s := range p.Test {
		wrong(s.Name == "" || names[s.Name], "test: each set needs a name of its own, %q is not", s.Name)
		names[s.Name] = true
	}
	prms := map[string]bool{}
	fewer := map[string]bool{}
	fixed := 0
	for _, m := range p.PRMs {
		wrong(m.Name == "" || strings.ContainsAny(m.Name, `/\ `) || prms[m.Name], "prms: each needs a name of its own without blanks or slashes, %q is not", m.Name)
		prms[m.Name], fewer[m.Name] = true, m.Seeds > 0
		wrong(m.Seeds < 0 || m.Seeds > len(p.Seeds), "%s: seeds: there are %d", m.Name, len(p.Seeds))
		if m.Fixed {
			fixed++
		}
		for i, t := range m.Trials {
			wrong(t.Network.Epochs < 0 || t.Network.Units < 0, "%s, trial %d: network: epochs and units must not be negative", m.Name, i+1)
			wrong(!(t.Network.Pace >= 0 && t.Network.Pace <= 1), "%s, trial %d: network: pace must be in [0,1]", m.Name, i+1)
			wrong(!(t.Network.Adversarial >= 0 && t.Network.Adversarial <= 1), "%s, trial %d: network: adversarial must be in [0,1]", m.Name, i+1)
			t.Seed, t.Concurrency = 1, 1 // set by the run
			if err := t.Validate(); err != nil {
				errs = append(errs, fmt.Errorf("%s, trial %d: %w", m.Name, i+1, err))
			}
			for _, b := range t.Network.Without {
				wrong(!slices.Contains(feature.Blocks(), b), "%s, trial %d: without: no input %q", m.Name, i+1, b)
			}
		}
	}
	wrong(p.Game != "" && !prms[p.Game], "game: there is no PRM %q", p.Game)
	wrong(p.Game != "" && fixed == 0, "game: no PRM is fixed: true, to be held against")
	for _, name := range p.Guided.PRMs {
		wrong(!prms[name], "guided: there is no PRM %q", name)
	}
	for _, a := range p.Attacks {
		wrong(a.Name == "" || len(a.PRMs) == 0, "attacks: each set needs a name and prms")
		wrong((a.Of == "") == (a.Steps == ""), "attacks %s: want either a PRM (of) or a file of labelled steps", a.Name)
		for _, name := range slices.Concat(a.PRMs, []string{or(a.Of, p.PRMs[0].Name)}) {
			wrong(!prms[name], "attacks %s: there is no PRM %q", a.Name, name)
			wrong(fewer[name], "attacks %s: %s has fewer seeds than the plan", a.Name, name)
			wrong(a.Of != "" && p.heldOut(name, slices.Min[[]float64]) < p.heldOut(a.Of, slices.Max[[]float64]),
				"attacks %s: %s has a lower held_out than %s, so it learns from problems that these attacks are on", a.Name, name, a.Of)
		}
	}
	wrong(len(p.Guided.PRMs) > 0 && p.Guided.N < 1, "guided: n must be at least 1")
	return errors.Join(errs...)
}

// heldOut is the least or the greatest share of problems that a PRM's trials keep out of training; 0 for no such PRM.
// Of the same problems and seed, a greater share holds out what a smaller one does and more.
func (p Plan) heldOut(name string, of func([]float64) float64) float64 {
	for _, m := range p.PRMs {
		if m.Name == name {
			var shares []float64
			for _, t := range m.Trials {
				shares = append(shares, t.HeldOut)
			}
			return of(shares)
		}
	}
	return 0
}

// apart reports problems that are in two of training, development and test: by their questions, whatever file they are
// in.
func (p Plan) apart() error {
	sets := append([]Source{p.Train, p.Dev}, p.Test...)
	names := []string{"train", "dev"}
	for _, s := range p.Test {
		names = append(names, "test "+s.Name)
	}
	in := map[string]int{} // the first set that a problem is in; two tests may share some
	for k, s := range sets {
		problems, _, err := s.read()
		if err != nil {
			return err
		}
		shared := map[int][]string{}
		for _, q := range problems {
			id := dataset.ProblemID(q.Question)
			first, ok := in[id]
			if !ok {
				in[id] = k
			} else if first < 2 && first != k {
				shared[first] = append(shared[first], q.ID)
			}
		}
		for first := range 2 {
			if ids := shared[first]; len(ids) > 0 {
				return fmt.Errorf("experiment: %s and %s share %d problems, %s among them: what is learned from, or chosen by, can't be measured on", names[first], names[k], len(ids), ids[0])
			}
		}
	}
	return nil
}

// seeds are those that a PRM is trained with.
func (p Plan) seeds(m PRM) []int64 {
	if m.Seeds > 0 {
		return p.Seeds[:m.Seeds]
	}
	return p.Seeds
}

// title names a source in messages.
func (s Source) title() string {
	for _, name := range []string{s.Name, s.File, s.Split} {
		if name != "" {
			return name
		}
	}
	return "train, dev or test"
}

// options are those of a search of n candidates.
func (s Sampling) options(n int) decode.Options {
	return decode.Options{N: n, Temperature: s.Temperature, TopP: s.TopP, MaxTokens: s.MaxTokens, MaxSteps: s.MaxSteps, Seed: s.Seed, Aggregate: "min", Kinds: cmp.Or(s.Kinds, step.OnlyProse)}
}
