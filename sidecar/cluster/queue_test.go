package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"aprm/adapters"
	"aprm/adapters/builtin"
	"aprm/prm/step"
)

// fake is an endpoint whose answers follow from what it is asked, after so long.
type fake struct {
	takes  time.Duration
	fails  func(ask int, req adapters.Request) error // nil for never
	asked  atomic.Int64
	tokens func(i int) []step.Token // of answer i; nil for none
	until  chan struct{}            // it answers nothing before that is closed; nil for at once
}

func (f *fake) Capabilities(context.Context) (adapters.Capabilities, error) {
	return adapters.Capabilities{Model: "fake", LogProbs: true, Prefill: adapters.PrefillContinued}, nil
}

func (f *fake) Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error) {
	ask := int(f.asked.Add(1))
	if f.until != nil {
		select {
		case <-f.until:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	sleep(ctx, f.takes)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if f.fails != nil {
		if err := f.fails(ask, req); err != nil {
			return nil, err
		}
	}
	out := make([]adapters.Completion, max(1, req.N))
	for i := range out {
		out[i] = adapters.Completion{Text: fmt.Sprintf("%s %d", req.Messages[0].Content, i), Finish: adapters.FinishEnd}
		if f.tokens != nil {
			out[i].Tokens = f.tokens(i)
		}
	}
	return out, nil
}

func (f *fake) Hidden(context.Context, string, []adapters.Span) ([]adapters.State, error) {
	return nil, adapters.ErrUnsupported
}

// question is a request.
func question(i int) adapters.Request {
	seed := int64(i)
	return adapters.Request{Messages: []adapters.Message{{Role: adapters.User, Content: fmt.Sprintf("question %d", i)}}, Seed: &seed, Temperature: 1}
}

// embedded is a bus of its own.
func embedded(t testing.TB) *Bus {
	t.Helper()
	b, err := Connect(t.Context(), Options{URL: Embedded})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// work starts a worker; stop stops it, as the test's end does.
func work(t testing.TB, w *Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() {
		if err := w.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	stop = func() {
		cancel()
		over.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// open is the coordinator's side.
func open(t testing.TB, b *Bus) *LLM {
	t.Helper()
	l, err := Open(t.Context(), b, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// askAll asks so many questions, so many at a time, and holds the answers.
func askAll(t testing.TB, l *LLM, n, parallel int) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range n {
		group.Go(func() error {
			done, err := l.Generate(t.Context(), question(i))
			if err != nil || len(done) != 1 || done[0].Text != fmt.Sprintf("question %d 0", i) {
				return fmt.Errorf("question %d: %+v, %w", i, done, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// empty holds that the queue is.
func empty(t testing.TB, l *LLM) {
	t.Helper()
	for try := 0; ; try++ {
		info, err := l.queue.jobs.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Msgs == 0 {
			return
		}
		if try == 100 { // acknowledgements take a moment
			t.Fatalf("%d jobs are left in the queue", info.State.Msgs)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestSameAnswers: what comes by the queue is what the endpoint answers, whatever the operation.
func TestSameAnswers(t *testing.T) {
	live, err := builtin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	b := embedded(t)
	work(t, &Worker{Bus: b, LLM: live, Concurrency: 4})
	l := open(t, b)
	want, err := live.Capabilities(t.Context())
	if got, _ := l.Capabilities(t.Context()); err != nil || got != want {
		t.Errorf("%v: it can %+v, the endpoint %+v", err, got, want)
	}
	req := question(3)
	req.Messages[0].Content, req.N, req.MaxTokens, req.LogProbs, req.TopLogProbs = "Tom has 3 boxes with 12 pencils in each. How many pencils has Tom?", 3, 60, true, 2
	direct, err := live.Generate(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.Generate(t.Context(), req); err != nil || !reflect.DeepEqual(got, direct) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, direct)
	}
	text, spans := "3 * 12 = 36\n#### 36", []adapters.Span{{Start: 0, End: 11}, {Start: 12, End: 19}}
	states, err := live.Hidden(t.Context(), text, spans)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.Hidden(t.Context(), text, spans); err != nil || !reflect.DeepEqual(got, states) {
		t.Errorf("hidden states: %v\n%+v\nwant\n%+v", err, got, states)
	}
	empty(t, l)
}

// TestAskedOnce: the same question is one job, whoever asks and however often; one without a seed is drawn afresh.
func TestAskedOnce(t *testing.T) {
	b, f := embedded(t), &fake{takes: 20 * time.Millisecond}
	work(t, &Worker{Bus: b, LLM: f, Concurrency: 8})
	one, two := open(t, b), open(t, b)
	var both errgroup.Group
	both.Go(func() error { askAll(t, one, 20, 20); return nil })
	both.Go(func() error { askAll(t, two, 20, 20); return nil })
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	askAll(t, open(t, b), 20, 20)
	if n := f.asked.Load(); n != 20 {
		t.Errorf("20 questions were asked %d times", n)
	}
	req := question(0)
	req.Seed = nil
	for range 2 {
		if _, err := one.Generate(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.asked.Load(); n != 22 {
		t.Errorf("two draws with no seed: asked %d times", n-20)
	}
}

// TestALateAnswerIsNone: of two workers that answer one job, as after a network that was cut off for a while, the first
// one's answer counts.
func TestALateAnswerIsNone(t *testing.T) {
	b := embedded(t)
	q, err := openQueue(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	short, long := vector{1}, noise(b)
	for key, states := range map[string][2]vector{"both short": {short, short}, "both long": {long, long[1:]}, "then long": {short, long}, "then short": {long, short}} {
		key = strings.ReplaceAll(key, " ", "-")
		for i, worker := range []string{"first", "second"} {
			if err := q.keep(t.Context(), "group", key, result{Worker: worker, States: []state{{Last: states[i]}}}); err != nil {
				t.Fatal(err)
			}
		}
		entry, err := q.results.Get(t.Context(), "group."+key)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := q.read(t.Context(), entry.Value()); err != nil || r.Worker != "first" || !reflect.DeepEqual(r.States, []state{{Last: states[0]}}) {
			t.Errorf("%s: %v: it is of %s, with %d states", key, err, r.Worker, len(r.States))
		}
	}
}

// noise doesn't shrink, and is too long for a message.
func noise(b *Bus) vector {
	states := make(vector, b.conn.MaxPayload()/2)
	for i := range states {
		states[i] = float32(i) * 1.0000037e-7 * float32(i*i%977)
	}
	return states
}

// TestNothingIsCut: what is too long to be unpacked is said to be, and not read as what is left of it.
func TestNothingIsCut(t *testing.T) {
	defer func(was int64) { longest = was }(longest)
	data, err := packed("123456")
	if err != nil {
		t.Fatal(err)
	}
	longest = int64(len("\"123456\"\n"))
	if text, err := unpacked[string](data); err != nil || text != "123456" {
		t.Errorf("as long as may be: %q, %v", text, err)
	}
	longest--
	if text, err := unpacked[string](data); err == nil || !strings.Contains(err.Error(), "longer than 8 bytes") {
		t.Errorf("a byte longer: %q, %v", text, err)
	}
}

// TestALongAnswer: what is too long for a message comes all the same.
func TestALongAnswer(t *testing.T) {
	b := embedded(t)
	q, err := openQueue(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	states := noise(b)
	if err := q.keep(t.Context(), "group", "key", result{States: []state{{Last: states}}}); err != nil {
		t.Fatal(err)
	}
	entry, err := q.results.Get(t.Context(), "group.key")
	if err != nil {
		t.Fatal(err)
	}
	r, err := q.read(t.Context(), entry.Value())
	if err != nil || len(entry.Value()) > 1000 || len(r.States) != 1 || !reflect.DeepEqual(r.States[0].Last, states) {
		t.Errorf("%v: %d bytes in the message, %d states", err, len(entry.Value()), len(r.States))
	}
}

// TestAWorkerLeaves: what it has under way when its patience ends is done by another at once, and nothing twice.
func TestAWorkerLeaves(t *testing.T) {
	b, stuck, well := embedded(t), &fake{until: make(chan struct{})}, &fake{}
	leave := work(t, &Worker{Bus: b, LLM: stuck, Concurrency: 4, Grace: 50 * time.Millisecond})
	l := open(t, b)
	answered := make(chan struct{})
	go func() { askAll(t, l, 8, 8); close(answered) }()
	for stuck.asked.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	other := &Worker{Bus: b, LLM: well, Concurrency: 4}
	work(t, other)
	leave()
	select {
	case <-answered:
	case <-time.After(ackWait / 2):
		t.Fatal("its jobs are nobody's")
	}
	empty(t, l)
	if n := other.Done(); n != 8 {
		t.Errorf("8 jobs were answered by the other %d times", n)
	}
}

// TestAWorkerFinishes: what is under way when it is told to stop comes to its end.
func TestAWorkerFinishes(t *testing.T) {
	b, f := embedded(t), &fake{takes: 200 * time.Millisecond}
	w := &Worker{Bus: b, LLM: f, Concurrency: 4}
	leave := work(t, w)
	l := open(t, b)
	answered := make(chan struct{})
	go func() { askAll(t, l, 4, 4); close(answered) }()
	for f.asked.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	leave()
	<-answered
	if w.Done() != 4 || f.asked.Load() != 4 {
		t.Errorf("%d answered, %d asked", w.Done(), f.asked.Load())
	}
	if groups, err := l.queue.present(t.Context()); err != nil || len(groups) > 0 {
		t.Errorf("it has left, and is there: %v, %v", groups, err)
	}
}

// TestFaults: what may pass is tried again; what doesn't is given up with a reason, and is told as the endpoint's
// adapter tells it.
func TestFaults(t *testing.T) {
	passing := &adapters.UpstreamError{Op: "generate", Status: http.StatusServiceUnavailable, Message: "busy"}
	lasting := &adapters.UpstreamError{Op: "generate", Status: http.StatusBadRequest, Message: "the prompt is too long", Param: "messages"}
	for _, c := range []struct {
		name  string
		fails func(ask int, req adapters.Request) error
		want  error // nil for an answer
		asked int64
	}{
		{"once", func(ask int, _ adapters.Request) error {
			if ask == 1 {
				return passing
			}
			return nil
		}, nil, 2},
		{"always", func(int, adapters.Request) error { return passing }, passing, 2},
		{"for good", func(int, adapters.Request) error { return lasting }, lasting, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, f := embedded(t), &fake{fails: c.fails}
			work(t, &Worker{Bus: b, LLM: f, Concurrency: 1, MaxDeliver: 2})
			l := open(t, b)
			_, err := l.Generate(t.Context(), question(1))
			if c.want == nil && err != nil || c.want != nil && !reflect.DeepEqual(err, c.want) {
				t.Errorf("the error is %v, was to be %v", err, c.want)
			}
			if n := f.asked.Load(); n != c.asked {
				t.Errorf("asked %d times, was to be %d", n, c.asked)
			}
			empty(t, l)
			dead, err := b.JetStream.Stream(t.Context(), deadStream)
			if err != nil {
				t.Fatal(err)
			}
			info, err := dead.Info(t.Context())
			if err != nil || info.State.Msgs > 0 != (c.want != nil) {
				t.Fatalf("%v: %d jobs are given up", err, info.State.Msgs)
			}
			if c.want == nil {
				return
			}
			msg, err := dead.GetMsg(t.Context(), info.State.LastSeq)
			if err != nil || !strings.Contains(msg.Header.Get(reason), c.want.(*adapters.UpstreamError).Message) {
				t.Errorf("%v, %v", msg, err)
			}
			if j, err := asJob(msg.Data); err != nil || j.Request.Messages[0].Content != "question 1" {
				t.Errorf("the job that was given up: %+v, %v", j, err)
			}
			f.fails = nil // and when it is asked again it is asked
			if _, err := l.Generate(t.Context(), question(1)); err != nil {
				t.Errorf("asked again: %v", err)
			}
		})
	}
	b := embedded(t)
	work(t, &Worker{Bus: b, LLM: &fake{}, Concurrency: 1})
	if _, err := open(t, b).Hidden(t.Context(), "text", []adapters.Span{{Start: 0, End: 4}}); !errors.Is(err, adapters.ErrUnsupported) {
		t.Errorf("an endpoint without hidden states: %v", err)
	}
}

// TestAPoisonedJob: one that kills whoever takes it is given up.
func TestAPoisonedJob(t *testing.T) {
	b, f := embedded(t), &fake{}
	stop := work(t, &Worker{Bus: b, LLM: f, Concurrency: 1})
	l := open(t, b)
	stop()
	failed := make(chan error, 1)
	go func() {
		_, err := l.Generate(context.Background(), question(1))
		failed <- err
	}()
	consumer, err := l.queue.consumer(t.Context(), l.group)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // as the server sees workers that come back and die
		msg, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.Nak(); err != nil {
			t.Fatal(err)
		}
	}
	work(t, &Worker{Bus: b, LLM: f, Concurrency: 1, MaxDeliver: 3})
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "delivered 3 times") {
		t.Errorf("%v", err)
	}
	if f.asked.Load() > 0 {
		t.Error("it was asked again")
	}
}

// TestShares: endpoints of unequal speed get work in proportion to what they deliver: none keeps jobs that another
// could do already. The slow one here answers once for every three answers of the fast one, as long as there are any to
// wait for.
func TestShares(t *testing.T) {
	const jobs = 120
	b, quick, lame := embedded(t), &fake{}, &fake{}
	lame.fails = func(ask int, _ adapters.Request) error {
		for quick.asked.Load() < int64(3*ask) && quick.asked.Load()+lame.asked.Load() < jobs {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	slow, fast := &Worker{Bus: b, LLM: lame, Concurrency: 2}, &Worker{Bus: b, LLM: quick, Concurrency: 2}
	work(t, slow)
	l := open(t, b)
	work(t, fast)
	askAll(t, l, jobs, jobs)
	empty(t, l) // an answer comes before its worker counts it
	if n := slow.Done(); n < 1 || n > jobs/4+slow.Concurrency || n+fast.Done() != jobs {
		t.Errorf("the slow one answered %d of %d jobs, the fast one %d", n, jobs, fast.Done())
	}
}

// TestUnlikeWorkers: workers whose answers can't stand for each other's don't work together.
func TestUnlikeWorkers(t *testing.T) {
	b := embedded(t)
	live, err := builtin.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	work(t, &Worker{Bus: b, LLM: &fake{}, Concurrency: 1})
	open(t, b)
	work(t, &Worker{Bus: b, LLM: live, Concurrency: 1})
	for {
		l, err := Open(t.Context(), b, "")
		if err != nil {
			if !strings.Contains(err.Error(), "fake") || !strings.Contains(err.Error(), "--upstream-model") {
				t.Error(err)
			}
			break
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if l, err := Open(t.Context(), b, "fake"); err != nil || l.caps.Model != "fake" || l.Close() != nil {
		t.Errorf("%+v, %v", l, err)
	}
}

// BenchmarkScaling is how much of what their endpoints can do workers get done: one call at a time of fixed latency
// each, so that N workers could do N times as much as one. Metric efficiency is in [0,1].
func BenchmarkScaling(b *testing.B) {
	const takes, each = 500 * time.Millisecond, 12
	for _, n := range []int{1, 2, 4, 16, 64} {
		b.Run(fmt.Sprintf("workers=%d", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				bus := embedded(b)
				var stops []func()
				for range n {
					stops = append(stops, work(b, &Worker{Bus: bus, LLM: &fake{takes: takes}, Concurrency: 1}))
				}
				l := open(b, bus)
				for groups, err := l.queue.present(b.Context()); err != nil || len(groups[l.group]) < n; groups, err = l.queue.present(b.Context()) {
				}
				began := time.Now()
				b.StartTimer()
				askAll(b, l, n*each, n*each)
				b.StopTimer()
				b.ReportMetric(float64(each*takes)/float64(time.Since(began)), "efficiency")
				for _, stop := range stops {
					stop()
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkJob is what a job costs where the endpoint costs nothing: messages and bytes over the connection of those
// who ask and those who work together, bytes of its result on the server, and how many a second one server in the same
// process carries. A job is eight answers, with the log-probabilities of so many tokens and of three alternatives to
// each.
func BenchmarkJob(b *testing.B) {
	for _, c := range []struct {
		tokens int
		disk   bool
	}{{0, false}, {100, false}, {0, true}, {100, true}} {
		b.Run(fmt.Sprintf("logprobs=%d/disk=%t", c.tokens, c.disk), func(b *testing.B) {
			opt := Options{URL: Embedded}
			if c.disk {
				opt.Dir = b.TempDir()
			}
			bus, err := Connect(b.Context(), opt)
			if err != nil {
				b.Fatal(err)
			}
			defer bus.Close()
			tokens := func(answer int) (out []step.Token) {
				rng := rand.New(rand.NewPCG(uint64(answer), 1))
				word := func() string { return " " + strconv.FormatInt(rng.Int64N(1<<15), 36) }
				for range c.tokens {
					t := step.Token{Text: word(), LogProb: -rng.ExpFloat64() / 3}
					t.Top = []step.Alternative{{Text: t.Text, LogProb: t.LogProb}, {Text: word(), LogProb: -rng.ExpFloat64() * 3}, {Text: word(), LogProb: -rng.ExpFloat64() * 5}}
					out = append(out, t)
				}
				return out
			}
			for range 4 {
				defer work(b, &Worker{Bus: bus, LLM: &fake{tokens: tokens}, Concurrency: 8})()
			}
			l := open(b, bus)
			before := bus.conn.Stats()
			const parallel = 64
			b.SetParallelism(parallel / 2)
			var next atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req := question(int(next.Add(1)))
					req.N = 8
					if _, err := l.Generate(b.Context(), req); err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			after := bus.conn.Stats()
			status, err := l.queue.results.Status(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			n := float64(b.N)
			b.ReportMetric(float64(after.InMsgs+after.OutMsgs-before.InMsgs-before.OutMsgs)/n, "messages/job")
			b.ReportMetric(float64(after.InBytes+after.OutBytes-before.InBytes-before.OutBytes)/n, "bytes/job")
			b.ReportMetric(float64(status.Bytes())/n, "kept-bytes/job")
			b.ReportMetric(n/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

// FuzzJob: whatever lies in the queue, a worker reads it or says why not.
func FuzzJob(f *testing.F) {
	for _, j := range []any{job{Op: opGenerate, Request: &adapters.Request{N: 2}}, job{Op: opHidden, Text: "x"}, job{Op: "other"}, result{States: []state{{Last: vector{1, 2}}}}} {
		data, err := packed(j)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("no gzip"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if j, err := asJob(data); err == nil && (j.Op == opGenerate && j.Request == nil || j.weight() < 1) {
			t.Errorf("%+v", j)
		}
		if r, err := unpacked[result](data); err == nil {
			for _, s := range r.States {
				again, err := s.Last.MarshalJSON()
				var back vector
				if err != nil || back.UnmarshalJSON(again) != nil || len(back) != len(s.Last) {
					t.Errorf("%v: %v", err, s)
				}
			}
		}
	})
}
