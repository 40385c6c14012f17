package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"aprm/prm"
	"aprm/prm/step"
)

var quick = Options{Model: "llm", Seed: 3, Shape: small, Batch: 32, Rate: 0.01, Epochs: 6, Patience: -1, Created: time.Unix(0, 0).UTC()}

func fit(t *testing.T, start, ref *prm.Model, examples []Example, opt Options) (*prm.Model, Report) {
	t.Helper()
	m, report, err := Fit(context.Background(), start, ref, examples, opt)
	if err != nil {
		t.Fatal(err)
	}
	return m, report
}

func sameModel(t *testing.T, got, want *prm.Model) {
	t.Helper()
	if !reflect.DeepEqual(got.Header(), want.Header()) {
		t.Errorf("header %+v, want %+v", got.Header(), want.Header())
	}
	if !reflect.DeepEqual(got.Weights(), want.Weights()) {
		t.Error("the weights differ")
	}
	if !bytes.Equal(got.Optimiser(), want.Optimiser()) {
		t.Error("the optimiser's states differ")
	}
}

func TestFitIsDeterministic(t *testing.T) {
	examples := randomExamples(1, 60, 8)
	a, ra := fit(t, nil, nil, examples, quick)
	b, rb := fit(t, nil, nil, examples, quick)
	sameModel(t, a, b)
	ra.Elapsed, rb.Elapsed = 0, 0
	ra.ValueAUC, rb.ValueAUC = 0, 0
	if ra != rb {
		t.Errorf("reports %+v, then %+v", ra, rb)
	}
	other := quick
	other.Seed++
	if c, _ := fit(t, nil, nil, examples, other); c.ID() == a.ID() {
		t.Error("another seed gave the same model")
	}
}

// Stopped after two epochs, written to disk, read and gone on with: bit for bit the unbroken run.
func TestResumedRunEqualsUnbrokenRun(t *testing.T) {
	for _, patience := range []int{-1, 3} {
		examples := randomExamples(2, 60, 8)
		opt := quick
		opt.Patience = patience
		unbroken, _ := fit(t, nil, nil, examples, opt)

		opt.Epochs = 2
		part, _ := fit(t, nil, nil, examples, opt)
		path := filepath.Join(t.TempDir(), "part.ckpt")
		if err := prm.SaveResumable(path, part); err != nil {
			t.Fatal(err)
		}
		loaded, err := prm.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		opt.Epochs = quick.Epochs
		resumed, _ := fit(t, loaded, nil, examples, opt)
		sameModel(t, resumed, unbroken)
	}
}

// The same over rounds: the second round from a checkpoint equals the second round from memory.
func TestNextRoundFromCheckpoint(t *testing.T) {
	examples := randomExamples(2, 60, 8)
	zero, _ := fit(t, nil, nil, examples, quick)
	next := quick
	next.Round, next.KL, next.Entropy = 1, 0.1, 0.01
	want, _ := fit(t, zero, zero, randomExamples(9, 60, 8), next)
	if want.Header().Parent != zero.ID() || want.Header().Round != 1 {
		t.Errorf("header %+v does not name its parent %s and round", want.Header(), zero.ID())
	}
	path := filepath.Join(t.TempDir(), "zero.ckpt")
	if err := prm.SaveResumable(path, zero); err != nil {
		t.Fatal(err)
	}
	loaded, err := prm.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := fit(t, loaded, loaded, randomExamples(9, 60, 8), next)
	sameModel(t, got, want)
}

func TestKLHoldsToReference(t *testing.T) {
	examples := randomExamples(2, 60, 8)
	zero, _ := fit(t, nil, nil, examples, quick)
	var flipped []Example // the opposite of what zero learnt
	for _, e := range examples {
		e.Step = step.Right + step.Wrong - e.Step
		flipped = append(flipped, e)
	}
	next := quick
	next.Round = 1
	distance := func(kl float64) float64 {
		next.KL = kl
		m, _ := fit(t, zero, zero, flipped, next)
		var sum float64
		for _, e := range examples {
			a, _ := zero.Logits(e.Input)
			b, _ := m.Logits(e.Input)
			sum += math.Abs(a - b)
		}
		return sum / float64(len(examples))
	}
	if free, held := distance(0), distance(20); held > free/2 {
		t.Errorf("moved %.3f from the reference with a KL weight, %.3f without", held, free)
	}
}

