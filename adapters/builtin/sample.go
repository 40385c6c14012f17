package builtin

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/viterin/vek/vek32"

	"aprm/adapters"
	"aprm/prm/step"
)

// sampler draws tokens. It has a source of randomness of its own, so that what it draws depends on nothing else.
type sampler struct {
	temperature float64
	topP        float64
	random      *rand.Rand
}

// newSampler returns the sampler of the request's completion of that index.
func newSampler(req adapters.Request, index int) sampler {
	s := sampler{temperature: req.Temperature, topP: req.TopP}
	seed := rand.Uint64() // #nosec G404 -- draws of a sampler guard nothing
	if req.Seed != nil {
		seed = uint64(*req.Seed) + uint64(index)
	}
	s.random = rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- a draw that must follow from its seed, and guards nothing
	return s
}

// drawable tells the tokens that an answer may hold from those that only a prompt does.
func drawable(id int32) bool { return id >= specials || id == endToken }

// pick draws a token; probs is room for as many numbers as there are logits.
func (s sampler) pick(logits, probs []float32) int32 {
	best := endToken
	for id := specials; int(id) < len(logits); id++ {
		if logits[id] > logits[best] {
			best = id
		}
	}
	if s.temperature <= 0 {
		return best
	}
	for id, x := range logits {
		probs[id] = float32(float64(x-logits[best]) / s.temperature)
	}
	exp(probs)
	for id := range specials {
		if !drawable(id) {
			probs[id] = 0
		}
	}
	total := float64(vek32.Sum(probs))
	if s.topP > 0 && s.topP < 1 {
		total = nucleus(probs, total, s.topP)
	}
	left := s.random.Float64() * total
	for id, p := range probs {
		if left -= float64(p); left < 0 {
			return int32(id)
		}
	}
	return best // the sums were rounded
}

// nucleus sets all probabilities to zero but the largest that make up the share topP of their sum total. It returns the
// sum of what is left.
func nucleus(probs []float32, total, topP float64) float64 {
	// Tokens below this make up less than 1 − topP all together: they need no sorting.
	least := float32(total * (1 - topP) / float64(len(probs)))
	var order []int32
	for id, p := range probs {
		if p > least {
			order = append(order, int32(id))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(probs[b], probs[a]), cmp.Compare(a, b))
	})
	sum, n := 0.0, 0
	for n < len(order) && sum < topP*total {
		sum += float64(probs[order[n]])
		n++
	}
	inside := make([]float32, n)
	for i, id := range order[:n] {
		inside[i] = probs[id]
	}
	clear(probs)
	for i, id := range order[:n] {
		probs[id] = inside[i]
	}
	return sum
}

// logProbs returns a token with its log-probability and so many alternatives, by the model's own distribution: at
// temperature 1, over all tokens. probs is room for as many numbers as there are logits.
func (t *tokenizer) logProbs(logits, probs []float32, id int32, alternatives int) step.Token {
	highest := vek32.Max(logits)
	copy(probs, logits)
	vek32.SubNumber_Inplace(probs, highest)
	exp(probs)
	norm := float64(highest) + math.Log(float64(vek32.Sum(probs)))
	of := func(id int32) float64 { return min(0, float64(logits[id])-norm) }

	var top []int32 // the most probable first
	for id := range int32(len(logits)) {
		if !drawable(id) || len(top) == alternatives && (alternatives == 0 || logits[id] <= logits[top[alternatives-1]]) {
			continue
		}
		at := len(top)
		for at > 0 && logits[id] > logits[top[at-1]] {
			at--
		}
		if len(top) == alternatives {
			top = top[:alternatives-1]
		}
		top = slices.Insert(top, at, id)
	}
	token := step.Token{Text: t.text(id), LogProb: of(id)}
	for _, id := range top {
		token.Top = append(token.Top, step.Alternative{Text: t.vocab[id], LogProb: of(id)})
	}
	return token
}
