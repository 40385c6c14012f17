// Package adaptertest holds the contract that every adapter meets, and a fake endpoint to meet it on.
package adaptertest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aprm/adapters"
)

// Upstream is a fake endpoint that serves one model in both dialects. Its text is a function of the request; set the
// fields before the first one.
type Upstream struct {
	URL string

	OwnedBy    string           // what /v1/models says: "vllm", "llamacpp"
	Prefill    adapters.Prefill // what it does with a trailing assistant message; "" continues it
	NoN        bool             // answers one completion whatever n is
	MostN      int              // refuses a greater n, as llama-server does that has so many slots; 0 for none
	NoLogProbs bool
	StopReason bool // names the stop string, as vLLM does
	Matched    bool // names it as SGLang does
	Asks       bool // continues a trailing assistant message only where continue_final_message asks for it, as vLLM and SGLang do
	Anything   bool // answers 200 at routes that it doesn't have, with an error, as LM Studio does
	Interrupts bool // works on one request at a time, and breaks its answer off, as if it were whole, when another one comes, as llama-cpp-python does
	NoUsage    bool // counts no tokens in streams
	NoHidden   bool
	Pools      bool // gives hidden states by vLLM's routes in place of llama-server's
	Thinks     bool // a thought comes first, apart from the text, unless the answer is begun for it

	// Fault says what goes wrong with the n-th generating request, from 0; nil for nothing.
	Fault func(n int) Fault

	// Endless makes every answer go on until the client leaves; Left gets a value when one does, and when one leaves a
	// stalled answer.
	Endless bool
	Left    chan struct{}

	mu       sync.Mutex
	requests []Asked

	working sync.Mutex   // held by the one request that is worked on, where one interrupts another
	waiting atomic.Int32 // for it
}

// Fault is something that goes wrong with a request.
type Fault struct {
	Status     int    // answer this status instead
	RetryAfter string // with this header
	CutAfter   int    // close the connection after so many tokens; -1 before the first
	Malformed  bool   // send a chunk that is no JSON after the first token
	InStream   string // send an error object with this message after the first token
	Stall      bool   // send the first token, and nothing more until the client leaves, or another request comes where that interrupts
	Endless    string // behind the answer send this again and again, until the client leaves
	Huge       int    // before the answer send one token of so many bytes
	Redirect   string // send the client on to there (307)
}

// Asked is a generating request as it came over the wire.
type Asked struct {
	Path   string
	Header http.Header
	Body   map[string]json.RawMessage
}

// Start serves u until the test ends.
func (u *Upstream) Start(t testing.TB) *Upstream {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"object":"list","data":[{"id":"fake","object":"model","owned_by":%q}]}`, u.OwnedBy)
	})
	mux.HandleFunc("POST /v1/chat/completions", u.openAI)
	mux.HandleFunc("POST /api/chat", u.ollama)
	mux.HandleFunc("POST /api/show", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"capabilities":["completion","tools"]}`)
	})
	mux.HandleFunc("POST /api/embed", u.embed)
	mux.HandleFunc("POST /embedding", u.embedding)
	mux.HandleFunc("POST /tokenize", u.tokenize)
	mux.HandleFunc("POST /pooling", u.pooling)
	u.Left = make(chan struct{}, 64)
	var handler http.Handler = mux
	if u.Anything {
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/models" || r.URL.Path == "/v1/chat/completions" {
				mux.ServeHTTP(w, r)
				return
			}
			fmt.Fprintf(w, `{"error":"Unexpected endpoint or method. (%s %s)"}`, r.Method, r.URL.Path)
		})
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u.URL = server.URL
	return u
}

// Requests are the generating requests so far.
func (u *Upstream) Requests() []Asked {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

// Forget drops the requests so far, those of the probes for example, and counts faults from 0 again.
func (u *Upstream) Forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = nil
}

