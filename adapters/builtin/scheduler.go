package builtin

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

const (
	slots = 64 // sequences decoded at a time

	// Tokens of prompts read in one step, of one and of all: those who are answered shan't wait long for those who ask.
	portion, portions = 128, 256
)

// call is what one caller waits for: the states of a prompt, or completions of it.
type call struct {
	ctx    context.Context
	prompt []int32
	cache  cache // of the prompt, as far as it was read
	kept   bool  // for other prompts

	from   int       // the first token whose state is wanted; len(prompt) where completions are
	states []float32 // those read so far, [tokens, dim]

	logits  []float32   // at the prompt's end, once it is read
	waiting []*sequence // not begun
	active  []*sequence
	err     error         // why it ended before its time
	done    chan struct{} // closed when it ended
}

// generates tells a call for completions from one for states.
func (c *call) generates() bool { return c.from == len(c.prompt) }

// scheduler decodes the sequences of all callers as one batch. It has no goroutine of its own: whoever waits for a call
// drives the batch, everybody's sequences, until that call is done, and then leaves it to the next.
type scheduler struct {
	model *model
	wheel chan struct{} // holds a value while somebody drives

	mu    sync.Mutex
	queue []*call // not seen yet by who drives

	// What follows belongs to who drives.
	calls   []*call
	known   prompts
	scratch []*scratch // one a core
}

func newScheduler(m *model) *scheduler {
	return &scheduler{model: m, wheel: make(chan struct{}, 1)}
}

// do returns when the call is done.
func (s *scheduler) do(c *call) {
	c.done = make(chan struct{})
	s.mu.Lock()
	s.queue = append(s.queue, c)
	s.mu.Unlock()
	select {
	case <-c.done:
		return
	case s.wheel <- struct{}{}:
	}
	defer func() { <-s.wheel }()
	for {
		select {
		case <-c.done:
			return
		default:
			s.step()
		}
	}
}

// task is a run of one call's prompt, or of one of its sequences.
type task struct {
	run
	call     *call
	sequence *sequence // nil for the prompt
}

// step takes every sequence one token on, and some prompts by a portion.
func (s *scheduler) step() {
	s.mu.Lock()
	arrived := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, c := range arrived {
		c.cache = s.known.find(c.prompt, min(c.from, len(c.prompt)-1))
	}
	s.calls = append(s.calls, arrived...)
	s.calls = slices.DeleteFunc(s.calls, s.cancelled)
	if tasks := s.tasks(); len(tasks) > 0 {
		s.work(tasks)
	}
	s.calls = slices.DeleteFunc(s.calls, s.ended)
}

// cancelled ends a call that nobody waits for any more, and reports whether it did.
func (s *scheduler) cancelled(c *call) bool {
	if c.err = c.ctx.Err(); c.err == nil {
		return false
	}
	for _, q := range slices.Concat(c.waiting, c.active) {
		q.err = c.err
	}
	close(c.done)
	return true
}

// ended closes a call that has all it asked for, and reports whether it did.
func (s *scheduler) ended(c *call) bool {
	c.active = slices.DeleteFunc(c.active, (*sequence).ended)
	if c.cache.n < len(c.prompt) || len(c.waiting)+len(c.active) > 0 {
		return false
	}
	close(c.done)
	return true
}

// tasks returns what the next step reads: a token of each sequence, and the next tokens of some prompts. It begins
// waiting sequences where there is room.
func (s *scheduler) tasks() []task {
	var tasks []task
	room, tokens := slots, portions
	for _, c := range s.calls {
		room -= len(c.active)
	}
	for _, c := range s.calls {
		if c.cache.n < len(c.prompt) {
			if room <= 0 && c.generates() { // what is read takes memory: not before its turn
				continue
			}
			if n := min(len(c.prompt)-c.cache.n, portion, tokens); n > 0 {
				tasks = append(tasks, task{run: run{c.prompt[c.cache.n : c.cache.n+n], &c.cache}, call: c})
				tokens -= n
			}
			continue
		}
		for ; len(c.waiting) > 0 && room > 0; room-- {
			q := c.waiting[0]
			c.waiting, c.active = c.waiting[1:], append(c.active, q)
			q.cache = c.cache.fork(c.cache.n)
			q.next(c.logits, make([]float32, len(c.logits)))
		}
		for _, q := range c.active {
			if !q.ended() {
				tasks = append(tasks, task{run: run{[]int32{q.latest}, &q.cache}, call: c, sequence: q})
			}
		}
	}
	return tasks
}

// work deals the tasks out to the cores, each of which takes its own through the whole model: they wait for each
// other once a step and not, as if every product were shared, fifty times.
func (s *scheduler) work(tasks []task) {
	left := 0
	for _, t := range tasks {
		left += len(t.tokens)
	}
	cores := runtime.GOMAXPROCS(0)
	for len(s.scratch) < cores {
		s.scratch = append(s.scratch, new(scratch))
	}
	var group sync.WaitGroup
	for core := range cores {
		share, n := 0, 0
		for n < len(tasks) && (share == 0 || share+len(tasks[n].tokens) <= (left+cores-core-1)/(cores-core)) {
			share += len(tasks[n].tokens)
			n++
		}
		mine := tasks[:n]
		tasks, left = tasks[n:], left-share
		if len(tasks) == 0 { // the last share is the driver's
			s.perform(s.scratch[core], mine)
			break
		}
		group.Go(func() { s.perform(s.scratch[core], mine) })
	}
	group.Wait()
	for _, c := range s.calls {
		if c.cache.n == len(c.prompt) && !c.kept {
			c.kept = true
			s.known.keep(c.prompt, c.cache, 4*s.model.pageSize())
		}
	}
}

// perform reads the tasks' tokens and lets each task take what it wanted of them.
func (s *scheduler) perform(w *scratch, tasks []task) {
	m := s.model
	runs := make([]run, len(tasks))
	for i, t := range tasks {
		runs[i] = t.run
	}
	states := m.read(w, runs)

	// Where logits are wanted: at the last token of a sequence, or of a prompt that is to be continued.
	var asking []task
	w.last = w.last[:0]
	row := 0
	for _, t := range tasks {
		end := row + len(t.tokens)
		if c := t.call; t.sequence != nil || c.generates() && c.cache.n == len(c.prompt) {
			asking = append(asking, t)
			w.last = append(w.last, states[(end-1)*m.Dim:end*m.Dim]...)
		} else if fresh := min(c.cache.n-c.from, len(t.tokens)); fresh > 0 {
			c.states = append(c.states, states[(end-fresh)*m.Dim:end*m.Dim]...)
		}
		row = end
	}
	logits := m.head(w, w.last, len(asking))
	for i, t := range asking {
		own := logits[i*padded(len(m.Vocab)):][:len(m.Vocab)]
		if t.sequence == nil {
			t.call.logits = slices.Clone(own)
			continue
		}
		t.sequence.next(own, sized(&w.weights, len(own)))
	}
}
