package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aprm/sidecar/server/dialect"
)

// TestLists: virtual names stand behind each model; the rest of the upstream's list is as it was.
func TestLists(t *testing.T) {
	const openAIList = `{ "object":"list", "data":[{"id":"a/b","owned_by":"x","created" : 1700000000},{"id":"c","meta":{"id":"c"}}],"extra":1}`
	const ollamaList = `{"models":[{"name":"q:1b","model":"q:1b","size":5,"digest":"d","details":{"families":null}}] }`
	tests := []struct {
		name                    string
		dialect                 dialect.Dialect
		checkpoint, path, reply string
	}{
		{"models", dialect.OpenAI, "ab12", "/v1/models", openAIList},
		{"models_no_checkpoint", dialect.OpenAI, "", "/v1/models", openAIList},
		{"tags", dialect.Ollama, "ab12", "/api/tags", ollamaList},
		{"tags_translated", dialect.OpenAI, "", "/api/tags", openAIList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up := newFakeUpstream(t, replies(tt.reply))
			addr := serve(t, Config{Dialect: tt.dialect}, &reasoner{checkpoint: tt.checkpoint}, up)
			resp := do(t, "GET", addr+tt.path, "", http.Header{"Authorization": {"Bearer c"}})
			body, _ := io.ReadAll(resp.Body)
			golden(t, "list_"+tt.name, body)
			if got := up.last(t).header.Get("Authorization"); got != "Bearer c" {
				t.Errorf("asked with %q", got)
			}
		})
	}
}

func TestListOfARefusingUpstream(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(401)
		io.WriteString(w, `{"error":{"message":"no"}}`)
	})
	addr := serve(t, Config{}, &reasoner{}, up)
	if resp := do(t, "GET", addr+"/v1/models", "", nil); resp.StatusCode != 401 {
		t.Errorf("/v1/models: %d", resp.StatusCode)
	}
	resp := do(t, "GET", addr+"/api/tags", "", nil)
	body, _ := io.ReadAll(resp.Body)
	if message, _ := errorIn(t, "/api", body); resp.StatusCode != 401 || !strings.Contains(message, "no") {
		t.Errorf("/api/tags: %d %s", resp.StatusCode, body)
	}
}

// TestOneModel: /v1/models/NAME and /api/show take virtual names.
func TestOneModel(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/models":
			io.WriteString(w, `{"data":[{"id":"a/b","created":1700000000}]}`)
		case "/v1/models/a/b":
			io.WriteString(w, `{"id":"a/b", "object":"model"}`)
		default:
			w.WriteHeader(404)
		}
	})
	addr := serve(t, Config{Tools: func() bool { return true }}, &reasoner{checkpoint: "x"}, up)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/models/a/b", "", 200, `{"id":"a/b", "object":"model"}`},
		{"GET", "/v1/models/a/b@vote-8", "", 200, `{"id":"a/b@vote-8", "object":"model"}`},
		{"GET", "/v1/models/z@vote-8", "", 404, ``},
		{"POST", "/api/show", `{"model":"a/b@guided"}`, 200, `{"details":{"parent_model":"","format":"","family":"b","families":["b"],"parameter_size":"","quantization_level":""},"model_info":{"general.architecture":"b","general.basename":"a/b"},"capabilities":["completion","tools"],"modified_at":"2023-11-14T22:13:20Z"}`},
		{"POST", "/api/show", `{"name":"z"}`, 404, `{"error":"model 'z' not found"}`},
		{"GET", "/api/version", "", 200, fmt.Sprintf(`{"version":%q}`, ollamaVersion)},
	} {
		resp := do(t, tt.method, addr+tt.path, tt.body, nil)
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != tt.status || string(body) != tt.want {
			t.Errorf("%s: %d %s", tt.path, resp.StatusCode, body)
		}
	}
}

