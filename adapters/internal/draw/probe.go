package draw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"aprm/adapters"
)

const (
	patience = 2 * time.Second  // that a hurried call has for a probe, from its beginning
	pause    = 10 * time.Second // after a probe that failed, before a hurried call begins another
)

// Probed remembers what an endpoint was found to be able to do. Whoever asks first probes; the others wait for that,
// each no longer than its own context. A probe that failed, or whose caller left, is none: the next call probes again.
//
// A call of a search (adapters.WithSearch), or whose context has a deadline, is for somebody who waits. It gives a
// probe 2 seconds from its beginning, or a third of its own time if that is less, then adapters.ErrUnprobed is its
// error and the probe goes on for later calls, as long as the context of the call that began it. For 10 seconds after a
// fault such calls have ErrUnprobed at once.
type Probed struct {
	mu      sync.Mutex
	caps    *adapters.Capabilities
	running *probe
	failed  time.Time // when the last probe did; zero for never
	fault   error     // of it
}

// probe is one that runs.
type probe struct {
	began time.Time
	done  chan struct{} // closed when it has ended
	caps  adapters.Capabilities
	err   error
}

// Or returns what was found, or what ask finds now, within limit.
func (p *Probed) Or(ctx context.Context, limit time.Duration, ask func(context.Context) (adapters.Capabilities, error)) (adapters.Capabilities, error) {
	until, timed := ctx.Deadline()
	hurried := timed || adapters.Search(ctx) != nil
	for {
		p.mu.Lock()
		if p.caps != nil {
			defer p.mu.Unlock()
			return *p.caps, nil
		}
		if hurried && p.running == nil && p.fault != nil && time.Since(p.failed) < pause {
			defer p.mu.Unlock()
			return adapters.Capabilities{}, unprobed(p.fault)
		}
		own := p.running == nil
		if own {
			p.running = &probe{began: time.Now(), done: make(chan struct{})}
			go p.run(ctx, p.running, limit, ask)
		}
		running := p.running
		p.mu.Unlock()

		var late <-chan time.Time
		if hurried {
			wait := patience - time.Since(running.began)
			if timed {
				wait = min(wait, time.Until(until)/3)
			}
			timer := time.NewTimer(wait)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-running.done:
		case <-late:
			return adapters.Capabilities{}, unprobed(errors.New("it takes its time"))
		case <-ctx.Done():
			return adapters.Capabilities{}, ctx.Err()
		}
		switch {
		case running.err == nil:
			return running.caps, nil
		case ctx.Err() != nil:
			return adapters.Capabilities{}, ctx.Err()
		case !own && errors.Is(running.err, context.Canceled), !own && errors.Is(running.err, context.DeadlineExceeded):
			continue // another's time was up
		case hurried:
			return adapters.Capabilities{}, unprobed(running.err)
		}
		return adapters.Capabilities{}, fmt.Errorf("%s: %w", probing, running.err)
	}
}

