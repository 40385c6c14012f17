package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aprm/sidecar/plot"
)

// The load of TestLoad.
const (
	rawStreams    = 1000
	guidedClients = 100
	badClients    = 200
	betweenChunks = 2 * time.Second
	chunks        = 8 // of a stream
)

// TestLoad has real processes under load, and is for by hand: SIDECAR_TEST_LOAD=60s says for how long each part lasts.
//
//	SIDECAR_TEST_LOAD=60s SIDECAR_TEST_PLOT=/tmp/memory.svg go test ./sidecar -run '^TestLoad$' -v -timeout 30m
//
// 1,000 raw streams go through the sidecar and, at the same time, as many through a bare reverse proxy (httputil), so that whatever else the machine does is in
// both figures: how late each piece of an answer is, by the endpoint's clock and the client's, which is the same. Then 100 clients have searches step by step of
// the embedded model. In every second of four windows of each part there are 200 clients besides that are slow, lie or read nothing.
func TestLoad(t *testing.T) {
	lasts, err := time.ParseDuration(os.Getenv("SIDECAR_TEST_LOAD"))
	if err != nil {
		t.Skip("SIDECAR_TEST_LOAD=60s says how long each part lasts")
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		t.Logf("load of the machine before: %s", load)
	}
	upstream := httptest.NewServer(http.HandlerFunc(stamps))
	defer upstream.Close()
	raw, rawAddr := listening(t, "serve", "--upstream", "openai+"+upstream.URL, "--upstream-model", "fake", "--probe-wait", "100ms", "--log-level", "error")
	bare, bareAddr := listening(t, bareProxy, upstream.URL)
	memory := &residents{of: map[string]int{"raw": raw.Process.Pid}}
	stop := memory.watch()

	var throughSidecar, throughBare [2]figures // without bad clients, and with
	var failed atomic.Int64
	ctx, end := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var bad atomic.Int32 // 1 while there are
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: rawStreams}}
	for _, through := range []struct {
		addr string
		to   *[2]figures
	}{{rawAddr, &throughSidecar}, {bareAddr, &throughBare}} {
		for i := range rawStreams {
			clients.Go(func() {
				select { // not all at once
				case <-time.After(time.Duration(i) * betweenChunks / rawStreams):
				case <-ctx.Done():
				}
				for ctx.Err() == nil {
					if err := stream(ctx, client, through.addr, func(late time.Duration) { through.to[bad.Load()].add(late) }); err != nil && ctx.Err() == nil {
						if through.addr == bareAddr { // as net/http does it by itself: see Server.forward
							failed.Add(1)
							continue
						}
						t.Errorf("a stream of the sidecar's: %v", err)
						return
					}
				}
			})
		}
	}
	time.Sleep(2 * betweenChunks)
	for _, f := range []*figures{&throughSidecar[0], &throughBare[0]} {
		f.forget()
	}
	windows(t, lasts, rawAddr, &bad, func(_ int32, of func()) { of() })
	end()
	clients.Wait()
	client.CloseIdleConnections()
	var p99 [2]float64
	for kind, name := range []string{"", fmt.Sprintf(", with %d bad clients", badClients)} {
		s, b := throughSidecar[kind].sorted(), throughBare[kind].sorted()
		p99[kind] = throughSidecar[kind].paired(&throughBare[kind], .99)
		t.Logf("%d raw streams%s: pieces late by p50 %v, p99 %v (%d); by a bare proxy %v, %v (%d); second by second %.2f times by p50, %.2f by p99, in the median", rawStreams, name,
			at(s, .5), at(s, .99), len(s), at(b, .5), at(b, .99), len(b), throughSidecar[kind].paired(&throughBare[kind], .5), p99[kind])
		if !(p99[kind] <= 1.5) {
			t.Errorf("p99 is more than 1.5 times that of a bare proxy%s", name)
		}
	}
	if change := p99[1] / p99[0]; !(change <= 1.1) {
		t.Errorf("bad clients make the p99 of raw streams %.2f times what it was, the bare proxy's own change taken off", change)
	} else {
		t.Logf("bad clients make the p99 of raw streams %.2f times what it was, the bare proxy's own change taken off", change)
	}
	t.Logf("streams that failed: none of the sidecar's unless it says so above, %d of the bare proxy's", failed.Load())
	stop()
	ended(t, raw)
	ended(t, bare)

	guided, guidedAddr := listening(t, "serve", "--upstream", "builtin", "--max-queued", "128", "--log-level", "error")
	memory.of = map[string]int{"guided": guided.Process.Pid}
	stop = memory.watch()
	ctx, end = context.WithCancel(t.Context())
	var searches [2]figures
	var answered [2]atomic.Int64
	for i := range guidedClients {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				body := fmt.Sprintf(`{"seed":%d,"max_tokens":60,"prm":{"strategy":"guided","n":2,"steps":false},"messages":[{"role":"user","content":"Tom has %d boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"}]}`, n, 2+i%9)
				got, err := wholeAnswer(ctx, guidedAddr, body)
				if ctx.Err() != nil {
					return
				}
				if err != nil || len(got) == 0 {
					t.Errorf("guided: %q, %v", got, err)
					return
				}
				searches[bad.Load()].add(time.Since(began))
				answered[bad.Load()].Add(1)
			}
		})
	}
	time.Sleep(2 * time.Second)
	searches[0].forget()
	answered[0].Store(0)
	var spent [2]time.Duration
	windows(t, lasts, guidedAddr, &bad, func(kind int32, of func()) {
		before := processorTime(guided.Process.Pid)
		of()
		spent[kind] += processorTime(guided.Process.Pid) - before
	})
	counts := [2]int64{answered[0].Load(), answered[1].Load()}
	end()
	clients.Wait()
	http.DefaultClient.CloseIdleConnections()
	for kind, name := range []string{"", fmt.Sprintf(", with %d bad clients", badClients)} {
		s := searches[kind].sorted()
		t.Logf("%d guided clients%s: %d searches, p50 %v, p99 %v, %v of the processor for each", guidedClients, name, counts[kind], at(s, .5), at(s, .99),
			(spent[kind] / time.Duration(max(1, counts[kind]))).Round(time.Millisecond))
	}
	// What is left for searches is what bad clients don't take: that the machine has more to do at one time than at another is not theirs.
	taken := (spent[1] - spent[0]*time.Duration(counts[1])/time.Duration(max(1, counts[0]))).Seconds() / (lasts / 2).Seconds()
	t.Logf("bad clients take %.1f %% of a core", 100*taken)
	if counts[0] == 0 || counts[1] == 0 || taken > .1 {
		t.Error("bad clients change guided searches by more than a tenth")
	}
	stop()
	ended(t, guided)
	memory.judge(t)
}

