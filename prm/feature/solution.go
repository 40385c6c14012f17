package feature

import (
	"math"
	"slices"
	"strings"

	"aprm/prm/step"
)

// Solution is what the solution head reads of a whole answer: its steps' inputs pooled over the steps, and the profile
// of its log-probabilities. Nothing in it tells which problem it is of but what the steps' own inputs do; the head is
// trained within problems.
type Solution struct {
	Symbols  [NumPooledSymbols]float32   // mean, least, greatest and last of every symbol, then the count of steps
	LogProbs *[NumPooledLogProbs]float32 // the same of every log-probability figure, then the profile; nil when masked
	Program  *Program                    // of a program, what is known of its run; nil of prose
}

// Program is what is known of a program that was run, beside the steps that it took.
type Program struct {
	Lines    int  // of the program
	Printed  bool // it printed its value; else that of its last expression or assignment was taken
	Number   bool // its value is one number
	Whole    bool // and a whole one
	Negative bool // or a negative one
	Loops    bool // lines were run so often that not all is told
}

// NumProgram is how many numbers the solution head reads of a Program.
const NumProgram = 7

// Numbers are what the solution head reads of it: first a one, for being a program at all.
func (p *Program) Numbers() [NumProgram]float32 {
	return [NumProgram]float32{1, float32(math.Log1p(float64(p.Lines))) / 3, float32(bit(p.Printed)), float32(bit(p.Number)), float32(bit(p.Whole)), float32(bit(p.Negative)), float32(bit(p.Loops))}
}

const (
	pools             = 4 // mean, least, greatest, last
	NumPooledSymbols  = pools*NumSymbols + 1
	NumPooledLogProbs = pools*NumLogProbs + NumProfile
)

// The profile of an answer: natural logarithms over its tokens, where a class of tokens is there; 0 where not.
const (
	profMean       = iota // of each class in turn, mean log-probability
	profMin               // its least
	profTenth             // the mean of its lowest tenth, at least one
	profUnsure            // share of its tokens less likely than 1/2
	profEntropy           // mean entropy of the alternatives, in nats
	profMargin            // mean log-probability by which the likeliest alternative leads the second, over 5
	profClassSize         //
	profLastTen    = numClasses*profClassSize + iota - profClassSize - 1
	profMaxEntropy // the highest of all tokens
	profLength     // log1p of the number of tokens, over 5
	profSpread     // standard deviation of the steps' mean log-probabilities
	NumProfile
)

// Classes of tokens. A digit stands in an operand before an equals sign of its line, in a result behind the last one.
const (
	classAll = iota
	classDigit
	classOperand
	classResult
	classOperator
	classWord
	numClasses
)

// Pool returns what the solution head reads of a whole answer: inputs are its steps', in order, at least one; tokens
// its steps' own, as step.SplitTokens deals them out.
func Pool(inputs []Input, tokens [][]step.Token) Solution {
	var out Solution
	pool(out.Symbols[:], len(inputs), NumSymbols, func(i int) []float32 { return inputs[i].Symbols[:] })
	out.Symbols[NumPooledSymbols-1] = float32(math.Log1p(float64(len(inputs))) / 3)
	profile := profileOf(tokens)
	if profile == nil || slices.ContainsFunc(inputs, func(in Input) bool { return in.LogProbs == nil }) {
		return out
	}
	out.LogProbs = new([NumPooledLogProbs]float32)
	pool(out.LogProbs[:], len(inputs), NumLogProbs, func(i int) []float32 { return inputs[i].LogProbs[:] })
	copy(out.LogProbs[pools*NumLogProbs:], profile[:])
	return out
}

// Of returns s as that of a program, with what is known of its run; nil for prose.
func (s Solution) Of(program *Program) Solution {
	s.Program = program
	return s
}

// pool writes mean, least, greatest and last of n rows of that width to out.
func pool(out []float32, n, width int, row func(i int) []float32) {
	for j := range width {
		var sum float32
		least, greatest := float32(math.Inf(1)), float32(math.Inf(-1))
		for i := range n {
			v := row(i)[j]
			sum += v
			least, greatest = min(least, v), max(greatest, v)
		}
		out[j], out[width+j], out[2*width+j], out[3*width+j] = sum/float32(n), least, greatest, row(n - 1)[j]
	}
}

