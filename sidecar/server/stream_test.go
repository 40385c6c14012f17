package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/adapters"
	"aprm/adapters/wire"
	"aprm/sidecar/decode"
)

// telling is a reasoner that tells of a search of two steps, a second each, as decode does.
func telling() *reasoner {
	return &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, opts decode.Options) (decode.Result, error) {
		tell := func(e decode.Event) {
			if opts.Watch != nil {
				opts.Watch(e)
			}
		}
		decide := func(c decode.Candidate, kept, dropped string) {
			c.Kept, c.Dropped = kept, dropped
			tell(decode.Event{Candidate: &c})
		}
		first := decode.Candidate{ID: 1, Text: "3 boxes of 4 pens are 3*4 = 12 pens.", Score: .93, Scored: true}
		second := decode.Candidate{ID: 2, Text: "3+4 = 7", Score: .12, Scored: true}
		dead := decode.Candidate{ID: 3, Text: "3 bo"}
		for _, c := range []*decode.Candidate{&first, &second} {
			tell(decode.Event{Candidate: c})
		}
		decide(dead, "", "failed: upstream answered 500")
		decide(first, "the best next step", "")
		decide(second, "", "a lower score")
		tell(decode.Event{Settled: "3 boxes of 4 pens are 3*4 = 12 pens.\n"})
		time.Sleep(time.Second)
		last := decode.Candidate{ID: 4, Parent: 1, At: 1, Text: "#### 12", Answer: "12", Answered: true, Score: .97, Scored: true}
		tell(decode.Event{Candidate: &last})
		decide(last, "the best next step", "")
		tell(decode.Event{Settled: "#### 12"})
		time.Sleep(time.Second)
		return solved(), ctx.Err()
	}}
}

// TestSettledTextIsStreamed: golden files of what comes as it is settled, and of the search shown on request.
func TestSettledTextIsStreamed(t *testing.T) {
	const ask = `"messages":[{"role":"user","content":"` + question + `"}]`
	for _, tt := range []struct{ name, path, body string }{
		{"settled_openai", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,"prm":{"steps":false},` + ask + `}`},
		{"settled_openai_search", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,"stream_options":{"include_usage":true},"prm":{"steps":false,"show_search":true},` + ask + `}`},
		{"settled_openai_search_whole", "/v1/chat/completions", `{"model":"m","seed":7,"prm":{"steps":false,"show_search":true},` + ask + `}`},
		{"settled_openai_stop", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,"stop":"pens.\n####","prm":{"steps":false},` + ask + `}`},
		{"settled_openai_logprobs", "/v1/chat/completions", `{"model":"m","seed":7,"stream":true,"logprobs":true,"prm":{"steps":false},` + ask + `}`},
		{"settled_ollama_chat_search", "/api/chat", `{"model":"m","options":{"seed":7},"prm":{"steps":false,"show_search":true},` + ask + `}`},
		{"settled_ollama_generate_search", "/api/generate", `{"model":"m","options":{"seed":7},"prm":{"steps":false,"show_search":true},"prompt":"` + question + `"}`},
		{"settled_ollama_search_whole", "/api/chat", `{"model":"m","stream":false,"options":{"seed":7},"prm":{"steps":false,"show_search":true},` + ask + `}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := post(build(t, Config{Defaults: defaults(guided)}, telling()), tt.path, tt.body)
			if rec.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", tt.name, rec.Code, rec.Body)
			}
			golden(t, tt.name, rec.Body.Bytes())
		})
	}
}

// TestTextComesWhenItIsSettled, not at the end of the search.
func TestTextComesWhenItIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, Config{Defaults: defaults(guided)}, telling())
		began := time.Now()
		var came []string
		w := &clocked{header: http.Header{}, write: func(p string) {
			if content := contentIn(t, p); content != "" {
				came = append(came, fmt.Sprintf("%v: %s", time.Since(began), content))
			}
		}}
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions", strings.NewReader(askStream))
		if err != nil {
			t.Fatal(err)
		}
		s.Handler().ServeHTTP(w, r)
		if want := "[0s: 3 boxes of 4 pens are 3*4 = 12 pens.\n 1s: #### 12]"; fmt.Sprint(came) != want {
			t.Errorf("came %v\nwant %s", came, want)
		}
	})
}

// clocked is a ResponseWriter that hands each write to a function.
type clocked struct {
	header http.Header
	write  func(string)
}

func (c *clocked) Header() http.Header         { return c.header }
func (c *clocked) WriteHeader(int)             {}
func (c *clocked) Flush()                      {}
func (c *clocked) Write(p []byte) (int, error) { c.write(string(p)); return len(p), nil }

// contentIn is the content of a chunk of OpenAI's.
func contentIn(t *testing.T, chunk string) string {
	data, is := strings.CutPrefix(chunk, "data: {")
	if !is {
		return ""
	}
	var c wire.Chunk
	if err := json.Unmarshal([]byte("{"+strings.TrimSpace(data)), &struct {
		Choices *[]wire.ChunkChoice `json:"choices"`
	}{&c.Choices}); err != nil {
		t.Error(err)
	}
	if len(c.Choices) == 0 || c.Choices[0].Delta.Content == nil {
		return ""
	}
	return *c.Choices[0].Delta.Content
}

