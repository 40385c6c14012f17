package recorded

import (
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
	"aprm/adapters/openai"
	"aprm/prm/disk"
)

// counting answers differently each time, so that a repeated answer must come from the file.
type counting struct {
	caps  adapters.Capabilities
	calls int
	err   error // of the call
	dead  bool  // the second completion fails
}

func (c *counting) Capabilities(context.Context) (adapters.Capabilities, error) { return c.caps, nil }

func (c *counting) Generate(_ context.Context, req adapters.Request) ([]adapters.Completion, error) {
	if c.calls++; c.err != nil {
		return nil, c.err
	}
	done := []adapters.Completion{{Text: strings.Repeat("x", c.calls), Usage: adapters.Usage{CompletionTokens: c.calls}}, {Text: "second"}}
	if c.dead {
		done[1].Err = errors.New("died")
	}
	return done, nil
}

func (c *counting) Hidden(_ context.Context, _ string, spans []adapters.Span) ([]adapters.State, error) {
	c.calls++
	return []adapters.State{{Last: []float32{0.1, 1.0 / 3}}, {Last: []float32{float32(c.calls), 2}, Mean: []float32{1e-3, -7}}}, nil
}

func wrap(t *testing.T, live adapters.LLM, path string) *LLM {
	t.Helper()
	l, err := Wrap(live, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return l
}

func request(seed int64) adapters.Request {
	return adapters.Request{Messages: []adapters.Message{{Role: adapters.User, Content: "Q"}}, N: 2, Seed: &seed}
}

func TestAskedOnceAndReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "answers.jsonl")
	live := &counting{caps: adapters.Capabilities{Model: "m"}}
	l := wrap(t, live, path)
	ctx := t.Context()
	spans := []adapters.Span{{Start: 0, End: 1}, {Start: 1, End: 2}}
	first, err1 := l.Generate(ctx, request(1))
	states, err2 := l.Hidden(ctx, "text", spans)
	again, err3 := l.Generate(ctx, request(1))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if live.calls != 2 || !reflect.DeepEqual(first, again) {
		t.Errorf("%d calls, %+v and %+v", live.calls, first, again)
	}
	if other, err := l.Generate(ctx, request(2)); err != nil || reflect.DeepEqual(first, other) {
		t.Errorf("another seed is another draw: %+v, %v", other, err)
	}
	if states[0].Last[1] == float32(1.0/3) || states[0].Mean != nil {
		t.Error("live states should be rounded as the file's are")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	zipped := filepath.Join(t.TempDir(), "answers.jsonl.gz")
	compress(t, path, zipped)
	for _, from := range []string{path, zipped} {
		replay, err := Open(from)
		if err != nil {
			t.Fatal(err)
		}
		caps, err := replay.Capabilities(ctx)
		if err != nil || caps.Model != "m" {
			t.Errorf("%s: %+v, %v", from, caps, err)
		}
		told, err := replay.Generate(ctx, request(1))
		if err != nil || !reflect.DeepEqual(told, first) {
			t.Errorf("%s: %+v, %v", from, told, err)
		}
		seen, err := replay.Hidden(ctx, "text", spans)
		if err != nil || !reflect.DeepEqual(seen, states) {
			t.Errorf("%s: replayed %+v, live %+v, %v", from, seen, states, err)
		}
		if _, err := replay.Generate(ctx, request(3)); !errors.Is(err, ErrNotRecorded) {
			t.Errorf("%s: %v, want ErrNotRecorded", from, err)
		}
	}
}

