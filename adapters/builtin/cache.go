package builtin

import "slices"

// page is how many positions a page of the cache holds: as many as a tile computes scores of together.
const page = wide

// cache holds the keys and values of a sequence's first n tokens, in pages of [layers][key, value][dim][page] numbers.
// In each layer, keys are [heads][size][page], so that a page's scores are one product with a panel; values are
// [heads][size/wide][page][wide], so that the weighted sum of a page is one too. Caches share the pages of what they
// have in common.
type cache struct {
	pages [][]float32
	n     int
}

// fork returns a cache of the first n tokens, which may be added to without touching c.
func (c cache) fork(n int) cache {
	pages := slices.Clone(c.pages[:(n+page-1)/page])
	if n%page > 0 { // the last page will be written to
		last := len(pages) - 1
		pages[last] = slices.Clone(pages[last])
	}
	return cache{pages: pages, n: n}
}

// grow makes room for so many tokens more; size is a page's.
func (c *cache) grow(tokens, size int) {
	for len(c.pages)*page < c.n+tokens {
		c.pages = append(c.pages, make([]float32, size))
	}
}

// Bounds of what is kept of prompts.
const (
	keptPrompts = 64
	keptBytes   = 64 << 20
)

// kept is the cache of a prompt.
type kept struct {
	tokens []int32
	cache  cache
}

// prompts keeps the caches of the prompts seen last, the latest at the end: what begins like one of them needn't be
// read again, as in step-by-step decoding, where every prompt goes on where the last one ended.
type prompts struct{ kept []kept }

// find returns a cache of the longest beginning of tokens that is known, at most limit of them.
func (p *prompts) find(tokens []int32, limit int) cache {
	best, at := 0, -1
	for i, k := range p.kept {
		n := 0
		for n < min(len(k.tokens), limit) && k.tokens[n] == tokens[n] {
			n++
		}
		if n > best {
			best, at = n, i
		}
	}
	if at < 0 {
		return cache{}
	}
	found := p.kept[at]
	p.kept = append(slices.Delete(p.kept, at, at+1), found)
	return found.cache.fork(best)
}

// keep remembers the cache of a prompt, in the place of those that it begins with, and forgets the oldest beyond the
// bounds. Pages that several prompts share count for each.
func (p *prompts) keep(tokens []int32, c cache, pageBytes int) {
	p.kept = slices.DeleteFunc(p.kept, func(k kept) bool {
		return len(k.tokens) <= len(tokens) && slices.Equal(k.tokens, tokens[:len(k.tokens)])
	})
	p.kept = append(p.kept, kept{tokens, c})
	bytes, first := 0, len(p.kept)
	for first > 0 && len(p.kept)-first < keptPrompts {
		bytes += len(p.kept[first-1].cache.pages) * pageBytes
		if bytes > keptBytes {
			break
		}
		first--
	}
	p.kept = slices.Delete(p.kept, 0, first)
}