// TestThoughtsOfAReasoningModel go where its own server would put them, in both dialects, streamed and whole.
func TestThoughtsOfAReasoningModel(t *testing.T) {
	result := solved()
	result.Text = "<think>\n3 times 4\n</think>\n\n#### 12"
	for path, want := range map[string][2]string{
		"/v1/chat/completions": {`"message":{"role":"assistant","content":"#### 12","reasoning_content":"3 times 4"}`, `"delta":{"reasoning_content":"3 times 4"}`},
		"/api/chat":            {`"message":{"role":"assistant","content":"#### 12","thinking":"3 times 4"}`, `"message":{"role":"assistant","content":"","thinking":"3 times 4"}`},
	} {
		s := build(t, Config{Defaults: defaults(guided)}, answers(result))
		for i, body := range []string{askWhole, askStream} {
			got := post(s, path, body).Body.String()
			answer, _, _ := strings.Cut(got, `"prm":`) // whose candidates have the text as it was
			if !strings.Contains(got, want[i]) || strings.Contains(answer, "think>") {
				t.Errorf("%s: %s\nhas no %s", path, got, want[i])
			}
		}
	}
}

// TestASearchThatTakesBack breaks the stream off with an error: a client must not take what it has for the answer.
func TestASearchThatTakesBack(t *testing.T) {
	read := make(chan struct{}) // closed when the client has what is then taken back
	r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, opts decode.Options) (decode.Result, error) {
		opts.Watch(decode.Event{Settled: "something else"})
		select {
		case <-read:
		case <-ctx.Done():
		}
		return solved(), nil
	}}
	up := newFakeUpstream(t, replies(`{}`))
	resp := do(t, "POST", serve(t, Config{Defaults: defaults(guided)}, r, up)+"/v1/chat/completions", askStream, nil)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), "something else") {
	}
	close(read)
	var got strings.Builder
	for lines.Scan() {
		got.WriteString(lines.Text() + "\n")
	}
	if !strings.Contains(got.String(), `{"error":{`) || strings.Contains(got.String(), `"finish_reason":"stop"`) {
		t.Error(got.String())
	}
}

// TestDeadlineOfARequest: the least of the server's and the request's, a little of which is left for the answer; what
// is best by then is marked.
func TestDeadlineOfARequest(t *testing.T) {
	for _, test := range []struct {
		server, want time.Duration
		prm          string
	}{
		{time.Minute, time.Minute, ``},
		{time.Minute, 1470 * time.Millisecond, `,"prm":{"deadline_ms":1500}`},
		{time.Minute, 19900 * time.Millisecond, `,"prm":{"deadline_ms":20000}`},
		{time.Second, time.Second, `,"prm":{"deadline_ms":1500}`},
		{0, 1470 * time.Millisecond, `,"prm":{"deadline_ms":1500.0}`}, // as some clients write whole numbers
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &reasoner{checkpoint: "x", solve: func(ctx context.Context, _ string, _ []adapters.Message, _ decode.Options) (decode.Result, error) {
				<-ctx.Done()
				return solved(), nil // the best so far
			}}
			began := time.Now()
			s := build(t, Config{Defaults: defaults(guided), SearchTimeout: test.server}, r)
			rec := post(s, "/v1/chat/completions", strings.TrimSuffix(askWhole, "}")+test.prm+"}")
			if took := time.Since(began); rec.Code != 200 || took != test.want || !strings.Contains(rec.Body.String(), `"stopped":"deadline"`) {
				t.Errorf("%v%s: %d after %v: %s", test.server, test.prm, rec.Code, took, rec.Body)
			}
		})
	}
}

// TestDeadlineWithNothing: before the first word the answer is an error in the client's own form, by the deadline; in a
// stream that has shown signs of life its last event.
func TestDeadlineWithNothing(t *testing.T) {
	for _, path := range []string{"/v1/chat/completions", "/api/chat"} {
		for _, test := range []struct {
			ask  string
			ms   int
			code int
		}{{askWhole, 1500, 504}, {askStream, 8, 504}, {askStream, 1500, 200}, {askStream, 25_000, 200}} {
			synctest.Test(t, func(t *testing.T) {
				s := build(t, Config{Defaults: defaults(guided)}, slow(time.Hour, nil))
				began := time.Now()
				rec := post(s, path, strings.TrimSuffix(test.ask, "}")+fmt.Sprintf(`,"prm":{"deadline_ms":%d}}`, test.ms))
				if took := time.Since(began); rec.Code != test.code || took > time.Duration(test.ms)*time.Millisecond {
					t.Errorf("%s: %d after %v: %s", path, rec.Code, took, rec.Body)
				}
				body := rec.Body.String()
				if test.code == 200 {
					_, body, _ = strings.Cut(body, `{"error"`)
					body = `{"error"` + strings.TrimSuffix(strings.TrimSpace(body), "data: [DONE]")
				}
				if message, _ := errorIn(t, path, []byte(body)); !strings.Contains(message, "within the time") {
					t.Errorf("%s: %s", path, rec.Body)
				}
			})
		}
	}
}

// TestShowSearchByDefault: a server that shows searches, and a request that wants none of it.
func TestShowSearchByDefault(t *testing.T) {
	for prm, want := range map[string]bool{``: true, `,"prm":{"show_search":false}`: false, `,"prm":{"show_search":true}`: true} {
		synctest.Test(t, func(t *testing.T) {
			s := build(t, Config{Defaults: defaults(guided), ShowSearch: true}, telling())
			got := post(s, "/v1/chat/completions", strings.TrimSuffix(askWhole, "}")+prm+"}").Body.String()
			if strings.Contains(got, "reasoning_content") != want {
				t.Errorf("%s: %s", prm, got)
			}
		})
	}
}
