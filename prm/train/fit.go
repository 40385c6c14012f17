package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/metric"
	"aprm/prm/step"
)

// ErrUnlabelled is that of no example is known whether it is right or wrong.
var ErrUnlabelled = errors.New("there is nothing to learn from: of no example it is known whether it is right or wrong")

// Fit learns from examples and returns a new model: from scratch when start is nil, else on from start's weights and,
// where it carries one, its optimiser's state. A start whose state is of the same round goes on at the epoch where it
// stopped: a run in two parts gives, bit for bit, what one run would have. ref is R_ref, usually the round-0 model, to
// which opt.KL holds the new one; it may be nil when opt.KL is 0.
//
// Problems are held out by opt.Seed: by some training stops early, on others the model is calibrated, by natural steps
// in their own proportions where there are enough; where the others are too few, on all. Equal arguments give equal
// models. Cancelling ctx ends the run between two batches with ctx's error.
func Fit(ctx context.Context, start, ref *prm.Model, examples []Example, opt Options) (*prm.Model, Report, error) {
	began := time.Now()
	opt = opt.WithDefaults()
	r, err := prepare(start, ref, examples, opt)
	if err != nil {
		return nil, Report{}, err
	}
	if err := r.epochs(ctx); err != nil {
		return nil, Report{}, err
	}
	m, report, err := r.finish(start)
	report.Elapsed = time.Since(began)
	return m, report, err
}

// without blanks inputs of examples.
func without(examples []Example, blocks []feature.Block) []Example {
	if len(blocks) == 0 {
		return examples
	}
	out := slices.Clone(examples)
	for i := range out {
		out[i].Input = out[i].Input.Without(blocks...)
	}
	return out
}

// WithDefaults returns the options with the defaults in the place of zeros.
func (o Options) WithDefaults() Options {
	def := func(v *float64, to float64) {
		switch {
		case *v == 0:
			*v = to
		case *v < 0:
			*v = 0
		}
	}
	whole := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	whole(&o.Shape.Projected, 32)
	whole(&o.Shape.Embedded, 16)
	whole(&o.Shape.Hidden, 32)
	whole(&o.Epochs, 60)
	whole(&o.Patience, 10)
	whole(&o.Batch, 128)
	def(&o.Rate, 0.002)
	def(&o.Decay, 0.1)
	def(&o.Dropout, 0.3)
	def(&o.Mask, 0.25)
	def(&o.HeldOut, 0.2)
	if o.Created.IsZero() {
		o.Created = time.Now().UTC()
	}
	return o
}

func (o Options) check() error {
	var errs []error
	if o.Epochs < 0 || o.Batch < 1 || o.Shape.Projected < 1 || o.Shape.Embedded < 1 || o.Shape.Hidden < 1 {
		errs = append(errs, errors.New("epochs, batch and shape must be positive"))
	}
	for _, s := range []struct {
		name string
		v    float64
	}{{"dropout", o.Dropout}, {"mask", o.Mask}, {"held-out share", o.HeldOut}} {
		if !(s.v >= 0 && s.v < 1) {
			errs = append(errs, fmt.Errorf("%s is %v, outside [0, 1)", s.name, s.v))
		}
	}
	if !(o.Adversarial >= 0 && o.Adversarial <= 1) {
		errs = append(errs, fmt.Errorf("the adversarial share is %v, outside [0, 1]", o.Adversarial))
	}
	for _, s := range []struct {
		name string
		v    float64
	}{{"rate", o.Rate}, {"decay", o.Decay}, {"KL weight", o.KL}, {"entropy weight", o.Entropy}} {
		if !(s.v >= 0) || math.IsInf(s.v, 1) {
			errs = append(errs, fmt.Errorf("%s is %v, must be finite and not negative", s.name, s.v))
		}
	}
	return errors.Join(errs...)
}

// run is one Fit.
type run struct {
	opt         Options
	header      prm.Header
	train       []item
	stop        []Example // held out, to stop by
	weighed     []weights // of stop, for its loss
	calibration []Example // held out, to calibrate by
	opti        *optimiser
	best        *prm.Weights // on the held-out problems, so far
	resumed     bool         // goes on within the round of the start model
}

