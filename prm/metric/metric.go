// Package metric holds the figures a PRM is judged by: AUC (overall and within groups), expected calibration error,
// ProcessBench's F1, and bootstrap intervals. It is pure and imports nothing of this module.
package metric

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Figure is a measured number. NaN says that it could not be measured (one class only, no examples) and is null in
// JSON.
type Figure float64

// Text is the figure as a fmt verb for floats writes it ("%.2f"), "–" for NaN and the infinities.
func (f Figure) Text(format string) string {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf(format, float64(f))
}

// MarshalJSON writes a number, or null for NaN and the infinities.
func (f Figure) MarshalJSON() ([]byte, error) {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads a number, or NaN for null.
func (f *Figure) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = Figure(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(f))
}

// AUC is the chance that a positive example scores above a negative one, ties counting half: the area under the ROC
// curve. scores and positive have equal length. NaN when either class is missing or a score is NaN.
func AUC(scores []float64, positive []bool) float64 {
	won, pairs := PairsWon(scores, positive)
	return won / pairs
}

// GroupAUC is AUC over pairs from the same group only, every pair weighing the same. With problems as groups it does
// not reward knowing which problem is hard. NaN when no group holds both classes.
func GroupAUC(scores []float64, positive []bool, group []string) float64 {
	members := make(map[string][]int)
	for i, g := range group {
		members[g] = append(members[g], i)
	}
	var won, pairs float64
	for _, idx := range members {
		s := make([]float64, len(idx))
		y := make([]bool, len(idx))
		for k, i := range idx {
			s[k], y[k] = scores[i], positive[i]
		}
		w, p := PairsWon(s, y)
		// Halves of integers add up exactly, so the map's order does not matter.
		won, pairs = won+w, pairs+p
	}
	return won / pairs
}

// PairsWon counts the (positive, negative) pairs that scores orders rightly, ties as half, and all such pairs.
func PairsWon(scores []float64, positive []bool) (won, pairs float64) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
		if math.IsNaN(scores[i]) {
			return math.NaN(), math.NaN()
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var below, positives float64 // negatives that score lower than the current run of ties; positives so far
	for i := 0; i < len(order); {
		var p, n float64
		j := i
		for ; j < len(order) && scores[order[j]] == scores[order[i]]; j++ {
			if positive[order[j]] {
				p++
			} else {
				n++
			}
		}
		won += p*below + p*n/2
		below += n
		positives += p
		i = j
	}
	return won, positives * below
}

// ECE is the expected calibration error: p (probabilities in [0,1]) is cut into bins of equal width, and the gaps
// between a bin's mean probability and its share of true y are averaged, weighted by the bin's size (Naeini et al.
// 2015; Guo et al., arXiv 1706.04599). NaN without examples; bins must be positive.
func ECE(p []float64, y []bool, bins int) float64 {
	sum := make([]float64, bins)
	hits := make([]float64, bins)
	for i, v := range p {
		b := min(max(int(v*float64(bins)), 0), bins-1)
		sum[b] += v
		if y[i] {
			hits[b]++
		}
	}
	var gap float64
	for b := range sum {
		gap += math.Abs(sum[b] - hits[b])
	}
	return gap / float64(len(p))
}

// StepF1 is ProcessBench's score (arXiv 2412.06559): the harmonic mean of the accuracy on wrong solutions (the first
// wrong step found exactly) and on correct ones (none reported). gold and predicted hold 0-based indices of the first
// wrong step, −1 for none. An accuracy without examples is NaN, and so is f1 then.
func StepF1(gold, predicted []int) (errorAcc, correctAcc, f1 float64) {
	var hit, n [2]float64
	for i, g := range gold {
		class := 0
		if g < 0 {
			class = 1
		}
		n[class]++
		if predicted[i] == g || g < 0 && predicted[i] < 0 {
			hit[class]++
		}
	}
	errorAcc, correctAcc = hit[0]/n[0], hit[1]/n[1]
	if errorAcc+correctAcc == 0 {
		return errorAcc, correctAcc, 0
	}
	return errorAcc, correctAcc, 2 * errorAcc * correctAcc / (errorAcc + correctAcc)
}

// Interval is a measured mean with its 95 % interval.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// MarshalJSON writes what isn't there as null, as Figure does.
func (i Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal(figures{Figure(i.Mean), Figure(i.Low), Figure(i.High)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (i *Interval) UnmarshalJSON(b []byte) error {
	var f figures
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*i = Interval{float64(f.Mean), float64(f.Low), float64(f.High)}
	return nil
}

// figures is an Interval for JSON.
type figures struct {
	Mean Figure `json:"mean"`
	Low  Figure `json:"low"`
	High Figure `json:"high"`
}

// Bootstrap returns stat over all n units (usually problems), with the 2.5th and 97.5th percentile of stat over draws
// resamples of n units with replacement. stat gets indices in [0,n), with repeats. Equal arguments give equal
// intervals. For a paired comparison let stat return the difference on the same units. Draws for which stat is NaN are
// left out; all fields are NaN when none is left, or n is 0.
func Bootstrap(seed uint64, n, draws int, stat func(idx []int) float64) Interval {
	return BootstrapOver(seed, []int{n}, draws, func(idx [][]int) float64 { return stat(idx[0]) })
}

// BootstrapOver is Bootstrap over several kinds of unit at once, such as problems and seeds of training: each draw
// resamples all of them, each on its own, and stat gets the indices of each kind.
func BootstrapOver(seed uint64, sizes []int, draws int, stat func(idx [][]int) float64) Interval {
	nan := math.NaN()
	idx := make([][]int, len(sizes))
	for k, n := range sizes {
		if n == 0 {
			return Interval{nan, nan, nan}
		}
		idx[k] = make([]int, n)
		for i := range idx[k] {
			idx[k][i] = i
		}
	}
	iv := Interval{Mean: stat(idx), Low: nan, High: nan}
	rng := rand.New(rand.NewPCG(seed, uint64(sizes[0]))) // #nosec G115 G404 -- a count is not below 0; a draw that must follow from its seed, and guards nothing
	values := make([]float64, 0, draws)
	for range draws {
		for k, n := range sizes {
			for i := range idx[k] {
				idx[k][i] = rng.IntN(n)
			}
		}
		if v := stat(idx); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return iv
	}
	slices.Sort(values)
	iv.Low, iv.High = quantile(values, 0.025), quantile(values, 0.975)
	return iv
}

// StudentT returns the mean of values with its 95 % interval by Student's t: of few runs, each with a seed of its own,
// where a bootstrap would be too narrow. The interval is NaN of fewer than two values, and the mean of none.
func StudentT(values []float64) Interval {
	mean, sd := stat.MeanStdDev(values, nil)
	n := float64(len(values))
	if len(values) < 2 {
		return Interval{Mean: mean, Low: math.NaN(), High: math.NaN()}
	}
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd / math.Sqrt(n)
	return Interval{Mean: mean, Low: mean - half, High: mean + half}
}

// quantile interpolates linearly between the order statistics of sorted.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	lo := int(at)
	hi := min(lo+1, len(sorted)-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}