// Probed has llm probe u while nothing goes wrong there, and drops the requests of that.
func (u *Upstream) Probed(t testing.TB, llm adapters.LLM) {
	t.Helper()
	fault, endless := u.Fault, u.Endless
	u.Fault, u.Endless = nil, false
	if _, err := llm.Capabilities(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.Fault, u.Endless = fault, endless
	u.Forget()
}

// ask is what both dialects boil down to.
type ask struct {
	messages  []adapters.Message
	n         int
	maxTokens int
	stop      []string
	seed      int64
	logprobs  bool
	top       int
}

// note keeps a request and returns what is to go wrong with it.
func (u *Upstream) note(r *http.Request) (Asked, Fault) {
	asked := Asked{Path: r.URL.Path, Header: r.Header.Clone()}
	if data, err := io.ReadAll(r.Body); err == nil {
		_ = json.Unmarshal(data, &asked.Body) // a body that is no object has no fields
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.requests)
	u.requests = append(u.requests, asked)
	if u.Fault == nil {
		return asked, Fault{}
	}
	return asked, u.Fault(n)
}

// Field decodes a field of the request; the zero value when it isn't there.
func Field[T any](a Asked, name string) T {
	var v T
	_ = json.Unmarshal(a.Body[name], &v) // an absent field is the zero value
	return v
}

var pieces = regexp.MustCompile(`\n+|[^\s]+|[ ]+[^\s]*`)

// reply returns the tokens of completion i and why it ends: "stop", a stop string, or "length".
func (u *Upstream) reply(a ask, i int) (tokens []string, finish, stopString string) {
	text := u.text(a, i)
	finish = "stop"
	for _, s := range a.stop {
		if at := strings.Index(text, s); at >= 0 {
			text, stopString = text[:at], s
		}
	}
	tokens = pieces.FindAllString(text, -1)
	if a.maxTokens > 0 && len(tokens) > a.maxTokens {
		tokens, finish, stopString = tokens[:a.maxTokens], "length", ""
	}
	return tokens, finish, stopString
}

// text is what the model says.
func (u *Upstream) text(a ask, i int) string {
	last := a.messages[len(a.messages)-1]
	if last.Role == adapters.Assistant {
		rest := "Then 2 + 3 = 5.\n#### 5"
		if strings.HasSuffix(last.Content, "Then 2 + 3 = 5.\n") {
			rest = "#### 5"
		}
		if strings.HasSuffix(last.Content, "June,") {
			rest = " July, August, September."
		}
		switch u.Prefill {
		case adapters.PrefillNone:
			return "I would rather begin anew.\n" + rest
		case adapters.PrefillEchoed:
			return last.Content + rest
		}
		return rest
	}
	switch {
	case strings.Contains(last.Content, "in words"):
		return "one, two, three, four, five, six."
	case strings.Contains(last.Content, "eight digits"):
		h := fnv.New32a()
		fmt.Fprint(h, a.seed+int64(i))
		return fmt.Sprintf("%d %d", h.Sum32()%10000, h.Sum32()/10000%10000)
	}
	return fmt.Sprintf("First, 1 + 1 = 2 (%d).\nThen 2 + 3 = 5.\n#### 5", a.seed+int64(i))
}

// stream sends tokens one by one with the fault that is due. end is called when nothing went wrong.
func (u *Upstream) stream(w http.ResponseWriter, r *http.Request, f Fault, tokens []string, send func(token string), broken func(kind Fault), end func()) {
	flush := func() { w.(http.Flusher).Flush() }
	if f.CutAfter < 0 {
		panic(http.ErrAbortHandler)
	}
	if f.Huge > 0 {
		send(strings.Repeat("7 + ", f.Huge/4))
		flush()
	}
	for i, t := range tokens {
		if f.CutAfter > 0 && i == f.CutAfter {
			panic(http.ErrAbortHandler)
		}
		send(t)
		flush()
		if u.interrupted(w) {
			return
		}
		if i == 0 && f.Stall {
			for u.Interrupts && r.Context().Err() == nil {
				if time.Sleep(time.Millisecond); u.interrupted(w) {
					return
				}
			}
			<-r.Context().Done()
			select {
			case u.Left <- struct{}{}:
			default: // nobody counts them
			}
			return
		}
		if i == 0 && (f.Malformed || f.InStream != "") {
			broken(f)
			flush()
			return
		}
	}
	if u.Endless {
		f.Endless = " on"
	}
	for f.Endless != "" {
		send(f.Endless)
		flush()
		if u.interrupted(w) {
			return
		}
		if r.Context().Err() != nil {
			select {
			case u.Left <- struct{}{}:
			default: // nobody counts them
			}
			return
		}
	}
	end()
}

// interrupted ends an answer for another request that waits, where u does so.
func (u *Upstream) interrupted(w io.Writer) bool {
	if !u.Interrupts || u.waiting.Load() == 0 {
		return false
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
	return true
}

func (u *Upstream) openAI(w http.ResponseWriter, r *http.Request) {
	if u.Interrupts {
		u.waiting.Add(1)
		u.working.Lock()
		u.waiting.Add(-1)
		defer u.working.Unlock()
	}
	asked, f := u.note(r) // which numbers requests in the order in which they are worked on
	if f.Status != 0 || f.Redirect != "" {
		refuse(w, f, `{"error":{"message":"the fake says %d","type":"fake"}}`)
		return
	}
	a := ask{messages: Field[[]adapters.Message](asked, "messages"), n: max(1, Field[int](asked, "n")), maxTokens: Field[int](asked, "max_tokens"),
		stop: Field[[]string](asked, "stop"), seed: Field[int64](asked, "seed"), logprobs: Field[bool](asked, "logprobs"), top: Field[int](asked, "top_logprobs")}
	if u.NoN {
		a.n = 1
	}
	if u.MostN > 0 && a.n > u.MostN {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"code":400,"message":"Field 'n': Value must be between 1 <= value <= %d, but got %d","type":"invalid_request_error"}}`, u.MostN, a.n)
		return
	}
	if u.Asks && !Field[bool](asked, "continue_final_message") && a.messages[len(a.messages)-1].Role == adapters.Assistant {
		a.messages = append(a.messages, adapters.Message{Role: adapters.User}) // which is what a template makes of it: another turn
	}
	if !Field[bool](asked, "stream") {
		fmt.Fprint(w, `{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}`)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	counts := ""
	switch {
	case Field[bool](asked, "timings_per_token"):
		counts = `,"timings":{"cache_n":3,"prompt_n":4}`
	case Field[map[string]bool](asked, "stream_options")["continuous_usage_stats"]:
		counts = `,"usage":{"prompt_tokens":7,"completion_tokens":0}`
	}
	chunk := func(choices string) {
		fmt.Fprintf(w, "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[%s]%s}\n\n", choices, counts)
	}
	spent := 0
	for i := range a.n {
		tokens, finish, stopString := u.reply(a, i)
		spent += len(tokens)
		if a.messages[len(a.messages)-1].Role == adapters.Assistant && u.Prefill == adapters.PrefillEchoed {
			// The echo comes first, in two pieces and without log-probabilities, as generated text it is not.
			prefix := a.messages[len(a.messages)-1].Content
			rest, _ := strings.CutPrefix(strings.Join(tokens, ""), prefix)
			for _, piece := range []string{prefix[:len(prefix)/2], prefix[len(prefix)/2:]} {
				chunk(fmt.Sprintf(`{"index":%d,"delta":{"content":%q},"finish_reason":null}`, i, piece))
			}
			tokens = pieces.FindAllString(rest, -1)
		}
		if u.Thinks && a.messages[len(a.messages)-1].Role != adapters.Assistant {
			chunk(fmt.Sprintf(`{"index":%d,"delta":{"reasoning_content":"Hm. "},"finish_reason":null}`, i))
		}
		send := func(token string) {
			chunk(fmt.Sprintf(`{"index":%d,"delta":{"content":%q},"logprobs":%s,"finish_reason":null}`, i, token, u.logprobs(a, token, `{"content":[%s]}`)))
		}
		broken := func(f Fault) {
			if f.Malformed {
				fmt.Fprint(w, "data: {\"choices\": oops\n\n")
				return
			}
			fmt.Fprintf(w, "data: {\"error\":{\"message\":%q,\"type\":\"server_error\"}}\n\n", f.InStream)
		}
		whole := false
		u.stream(w, r, f, tokens, send, broken, func() { whole = true })
		if !whole {
			return
		}
		reason := ""
		if u.Matched && stopString != "" {
			reason = fmt.Sprintf(`,"matched_stop":%q`, stopString)
		} else if u.Matched {
			reason = `,"matched_stop":151645`
		}
		if u.StopReason {
			reason = `,"stop_reason":null`
			if stopString != "" {
				reason = fmt.Sprintf(`,"stop_reason":%q`, stopString)
			}
		}
		chunk(fmt.Sprintf(`{"index":%d,"delta":{},"finish_reason":%q%s}`, i, finish, reason))
	}
	if u.NoUsage {
		fmt.Fprint(w, "data: [DONE]\n\n")
		return
	}
	fmt.Fprintf(w, "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", spent)
}

func (u *Upstream) logprobs(a ask, token, wrap string) string {
	if !a.logprobs || u.NoLogProbs {
		return "null"
	}
	top := "[]"
	if a.top > 0 {
		top = fmt.Sprintf(`[{"token":%q,"logprob":-0.5},{"token":"other","logprob":-2}]`, token)
	}
	return fmt.Sprintf(wrap, fmt.Sprintf(`{"token":%q,"logprob":-0.5,"top_logprobs":%s}`, token, top))
}

func (u *Upstream) ollama(w http.ResponseWriter, r *http.Request) {
	asked, f := u.note(r)
	if f.Status != 0 || f.Redirect != "" {
		refuse(w, f, `{"error":"the fake says %d"}`)
		return
	}
	options := Asked{Body: Field[map[string]json.RawMessage](asked, "options")}
	a := ask{messages: Field[[]adapters.Message](asked, "messages"), maxTokens: Field[int](options, "num_predict"), stop: Field[[]string](options, "stop"),
		seed: Field[int64](options, "seed"), logprobs: Field[bool](asked, "logprobs"), top: Field[int](asked, "top_logprobs")}
	tokens, finish, _ := u.reply(a, 0)
	w.Header().Set("Content-Type", "application/x-ndjson")
	if u.Thinks && a.messages[len(a.messages)-1].Role != adapters.Assistant {
		fmt.Fprintln(w, `{"model":"fake","message":{"role":"assistant","content":"","thinking":"Hm. "},"done":false}`)
	}
	u.stream(w, r, f, tokens, func(token string) {
		fmt.Fprintf(w, "{\"model\":\"fake\",\"message\":{\"role\":\"assistant\",\"content\":%q},\"logprobs\":%s,\"done\":false}\n", token, u.logprobs(a, token, "[%s]"))
	}, func(f Fault) {
		if f.Malformed {
			fmt.Fprint(w, "{oops\n")
			return
		}
		fmt.Fprintf(w, "{\"error\":%q}\n", f.InStream)
	}, func() {
		fmt.Fprintf(w, "{\"model\":\"fake\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":%q,\"prompt_eval_count\":7,\"eval_count\":%d}\n", finish, len(tokens))
	})
}

func refuse(w http.ResponseWriter, f Fault, body string) {
	if f.Redirect != "" {
		w.Header().Set("Location", f.Redirect)
		f.Status = http.StatusTemporaryRedirect
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, body, f.Status)
}

// state is the hidden state at the end of a text: its length, so that a test can tell where it was taken.
func state(length int) string { return fmt.Sprintf("[%d,%d,1,0]", length, -length) }

func (u *Upstream) embedding(w http.ResponseWriter, r *http.Request) {
	if u.Pools {
		http.NotFound(w, r)
		return
	}
	if u.NoHidden {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	var rows []string
	at := 0
	for _, token := range u.tokensOf(r, "content") {
		at += len(token)
		rows = append(rows, state(at))
	}
	fmt.Fprintf(w, `[{"index":0,"embedding":[%s]}]`, strings.Join(rows, ","))
}

// tokenize answers in the words of whichever server it is taken for: vLLM names tokens as its vocabulary does,
// SentencePiece's here.
func (u *Upstream) tokenize(w http.ResponseWriter, r *http.Request) {
	if u.Pools {
		var ids []int
		names := u.tokensOf(r, "prompt")
		for i, name := range names {
			names[i] = strings.ReplaceAll(name, " ", "▁")
			ids = append(ids, len(name))
		}
		answer, _ := json.Marshal(map[string]any{"tokens": ids, "token_strs": names, "count": len(ids)}) // numbers and strings always marshal
		_, _ = w.Write(answer)                                                                           // to a client that may have left
		return
	}
	var out []string
	for i, token := range u.tokensOf(r, "content") {
		piece, _ := json.Marshal(token) // a string always marshals
		if strings.ContainsRune(token, '×') {
			piece, _ = json.Marshal(slices.Collect(func(yield func(int) bool) {
				for _, b := range []byte(token) {
					if !yield(int(b)) {
						return
					}
				}
			}))
		}
		out = append(out, fmt.Sprintf(`{"id":%d,"piece":%s}`, i, piece))
	}
	fmt.Fprintf(w, `{"tokens":[%s]}`, strings.Join(out, ","))
}

// pooling answers for tokens, each of which is named by the length of its text.
func (u *Upstream) pooling(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Input      []int  `json:"input"`
		Task       string `json:"task"`
		Activation *bool  `json:"use_activation"`
		Encoding   string `json:"encoding_format"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !u.Pools || body.Task != "token_embed" || body.Activation == nil || *body.Activation || body.Encoding != "base64" {
		http.NotFound(w, r)
		return
	}
	var raw []byte
	at := 0
	for _, length := range body.Input {
		at += length
		for _, x := range []float32{float32(at), float32(-at), 1, 0} {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	fmt.Fprintf(w, `{"object":"list","data":[{"index":0,"object":"pooling","data":%q}],"usage":{"prompt_tokens":%d}}`, base64.StdEncoding.EncodeToString(raw), len(body.Input))
}

// tokensOf returns the tokens of the text in a request's field.
func (u *Upstream) tokensOf(r *http.Request, field string) []string {
	var body map[string]json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&body) // no text, no tokens
	return pieces.FindAllString(Field[string](Asked{Body: body}, field), -1)
}

func (u *Upstream) embed(w http.ResponseWriter, r *http.Request) {
	if u.NoHidden {
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprint(w, `{"error":"this model does not support embeddings"}`)
		return
	}
	var body struct {
		Input []string `json:"input"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body) // no input, no states
	var rows []string
	for _, text := range body.Input {
		rows = append(rows, state(len(text)))
	}
	fmt.Fprintf(w, `{"model":"fake","embeddings":[%s]}`, strings.Join(rows, ","))
}
