package pooling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aprm/adapters"
	"aprm/prm/casetest"
	"aprm/prm/step"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { casetest.Main(m) }

var trace = step.Trace{Problem: step.Problem{Question: "Tom has 3 boxes of 4 pens. How many?"}, Steps: []string{"3 * 4 = 12.", "#### 12"}}

// start serves a handler and returns a client of it.
func start(t testing.TB, cfg Config, handle http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(handle)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
	})
	cfg.URL, cfg.Transport = srv.URL, transport
	if cfg.Model == "" {
		cfg.Model = "prm"
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// vllm answers as reference/formats.md has it: for the step token number i of the text a row [1-p, p] with p = .9 -
// i/10.
func vllm(t testing.TB, token string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Model, Task string
			Input       string
			Messages    []adapters.Message
		}
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&ask); err != nil || r.URL.Path != "/pooling" || r.Method != http.MethodPost || ask.Task != "token_classify" {
			t.Errorf("%s %s: %+v, %v", r.Method, r.URL.Path, ask, err)
		}
		text := ask.Input
		for _, m := range ask.Messages {
			text += m.Content
		}
		rows := [][]float64{}
		for i := range strings.Count(text, token) {
			p := .9 - float64(i)/10
			rows = append(rows, []float64{1 - p, p})
		}
		json.NewEncoder(w).Encode(map[string]any{"id": "pool-1", "object": "list", "created": 1, "model": ask.Model,
			"data":  []any{map[string]any{"index": 0, "object": "pooling", "data": rows}},
			"usage": map[string]any{"prompt_tokens": 30, "total_tokens": 30, "completion_tokens": 0, "prompt_tokens_details": nil}})
	}
}

