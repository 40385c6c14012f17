package feature

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aprm/prm/step"
)

var problem = step.Problem{ID: "1", Question: "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. Each clip costs $3. How much did she earn in all?"}

func trace(steps ...string) step.Trace { return step.Trace{Problem: problem, Steps: steps} }

func extract(t *testing.T, steps ...string) Input {
	t.Helper()
	return Extract(trace(steps...), len(steps)-1, Evidence{})
}

// What a number of a step counts as, and what follows from it.
func TestSymbols(t *testing.T) {
	const may, both, earned = "Natalia sold 48/2 = 24 clips in May.", "She sold 48+24 = 72 clips altogether.", "She earned 72*3 = 216 dollars."
	log := func(n int) float32 { return float32(math.Log1p(float64(n)) / 2) }
	for _, c := range []struct {
		name  string
		steps []string
		want  map[int]float32
	}{
		{"givens and implied", []string{may}, map[int]float32{
			symEquations: log(1), symTrue: log(1), symFalse: 0, symSources + int(given): .5, symSources + int(implied): .5, symAnyNowhere: 0,
			symNewGivens: log(1), symUnusedGivens: .5, symAllUsed: 0, symDivide: log(1), symInteger: 1, symFirst: 1, symPrevIgnored: 0}},
		{"previous result", []string{may, both}, map[int]float32{
			symSources + int(previous): .5, symSources + int(given): .5, symAnyPrevious: 1, symOldGivens: log(1), symPlus: log(1), symFirst: 0, symUnusedResults: log(0)}},
		{"all used", []string{may, both, earned}, map[int]float32{symAllUsed: 1, symUnusedGivens: 0, symTimes: log(1)}},
		{"false equation", []string{"Natalia sold 48/2 = 26 clips in May."}, map[int]float32{symFalse: log(1), symTrue: 0}},
		{"from nowhere", []string{may, "She sold 48+31 = 79 clips."}, map[int]float32{symAnyNowhere: 1, symPrevIgnored: 1, symUnusedResults: log(1)}},
		{"earlier result", []string{may, both, "In May she earned 24*3 = 72 dollars."}, map[int]float32{
			symSources + int(earlier): .5, symReusedResult: 1, symResultOld: 1, symPrevIgnored: 1}},
		{"repeat", []string{may, may}, map[int]float32{symRepeat: 1, symRepeatNumbers: 1, symResultOld: 1}},
		{"negative", []string{"She has 3-48 = -45 clips."}, map[int]float32{symNegative: 1, symMinus: log(1)}},
		{"answer is last result", []string{may, both, earned, "#### 216"}, map[int]float32{symAnswer: 1, symAnswerLast: 1, symAnswerOld: 0, symNoEquation: 1}},
		{"answer is an earlier result", []string{may, both, earned, "#### 72"}, map[int]float32{symAnswerLast: 0, symAnswerOld: 1}},
		{"answer from nowhere", []string{may, "#### 99"}, map[int]float32{symAnswerNowhere: 1}},
		{"no number", []string{"Let us think."}, map[int]float32{symNoNumber: 1, symNoEquation: 1, symInteger: 0}},
	} {
		got := extract(t, c.steps...).Symbols
		for i, want := range c.want {
			if math.Abs(float64(got[i]-want)) > 1e-6 {
				t.Errorf("%s: symbol %d is %v, want %v", c.name, i, got[i], want)
			}
		}
	}
}

// A step reads the same whatever format it came in.
func TestFormatIsNotRead(t *testing.T) {
	plain := extract(t, "Natalia sold 48/2 = 24 clips in May.")
	for _, other := range []string{
		"Step 1: Natalia sold 48/2 = 24 clips in May.",
		"1. Natalia sold 48/2 = 24 clips in May.",
		"- Natalia sold 48/2 = 24 clips in May.",
		"Natalia sold 48/2 = <<48/2=24>>24 clips in May.",
		"**Natalia sold 48/2 = 24 clips in May.**",
		"  Natalia sold 48/2  =  24 clips in May. ",
		"Natalia sold 48 / 2 = 24 clips in May",
		"natalia sold 48÷2 = 24 clips in May",
	} {
		if got := extract(t, other); !reflect.DeepEqual(got, plain) {
			t.Errorf("%q reads otherwise", other)
		}
	}
	earlier := extract(t, "Natalia sold 48/2 = 24 clips in May.", "She sold 48+24 = 72 clips.")
	if got := extract(t, "Step 1: Natalia sold 48/2 = <<48/2=24>>24 clips in May.", "Step 2: She sold 48+24 = 72 clips."); !reflect.DeepEqual(got, earlier) {
		t.Error("the format of an earlier step was read")
	}
}