// Without returns s with these blocks blank, as Input.Without does for a step; blocks that it doesn't read are passed
// over.
func (s Solution) Without(blocks ...Block) Solution {
	if slices.Contains(blocks, BlockSymbols) {
		s.Symbols = [NumPooledSymbols]float32{}
	}
	if slices.Contains(blocks, BlockLogProbs) {
		s.LogProbs = nil
	}
	return s
}

// tally gathers the log-probabilities of a class of tokens.
type tally struct {
	lp, entropy, margin []float64
}

// profileOf returns nil where there are no tokens, or a log-probability is no number.
func profileOf(tokens [][]step.Token) *[NumProfile]float32 {
	var classes [numClasses]tally
	var stepMeans []float64
	highest := 0.0
	for _, line := range tokens {
		results := resultsFrom(line)
		sum := 0.0
		for i, t := range line {
			lp := bounded(t.LogProb)
			if math.IsNaN(lp) {
				return nil
			}
			sum += lp
			for _, c := range classesOf(t.Text, i >= results) {
				k := &classes[c]
				k.lp = append(k.lp, lp)
				if len(t.Top) > 1 {
					h := topEntropy(t.Top)
					highest = max(highest, h)
					k.entropy = append(k.entropy, h)
					k.margin = append(k.margin, min(t.Top[0].LogProb-t.Top[1].LogProb, 20))
				}
			}
		}
		if len(line) > 0 {
			stepMeans = append(stepMeans, sum/float64(len(line)))
		}
	}
	all := classes[classAll].lp
	if len(all) == 0 {
		return nil
	}
	var out [NumProfile]float32
	for c, k := range classes {
		if len(k.lp) == 0 {
			continue
		}
		set := func(i int, v float64) { out[c*profClassSize+i] = float32(v) }
		sorted := slices.Sorted(slices.Values(k.lp))
		unsure := 0
		for _, v := range k.lp {
			unsure += bit(v < -math.Ln2)
		}
		set(profMean, mean(k.lp))
		set(profMin, sorted[0]/5)
		set(profTenth, mean(sorted[:max(len(sorted)/10, 1)])/3)
		set(profUnsure, float64(unsure)/float64(len(k.lp)))
		if len(k.entropy) > 0 {
			set(profEntropy, mean(k.entropy))
			set(profMargin, mean(k.margin)/5)
		}
	}
	out[profLastTen] = float32(mean(all[max(len(all)-10, 0):]))
	out[profMaxEntropy] = float32(highest)
	out[profLength] = float32(math.Log1p(float64(len(all))) / 5)
	m, square := mean(stepMeans), 0.0
	for _, v := range stepMeans {
		square += (v - m) * (v - m)
	}
	out[profSpread] = float32(math.Sqrt(square / float64(len(stepMeans))))
	return &out
}

// Confidence is the mean log-probability, in nats, of the tokens of an answer that hold a digit: of all that an
// endpoint gives with an answer it alone tells best, untrained, a right one from a wrong one of the same problem. ok is
// false without any.
func Confidence(tokens [][]step.Token) (nats float64, ok bool) {
	n := 0
	for _, line := range tokens {
		for _, t := range line {
			if hasDigit(t.Text) {
				nats += bounded(t.LogProb)
				n++
			}
		}
	}
	if n == 0 || math.IsNaN(nats) {
		return 0, false
	}
	return nats / float64(n), true
}

// resultsFrom is the index of the token with the last equals sign of a step, all of them where there is none.
func resultsFrom(tokens []step.Token) int {
	for i := len(tokens) - 1; i >= 0; i-- {
		if strings.Contains(tokens[i].Text, "=") {
			return i
		}
	}
	return len(tokens)
}

// classesOf are the classes that a token belongs to.
func classesOf(text string, result bool) []int {
	switch {
	case hasDigit(text) && result:
		return []int{classAll, classDigit, classResult}
	case hasDigit(text):
		return []int{classAll, classDigit, classOperand}
	case strings.ContainsAny(text, "+-*/=×÷−"):
		return []int{classAll, classOperator}
	case strings.IndexFunc(text, isLetter) >= 0:
		return []int{classAll, classWord}
	}
	return []int{classAll}
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f }

// bounded cuts a log-probability to what can be: servers write −Inf or −9999 for what they cut off.
func bounded(lp float64) float64 { return max(min(lp, 0), -30) }

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