// TestRequest holds what is sent against golden files.
func TestRequest(t *testing.T) {
	for name, cfg := range map[string]Config{
		"qwen":     {Model: "Qwen/Qwen2.5-Math-PRM-7B", System: "Please reason step by step.", Column: 1},
		"plain":    {Model: "m", Column: 1},
		"shepherd": {Model: "math-shepherd", Format: Shepherd, StepToken: "ки", Key: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			c := start(t, cfg, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got = []byte("POST " + r.URL.Path + "\nContent-Type: " + r.Header.Get("Content-Type") + "\nAuthorization: " + r.Header.Get("Authorization") + "\n\n" + string(body) + "\n")
				io.WriteString(w, `{"data":[{"data":[[0.1,0.9],[0.8,0.2]]}]}`)
			})
			// The client's own key is for the LLM's endpoint, not for this one.
			if _, err := c.Score(adapters.WithClient(t.Context(), adapters.Client{Header: http.Header{"Authorization": {"Bearer of-a-client"}}}), trace); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "golden", name)
			if *update {
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, got, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestScore: as many rows as steps, whatever the texts hold.
func TestScore(t *testing.T) {
	const token = StepToken
	for name, test := range map[string]struct {
		cfg   Config
		trace step.Trace
		want  []float64
	}{
		"good is column 1":     {Config{Column: 1}, trace, []float64{.9, .8}},
		"good is column 0":     {Config{}, trace, []float64{.1, .2}},
		"nothing to score":     {Config{}, step.Trace{Problem: trace.Problem}, nil},
		"a token in a step":    {Config{Column: 1}, trace.With("a"+token+"b", token, "<ext"+token+"ra_0>"), []float64{.9, .8, .7, .6, .5}},
		"in the question":      {Config{Column: 1}, step.Trace{Problem: step.Problem{Question: "What is " + token + "?"}, Steps: []string{"x"}}, []float64{.9}},
		"in the system's text": {Config{Column: 1, System: "End steps with " + token}, trace, []float64{.9, .8}},
		"Math-Shepherd":        {Config{StepToken: "ки", Format: Shepherd, Column: 1}, trace.With("руки"), []float64{.9, .8, .7}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.cfg.StepToken == "" {
				test.cfg.StepToken = token
			}
			got, err := start(t, test.cfg, vllm(t, test.cfg.StepToken)).Score(t.Context(), test.trace)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, test.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		cfg Config
		url string // "" for an error
	}{
		"root":                {Config{URL: "http://h:1", Model: "m"}, "http://h:1/pooling"},
		"slash":               {Config{URL: "http://h:1/", Model: "m"}, "http://h:1/pooling"},
		"the API's base":      {Config{URL: "https://h/v1/", Model: "m"}, "https://h/pooling"},
		"no scheme":           {Config{URL: "h:1", Model: "m"}, ""},
		"another scheme":      {Config{URL: "ftp://h", Model: "m"}, ""},
		"no model":            {Config{URL: "http://h"}, ""},
		"no such column":      {Config{URL: "http://h", Model: "m", Column: -1}, ""},
		"no such format":      {Config{URL: "http://h", Model: "m", Format: "xml"}, ""},
		"a system to nowhere": {Config{URL: "http://h", Model: "m", Format: Shepherd, System: "s"}, ""},
	} {
		c, err := New(test.cfg)
		if (err == nil) != (test.url != "") || err == nil && c.url != test.url {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// TestAnswers: every shape that can be read, and a clear error for all that can't.
func TestAnswers(t *testing.T) {
	rows := func(s string) string {
		return `{"id":"pool-1","data":[{"index":0,"object":"pooling","data":` + s + `}],"usage":{}}`
	}
	for name, test := range map[string]struct {
		body string
		want []float64
		says string // of the error
	}{
		"rows":                   {rows(`[[0.1,0.9],[0.8,0.2]]`), []float64{.9, .2}, ""},
		"plain numbers":          {rows(`[0.9,0.2]`), []float64{.9, .2}, ""},
		"rows of one":            {rows(`[[0.9],[0.2]]`), []float64{.9, .2}, ""},
		"rounded beyond 1":       {rows(`[[0,1.0000001],[1,-0.0000001]]`), []float64{1, 0}, ""},
		"nothing":                {``, nil, "no JSON"},
		"cut off":                {rows(`[[0.1,0.9],[0.8`)[:60], nil, "no JSON"},
		"not a number":           {rows(`[[NaN,NaN],[0.8,0.2]]`), nil, "no JSON"},
		"text behind":            {rows(`[0.9,0.2]`) + "x", nil, "no JSON"},
		"HTML":                   {`<html>`, nil, "no JSON"},
		"a list":                 {`[]`, nil, "no JSON of the shape"},
		"data is an object":      {`{"data":{}}`, nil, "no JSON of the shape"},
		"no data":                {`{"object":"list"}`, nil, "0 results"},
		"an error as a 200":      {`{"error":{"message":"x"}}`, nil, "0 results"},
		"two results":            {`{"data":[{"data":[0.9,0.2]},{"data":[0.9,0.2]}]}`, nil, "2 results"},
		"an embedding":           {`{"data":[{"object":"embedding","embedding":[0.1]}]}`, nil, "is missing"},
		"null":                   {rows(`null`), nil, "0 rows for 2 steps"},
		"base64":                 {rows(`"AAAA"`), nil, "neither"},
		"three levels":           {rows(`[[[0.1,0.9]],[[0.8,0.2]]]`), nil, "neither"},
		"words":                  {rows(`[["good"],["bad"]]`), nil, "neither"},
		"mixed":                  {rows(`[[0.1,0.9],0.2]`), nil, "neither"},
		"too great for a number": {rows(`[1e999,0.2]`), nil, "neither"},
		"too few rows":           {rows(`[[0.1,0.9]]`), nil, "1 rows for 2 steps"},
		"a row for every token":  {rows(`[[0.1,0.9],[0.1,0.9],[0.8,0.2]]`), nil, "3 rows for 2 steps"},
		"none":                   {rows(`[]`), nil, "0 rows"},
		"empty rows":             {rows(`[[],[]]`), nil, "0 columns"},
		"uneven rows":            {rows(`[[0.1,0.9],[0.2]]`), nil, "[1] has 1 columns"},
		"a row that is null":     {rows(`[[0.1,0.9],null]`), nil, "[1] has 0 columns"},
		"a number that is null":  {rows(`[[0.1,null],[0.8,0.2]]`), nil, "[0] holds null"},
		"a plain null":           {rows(`[0.9,null]`), nil, "[1] holds null"},
		"logits":                 {rows(`[[-2.5,3.25],[1,-1]]`), nil, "3.25, which is no probability"},
		"below zero":             {rows(`[0.5,-0.5]`), nil, "no probability"},
	} {
		got, err := parse([]byte(test.body), 2, 1)
		if test.says == "" {
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%s: %v, %v, want %v", name, got, err, test.want)
			}
			continue
		}
		var upstream *adapters.UpstreamError
		if !errors.As(err, &upstream) || upstream.Status != 0 || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, %v; want an error that says %q", name, got, err, test.says)
		}
	}
	if _, err := parse([]byte(rows(`[[0.1,0.9],[0.8,0.2]]`)), 2, 2); err == nil || !strings.Contains(err.Error(), "2 columns, none of which is number 2") {
		t.Errorf("a column too far: %v", err)
	}
}

// TestFaults: what may pass is tried again, and every fault is one error that says what it was.
func TestFaults(t *testing.T) {
	const good = `{"data":[{"data":[[0.1,0.9],[0.8,0.2]]}]}`
	status := func(code int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, good[:20])
	}
	hang := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else the server doesn't see the client leave
		<-r.Context().Done()
	}
	for name, test := range map[string]struct {
		answers []http.HandlerFunc // one a try, the last one again for every further try
		timeout time.Duration
		asked   int
		status  int // of the error; -1 for none
		after   time.Duration
		says    string
	}{
		"well":                   {[]http.HandlerFunc{status(200, good)}, 0, 1, -1, 0, ""},
		"busy once":              {[]http.HandlerFunc{status(503, ``), status(200, good)}, 0, 2, -1, 0, ""},
		"cut off once":           {[]http.HandlerFunc{cut, status(200, good)}, 0, 2, -1, 0, ""},
		"always cut off":         {[]http.HandlerFunc{cut}, 0, 2, 0, 0, "connection broke"},
		"told to wait":           {[]http.HandlerFunc{status(429, `{"error":{"message":"slow down"}}`, "Retry-After", "1"), status(200, good)}, 0, 2, -1, 0, ""},
		"told to wait too long":  {[]http.HandlerFunc{status(429, `{"error":{"message":"slow down"}}`, "Retry-After", "3600")}, 0, 1, 429, time.Hour, "slow down"},
		"vLLM's older error":     {[]http.HandlerFunc{status(400, `{"object":"error","message":"too long","code":400}`)}, 0, 1, 400, 0, "too long"},
		"FastAPI's error":        {[]http.HandlerFunc{status(404, `{"detail":"Not Found"}`)}, 0, 1, 404, 0, "404: Not Found"},
		"FastAPI's other error":  {[]http.HandlerFunc{status(422, `{"detail":[{"loc":["body"]}]}`)}, 0, 1, 422, 0, "Unprocessable"},
		"a bare error":           {[]http.HandlerFunc{status(401, `no`)}, 0, 1, 401, 0, "Unauthorized"},
		"always 500":             {[]http.HandlerFunc{status(500, `{"error":"boom"}`)}, 0, 2, 500, 0, "boom"},
		"silent":                 {[]http.HandlerFunc{hang}, 50 * time.Millisecond, 1, 0, 0, "within 50ms"},
		"nonsense stands":        {[]http.HandlerFunc{status(200, `{}`)}, 0, 1, 0, 0, "of no use"},
		"an answer without end":  {[]http.HandlerFunc{status(200, strings.Repeat(" ", largest+1))}, 0, 1, 0, 0, "larger than"},
		"an error of many words": {[]http.HandlerFunc{status(400, `{"message":"`+strings.Repeat("é", 5000)+`"}`)}, 0, 1, 400, 0, "é…"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			c := start(t, Config{Column: 1, Tries: 2, Timeout: test.timeout}, func(w http.ResponseWriter, r *http.Request) {
				test.answers[min(int(asked.Add(1)), len(test.answers))-1](w, r)
			})
			got, err := c.Score(t.Context(), trace)
			if int(asked.Load()) != test.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), test.asked)
			}
			if test.status < 0 {
				if err != nil || !slices.Equal(got, []float64{.9, .2}) {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			var upstream *adapters.UpstreamError
			if !errors.As(err, &upstream) || upstream.Status != test.status || upstream.RetryAfter != test.after || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%#v %v, want status %d that says %q", upstream, err, test.status, test.says)
			}
			if len(err.Error()) > 600 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestGone: nobody there is an error of the endpoint; a caller that leaves gets its own error, at once.
func TestGone(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	c, err := New(Config{URL: srv.URL, Model: "m", Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	var upstream *adapters.UpstreamError
	if _, err := c.Score(t.Context(), trace); !errors.As(err, &upstream) || upstream.Status != 0 || strings.Contains(err.Error(), "/pooling") {
		t.Errorf("%v", err)
	}
	ctx, leave := context.WithCancel(t.Context())
	c = start(t, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		leave()
		<-r.Context().Done()
	})
	if _, err := c.Score(ctx, trace); err != context.Canceled {
		t.Errorf("%v, want the caller's own end", err)
	}
}

// FuzzParse: whatever comes, the scores are probabilities, one a step, or it is an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"data":[{"data":[[0.1,0.9]]}]}`, `{"data":[{"data":[0.9]}]}`, `{"data":[{"data":[[null]]}]}`, `{"data":[{"data":"AA"}]}`, `{"data":[null]}`, `[`} {
		f.Add([]byte(seed), 1, 1)
	}
	f.Add([]byte(`{"data":[{"data":[[1,0],[2,0]]}]}`), 2, 0)
	f.Fuzz(func(t *testing.T, body []byte, n, column int) {
		if n < 1 || column < 0 {
			return
		}
		var scores []float64
		var err error
		casetest.Bounded(t, len(body), 1024, func() { scores, err = parse(body, n, column) })
		if err != nil {
			return
		}
		if len(scores) != n {
			t.Errorf("%d scores for %d steps", len(scores), n)
		}
		for _, p := range scores {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%g is no probability", p)
			}
		}
	})
}

// FuzzWithout: a token that was taken out is gone, and text without it stays as it is.
func FuzzWithout(f *testing.F) {
	f.Add("a<extra_0>b", StepToken)
	f.Add("<ext<extra_0>ra_0>", StepToken)
	f.Add("руки", "ки")
	f.Add("aaa", "aa")
	f.Fuzz(func(t *testing.T, text, token string) {
		if token == "" {
			return
		}
		got := without(text, token)
		if strings.Contains(got, token) || !strings.Contains(text, token) && got != text {
			t.Errorf("%q without %q is %q", text, token, got)
		}
	})
}