// bareProxy as the first argument has the test binary be a reverse proxy of the endpoint that the second one names.
const bareProxy = "bare-proxy"

// proxyBarely is all that a proxy can do without.
func proxyBarely(to, listen string) error {
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	return (&http.Server{Addr: listen, Handler: proxy, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe()
}

// listening starts a process that serves, and waits until it does.
func listening(t *testing.T, args ...string) (p *process, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	ln.Close()
	p = startProcess(t, nil, append(args, "--listen", addr)...)
	t.Cleanup(func() { _ = p.Process.Kill() }) // it may have ended
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return p, addr
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%v doesn't listen: %s", args, &p.errs)
		}
	}
}

func ended(t *testing.T, p *process) {
	t.Helper()
	err := errors.Join(p.Process.Signal(syscall.SIGTERM), p.Wait())
	if err != nil && p.Args[1] != bareProxy {
		t.Errorf("%v: %v\n%s", p.Args[1:], err, &p.errs)
	}
}

// stamps is an endpoint whose answers say when each of their pieces was sent.
func stamps(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/chat/completions") {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"fake"}]}`)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for range chunks {
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"and so on\"},\"finish_reason\":null}],\"sent\":%d}\n\n", time.Now().UnixNano())
		if out.Flush() != nil {
			return
		}
		select {
		case <-time.After(betweenChunks):
		case <-r.Context().Done():
			return
		}
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// stream asks for one answer and tells by how much its pieces are late.
func stream(ctx context.Context, client *http.Client, addr string, late func(time.Duration)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/chat/completions", strings.NewReader(`{"model":"fake","stream":true,"messages":[{"role":"user","content":"Go on."}]}`))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	whole := false
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if whole = whole || data == "[DONE]"; !ok || whole {
			continue
		}
		var piece struct{ Sent int64 }
		if err := json.Unmarshal([]byte(data), &piece); err != nil {
			return err
		}
		late(time.Since(time.Unix(0, piece.Sent)))
	}
	if lines.Err() == nil && !whole {
		return errors.New("it has no end")
	}
	return lines.Err()
}

// windows lets the time of a part pass, with bad clients in its second and fourth quarter, each of which is handed to around.
func windows(t *testing.T, lasts time.Duration, addr string, bad *atomic.Int32, around func(kind int32, of func())) {
	for n := range int32(4) {
		stop := func() {}
		if n%2 == 1 {
			stop = misbehave(t, addr)
			time.Sleep(time.Second) // until they are all there
		}
		bad.Store(n % 2)
		around(n%2, func() { time.Sleep(lasts / 4) })
		bad.Store(0)
		stop()
	}
}