func prepare(start, ref *prm.Model, examples []Example, opt Options) (*run, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	if opt.KL > 0 && ref == nil {
		return nil, errors.New("a KL weight needs a reference model")
	}
	r := &run{opt: opt}
	if start != nil {
		r.header = start.Header()
		r.header.Solution, r.header.Prefix = nil, nil // whole answers and their beginnings are learned by FitSolution and FitPrefix
		if h := r.header; h.Width > 0 && opt.Model != "" && opt.Model != h.Model {
			return nil, fmt.Errorf("the start model reads hidden states of %s, not of %s: start a fresh one", h.Model, opt.Model)
		}
	} else {
		last, mean := widths(without(examples, opt.Without))
		r.header = prm.Fresh(opt.Model, pooling(last, mean), max(last, mean), opt.Shape)
		r.header.Without = opt.Without
		r.header.Normalised = opt.Normalised
		r.header.Seed = opt.Seed
	}
	examples = without(examples, r.header.Without)
	if err := check(examples, r.header.Width); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(examples, func(e Example) bool { return e.Step != step.Unknown || e.Value != step.Unknown }) {
		return nil, fmt.Errorf("%w: %d examples", ErrUnlabelled, len(examples))
	}
	training, stop, calibration := split(harmonise(examples), opt.Seed, opt.HeldOut)
	if len(training) == 0 {
		return nil, fmt.Errorf("nothing to train on: %d examples, %d of them held out", len(examples), len(stop)+len(calibration))
	}
	for i, w := range mix(training, balance(training), opt.Adversarial) {
		it := item{Example: training[i], weights: w}
		if ref != nil {
			it.reference[0], it.reference[1] = ref.Logits(it.Input)
		}
		r.train = append(r.train, it)
	}
	r.stop, r.weighed, r.calibration = stop, mix(stop, balance(stop), opt.Adversarial), calibration

	if start == nil {
		r.best = initial(r.header, r.train, opt.Seed)
	} else {
		r.best = start.Weights()
	}
	if start == nil || len(start.Optimiser()) == 0 {
		r.opti = newOptimiser(r.best.Clone())
	} else {
		opti, err := unmarshalOptimiser(start.Optimiser(), r.best.Clone())
		if err != nil {
			return nil, err
		}
		if opti.round == opt.Round {
			r.opti, r.resumed = opti, true
			return r, nil
		}
		opti.weights = r.best.Clone()
		r.opti = opti
	}
	// What the round starts from is the first to beat.
	m, err := prm.New(r.header, r.best, nil)
	if err != nil {
		return nil, err
	}
	r.opti.begin(opt.Round, lossOf(m, r.stop, r.weighed))
	return r, nil
}

// widths returns the widths of the hidden states, 0 where there are none.
func widths(examples []Example) (last, mean int) {
	for _, e := range examples {
		last, mean = max(last, len(e.Input.Last)), max(mean, len(e.Input.Mean))
	}
	return last, mean
}

func pooling(last, mean int) string {
	switch {
	case last > 0 && mean > 0:
		return "last+mean"
	case last > 0:
		return "last"
	case mean > 0:
		return "mean"
	}
	return ""
}

// epochs trains until the last epoch or until the held-out loss has not fallen for a while, and keeps the best weights.
func (r *run) epochs(ctx context.Context) (err error) {
	o := r.opti
	gr, err := newGraph[float32](r.header, r.opt.Batch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gr.close()) }()
	gr.load(o.weights)
	for o.epoch < r.opt.Epochs && !r.stale() {
		loss, err := r.epoch(ctx, gr)
		if err != nil {
			return err
		}
		gr.store(o.weights)
		o.epoch++
		m, err := prm.New(r.header, o.weights, nil)
		if err != nil {
			return fmt.Errorf("training diverged in epoch %d, try a lower rate: %w", o.epoch, err)
		}
		// Without a held-out loss there is nothing to choose by: the last epoch is kept.
		if held := lossOf(m, r.stop, r.weighed); math.IsNaN(held) || held < o.bestLoss {
			o.bestEpoch, o.bestLoss = o.epoch, held
			r.best = o.weights.Clone()
		}
		if r.opt.Progress != nil {
			r.opt.Progress(o.epoch, r.opt.Epochs, loss)
		}
	}
	return nil
}

func (r *run) stale() bool {
	return r.opt.Patience > 0 && r.opti.epoch-r.opti.bestEpoch >= r.opt.Patience
}

// epoch runs all batches once and returns their mean loss.
func (r *run) epoch(ctx context.Context, gr *graph[float32]) (float64, error) {
	o, opt := r.opti, r.opt
	items := arrange(r.train, opt, o.epoch)
	rng := random(opt.Seed, "dropout", opt.Round, o.epoch)
	var sum float64
	batches := 0
	for len(items) > 0 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n := min(len(items), opt.Batch)
		gr.fill(o.weights, items[:n], opt, rng)
		items = items[n:]
		if err := gr.run(); err != nil {
			return 0, err
		}
		for i, p := range gr.params {
			o.step(p.tensor, p.data, gr.gradient(i), opt)
		}
		o.done()
		sum += gr.value()
		batches++
	}
	return sum / float64(batches), nil
}

// lossOf is the mean cross-entropy of both heads, each over its labelled examples as weighed. NaN without any.
func lossOf(m *prm.Model, examples []Example, w []weights) float64 {
	var sum, total [2]float64
	for i, e := range examples {
		s, v := m.Logits(e.Input)
		for head, z := range []float64{s, v} {
			if []step.Verdict{e.Step, e.Value}[head] == step.Right {
				z = -z
			}
			sum[head] += float64(w[i][head]) * softplus(z)
			total[head] += float64(w[i][head])
		}
	}
	var loss float64
	heads := 0
	for head := range 2 {
		if total[head] > 0 {
			loss += sum[head] / total[head]
			heads++
		}
	}
	return loss / float64(heads)
}

