package feature

import (
	"math"
	"slices"
)

// hashed gathers the distinct table rows of named features.
type hashed struct {
	rows    uint32
	indices []uint16 // some of them twice
}

func newHashed(rows uint32) *hashed { return &hashed{rows: rows, indices: make([]uint16, 0, 128)} }

// add puts in the row of a feature, named by its parts (FNV-1a over them).
func (h *hashed) add(parts ...string) {
	sum := uint32(2166136261)
	for _, p := range parts {
		for i := range len(p) {
			sum = (sum ^ uint32(p[i])) * 16777619
		}
		sum = (sum ^ 0xff) * 16777619
	}
	h.indices = append(h.indices, uint16((sum^sum>>16)%h.rows)) // #nosec G115 -- there are no more than 65536 rows
}

func (h *hashed) sorted() []uint16 {
	slices.Sort(h.indices)
	return slices.Clip(slices.Compact(h.indices))
}

// shape is what stands for a number in an n-gram: never its digits, which would be learnt by heart.
func shape(v float64) string {
	switch {
	case v != math.Trunc(v):
		return "#.#"
	case math.Abs(v) < 10:
		return "#"
	case math.Abs(v) < 100:
		return "##"
	}
	return "###"
}

// words are the step's n-grams: words and operators alone and in pairs. A number stands as where it comes from, and
// alone as its shape.
func (r *reading) words() []uint16 {
	h := newHashed(WordRows)
	prev := "^"
	for _, t := range append(slices.Clip(r.now.tokens), token{text: "$"}) {
		name := t.text
		if t.number {
			h.add("shape", shape(t.value))
			name = "#" + sourceNames[r.trace(t.value).source]
		}
		h.add("word", name)
		h.add("pair", prev, name)
		prev = name
	}
	return h.sorted()
}

// context are the n-grams of what precedes the step: the question's words alone and in pairs, what it asks for apart
// from the rest, and the words and operators of the steps before, the last one apart.
func (r *reading) context() []uint16 {
	h := newHashed(ContextRows)
	prev := "^"
	for i, t := range r.question {
		name := t.text
		if t.number {
			name = shape(t.value)
		}
		h.add("question", name)
		h.add("pair", prev, name)
		if i >= len(r.question)-asked {
			h.add("asked", name)
		}
		prev = name
	}
	if n := len(r.before); n > 0 {
		for _, t := range r.before[n-1].tokens {
			if !t.number {
				h.add("last", t.text)
			}
		}
	}
	h.indices = append(h.indices, r.said.indices...)
	return h.sorted()
}

const asked = 12 // tokens at the question's end, where it says what is asked for

// roles pair each operator of the step with what its operands are, and with the words by which the question and the
// step speak of them: "half", "each", "more than" beside a number in the question should meet the operator that is used
// on it.
func (r *reading) roles() []uint16 {
	h := newHashed(RoleRows)
	said, used := make(map[string]bool), make(map[string]bool) // operators, of operands and of expressions: all words meet each once, not at every operand
	for _, e := range r.now.expressions {
		used[e.operators[1]] = true
		for i, o := range e.operands {
			op := e.operators[i]
			side := "right"
			if i == 0 && len(e.operators) > 1 {
				op, side = e.operators[1], "left"
			}
			src := sourceNames[o.source]
			h.add("source", op, side, src)
			if i > 0 {
				h.add("sources", op, sourceNames[e.operands[i-1].source], src)
				h.add("order", op, order(e.operands[i-1].value, o.value))
				if a, b := r.unit(e.operands[i-1]), r.unit(o); a != "" && b != "" {
					h.add("units", op, yes(a == b))
				}
			}
			if o.source == implied && o.index >= 0 {
				h.add("spoken", op, side, r.quantities[o.index].word)
			}
			if o.inQuestion() {
				for _, w := range r.quantities[o.index].near {
					h.add("near", op, side, w)
					h.add("near", op, w)
				}
				h.add("unit", op, r.quantities[o.index].unit)
			}
			said[op] = true
		}
		if e.stated {
			h.add("whole", e.operators[1], yes(e.result == math.Trunc(e.result)), yes(e.result < 0))
		}
	}
	r.inOrder(h)
	for op := range said {
		for w := range r.now.words {
			h.add("said", op, w)
		}
		for _, t := range r.question[max(len(r.question)-asked, 0):] {
			if t.word() {
				h.add("asked", op, t.text)
			}
		}
	}
	for op := range used {
		for _, t := range r.now.tokens {
			if t.word() && plain[t.text] {
				h.add("said", op, t.text)
			}
		}
	}
	return h.sorted()
}

// inOrder names the words of the sentences whose turn it was, that were passed over, or, when the answer is given,
// left.
func (r *reading) inOrder(h *hashed) {
	ops := make(map[string]bool)
	for _, e := range r.now.expressions {
		for _, op := range e.operators[1:] {
			ops[op] = true
		}
	}
	for _, k := range r.uses.sentences {
		for _, w := range r.story[k].words {
			for op := range ops {
				h.add("sentence", op, w)
			}
		}
	}
	if k := r.uses.next; k >= 0 {
		took := yes(slices.Contains(r.uses.sentences, k))
		for _, w := range r.story[k].words {
			h.add("next", took, w)
		}
	}
	for _, k := range r.uses.skipped {
		for _, w := range r.story[k].words {
			h.add("skipped", w)
		}
	}
	if !r.now.answer {
		return
	}
	for k, s := range r.story {
		if r.left(k) > 0 {
			for _, w := range s.words {
				h.add("left", w)
			}
		}
	}
}

// unit is what an operand of the question counts, "" where that is not known.
func (r *reading) unit(o operand) string {
	if !o.inQuestion() {
		return ""
	}
	return r.quantities[o.index].unit
}

func order(a, b float64) string {
	switch {
	case a < b:
		return "<"
	case a > b:
		return ">"
	}
	return "="
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
