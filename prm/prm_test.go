package prm

import (
	"math"
	"math/rand/v2"
	"testing"

	"aprm/prm/feature"
	"aprm/prm/vote"
)

// testModel returns a model with random weights.
func testModel(t testing.TB, width int, shape Shape, optimiser []byte) *Model {
	t.Helper()
	h := Fresh("qwen2.5-coder:0.5b", "last+mean", width, shape)
	w := NewWeights(h)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range w.Trained() {
		for i := range x.Data {
			x.Data[i] = float32(rng.NormFloat64() * 0.1)
		}
	}
	m, err := New(h, w, optimiser)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testInput(width int) feature.Input {
	rng := rand.New(rand.NewPCG(3, 4))
	in := feature.Input{LogProbs: new([feature.NumLogProbs]float32)}
	for range width {
		in.Last = append(in.Last, float32(rng.NormFloat64()/math.Sqrt(float64(width))))
		in.Mean = append(in.Mean, float32(rng.NormFloat64()/math.Sqrt(float64(width))))
	}
	for i := range in.Symbols {
		in.Symbols[i] = rng.Float32()
	}
	bag := func(n, rows int) (b []uint16) {
		for i := range n {
			b = append(b, uint16(i*rows/n))
		}
		return b
	}
	in.Words, in.Context, in.Roles = bag(40, feature.WordRows), bag(200, feature.ContextRows), bag(150, feature.RoleRows)
	return in
}

var smallShape = Shape{Projected: 4, Embedded: 3, Hidden: 5}

func TestAggregate(t *testing.T) {
	scores := []Score{{.9, .5}, {.5, .6}, {.8, .7}}
	for _, c := range []struct {
		kind   Aggregation
		scores []Score
		want   float64
	}{
		{Min, scores, .5},
		{Product, scores, .36},
		{Last, scores, .7},
		{Min, nil, math.NaN()},
		{"mean", scores, math.NaN()},
	} {
		got := Aggregate(c.kind, c.scores)
		if math.Abs(got-c.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s of %v: got %v, want %v", c.kind, c.scores, got, c.want)
		}
	}
}

func TestFirstError(t *testing.T) {
	scores := []Score{{Step: .9}, {Step: .5}, {Step: .1}}
	for _, c := range []struct {
		threshold float64
		want      int
	}{{.95, 0}, {.5, 2}, {.51, 1}, {.1, -1}, {0, -1}} {
		if got := FirstError(scores, c.threshold); got != c.want {
			t.Errorf("threshold %v: got %d, want %d", c.threshold, got, c.want)
		}
	}
}

func TestScoreIsAProbability(t *testing.T) {
	for _, width := range []int{0, 16} {
		m := testModel(t, width, smallShape, nil)
		s := m.Score(testInput(width))
		for _, p := range []float64{s.Step, s.Value} {
			if !(p > 0 && p < 1) {
				t.Errorf("width %d: %v is not within (0, 1)", width, p)
			}
		}
	}
}

func TestMaskedHiddenStates(t *testing.T) {
	m := testModel(t, 16, smallShape, nil)
	in := testInput(16)
	masked := m.Score(in.Without(feature.BlockLast, feature.BlockMean))
	if m.Score(in) == masked {
		t.Error("hidden states make no difference")
	}
	if other := m.Score(testInput(24)); other != m.Score(testInput(24).Without(feature.BlockLast, feature.BlockMean)) {
		t.Error("hidden states of a foreign width were read")
	}
	if !m.Sees(in) || m.Sees(testInput(24)) || m.Sees(in.Without(feature.BlockLast, feature.BlockMean)) {
		t.Error("Sees does not tell which hidden states are read")
	}
	for _, c := range []struct {
		model string
		width int
		want  bool
	}{{"qwen2.5-coder:0.5b", 16, true}, {"qwen2.5-coder:0.5b", 17, false}, {"other", 16, false}} {
		if got := m.Accepts(c.model, c.width); got != c.want {
			t.Errorf("Accepts(%q, %d) = %v", c.model, c.width, got)
		}
	}
	if testModel(t, 0, smallShape, nil).Accepts("", 0) {
		t.Error("a model without hidden states accepts some")
	}
}

func TestReadingDependsOnHiddenStates(t *testing.T) {
	m := testModel(t, 16, smallShape, nil)
	h := m.Header()
	h.Masked.Step = Platt{A: 1, B: 3}
	calibrated, err := New(h, m.Weights(), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := testInput(16)
	if calibrated.Score(in) != m.Score(in) {
		t.Error("the masked reading was used on an input with hidden states")
	}
	blind := in.Without(feature.BlockLast, feature.BlockMean)
	logit, _ := m.Logits(blind)
	if got, want := calibrated.Score(blind).Step, vote.Logistic(logit+3); math.Abs(got-want) > 1e-12 {
		t.Errorf("masked: got %v, want %v", got, want)
	}
}

func TestModelIsImmutable(t *testing.T) {
	m := testModel(t, 8, smallShape, nil)
	in := testInput(8)
	before := m.Score(in)
	w := m.Weights()
	for _, x := range w.all() {
		clear(x.Data)
	}
	if m.Score(in) != before {
		t.Error("changing a copy of the weights changed the model")
	}
}

func TestIDFollowsContent(t *testing.T) {
	a, b := testModel(t, 8, smallShape, nil), testModel(t, 8, smallShape, []byte("state"))
	if a.ID() != b.ID() {
		t.Errorf("the optimiser's state changed the ID: %s, %s", a.ID(), b.ID())
	}
	w := a.Weights()
	w.OutBias.Data[0]++
	c, err := New(a.Header(), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID() == a.ID() {
		t.Error("other weights, same ID")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(h *Header, w *Weights){
		"NaN weight":       func(_ *Header, w *Weights) { w.Out.Data[0] = float32(math.NaN()) },
		"missing tensor":   func(_ *Header, w *Weights) { w.Out = Tensor{} },
		"other splitter":   func(h *Header, _ *Weights) { h.Splitter++ },
		"other features":   func(h *Header, _ *Weights) { h.Features++ },
		"negative width":   func(h *Header, _ *Weights) { h.Width = -1 },
		"empty shape":      func(h *Header, _ *Weights) { h.Shape.Hidden = 0 },
		"falling platt":    func(h *Header, _ *Weights) { h.Sighted.Step.A = -1 },
		"absurd threshold": func(h *Header, _ *Weights) { h.Masked.Threshold = 2 },
	} {
		h := Fresh("m", "last", 4, smallShape)
		w := NewWeights(h)
		change(&h, w)
		if _, err := New(h, w, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// One step's score, given its inputs, with hidden states as wide as a 0.5B's and a 1.5B's, and without.
func BenchmarkScore(b *testing.B) {
	for _, c := range []struct {
		name  string
		width int
	}{{"blind", 0}, {"width896", 896}, {"width1536", 1536}} {
		b.Run(c.name, func(b *testing.B) {
			m := testModel(b, c.width, Shape{Projected: 32, Embedded: 16, Hidden: 32}, nil)
			in := testInput(c.width)
			b.ReportAllocs()
			for b.Loop() {
				m.Score(in)
			}
		})
	}
}