// Number roles: the operator used meets the word that the question puts beside the number.
func TestRolesShowOperatorAgainstCue(t *testing.T) {
	divided, times := extract(t, "She sold 48/2 = 24 clips."), extract(t, "She sold 48*2 = 96 clips.")
	if slices.Equal(divided.Roles, times.Roles) {
		t.Error("the operator makes no difference to the roles")
	}
	h := newHashed(RoleRows)
	h.add("near", "/", "friend")
	want := h.sorted()[0]
	if !slices.Contains(divided.Roles, want) || slices.Contains(times.Roles, want) {
		t.Error("the word beside 48 does not meet the operator it is used with")
	}
}

func TestAboutness(t *testing.T) {
	tr := step.Trace{Problem: step.Problem{Question: "Ann has 12 red marbles. Tom has 30 green apples. How many red marbles does Ann have after losing 5?"}}
	right := Extract(tr.With("Ann has 12-5 = 7 red marbles left."), 0, Evidence{})
	wrong := Extract(tr.With("Ann has 30-5 = 25 red marbles left."), 0, Evidence{})
	if right.Symbols[symAboutGap] <= wrong.Symbols[symAboutGap] {
		t.Errorf("gap %v with the right number, %v with a foreign one", right.Symbols[symAboutGap], wrong.Symbols[symAboutGap])
	}
}

// A Reader gives what Extract gives, step by step.
func TestReader(t *testing.T) {
	steps := []string{"Natalia sold 48/2 = 24 clips in May.", "She sold 48+24 = 72 clips.", "She earned 72*3 = 216 dollars.", "#### 216"}
	r := NewReader(problem)
	for i, s := range steps {
		if got, want := r.Next(s, Evidence{}), Extract(trace(steps...), i, Evidence{}); !reflect.DeepEqual(got, want) {
			t.Errorf("step %d reads otherwise in order", i)
		}
	}
}

// Only the question and the steps up to i are read.
func TestNoLookAhead(t *testing.T) {
	steps := []string{"Natalia sold 48/2 = 24 clips in May.", "She sold 48+24 = 72 clips.", "She earned 72*3 = 216 dollars."}
	for i := range steps {
		if got, want := Extract(trace(steps...), i, Evidence{}), extract(t, steps[:i+1]...); !reflect.DeepEqual(got, want) {
			t.Errorf("step %d: later steps change what is read", i)
		}
	}
	p := trace(steps...)
	p.Problem.Answer, p.Problem.Worked = "216", steps
	if !reflect.DeepEqual(Extract(p, 0, Evidence{}), extract(t, steps[0])) {
		t.Error("the reference solution is read")
	}
}

func TestHiddenStates(t *testing.T) {
	raw := []float32{3, 4, 0}
	in := Extract(trace("x"), 0, Evidence{Last: raw, Mean: []float32{0.6, 0.8, 0}})
	if !reflect.DeepEqual(in.Last, []float32{0.6, 0.8, 0}) || !reflect.DeepEqual(in.Last, in.Mean) {
		t.Errorf("raw and normalised states differ: %v, %v", in.Last, in.Mean)
	}
	if raw[0] != 3 {
		t.Error("the endpoint's vector was changed")
	}
	for _, bad := range [][]float32{nil, {}, {0, 0}, {float32(math.NaN()), 1}, {float32(math.Inf(1)), 1}} {
		if in := Extract(trace("x"), 0, Evidence{Last: bad}); in.Last != nil {
			t.Errorf("%v: got %v, want it masked", bad, in.Last)
		}
	}
	if in.Without(BlockLast, BlockMean).Last != nil || in.Without(BlockLast, BlockMean).Mean != nil || in.Last == nil {
		t.Error("WithoutHidden")
	}
}

