package draw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"aprm/adapters"
)

// Probed remembers what an endpoint was found to be able to do.
type Probed struct {
	probing sync.Mutex // held while the endpoint is probed
	caps    *adapters.Capabilities
}

// Or returns what was found, or what probe finds now. A fault that may pass is returned, and the next call probes again.
func (p *Probed) Or(ctx context.Context, probe func(context.Context) (adapters.Capabilities, error)) (adapters.Capabilities, error) {
	p.probing.Lock()
	defer p.probing.Unlock()
	if p.caps != nil {
		return *p.caps, nil
	}
	caps, err := probe(ctx)
	if err != nil {
		return adapters.Capabilities{}, fmt.Errorf("asking the endpoint what it can do: %w", err)
	}
	p.caps = &caps
	return caps, nil
}

// The known sentence by which continuing a prefill is tested. Nobody begins an answer like this unasked, so a text that does
// is an echo; and only who continues the list goes on with the month that follows.
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

// Repeats reports whether a draw comes out the same again. The first one may be computed otherwise than those after it, which
// find its prompt in the endpoint's cache, so two later ones that agree will do.
func Repeats(first string, again func() (string, error)) (bool, error) {
	second, err := again()
	if err != nil || second == first {
		return err == nil, err
	}
	third, err := again()
	return err == nil && third == second, err
}

// Refused reports whether err is the endpoint's refusal of what was asked, as opposed to a fault that may pass: only the
// former tells something about its capabilities.
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