// misbehave has bad clients come until stop is called.
func misbehave(t *testing.T, addr string) (stop func()) {
	const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
	const ask = `{"model":"fake","stream":true,"messages":[{"role":"user","content":"Go on."}]}`
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range badClients {
		all.Go(func() {
			for ctx.Err() == nil {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
				if err != nil {
					return
				}
				gone := context.AfterFunc(ctx, func() { conn.Close() })
				switch i % 5 {
				case 0: // a head that comes byte by byte
					for _, b := range []byte(head) {
						if _, err := conn.Write([]byte{b}); err != nil {
							break
						}
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
					}
				case 1: // a body that is announced and never comes
					_, _ = io.WriteString(conn, head+"Content-Length: 33000000\r\n\r\n{")
					_, _ = io.Copy(io.Discard, conn)
				case 2: // one of another length than was said
					fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, len(ask)+100, ask)
					_, _ = io.Copy(io.Discard, conn)
				case 3: // an answer that nobody reads
					fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, len(ask), ask)
					<-ctx.Done()
				case 4: // no HTTP at all
					_, _ = io.WriteString(conn, strings.Repeat("\x16\x03\x01 nonsense\r\n", 100))
					_, _ = io.Copy(io.Discard, conn)
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
				}
				gone()
				conn.Close()
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// figures are durations that come from many goroutines.
type figures struct {
	mu       sync.Mutex
	all      []time.Duration
	bySecond map[int64][]time.Duration // the same, by the Unix second in which they came
}

func (f *figures) add(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, d)
	if f.bySecond == nil {
		f.bySecond = map[int64][]time.Duration{}
	}
	now := time.Now().Unix()
	f.bySecond[now] = append(f.bySecond[now], d)
}

// paired is how many times as great a quantile of f is as that of g: the median over the seconds in which both have a hundred figures. What stops the machine for a
// moment is in one second of many, and mostly in both.
func (f *figures) paired(g *figures, q float64) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	var ratios []float64
	for second, mine := range f.bySecond {
		if others := g.bySecond[second]; len(mine) >= 100 && len(others) >= 100 {
			ratios = append(ratios, float64(at(slices.Sorted(slices.Values(mine)), q))/float64(max(1, at(slices.Sorted(slices.Values(others)), q))))
		}
	}
	if len(ratios) == 0 {
		return math.NaN()
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func (f *figures) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.bySecond = nil, nil
}

func (f *figures) sorted() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.all))
}

// at is a quantile, 0 of nothing.
func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}

// residents is how much memory processes hold, second by second.
type residents struct {
	of map[string]int // name to process id

	mu  sync.Mutex
	mem map[string][]plot.Point // seconds, MB
}

func (r *residents) watch() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
			for name, pid := range r.of {
				if mb, ok := resident(pid); ok {
					r.mu.Lock()
					if r.mem == nil {
						r.mem = map[string][]plot.Point{}
					}
					r.mem[name] = append(r.mem[name], plot.At(time.Since(began).Seconds(), mb))
					r.mu.Unlock()
				}
			}
		}
	}()
	return func() { close(done); <-ended }
}

// resident is what a process holds, in MB, where the system tells.
func resident(pid int) (mb float64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		if kb, found := strings.CutPrefix(line, "VmRSS:"); found {
			var n float64
			_, err := fmt.Sscan(kb, &n)
			return n / 1024, err == nil
		}
	}
	return 0, false
}

// processorTime is what a process has used of the processors, where the system tells.
func processorTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var user, system int64
	_, _ = fmt.Sscan(fields[11]+" "+fields[12], &user, &system) // in hundredths of a second
	return time.Duration(user+system) * 10 * time.Millisecond
}

// judge holds that memory stays below 300 MB and grows no more from one third of the time to the next than a heap does between two collections, which are a minute
// apart here, and draws it where SIDECAR_TEST_PLOT says.
func (r *residents) judge(t *testing.T) {
	t.Helper()
	chart := plot.Chart{Title: "Memory under load", X: "seconds", Y: "resident MB"}
	for name, line := range r.mem {
		var most float64
		mean := func(points []plot.Point) float64 {
			sum := 0.0
			for _, p := range points {
				sum += p.Y
				most = max(most, p.Y)
			}
			return sum / float64(max(1, len(points)))
		}
		n := len(line)
		first, middle, last := mean(line[:n/3]), mean(line[n/3:2*n/3]), mean(line[2*n/3:])
		t.Logf("%s: resident %.0f, %.0f and %.0f MB in the thirds of the time, %.0f at most", name, first, middle, last, most)
		if most > 300 || last > 1.3*middle {
			t.Errorf("%s: memory grows without end, or is above 300 MB", name)
		}
		chart.Curves = append(chart.Curves, plot.Curve{Name: cmp.Or(map[string]string{"raw": "1,000 raw streams", "guided": "100 guided on the embedded model"}[name], name), Colour: len(chart.Curves), Points: line})
	}
	if path := os.Getenv("SIDECAR_TEST_PLOT"); path != "" {
		if err := os.WriteFile(path, chart.SVG(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