// finish calibrates the best weights on problems held out for that, measures them on all that are held out, and makes
// the model.
func (r *run) finish(start *prm.Model) (*prm.Model, Report, error) {
	o, h := r.opti, r.header
	h.Round, h.Created = r.opt.Round, r.opt.Created
	if start != nil && !r.resumed {
		h.Parent = start.ID()
	}
	h.Trained = counts(r.train)
	raw, err := prm.New(h, r.best, nil)
	if err != nil {
		return nil, Report{}, err
	}
	heldOut := slices.Clone(r.stop)
	for _, e := range r.calibration {
		heldOut = append(heldOut, e.unspared())
	}
	seen, blind := evaluate(raw, heldOut), evaluate(raw, withoutHidden(heldOut))
	by := natural(r.calibration)
	if !enough(by) {
		by = heldOut // rather by those that training stopped by than by none
	}
	h.Masked, h.Sighted = evaluate(raw, withoutHidden(by)).reading(), evaluate(raw, sighted(raw, by)).reading()

	training := make([]Example, len(r.train))
	for i, it := range r.train {
		training[i] = it.Example
	}
	report := Report{
		Epochs: o.epoch, Best: o.bestEpoch, Train: len(r.train), HeldOut: len(heldOut),
		TrainLoss: seenLoss(raw, training), HeldOutLoss: seenLoss(raw, heldOut),
		AUC:        metric.Figure(metric.AUC(seen.step.logits, seen.step.positive)),
		ProblemAUC: metric.Figure(metric.GroupAUC(seen.step.logits, seen.step.positive, seen.step.problem)),
		PairAUC:    metric.Figure(metric.GroupAUC(seen.step.paired())),
		BlindAUC:   metric.Figure(metric.GroupAUC(blind.step.logits, blind.step.positive, blind.step.problem)),
		ValueAUC:   metric.Figure(metric.GroupAUC(seen.value.logits, seen.value.positive, seen.value.problem)),
		MaskAUC:    MaskProbe(training),
	}
	before, after := calibrationError(evaluate(raw, by).step)
	report.ECEBefore, report.ECE = metric.Figure(before), metric.Figure(after)
	m, err := prm.New(h, r.best, o.marshal())
	return m, report, err
}

// seenLoss is the step head's mean cross-entropy, unweighted; NaN without labels.
func seenLoss(m *prm.Model, examples []Example) metric.Figure {
	w := make([]weights, len(examples))
	for i, e := range examples {
		if e.Step != step.Unknown {
			w[i][0] = 1
		}
	}
	return metric.Figure(lossOf(m, examples, w))
}

func counts(items []item) prm.Counts {
	var c prm.Counts
	problems := make(map[string]bool)
	for _, e := range items {
		switch e.Step {
		case step.Right:
			c.Right++
		case step.Wrong:
			c.Wrong++
		}
		if e.Value != step.Unknown {
			c.Values++
		}
		problems[e.Problem] = true
	}
	c.Problems = len(problems)
	return c
}

// judged are a head's logits on labelled examples.
type judged struct {
	logits        []float64
	positive      []bool
	weight        []float64 // the examples' own
	problem, pair []string
}

func (j *judged) add(z float64, t step.Verdict, e Example) {
	if t == step.Unknown {
		return
	}
	j.logits, j.positive = append(j.logits, z), append(j.positive, t == step.Right)
	j.problem, j.pair, j.weight = append(j.problem, e.Problem), append(j.pair, e.Pair), append(j.weight, ownWeight(e))
}

// paired returns the arguments of GroupAUC over pairs.
func (j *judged) paired() (logits []float64, positive []bool, pair []string) {
	for i, p := range j.pair {
		if p != "" {
			logits, positive, pair = append(logits, j.logits[i]), append(positive, j.positive[i]), append(pair, p)
		}
	}
	return logits, positive, pair
}

type evaluation struct{ step, value judged }

// evaluate runs m over examples.
func evaluate(m *prm.Model, examples []Example) evaluation {
	var ev evaluation
	for _, e := range examples {
		s, v := m.Logits(e.Input)
		ev.step.add(s, e.Step, e)
		ev.value.add(v, e.Value, e)
	}
	return ev
}

func withoutHidden(examples []Example) []Example {
	out := append([]Example(nil), examples...)
	for i := range out {
		out[i].Input = out[i].Input.Without(feature.BlockLast, feature.BlockMean)
	}
	return out
}

// sighted are the examples whose hidden states m reads.
func sighted(m *prm.Model, examples []Example) []Example {
	var out []Example
	for _, e := range examples {
		if m.Sees(e.Input) {
			out = append(out, e)
		}
	}
	return out
}

// reading calibrates both heads and chooses the threshold.
func (ev evaluation) reading() prm.Reading {
	s, v := ev.step, ev.value
	r := prm.Reading{Step: calibrate(s.logits, s.positive, s.weight), Value: calibrate(v.logits, v.positive, v.weight)}
	p := make([]float64, len(s.logits))
	for i, z := range s.logits {
		p[i] = r.Step.Probability(z)
	}
	r.Threshold = threshold(p, s.positive)
	return r
}