func TestLogProbs(t *testing.T) {
	tokens := []step.Token{
		{Text: "She", LogProb: -0.5, Top: []step.Alternative{{Text: "She", LogProb: math.Log(.5)}, {Text: "He", LogProb: math.Log(.5)}}},
		{Text: " 48", LogProb: -2},
		{Text: ".", LogProb: -0.1},
	}
	in := Extract(trace("She 48."), 0, Evidence{Tokens: tokens})
	if in.LogProbs == nil {
		t.Fatal("masked")
	}
	for i, want := range map[int]float64{
		lpMean: -2.6 / 3 / 2, lpMin: -.4, lpLast: -.05, lpNumbers: -1, lpMinNumber: -.4, lpSum: -math.Log1p(2.6) / 5,
		lpEntropy: math.Ln2, lpMaxEntropy: math.Ln2 / 2, lpAlternatives: 1, lpUnsure: 1.0 / 3,
	} {
		if math.Abs(float64(in.LogProbs[i])-want) > 1e-6 {
			t.Errorf("log-probability input %d is %v, want %v", i, in.LogProbs[i], want)
		}
	}
	if in.Without(BlockLogProbs).LogProbs != nil || Extract(trace("x"), 0, Evidence{}).LogProbs != nil {
		t.Error("no tokens, but not masked")
	}
	cut := Extract(trace("x"), 0, Evidence{Tokens: []step.Token{{LogProb: math.Inf(-1)}, {LogProb: 1e-9}}}).LogProbs
	for i, v := range cut {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Errorf("log-probability input %d is %v for what the server cut off", i, v)
		}
	}
	if Extract(trace("x"), 0, Evidence{Tokens: []step.Token{{LogProb: math.NaN()}}}).LogProbs != nil {
		t.Error("NaN is read")
	}
}

// Whatever a model writes, inputs are finite, bags sorted, distinct and within their tables, and the same each time.
func TestInputsAreSound(t *testing.T) {
	piece := rapid.SampledFrom([]string{"48", "2", "0", "1/0", "x", "=", "+", "-", "*", "/", "%", "$3", "1,000", "\\frac{1}{2}", "clips", "half", "####", "Step 2:",
		"<<", ">>", "\n", "(", ")", ".", "99999999999999999999999", "0.0000000001", "é", "\xff", "Natalia's", "20%"})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), " ") })
	rapid.Check(t, func(t *rapid.T) {
		tr := step.Trace{Problem: step.Problem{Question: text.Draw(t, "question")}, Steps: rapid.SliceOfN(text, 1, 4).Draw(t, "steps")}
		i := rapid.IntRange(0, len(tr.Steps)-1).Draw(t, "i")
		in := Extract(tr, i, Evidence{})
		for k, v := range in.Symbols {
			if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 3 {
				t.Fatalf("symbol %d is %v", k, v)
			}
		}
		for _, b := range []struct {
			bag  []uint16
			rows int
		}{{in.Words, WordRows}, {in.Context, ContextRows}, {in.Roles, RoleRows}} {
			for k, v := range b.bag {
				if int(v) >= b.rows || k > 0 && v <= b.bag[k-1] {
					t.Fatalf("bag %v of %d rows", b.bag, b.rows)
				}
			}
		}
		if !reflect.DeepEqual(in, Extract(tr, i, Evidence{})) {
			t.Fatal("read twice, two inputs")
		}
	})
}

func FuzzExtract(f *testing.F) {
	f.Add("Ann has 3 apples and buys 20% more.", "3*1.2 = 3.6", "#### 3.6")
	f.Fuzz(func(t *testing.T, question, first, second string) {
		tr := step.Trace{Problem: step.Problem{Question: question}, Steps: []string{first, second}}
		for k, v := range Extract(tr, 1, Evidence{}).Symbols {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("symbol %d is %v", k, v)
			}
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	tr := trace("Natalia sold 48/2 = 24 clips in May.", "She sold 48+24 = 72 clips.", "She earned 72*3 = 216 dollars.")
	for b.Loop() { // the whole trace
		r := NewReader(tr.Problem)
		for _, s := range tr.Steps {
			r.Next(s, Evidence{})
		}
	}
}
