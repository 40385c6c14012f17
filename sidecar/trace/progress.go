package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Progress gathers what a search tells of itself, in lines for people and candidate by candidate, until somebody takes
// it: a search never waits for a slow reader.
type Progress struct {
	Told   chan struct{} // gets a value when there is something new
	Shows  bool          // lines of the search
	Early  bool          // text as it is settled
	Each   bool          // candidates, each as it comes and as something is decided of it
	mu     sync.Mutex
	answer strings.Builder // settled
	lines  strings.Builder // not taken
	news   []Candidate     // not taken
	open   []*told         // of steps that aren't decided
	passed map[int]bool    // IDs of candidates whose steps were told of
}

// told is a candidate as a line tells of it.
type told struct {
	decode.Candidate
	entire bool // a whole answer, not a step
}

// NewProgress gathers lines of the search where shows is set, and text as it is settled where early is.
func NewProgress(shows, early bool) *Progress {
	return &Progress{Told: make(chan struct{}, 1), Shows: shows, Early: early, passed: map[int]bool{}}
}

// Watch is for decode.Options.
func (p *Progress) Watch(e decode.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.answer.Len() + p.lines.Len()
	if p.Early {
		p.answer.WriteString(e.Settled)
	}
	if p.Shows {
		if e.Settled != "" {
			p.decided()
		}
		if e.Candidate != nil {
			p.note(*e.Candidate)
		}
	}
	if p.Each && e.Candidate != nil {
		c := candidateOf(*e.Candidate)
		if i := slices.IndexFunc(p.news, func(old Candidate) bool { return old.ID == c.ID }); i >= 0 {
			p.news[i] = c
		} else {
			p.news = append(p.news, c)
		}
	}
	if p.answer.Len()+p.lines.Len() == before && len(p.news) == 0 {
		return
	}
	select {
	case p.Told <- struct{}{}:
	default: // whoever reads has yet to look
	}
}

// Text is all that was settled so far.
func (p *Progress) Text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer.String()
}

// Candidates takes those of which something is new since they were last taken, each as it stands now.
func (p *Progress) Candidates() []Candidate {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.news
	p.news = nil
	return out
}

// Notes takes the lines that came since they were last taken. At the end of the search the last step is decided.
func (p *Progress) Notes(end bool) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if end {
		p.decided()
	}
	defer p.lines.Reset()
	return p.lines.String()
}

// note takes news of a candidate. A whole answer is first told of as it comes, before it is scored; of a step the
// candidates are told of together, when the search goes on to the next.
func (p *Progress) note(c decode.Candidate) {
	if p.passed[c.ID] {
		return
	}
	if i := slices.IndexFunc(p.open, func(o *told) bool { return o.ID == c.ID }); i >= 0 {
		p.open[i].Candidate = c
		return
	}
	if len(p.open) > 0 && p.open[0].At != c.At {
		p.decided()
	}
	entire := !c.Scored && c.Kept == "" && c.Dropped == ""
	p.open = append(p.open, &told{c, entire})
	if entire {
		fmt.Fprintf(&p.lines, "candidate %d%s: %s\n%s", c.ID, kind(c), ending(c), code(c))
	}
}

// kind is what a candidate is, where it isn't prose.
func kind(c decode.Candidate) string {
	if c.Kind == step.Program {
		return ", a program"
	}
	return ""
}

// code is a program as a block of code, "" for prose.
func code(c decode.Candidate) string {
	switch text := strings.TrimSpace(c.Text); {
	case c.Kind != step.Program:
		return ""
	case strings.Contains(text, "```"): // the model has fenced it, or has written something else
		return strings.TrimSuffix(text, "\n") + strings.Repeat("\n```", strings.Count(text, "```")%2) + "\n"
	default:
		return "```python\n" + text + "\n```\n"
	}
}

// shownEach is how many candidates of a step, kept and dropped each, a line has room for.
const shownEach = 3

// decided writes the line of the candidates that are open: "step 3: 8 candidates, kept 0.93 '…', dropped 0.12 '…'".
func (p *Progress) decided() {
	if len(p.open) == 0 {
		return
	}
	entire := false
	for _, c := range p.open {
		p.passed[c.ID] = true
		entire = entire || c.entire
	}
	if entire {
		fmt.Fprintf(&p.lines, "%s", count(len(p.open), "candidate"))
	} else {
		fmt.Fprintf(&p.lines, "step %d: %s", p.open[0].At+1, count(len(p.open), "candidate"))
	}
	slices.SortStableFunc(p.open, func(a, b *told) int { return cmp.Compare(b.Score, a.Score) })
	for _, fate := range []struct {
		word string
		has  func(*told) bool
	}{
		{"kept", func(c *told) bool { return c.Kept != "" }},
		{"dropped", func(c *told) bool { return c.Kept == "" && c.Dropped != "" }},
	} {
		n := 0
		for _, c := range p.open {
			if !fate.has(c) {
				continue
			}
			if n++; n <= shownEach {
				fmt.Fprintf(&p.lines, ", %s %s", fate.word, c.words())
			}
		}
		if n > shownEach {
			fmt.Fprintf(&p.lines, " and %d more", n-shownEach)
		}
	}
	p.lines.WriteString("\n")
	p.open = nil
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// words are a candidate's score and what it says.
func (c *told) words() string {
	said := "'" + excerpt(c.Text) + "'"
	switch {
	case c.entire:
		said = ending(c.Candidate)
	case c.Text == "" || strings.HasPrefix(c.Dropped, "failed"):
		said = "(" + excerpt(c.Dropped) + ")"
	}
	if c.Scored {
		return fmt.Sprintf("%.2f %s", c.Score, said)
	}
	return said
}

func ending(c decode.Candidate) string {
	if c.Answered {
		return "answer " + excerpt(c.Answer)
	}
	return "no answer"
}

// excerpt is the beginning of a text as a part of a line.
func excerpt(text string) string {
	const runes = 60
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	return string([]rune(text)[:runes-1]) + "…"
}
