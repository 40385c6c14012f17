package main

import (
	"bufio"
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
	"strconv"
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

// TestLoad has real processes under load, and is for by hand: SIDECAR_TEST_LOAD=90s says for how long each part lasts,
// from a minute on.
//
//	SIDECAR_TEST_LOAD=90s SIDECAR_TEST_PLOT=/tmp/memory.svg go test ./sidecar -run '^TestLoad$' -v -timeout 30m
//
// raw: 1,000 streams go through the sidecar and, at the same time, as many through a bare reverse proxy (httputil), so
// that whatever else the machine does is in both figures: how late each piece of an answer is, by the endpoint's clock
// and the client's, which is the same. guided: 100 clients have searches step by step of the embedded model, as many as
// the machine can. In half of the windows of each part there are 200 clients besides that are slow, lie or read
// nothing. What a search costs of the processor tells more than how many there are where the machine has more to do.
// SIDECAR_TEST_ADMIN=127.0.0.1:6060 has the sidecar serve its profiles there.
func TestLoad(t *testing.T) {
	lasts, err := time.ParseDuration(os.Getenv("SIDECAR_TEST_LOAD"))
	if err != nil {
		t.Skip("SIDECAR_TEST_LOAD=90s says how long each part lasts")
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		t.Logf("load of the machine before: %s", load)
	}
	chart := plot.Chart{Title: "Memory under load", X: "seconds", Y: "resident MB"}
	for _, part := range []struct {
		name, title string
		load        func(*testing.T, time.Duration) []plot.Point
	}{{"raw", "1,000 raw streams", loadRaw}, {"guided", "100 guided on the embedded model", loadGuided}} {
		t.Run(part.name, func(t *testing.T) {
			chart.Curves = append(chart.Curves, plot.Curve{Name: part.title, Colour: len(chart.Curves), Points: part.load(t, lasts)})
		})
	}
	if path := os.Getenv("SIDECAR_TEST_PLOT"); path != "" {
		if err := os.WriteFile(path, chart.SVG(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// loadRaw returns what the sidecar held in memory meanwhile.
func loadRaw(t *testing.T, lasts time.Duration) []plot.Point {
	upstream := httptest.NewServer(http.HandlerFunc(stamps))
	defer upstream.Close()
	raw, rawAddr := listening(t, append([]string{"serve", "--upstream", "openai+" + upstream.URL, "--upstream-model", "fake", "--probe-wait", "100ms", "--log-level", "error"}, admin()...)...)
	bare, bareAddr := listening(t, bareProxy, upstream.URL)
	memory := watchMemory(raw.Process.Pid, rawAddr)

	var throughSidecar, throughBare [3]figures // by the kind of window
	var failed atomic.Int64
	ctx, end := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var now atomic.Int32 // the kind of window that it is
	now.Store(aside)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: rawStreams}}
	for _, through := range []struct {
		addr string
		to   *[3]figures
	}{{rawAddr, &throughSidecar}, {bareAddr, &throughBare}} {
		for i := range rawStreams {
			clients.Go(func() {
				select { // not all at once
				case <-time.After(time.Duration(i) * betweenChunks / rawStreams):
				case <-ctx.Done():
				}
				for ctx.Err() == nil {
					if err := stream(ctx, client, through.addr, func(late time.Duration) { through.to[now.Load()].add(late) }); err != nil && ctx.Err() == nil {
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
	memory.settle()
	windows(t, lasts, rawAddr, &now, func(of func()) { of() })
	held := memory.stop()
	end()
	clients.Wait()
	client.CloseIdleConnections()
	ended(t, raw)
	ended(t, bare)

	var p99 [2]float64
	for kind, name := range kinds {
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
	memory.judge(t)
	return held
}

// work is what was done in a window, and the processor's time that it took.
type work struct {
	searches         int64
	sidecar, clients time.Duration // clients: this process, in which all of them are
}

// loadGuided returns what the sidecar held in memory meanwhile.
func loadGuided(t *testing.T, lasts time.Duration) []plot.Point {
	guided, addr := listening(t, append([]string{"serve", "--upstream", "builtin", "--max-queued", "128", "--log-level", "error"}, admin()...)...)
	memory := watchMemory(guided.Process.Pid, addr)
	ctx, end := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var took [3]figures // by the kind of window
	var answered atomic.Int64
	var now atomic.Int32
	now.Store(aside)
	for i := range guidedClients {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				body := fmt.Sprintf(`{"seed":%d,"max_tokens":60,"prm":{"strategy":"guided","n":2,"steps":false},"messages":[{"role":"user","content":"Tom has %d boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"}]}`, n, 2+i%9)
				got, err := wholeAnswer(ctx, addr, body)
				if ctx.Err() != nil {
					return
				}
				if err != nil || len(got) == 0 {
					t.Errorf("guided: %q, %v", got, err)
					return
				}
				took[now.Load()].add(time.Since(began))
				answered.Add(1)
			}
		})
	}
	memory.settle()
	var done [2]work
	windows(t, lasts, addr, &now, func(of func()) {
		seen := func() work {
			return work{answered.Load(), processorTime(guided.Process.Pid), processorTime(os.Getpid())}
		}
		before := seen()
		of()
		after, sum := seen(), &done[now.Load()]
		sum.searches += after.searches - before.searches
		sum.sidecar += after.sidecar - before.sidecar
		sum.clients += after.clients - before.clients
	})
	held := memory.stop()
	end()
	clients.Wait()
	http.DefaultClient.CloseIdleConnections()
	ended(t, guided)

	var each [2]time.Duration
	for kind, name := range kinds {
		s, w := took[kind].sorted(), done[kind]
		each[kind] = w.sidecar / time.Duration(max(1, w.searches))
		t.Logf("%d guided clients%s: %d searches in %v, p50 %v, p99 %v, %v of the processor for each by the sidecar; all clients took %.1f %% of a core", guidedClients, name, w.searches, lasts/2,
			at(s, .5), at(s, .99), each[kind].Round(10*time.Microsecond), 100*w.clients.Seconds()/(lasts/2).Seconds())
	}
	left, costs := float64(done[1].searches)/float64(done[0].searches), float64(each[1])/float64(each[0])
	t.Logf("with bad clients there are %.3f times as many guided searches, and each costs %.3f times as much of the processor", left, costs)
	if !(left >= .9 && costs <= 1.1) {
		t.Error("bad clients change guided searches by more than a tenth")
	}
	memory.judge(t)
	return held
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

// The kinds of a part's windows: without bad clients and with them; and the time between windows, which is for nobody's
// figures.
const aside = 2

var kinds = [2]string{"", fmt.Sprintf(", with %d bad clients", badClients)}

// admin is the flag that has profiles served where SIDECAR_TEST_ADMIN says; nothing where it says nothing.
func admin() []string {
	if a := os.Getenv("SIDECAR_TEST_ADMIN"); a != "" {
		return []string{"--admin-listen", a}
	}
	return nil
}

// windows lets the time of a part pass in eight windows, of which the second and third of each four have bad clients,
// so that what the machine does besides by and by is in both kinds. Each is handed to around.
func windows(t *testing.T, lasts time.Duration, addr string, now *atomic.Int32, around func(of func())) {
	for n := range 8 {
		kind, stop := int32((n+1)/2%2), func() {}
		if kind == 1 {
			stop = misbehave(t, addr)
		}
		time.Sleep(time.Second) // until they are all there
		now.Store(kind)
		around(func() { time.Sleep(lasts / 8) })
		now.Store(aside)
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

// paired is how many times as great a quantile of f is as that of g: the median over the seconds in which both have a
// hundred figures. What stops the machine for a moment is in one second of many, and mostly in both.
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

// memory is what a sidecar holds, second by second.
type memory struct {
	addr      string
	end, done chan struct{}

	resident, goals, stacks []plot.Point // seconds, MB; goals: what its heap may grow to until the next collection
	began                   time.Time
	settled                 float64 // seconds
}

func watchMemory(pid int, addr string) *memory {
	m := &memory{began: time.Now(), addr: addr, end: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			select {
			case <-m.end:
				return
			case <-time.After(time.Second):
			}
			seconds := time.Since(m.began).Seconds()
			if mb, ok := resident(pid); ok {
				m.resident = append(m.resident, plot.At(seconds, mb))
			}
			if len(m.resident)%5 != 0 {
				continue
			}
			if now, err := gauges(addr); err == nil {
				m.goals = append(m.goals, plot.At(seconds, now["go_memstats_next_gc_bytes"]/(1<<20)))
				m.stacks = append(m.stacks, plot.At(seconds, now["go_memstats_stack_inuse_bytes"]/(1<<20)))
			}
		}
	}()
	return m
}

// settle waits until one collection of the heap after the other sets it the same goal, within a tenth: until then it
// grows to what it may. With little garbage that takes a few minutes; the runtime collects every two if there is no
// reason to before.
func (m *memory) settle() {
	last := map[string]float64{}
	for range 480 {
		time.Sleep(time.Second)
		const collections, goal = "go_gc_duration_seconds_count", "go_memstats_next_gc_bytes"
		now, err := gauges(m.addr)
		if err != nil || now[collections] == last[collections] {
			continue
		}
		if math.Abs(now[goal]-last[goal]) <= last[goal]/10 {
			break
		}
		last = now
	}
	m.settled = time.Since(m.began).Seconds()
}

// stop ends the watching and returns what was resident.
func (m *memory) stop() []plot.Point {
	close(m.end)
	<-m.done
	return m.resident
}

// gauges are a sidecar's own metrics that have no labels.
func gauges(addr string) (map[string]float64, error) {
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all, lines.Err()
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

// judge holds that memory stays below 300 MB, and that what is resident in the last third of the time, once it has
// settled, is no more than a tenth above that of the second.
func (m *memory) judge(t *testing.T) {
	t.Helper()
	thirds := func(points []plot.Point) (mean [3]float64) {
		points = slices.DeleteFunc(slices.Clone(points), func(p plot.Point) bool { return p.X < m.settled })
		for k := range mean {
			part := points[k*len(points)/3 : (k+1)*len(points)/3]
			for _, p := range part {
				mean[k] += p.Y / float64(len(part))
			}
		}
		return mean
	}
	most := 0.0
	for _, p := range m.resident {
		most = max(most, p.Y)
	}
	held, goals, stacks := thirds(m.resident), thirds(m.goals), thirds(m.stacks)
	t.Logf("resident in the thirds of the time, from the %.0fth second on: %.0f MB, %.0f at most; the heap's goal: %.0f MB, stacks: %.0f MB", m.settled, held, most, goals, stacks)
	if !(most <= 300 && held[2] <= 1.1*held[1]) {
		t.Error("memory grows without end, or is above 300 MB")
	}
}