func TestEntropyKeepsFromBeingSure(t *testing.T) {
	examples := randomExamples(2, 80, 8)
	sureness := func(c float64) float64 {
		opt := quick
		opt.Entropy = c
		m, _ := fit(t, nil, nil, examples, opt)
		var sum float64
		for _, e := range examples {
			z, _ := m.Logits(e.Input)
			sum += math.Abs(z)
		}
		return sum / float64(len(examples))
	}
	if free, spread := sureness(0), sureness(2); spread > free*0.8 {
		t.Errorf("mean |logit| %.3f with an entropy bonus, %.3f without", spread, free)
	}
}

func TestFitStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opt := quick
	epochs := 0
	opt.Progress = func(done, total int, loss float64) {
		epochs = done
		if total != opt.Epochs || math.IsNaN(loss) {
			t.Errorf("progress %d of %d, loss %v", done, total, loss)
		}
		cancel()
	}
	_, _, err := Fit(ctx, nil, nil, randomExamples(1, 30, 0), opt)
	if !errors.Is(err, context.Canceled) || epochs != 1 {
		t.Errorf("after %d epochs: %v", epochs, err)
	}
}

func TestFitRefuses(t *testing.T) {
	good := randomExamples(1, 30, 8)
	change := func(f func(e *Example)) []Example {
		out := append([]Example(nil), good...)
		f(&out[3])
		return out
	}
	blind, _ := fit(t, nil, nil, randomExamples(1, 30, 0), quick)
	sighted, _ := fit(t, nil, nil, good, quick)
	for _, c := range []struct {
		name     string
		start    *prm.Model
		examples []Example
		opt      Options
	}{
		{"nothing", nil, nil, quick},
		{"widths that differ", nil, change(func(e *Example) { e.Input.Last = make([]float32, 5) }), quick},
		{"NaN", nil, change(func(e *Example) { e.Input.Mean = []float32{float32(math.NaN()), 0, 0, 0, 0, 0, 0, 0} }), quick},
		{"no problem", nil, change(func(e *Example) { e.Problem = "" }), quick},
		{"target", nil, change(func(e *Example) { e.Step = 7 }), quick},
		{"weight", nil, change(func(e *Example) { e.Weight = -1 }), quick},
		{"hidden states for a model without", blind, good, quick},
		{"another LLM's hidden states", sighted, good, Options{Model: "other"}},
		{"KL without reference", nil, good, Options{KL: 1}},
		{"dropout", nil, good, Options{Dropout: 1}},
		{"rate", nil, good, Options{Rate: math.NaN()}},
	} {
		if _, _, err := Fit(context.Background(), c.start, nil, c.examples, c.opt); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

func TestOneClassOnly(t *testing.T) {
	examples := randomExamples(1, 40, 0)
	for i := range examples {
		examples[i].Step, examples[i].Value = step.Right, step.Unknown
	}
	m, report := fit(t, nil, nil, examples, quick)
	if !math.IsNaN(float64(report.AUC)) {
		t.Errorf("AUC %v of one class", report.AUC)
	}
	if s := m.Score(examples[0].Input); math.IsNaN(s.Step) || math.IsNaN(s.Value) {
		t.Errorf("score %+v", s)
	}
}

func TestValueHeadLearnsFromOutcomes(t *testing.T) {
	examples := randomExamples(4, 200, 24)
	for i := range examples {
		examples[i].Value, examples[i].Step, examples[i].Pair = examples[i].Step, step.Unknown, ""
	}
	opt := quick
	opt.Epochs = 15
	_, report := fit(t, nil, nil, examples, opt)
	if report.ValueAUC < .75 {
		t.Errorf("value AUC %.3f on held-out problems", report.ValueAUC)
	}
	if !math.IsNaN(float64(report.AUC)) {
		t.Errorf("step AUC %v without step labels", report.AUC)
	}
}

func TestAfterFirstError(t *testing.T) {
	in := []step.Verdict{step.Right, step.Unknown, step.Wrong, step.Right, step.Wrong}
	want := []step.Verdict{step.Right, step.Unknown, step.Wrong, step.Unknown, step.Unknown}
	if got := AfterFirstError(in); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if in[3] != step.Right {
		t.Error("the argument was changed")
	}
	if got := AfterFirstError([]step.Verdict{step.Right, step.Right}); !reflect.DeepEqual(got, []step.Verdict{step.Right, step.Right}) {
		t.Errorf("no error: got %v", got)
	}
}

// The labels that a model is calibrated by choose neither when training stops nor which weights are kept.
func TestCalibrationIsNotOnWhatStopsTraining(t *testing.T) {
	examples := randomExamples(1, 200, 8)
	opt := quick
	opt.HeldOut = 0.4
	_, _, calibration := split(examples, opt.Seed, opt.HeldOut)
	of := make(map[string]bool)
	for _, e := range calibration {
		of[e.Problem] = true
	}
	turned := slices.Clone(examples)
	for i, e := range turned {
		if of[e.Problem] {
			turned[i].Step = step.Right + step.Wrong - e.Step
		}
	}
	was, before := fit(t, nil, nil, examples, opt)
	is, after := fit(t, nil, nil, turned, opt)
	if !reflect.DeepEqual(was.Weights(), is.Weights()) || before.Best != after.Best {
		t.Errorf("the best epoch is %d, with the calibration's labels turned round %d", before.Best, after.Best)
	}
	if a, b := was.Header().Masked.Step, is.Header().Masked.Step; a == b {
		t.Errorf("calibrated to %v by some labels and by their opposite", a)
	}
}

// Attacks stand one to one beside their correct steps; of the LLM's own steps few are wrong. By these a probability is
// meant.
func TestCalibrationIsAtTheNaturalRatio(t *testing.T) {
	examples := randomExamples(1, 300, 8)
	for i := range examples { // nothing tells them from each other: what is right is the share of right ones
		examples[i].Input = examples[0].Input
	}
	lone := 0
	for _, e := range slices.Clone(examples) {
		e.Pair, e.Problem = "", e.Problem+" natural"
		if e.Step == step.Wrong && lone%5 > 0 {
			lone++
			continue
		}
		if e.Step == step.Wrong {
			lone++
		} else {
			e.Spare = true
		}
		examples = append(examples, e)
	}
	opt := quick
	opt.HeldOut = 0.5
	m, _ := fit(t, nil, nil, examples, opt)
	_, _, calibration := split(examples, opt.Seed, opt.HeldOut)
	var said, right, n float64
	for _, e := range calibration {
		if e.Pair == "" {
			said, right, n = said+m.Score(e.Input).Step, right+flag(e.Step == step.Right), n+1
		}
	}
	if said, right = said/n, right/n; right < 0.7 || math.Abs(said-right) > 0.07 {
		t.Errorf("of %v natural steps %.2f are right; the model says %.2f", n, right, said)
	}
}

// Of a few problems all that are held out may be for training to stop by: then it is calibrated by these, and not left
// as it is.
func TestFewProblemsAreCalibratedToo(t *testing.T) {
	examples := randomExamples(1, 48, 8)
	opt := quick
	opt.HeldOut = 0.4
	for opt.Seed = 1; ; opt.Seed++ {
		if _, stop, calibration := split(examples, opt.Seed, opt.HeldOut); len(calibration) == 0 && len(stop) >= 20 {
			break
		}
	}
	m, report := fit(t, nil, nil, examples, opt)
	if got := m.Header().Masked.Step; got == (prm.Platt{A: 1}) {
		t.Errorf("with %d examples held out it is not calibrated: %+v", report.HeldOut, got)
	}
}

// The first step of a round doesn't lean on a gradient that was of other weights and other lessons.
func TestARoundsFirstStepIsAPlainOne(t *testing.T) {
	w := prm.NewWeights(prm.Fresh("", "", 0, small))
	after := func(plain bool) []float32 {
		o := newOptimiser(w.Clone())
		opt := Options{Rate: 0.01, Plain: true}
		tensors := o.weights.Trained()
		at := len(tensors) - 1
		params, gradient := tensors[at].Data, make([]float32, len(tensors[at].Data))
		for i := range gradient {
			gradient[i] = float32(i%3) - 1
		}
		o.step(at, params, gradient, opt)
		o.done()
		o.begin(1, 0)
		for i := range gradient {
			gradient[i] = 0.5
		}
		opt.Plain = plain
		o.step(at, params, gradient, opt)
		return slices.Clone(params)
	}
	if a, b := after(false), after(true); len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("optimistic %v, plain %v", a, b)
	}
}

// A model to begin from may have heads for whole answers and for beginnings: they were learned beside its own steps,
// and the new one has none.
func TestFitBeginsFromAModelWithHeads(t *testing.T) {
	examples := randomExamples(1, 40, 0)
	start, _ := fit(t, nil, nil, examples, quick)
	start, err := start.Judging(prm.NewSolutionHead(0), prm.SolutionHeader{Model: "llm"})
	if err == nil {
		start, err = start.Foreseeing(prm.NewPrefixHead(), prm.PrefixHeader{Problems: 12, AUC: 0.7})
	}
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := fit(t, start, nil, examples, quick); m.Solution() != nil || m.Prefix() != nil || m.Header().Solution != nil || m.Header().Prefix != nil {
		t.Errorf("%+v", m.Header())
	}
}
