// Package recorded keeps the answers of an LLM in a file and gives them again: a long run that was interrupted is
// resumed by running it again, and a finished one is replayed with no server at all.
//
// The file is JSON Lines (disk.Format), appended to and synced answer by answer, each line with its checksum; a line
// that was damaged is passed over, and asked again. An answer's key is the SHA-256 of the model, the splitter's version
// and the whole request, so requests that should be drawn afresh must differ in their seed. Errors are not kept: what
// may pass is asked again for a minute. Hidden states are kept as float16, and rounded to it on the live path too: live
// and replayed runs are equal.
package recorded

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"aprm/adapters"
	"aprm/prm/disk"
)

// LLM implements adapters.LLM over a recording.
type LLM struct {
	// GaveUp is called with the reason when live has failed for longer than it is waited for, which is a minute, or an
	// answer can't be kept: what depends on the answers would come to something else than with them, and had better
	// end, and be run again. Nil for nobody; to be set before the first call.
	GaveUp func(why error)

	live adapters.LLM // nil when only replaying
	path string

	mu      sync.Mutex
	answers map[string]json.RawMessage
	asked   map[string]chan struct{} // keys that live is being asked for; closed when that is done
	file    *disk.Lines              // nil when only replaying
	caps    *adapters.Capabilities
}

var _ adapters.LLM = (*LLM)(nil)

// ErrNotRecorded is returned when a replay is asked something that is not in the file.
var ErrNotRecorded = errors.New("not in the recording")

// entry is a line of the file.
type entry struct {
	Key    string          `json:"key"`
	Op     string          `json:"op"` // "generate", "hidden", "capabilities"
	Answer json.RawMessage `json:"answer"`
}

// The operations that are recorded.
const (
	opGenerate     = "generate"
	opHidden       = "hidden"
	opCapabilities = "capabilities"
)

// Format is what recordings are on disk.
var Format = disk.Format{Kind: "a recording", Begin: `{"key":"","op":"capabilities","answer":{`, Skip: true, Check: func(line []byte) error {
	_, err := parse(line)
	return err
}}

// parse reads a line.
func parse(line []byte) (e entry, err error) {
	if err := json.Unmarshal(line, &e); err != nil {
		return e, err
	}
	switch {
	case e.Op == opCapabilities && e.Key == "":
	case (e.Op == opGenerate || e.Op == opHidden) && len(e.Key) == hex.EncodedLen(sha256.Size):
	default:
		return e, errors.New(`want {"key":…,"op":"capabilities", "generate" or "hidden","answer":…}`)
	}
	if len(e.Answer) == 0 {
		return e, errors.New("it has no answer")
	}
	return e, nil
}

// Wrap answers from the file at path what was asked before and asks live the rest, appending what it answers. The file
// is made when it isn't there; a line torn by a crash is dropped. Close it when done. What is no recording is refused
// and left alone, and a file that another process has open so is disk.ErrInUse.
func Wrap(live adapters.LLM, path string) (*LLM, error) {
	l := &LLM{live: live, path: path, answers: map[string]json.RawMessage{}, asked: map[string]chan struct{}{}}
	var err error
	if l.file, err = Format.Lines(path, l.take); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return l, nil
}

// Absent stands for an LLM that can't be asked: it says what it is, and everything else is ErrNotRecorded.
func Absent(caps adapters.Capabilities) *LLM {
	return &LLM{path: "answers alone", answers: map[string]json.RawMessage{}, caps: &caps}
}

// Open replays the recording at path, gzipped or not, and asks nobody.
func Open(path string) (*LLM, error) {
	file, err := disk.Open(path)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	defer file.Close()
	l := &LLM{path: path, answers: map[string]json.RawMessage{}}
	buffered := bufio.NewReader(file)
	var r io.Reader = buffered
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		if r, err = gzip.NewReader(buffered); err != nil {
			return nil, fmt.Errorf("recording %s: %w", path, err)
		}
	}
	if _, err := Format.Read(r, path, l.take); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if l.caps == nil {
		return nil, fmt.Errorf("recording %s: it doesn't say which model answered; is it a recording?", path)
	}
	return l, nil
}

// take takes in a line that is good.
func (l *LLM) take(line []byte) error {
	e, err := parse(line)
	if err != nil {
		return err
	}
	if e.Op != opCapabilities {
		l.answers[e.Key] = e.Answer
		return nil
	}
	var caps adapters.Capabilities
	if err := json.Unmarshal(e.Answer, &caps); err != nil {
		return err
	}
	l.caps = &caps
	return nil
}

