package train

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/step"
)

// item is an example ready for a batch.
type item struct {
	Example
	weights   weights
	reference [2]float64 // R_ref's logits
}

// arrange orders an epoch: pairs stay together, in a seeded order, dealt out so that every batch holds pairs and lone
// steps as all do; each pair's masks are drawn once. The items returned are copies with those masks applied.
func arrange(items []item, opt Options, epoch int) []item {
	var units [][]int
	at := make(map[string]int)
	for i, e := range items {
		if k, ok := at[e.Pair]; ok && e.Pair != "" {
			units[k] = append(units[k], i)
			continue
		}
		at[e.Pair] = len(units)
		units = append(units, []int{i})
	}
	rng := random(opt.Seed, "epoch", opt.Round, epoch)
	rng.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
	deal(units, func(unit []int) bool { return items[unit[0]].Pair != "" })
	out := make([]item, 0, len(items))
	for _, unit := range units {
		hidden, logProbs := rng.Float64() < opt.Mask, rng.Float64() < opt.Mask
		for _, i := range unit {
			e := items[i]
			if hidden {
				e.Input = e.Input.Without(feature.BlockLast, feature.BlockMean)
			}
			if logProbs {
				e.Input = e.Input.Without(feature.BlockLogProbs)
			}
			out = append(out, e)
		}
	}
	return out
}

// deal orders units so that those of either kind are spread evenly, and among themselves stay in their order.
func deal(units [][]int, kind func([]int) bool) {
	var count [2]float64
	at := func(unit []int) int {
		if kind(unit) {
			return 1
		}
		return 0
	}
	for _, u := range units {
		count[at(u)]++
	}
	type place struct {
		unit []int
		at   float64 // in [0,1)
	}
	var seen [2]float64
	places := make([]place, len(units))
	for i, u := range units {
		k := at(u)
		places[i] = place{u, (seen[k] + 0.5) / count[k]}
		seen[k]++
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	for i, p := range places {
		units[i] = p.unit
	}
}

// fill writes a batch, at most gr.size items, to the graph's inputs; rows left over weigh nothing. Each dropout mask
// keeps an input with chance 1−rate, and scales it so that its expectation stays.
func (gr *graph[F]) fill(w *prm.Weights, batch []item, opt Options, rng *rand.Rand) {
	in := &gr.in
	for _, b := range gr.feed {
		if b.node.Name() != "ones" {
			clear(b.data)
		}
	}
	clear(in.read)
	for i := range in.bags {
		clear(in.bags[i].rows)
	}
	var total [2]float64
	for _, e := range batch {
		total[0] += float64(e.weights[0])
		total[1] += float64(e.weights[1])
	}
	for row, e := range batch {
		standardise(in.last[row*w.LastCentre.Cols:], e.Input.Last, &w.LastCentre, &w.LastScale)
		standardise(in.mean[row*w.MeanCentre.Cols:], e.Input.Mean, &w.MeanCentre, &w.MeanScale)
		if e.Input.LogProbs != nil {
			standardise(gr.block(in.read, row, prm.LogProbs, feature.NumLogProbs), e.Input.LogProbs[:], &w.LogProbsCentre, &w.LogProbsScale)
		}
		standardise(gr.block(in.read, row, prm.Symbols, feature.NumSymbols), e.Input.Symbols[:], &w.SymbolsCentre, &w.SymbolsScale)
		in.bags[0].rows[row], in.bags[1].rows[row], in.bags[2].rows[row] = e.Input.Words, e.Input.Context, e.Input.Roles
		for head, target := range []step.Verdict{e.Step, e.Value} {
			k := row*2 + head
			if target == step.Right {
				in.targets[k] = 1
			}
			// Each head's loss is a mean over its labelled examples. The regularisers need no label: they hold R to
			// R_ref and keep it from being too sure wherever the batch looks.
			if total[head] > 0 {
				in.weights[k] = F(float64(e.weights[head]) / total[head])
			}
			in.reference[k] = F(e.reference[head])
			in.towardsRef[k] = F(opt.KL / float64(len(batch)))
			in.spread[k] = F(opt.Entropy / float64(len(batch)))
		}
	}
	drop := func(mask []F) {
		for i := range mask {
			if rng.Float64() >= opt.Dropout {
				mask[i] = F(1 / (1 - opt.Dropout))
			}
		}
	}
	for block, at := range gr.at {
		if at < 0 {
			drop(in.dropout[block])
			continue
		}
		for row := range gr.size {
			drop(gr.block(in.readDropout, row, prm.Block(block), w.Dense[block].Rows))
		}
	}
	drop(in.hiddenDropout)
}

// standardise writes (x − centre)·scale to the beginning of y; a masked x leaves it as it is.
func standardise[F real](y []F, x []float32, centre, scale *prm.Tensor) {
	if len(x) != centre.Cols {
		return
	}
	for i, v := range x {
		y[i] = F((v - centre.Data[i]) * scale.Data[i])
	}
}