// run probes, and notes what came of it. It has a goroutine of its own, where a panic would take the whole process
// down.
func (p *Probed) run(ctx context.Context, running *probe, limit time.Duration, ask func(context.Context) (adapters.Capabilities, error)) {
	within, cancel := context.WithTimeout(withoutSlots(ctx), limit)
	defer cancel()
	func() {
		defer func() {
			if r := recover(); r != nil {
				running.err = fmt.Errorf("panic in a probe: %v\n%s", r, debug.Stack())
			}
		}()
		running.caps, running.err = ask(within)
	}()
	if running.err == nil {
		running.err = within.Err() // what was found at the very end may be the end's doing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = nil
	switch {
	case running.err == nil:
		p.caps, p.fault = &running.caps, nil
	case ctx.Err() == nil:
		p.failed, p.fault = time.Now(), running.err
	}
	close(running.done)
}

const probing = "asking the endpoint what it can do"

func unprobed(why error) error { return fmt.Errorf("%s: %w: %w", probing, adapters.ErrUnprobed, why) }

// Least is what every endpoint can do, to go on with where nothing is known.
func Least(model string) adapters.Capabilities {
	return adapters.Capabilities{Model: model, Prefill: adapters.PrefillNone, Hidden: adapters.HiddenCapabilities{Kind: adapters.HiddenNone}}
}

// The known sentence by which continuing a prefill is tested. Nobody begins an answer like this unasked, so a text that
// does is an echo; and only who continues the list goes on with the month that follows.
const (
	knownAsk   = "Recite the months of the year in order, on one line, separated by commas."
	knownBegin = "As the clockmakers of Vell used to sing it: January, February, March, April, May, June,"
	knownRest  = "July"
)

// PrefillProbe is a request whose answer Prefilled can judge.
func PrefillProbe() adapters.Request {
	return adapters.Request{MaxTokens: 24, N: 1, Messages: []adapters.Message{
		{Role: adapters.User, Content: knownAsk},
		{Role: adapters.Assistant, Content: knownBegin},
	}}
}

// Prefilled says what the endpoint did with PrefillProbe, from the text it answered.
func Prefilled(text string) adapters.Prefill {
	text = strings.TrimSpace(text)
	rest, echoed := strings.CutPrefix(text, knownBegin)
	switch goesOn := strings.HasPrefix(strings.TrimSpace(rest), knownRest); {
	case echoed && goesOn:
		return adapters.PrefillEchoed
	case goesOn:
		return adapters.PrefillContinued
	default:
		return adapters.PrefillNone
	}
}

// StopProbe is a request that a server honouring stop strings ends before StopWord.
func StopProbe() adapters.Request {
	return adapters.Request{MaxTokens: 32, N: 1, Stop: []string{StopWord}, Messages: []adapters.Message{
		{Role: adapters.User, Content: "Count from one to six in words, separated by commas: one, two, three, four, five, six."}}}
}

// StopWord is the stop string of StopProbe.
const StopWord = "four"

// Stopped says whether the answer to StopProbe was stopped: it had begun, and ended right before the word.
func Stopped(done adapters.Completion) bool {
	text := strings.ToLower(done.Text)
	return strings.Contains(text, "three") && !strings.Contains(text, StopWord) && done.Finish != adapters.FinishLength
}

// SampleProbe is a short request drawn at temperature 1, by which seeds, n and log-probabilities are tested.
func SampleProbe(n int) adapters.Request {
	seed := int64(7)
	return adapters.Request{MaxTokens: 8, N: n, Temperature: 1, Seed: &seed, TopLogProbs: 2, TopWanted: true, Messages: []adapters.Message{
		{Role: adapters.User, Content: "Write a random number of eight digits."}}}
}

// Thinks reports whether the answer to SampleProbe begins with thoughts.
func Thinks(done adapters.Completion) bool {
	return strings.HasPrefix(strings.TrimSpace(done.Text), strings.TrimSpace(thinkOpen))
}

// Repeats reports whether a draw comes out the same again. The first one may be computed otherwise than those after it,
// which find its prompt in the endpoint's cache, so two later ones that agree will do.
func Repeats(first string, again func() (string, error)) (bool, error) {
	second, err := again()
	if err != nil || second == first {
		return err == nil, err
	}
	third, err := again()
	return err == nil && third == second, err
}

// Refused reports whether err is the endpoint's refusal of what was asked, as opposed to a fault that may pass: only
// the former tells something about its capabilities.
func Refused(err error) bool {
	var upstream *adapters.UpstreamError
	if !errors.As(err, &upstream) {
		return false
	}
	switch upstream.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotImplemented, http.StatusInternalServerError,
		http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}

// Try runs one probe: a refusal is false without an error, any other fault is an error.
func Try(ctx context.Context, probe func(ctx context.Context) (bool, error)) (bool, error) {
	ok, err := probe(ctx)
	if err != nil && Refused(err) {
		return false, nil
	}
	return ok, err
}