// Close closes the file.
func (l *LLM) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// Capabilities implements adapters.LLM. A recording is of one endpoint: what was probed when it was begun stands, and
// another model is refused.
func (l *LLM) Capabilities(ctx context.Context) (adapters.Capabilities, error) {
	l.mu.Lock()
	known := l.caps
	l.mu.Unlock()
	if known != nil && l.live == nil {
		return *known, nil
	}
	caps, err := l.live.Capabilities(ctx)
	if err != nil {
		return caps, err
	}
	if known != nil {
		if known.Identity() != caps.Identity() || known.Hidden != caps.Hidden {
			return caps, fmt.Errorf("%s holds answers of %s with hidden states %q of width %d, the endpoint serves %s with %q of width %d: "+
				"use another file", l.path, known.Identity(), known.Hidden.Kind, known.Hidden.Width, caps.Identity(), caps.Hidden.Kind, caps.Hidden.Width)
		}
		return *known, nil
	}
	l.mu.Lock()
	l.caps = &caps
	l.mu.Unlock()
	return caps, l.keep(opCapabilities, "", caps)
}

// Generate implements adapters.LLM. Only answers without any failed completion are kept; others are asked for again as
// a whole, for another answer would be another draw than the one that a replay has.
func (l *LLM) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	req.Timeout = 0 // how long it may take is no part of what is asked
	return answer(ctx, l, opGenerate, req, func(ctx context.Context) (done []adapters.Completion, usable bool, err error) {
		done, err = l.live.Generate(ctx, req)
		for _, c := range done {
			if err == nil && c.Err != nil {
				return done, true, c.Err
			}
		}
		return done, false, err
	})
}

// waits are the pauses before live is asked the same again; a minute in all.
var waits = []time.Duration{time.Second, 3 * time.Second, 6 * time.Second, 10 * time.Second, 15 * time.Second, 25 * time.Second}

// insist asks until there is an answer, or an error that does not pass. usable says of one that failed in part that it
// may be used, as it is after errors that don't pass.
func insist[T any](ctx context.Context, l *LLM, ask func(context.Context) (T, bool, error)) (out T, usable bool, err error) {
	out, usable, err = ask(ctx)
	for _, wait := range waits {
		if !passes(ctx, err) {
			return out, usable, err
		}
		select {
		case <-time.After(wait):
			out, usable, err = ask(adapters.WithPatience(ctx))
		case <-ctx.Done():
			return out, usable, err
		}
	}
	if passes(ctx, err) {
		usable = false
		l.giveUp(fmt.Errorf("the endpoint has failed for too long: %w", err))
	}
	return out, usable, err
}

func (l *LLM) giveUp(why error) {
	if l.GaveUp != nil {
		l.GaveUp(why)
	}
}

// passes reports whether the same may be answered another time.
func passes(ctx context.Context, err error) bool {
	var up *adapters.UpstreamError
	return ctx.Err() == nil && errors.As(err, &up) && up.MayPass()
}

// Hidden implements adapters.LLM.
func (l *LLM) Hidden(ctx context.Context, text string, spans []adapters.Span) ([]adapters.State, error) {
	ask := struct {
		Text  string
		Spans []adapters.Span
	}{text, spans}
	half, err := answer(ctx, l, opHidden, ask, func(ctx context.Context) ([]halfState, bool, error) {
		states, err := l.live.Hidden(ctx, text, spans)
		return toHalf(states), false, err
	})
	return fromHalf(half), err
}

// answer gives what the file has, or what live says, which is then kept.
func answer[T any](ctx context.Context, l *LLM, op string, ask any, live func(context.Context) (T, bool, error)) (T, error) {
	var out T
	caps, err := l.Capabilities(ctx)
	if err != nil {
		return out, err
	}
	key, err := adapters.ContentKey(op, caps.Identity(), ask)
	if err != nil {
		return out, err
	}
	kept, ok, done, err := l.known(ctx, key)
	if err != nil {
		return out, err
	}
	defer done()
	if ok {
		if err := json.Unmarshal(kept, &out); err != nil {
			return out, fmt.Errorf("recording %s: %s %s: %w", l.path, op, key, err)
		}
		return out, nil
	}
	if l.live == nil {
		return out, fmt.Errorf("recording %s: %s %s: %w", l.path, op, key[:12], ErrNotRecorded)
	}
	out, usable, err := insist(ctx, l, live)
	if usable {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if err = l.keep(op, key, out); err != nil {
		l.giveUp(err)
	}
	return out, err
}

// known returns what the file has for a key. Where it has nothing, the caller is to ask, and whoever needs the same
// meanwhile waits until it calls done: a second answer to one question would cost as much again, and be another one
// than the replay's.
func (l *LLM) known(ctx context.Context, key string) (kept json.RawMessage, ok bool, done func(), err error) {
	for {
		l.mu.Lock()
		kept, ok = l.answers[key]
		asked := l.asked[key]
		if !ok && asked == nil && l.live != nil {
			asked = make(chan struct{})
			l.asked[key] = asked
			l.mu.Unlock()
			return nil, false, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.asked, key)
				close(asked)
			}, nil
		}
		l.mu.Unlock()
		if ok || l.live == nil {
			return kept, ok, func() {}, nil
		}
		select {
		case <-asked:
		case <-ctx.Done():
			return nil, false, nil, ctx.Err()
		}
	}
}

// keep appends one answer and has it on disk.
func (l *LLM) keep(op, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	line, err := json.Marshal(entry{Key: key, Op: op, Answer: data})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Append(line); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	l.answers[key] = data
	return nil
}