func compress(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(to, []byte(b.String()), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// recording makes a file of the answers to so many requests, and what asked for them.
func recording(t *testing.T, requests int64) (path string, live *counting, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "answers.jsonl")
	live = &counting{caps: adapters.Capabilities{Model: "m"}}
	l := wrap(t, live, path)
	for seed := range requests {
		if _, err := l.Generate(t.Context(), request(seed)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, live, data
}

func TestResumesBehindATornLine(t *testing.T) {
	path, live, data := recording(t, 2)
	if err := os.WriteFile(path, data[:len(data)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	live.calls = 0
	l := wrap(t, live, path)
	for range 2 {
		for seed := range int64(2) {
			if _, err := l.Generate(t.Context(), request(seed)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if live.calls != 1 {
		t.Errorf("%d calls, want one for the answer that was torn", live.calls)
	}
	if _, err := Open(path); err != nil {
		t.Errorf("the mended file: %v", err)
	}
}

func TestNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.jsonl")
	live := &counting{caps: adapters.Capabilities{Model: "m"}, dead: true}
	l := wrap(t, live, path)
	if done, err := l.Generate(t.Context(), request(1)); err != nil || done[1].Err == nil {
		t.Errorf("%+v, %v: the survivors should come through", done, err)
	}
	live.dead, live.err = false, errors.New("all failed")
	if _, err := l.Generate(t.Context(), request(1)); err == nil {
		t.Error("a failure became an answer")
	}
	live.err = nil
	if done, err := l.Generate(t.Context(), request(1)); err != nil || live.calls != 3 || done[1].Err != nil {
		t.Errorf("%d calls, %+v, %v: failures are asked again", live.calls, done, err)
	}
}

// faltering fails so many times before it answers: as a whole, or in its second completion.
type faltering struct {
	counting
	fails  int
	partly bool
	asked  []adapters.Request
}

func (f *faltering) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	f.asked = append(f.asked, req)
	done, err := f.counting.Generate(ctx, req)
	if len(f.asked) > f.fails {
		return done, err
	}
	cut := &adapters.UpstreamError{Op: "generate", Message: "cut off"}
	if !f.partly {
		return nil, cut
	}
	done[1].Err = cut
	return done, nil
}

// TestWhatMayPassIsAskedAgain: an answer that failed, or one completion of it, is asked for again with the same
// request, so that it is the one that comes without failures; an endpoint that has failed for a minute is given up.
func TestWhatMayPassIsAskedAgain(t *testing.T) {
	for _, partly := range []bool{false, true} {
		for _, fails := range []int{1, len(waits), len(waits) + 1} {
			synctest.Test(t, func(t *testing.T) {
				live := &faltering{counting: counting{caps: adapters.Capabilities{Model: "m"}}, fails: fails, partly: partly}
				l := wrap(t, live, filepath.Join(t.TempDir(), "answers.jsonl"))
				var lost error
				l.GaveUp = func(err error) { lost = err }
				began := time.Now()
				done, err := l.Generate(t.Context(), request(1))
				gone := fails > len(waits)
				if (err != nil) != gone || (lost != nil) != gone || !gone && (len(done) != 2 || done[1].Err != nil) {
					t.Errorf("partly %t, %d times: %+v, %v, given up for %v", partly, fails, done, err, lost)
				}
				if took := time.Since(began); took > time.Minute || gone && took < time.Minute/2 {
					t.Errorf("it was waited for %v", took)
				}
				for _, req := range live.asked {
					if !reflect.DeepEqual(req, live.asked[0]) {
						t.Errorf("asked %+v, then %+v", live.asked[0], req)
					}
				}
			})
		}
	}
}

func TestAnotherModelIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.jsonl")
	l := wrap(t, &counting{caps: adapters.Capabilities{Model: "m"}}, path)
	if _, err := l.Generate(t.Context(), request(1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = wrap(t, &counting{caps: adapters.Capabilities{Model: "another"}}, path)
	if _, err := l.Generate(t.Context(), request(1)); err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestNoRecording(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "other lines": "{\"a\":1}\n", "no JSON": "hello\n"} {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil {
			t.Errorf("%s: taken for a recording", name)
		}
	}
}

// A recording is appended to, so nothing else may be: it would be cut at its last line break, or written behind.
func TestNothingButARecordingIsWrittenTo(t *testing.T) {
	for name, text := range map[string]string{
		"no line break": "my thesis, not yet saved anywhere else", "lines": "one\ntwo\nthree", "other JSON lines": "{\"a\":1}\n{\"a\":2}\n{\"a\"",
		"one object": `{"key":"value"}`, "labelled steps": `{"id":"x","text":"y"}` + "\n", "bytes": "\x1f\x8b\x08\x00\n\x00\n", "blank lines": "\n\n",
		"an entry of no operation": `{"key":"k","op":"delete","answer":1}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Wrap(&counting{caps: adapters.Capabilities{Model: "m"}}, path)
		if err == nil {
			_, err = l.Generate(t.Context(), request(1))
			l.Close()
		}
		if now, _ := os.ReadFile(path); err == nil || string(now) != text {
			t.Errorf("%s: %v, and the file is now %q", name, err, now)
		}
	}
}

// TestADamagedLineIsAskedAgain: and all others are as they were. A line torn before it was whole is no damage.
func TestADamagedLineIsAskedAgain(t *testing.T) {
	path, live, data := recording(t, 4)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read what was asked: %v, %v", info.Mode(), err)
	}
	for name, spoil := range map[string]func(line string) string{
		"another letter": func(line string) string { return strings.Replace(line, `"second"`, `"secomd"`, 1) }, // still JSON: only its checksum tells
		"cut":            func(line string) string { return line[:len(line)/2] + "\n" },
		"zeros":          func(line string) string { return strings.Repeat("\x00", len(line)-1) + "\n" },
	} {
		lines := strings.SplitAfter(string(data), "\n")
		lines[2] = spoil(lines[2])
		if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		live.calls = 0
		l := wrap(t, live, path)
		for seed := range int64(4) {
			done, err := l.Generate(t.Context(), request(seed))
			if err != nil || done[1].Text != "second" {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
		}
		if err := l.Close(); err != nil || live.calls != 1 {
			t.Errorf("%s: %d calls, want one for the line that was spoilt; %v", name, live.calls, err)
		}
		if replay, err := Open(path); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := replay.Generate(t.Context(), request(3)); err != nil {
			t.Errorf("%s: replayed: %v", name, err)
		}
	}
}

// TestContract: recorded, an adapter is still an adapter.
func TestContract(t *testing.T) {
	u := (&adaptertest.Upstream{Prefill: adapters.PrefillEchoed}).Start(t)
	live, err := openai.New(openai.Config{URL: u.URL, Model: "fake"})
	if err != nil {
		t.Fatal(err)
	}
	adaptertest.Contract(t, wrap(t, live, filepath.Join(t.TempDir(), "answers.jsonl")))
}

// Two evals of one model share the default recording: each would write its answers over the other's.
func TestARecordingHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.jsonl")
	live := &counting{caps: adapters.Capabilities{Model: "m"}}
	first := wrap(t, live, path)
	if _, err := Wrap(live, path); !errors.Is(err, disk.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := first.Generate(t.Context(), request(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err != nil {
		t.Errorf("a reader beside it: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wrap(t, live, path)
}

// slow answers when it is let, and fails while it is to.
type slow struct {
	counting
	mu    sync.Mutex
	fails int
	began chan struct{}
	let   chan struct{}
}

func (s *slow) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	s.began <- struct{}{}
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return nil, errors.New("busy")
	}
	return s.counting.Generate(ctx, req)
}

// Rollouts ask for one beginning from several goroutines at once. Asked twice, a server may answer in two ways, of
// which a replay has one.
func TestOneQuestionAtOnceIsAskedOnce(t *testing.T) {
	live := &slow{counting: counting{caps: adapters.Capabilities{Model: "m"}}, began: make(chan struct{}, 9), let: make(chan struct{}), fails: 1}
	l := wrap(t, live, filepath.Join(t.TempDir(), "answers.jsonl"))
	texts, errs := make([]string, 5), make([]error, 5)
	var group sync.WaitGroup
	for i := range texts {
		group.Go(func() {
			done, err := l.Generate(t.Context(), request(1))
			if errs[i] = err; err == nil {
				texts[i] = done[0].Text
			}
		})
	}
	<-live.began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Generate(gone, request(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever gives up doesn't wait: %v", err)
	}
	close(live.let)
	group.Wait()
	failed := 0
	for i, err := range errs {
		if err != nil {
			failed++ // the others ask for themselves
		} else if texts[i] != "x" {
			t.Errorf("answer %d is %q, want the first", i, texts[i])
		}
	}
	if live.calls != 1 || failed != 1 {
		t.Errorf("%d answers, %d of five failed", live.calls, failed)
	}
}

// TestByteOrderMark: an editor put one before a recording, which is replayed and gone on with as if it weren't there.
func TestByteOrderMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.jsonl")
	live := &counting{caps: adapters.Capabilities{Model: "m"}}
	l := wrap(t, live, path)
	if _, err := l.Generate(t.Context(), request(0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("\ufeff"+string(data)), 0o644); err != nil {
		t.Fatal(err)
	}
	live.calls = 0
	l = wrap(t, live, path)
	for seed := range int64(2) {
		if _, err := l.Generate(t.Context(), request(seed)); err != nil {
			t.Fatal(err)
		}
	}
	if live.calls != 1 {
		t.Errorf("%d calls, want one for what is not in the file", live.calls)
	}
	replay, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range int64(2) {
		if _, err := replay.Generate(t.Context(), request(seed)); err != nil {
			t.Error(err)
		}
	}
}

func TestTruncatedGzip(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "answers.jsonl")
	l := wrap(t, &counting{caps: adapters.Capabilities{Model: "m"}}, path)
	if _, err := l.Generate(t.Context(), request(0)); err != nil {
		t.Fatal(err)
	}
	compress(t, path, path+".gz")
	data, err := os.ReadFile(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".gz", data[:len(data)-9], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path + ".gz"); err == nil || !strings.Contains(err.Error(), "the compressed file is cut off here") {
		t.Errorf("got %v", err)
	}
}