// TestOllamaShowsItsOwn: before Ollama the request goes on with the bare name.
func TestOllamaShowsItsOwn(t *testing.T) {
	up := newFakeUpstream(t, replies(`{"license": "x"}`))
	addr := serve(t, Config{Dialect: dialect.Ollama}, &reasoner{checkpoint: "x"}, up)
	resp := do(t, "POST", addr+"/api/show", `{"model":"q:1b@guided", "verbose":true}`, nil)
	body, _ := io.ReadAll(resp.Body)
	if in := up.last(t); string(in.body) != `{"model":"q:1b", "verbose":true}` || string(body) != `{"license": "x"}` {
		t.Errorf("%s: %s", in.body, body)
	}
	if do(t, "GET", addr+"/api/version", "", nil); up.last(t).uri != "/api/version" {
		t.Error("the version is not the upstream's")
	}
}

// TestKnownNames: which names there are is by client, and is known still while the upstream doesn't tell.
func TestKnownNames(t *testing.T) {
	var failing atomic.Bool
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case failing.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.Header.Get("Authorization") == "Bearer b":
			io.WriteString(w, `{"data":[{"id":"m"},{"id":"m@odd"}]}`)
		default:
			io.WriteString(w, `{"data":[{"id":"m"}]}`)
		}
	})
	s := build(t, Config{Upstream: mustURL(t, up.URL)}, &reasoner{})
	defer s.upstream.close()
	refused := func(key string) bool {
		r := httptest.NewRequest("POST", "/v1/chat/completions", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		return s.checkName(r, "m@odd") != nil
	}
	if !refused("a") || refused("b") || !refused("a") {
		t.Errorf("a is refused: %t, b: %t", refused("a"), refused("b"))
	}
	failing.Store(true)
	s.asked.mu.Lock()
	for key, of := range s.asked.known {
		of.last.at, of.good.at = of.last.at.Add(-listedFor), of.good.at.Add(-listedFor)
		s.asked.known[key] = of
	}
	s.asked.mu.Unlock()
	before := up.requests()
	if !refused("a") || refused("b") || up.requests() == before {
		t.Errorf("while it fails a is refused: %t, b: %t; %d requests", refused("a"), refused("b"), up.requests()-before)
	}
}

// TestAskedIsBounded: what is remembered is bounded in number and in bytes, and what is the latest stays.
func TestAskedIsBounded(t *testing.T) {
	for _, size := range []int{0, mostAskedBytes / 16, mostAskedBytes} {
		var a asked
		body := make([]byte, size)
		for i := range 2 * mostAsked {
			key := fmt.Sprint(i)
			a.about(key, time.Minute, func() answered { return answered{status: http.StatusOK, body: body} })
			a.about(key, time.Minute, func() answered { t.Errorf("%d of %d bytes: asked again", i, size); return answered{} })
			bytes := 0
			for _, of := range a.known {
				bytes += of.bytes()
			}
			if len(a.known) > mostAsked || len(a.known) > 1 && bytes > mostAskedBytes {
				t.Fatalf("%d answers of %d bytes", len(a.known), bytes)
			}
		}
		if _, there := a.known[fmt.Sprint(2*mostAsked-2)]; there != (size < mostAskedBytes) {
			t.Errorf("of %d bytes each: the last but one is there: %t", size, there)
		}
	}
}

// TestAListThatTakesLong: what is to be looked up in the upstream's list doesn't wait for that long, nor one after the
// other.
func TestAListThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, as := keyed(t, map[string]string{"team": ""}) // for whose sake requests are changed when they are passed on
		m := serveInMemory(t, Config{Keys: keys}, &reasoner{}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/models" {
				time.Sleep(4 * listedWithin)
			}
			replies(`{}`)(w, r)
		})
		began := time.Now()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if resp := m.send(t, "POST", "/v1/chat/completions", strings.NewReader(`{"model":"odd@name","messages":[]}`), as["team"]); resp.StatusCode != 200 {
					t.Errorf("%d", resp.StatusCode)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); took != listedWithin {
			t.Errorf("four requests took %v", took)
		}
	})
}
