package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aprm/adapters/adaptertest"
	"aprm/sidecar/decode"
)

// before is an endpoint that answers by early until ready, then as the fake behind it does.
func before(t *testing.T, early http.HandlerFunc) (addr string, ready *atomic.Bool) {
	t.Helper()
	u := (&adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true}).Start(t)
	to, err := url.Parse(u.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	ready = &atomic.Bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ready.Load() {
			proxy.ServeHTTP(w, r)
			return
		}
		early(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, ready
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

const loading = `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`

// TestWaitsForItsEndpoint: one that is down, loading or failing is waited for within --probe-wait, then known as if it
// had been there from the first.
func TestWaitsForItsEndpoint(t *testing.T) {
	for name, early := range map[string]http.HandlerFunc{"down": hangUp, "loading": status(503, loading), "failing": status(500, "boom"), "a gateway without it": status(502, "<html>")} {
		for _, given := range [][]string{{"--upstream-model", "fake"}, nil} { // its model named, or asked for
			t.Run(fmt.Sprint(name, given), func(t *testing.T) {
				addr, ready := before(t, early)
				time.AfterFunc(300*time.Millisecond, func() { ready.Store(true) })
				at, stop := startServe(t, append([]string{"--upstream", "openai+" + addr, "--probe-wait", "20s"}, given...)...)
				defer stop()
				body := asks(t, at, `{"model":"fake","prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"What is 2 + 3?"}]}`)
				if !strings.Contains(body, "#### 5") {
					t.Errorf("%s", body)
				}
			})
		}
	}
}

// TestServesBeforeItsEndpoint: what isn't there by then is served as soon as it is.
func TestServesBeforeItsEndpoint(t *testing.T) {
	for name, early := range map[string]http.HandlerFunc{"down": hangUp, "loading": status(503, loading)} {
		for _, upstream := range []string{"openai+", ""} { // its dialect named, or guessed
			t.Run(name+upstream, func(t *testing.T) {
				addr, ready := before(t, early)
				at, stop := startServe(t, "--upstream", upstream+addr, "--probe-wait", "200ms")
				defer stop()
				ready.Store(true)
				for _, body := range []string{`{"model":"fake","messages":[]}`, `{"model":"fake","prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"What is 2 + 3?"}]}`} {
					if got := asks(t, at, body); !strings.Contains(got, "choices") {
						t.Errorf("%s: %s", body, got)
					}
				}
				if got := asks(t, at, `{"prm":{"strategy":"majority"},"messages":[{"role":"user","content":"What is 2 + 3?"}]}`); !strings.Contains(got, "name one in the request") {
					t.Errorf("without a model's name: %s", got)
				}
			})
		}
	}
}

func asks(t *testing.T, addr, body string) string {
	t.Helper()
	resp, err := http.Post("http://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestHopeless: what waiting doesn't mend ends the start at once, and says what does.
func TestHopeless(t *testing.T) {
	models := func(list string, chat http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/v1/models") {
				io.WriteString(w, list)
				return
			}
			chat(w, r)
		}
	}
	const two = `{"data":[{"id":"one"},{"id":"two"}]}`
	for name, test := range map[string]struct {
		scheme string
		answer http.HandlerFunc
		says   []string
	}{
		"no key":        {"openai+", status(401, `{"error":{"message":"no key"}}`), []string{"no key", "--upstream-key"}},
		"another's key": {"openai+", models(two, status(403, `{"error":"forbidden"}`)), []string{"forbidden", "--upstream-key"}},
		"another model": {"openai+", models(two, status(404, `{"error":{"message":"no such model"}}`)), []string{"no such model", "one, two"}},
		"not pulled":    {"ollama+", models(two, status(404, `{"error":"model 'm' not found"}`)), []string{"one, two", "ollama pull m"}},
		"another API":   {"openai+", status(404, `not here`), []string{"end at /v1"}},
	} {
		srv := httptest.NewServer(test.answer)
		var errs bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		began := time.Now()
		code := run(ctx, []string{"serve", "--upstream", test.scheme + srv.URL, "--upstream-model", "m", "--probe-wait", "1h", "--listen", "127.0.0.1:0"}, nil, io.Discard, &errs)
		cancel()
		srv.Close()
		if code == 0 || time.Since(began) > 15*time.Second {
			t.Errorf("%s: status %d after %v", name, code, time.Since(began))
		}
		for _, says := range test.says {
			if !strings.Contains(errs.String(), says) {
				t.Errorf("%s: %s doesn't say %q", name, errs.String(), says)
			}
		}
	}
}

// TestOneTableOfSettings: flags and their defaults, the check of files, and the example of every setting are by the
// same table.
func TestOneTableOfSettings(t *testing.T) {
	plain, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	options := plain.Serve.Decode.options()
	for _, s := range decode.Settings() {
		if got := fmt.Sprint(s.Value(options)); got != s.Default {
			t.Errorf("--%s is %s by default, the table says %s", s.Flag(), got, s.Default)
		}
		if s.Name == "entropic" {
			continue // both of its values are good
		}
		for _, bad := range []string{"-1", "1e9", "nonsense"} {
			var out, errs bytes.Buffer
			if bad == "1e9" && s.Range.Most == 0 {
				continue
			}
			if code := run(t.Context(), []string{"config", "check", configFile(t, s.Flag()+": "+bad+"\n")}, nil, &out, &errs); code != 2 || !strings.Contains(errs.String(), s.Flag()) {
				t.Errorf("%s: %s: status %d, %s", s.Flag(), bad, code, &errs)
			}
		}
	}
	for text, says := range map[string]string{"n: 0": "n must be", "temperature: 9": "temperature must be", "max-searches: -1": "max-searches must be", "probe-wait: -1s": "probe-wait must be"} {
		var errs bytes.Buffer
		if code := run(t.Context(), []string{"config", "check", configFile(t, text+"\n")}, nil, io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), says) {
			t.Errorf("%s: status %d, %s", text, code, &errs)
		}
	}
}

// TestAsk: a question in the terminal, with what the search does as it does it, the answer's steps and what it took.
func TestAsk(t *testing.T) {
	const question = "Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"
	for _, args := range [][]string{{"--strategy", "guided", question}, {"--strategy", "majority", "-"}, {question}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"ask", "--upstream", "builtin", "--n", "3", "--seed", "7"}, args...), strings.NewReader(question), &out, &errs); code != 0 {
			t.Fatalf("%v: status %d: %s", args, code, &errs)
		}
		for _, says := range []string{"candidate", "answer: ", "tokens generated"} {
			if !strings.Contains(out.String(), says) {
				t.Errorf("%v: no %q in %s", args, says, &out)
			}
		}
		if len(args) > 1 && args[1] == "guided" && (!strings.Contains(out.String(), "step 1: 3 candidates, kept") || !strings.Contains(out.String(), "\n1.00  ") && !strings.Contains(out.String(), "\n0.")) {
			t.Errorf("no scored steps: %s", &out)
		}
	}
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"ask", "--upstream", "builtin", " "}, nil, io.Discard, &errs); code != 2 {
		t.Errorf("no question: status %d, %s", code, &errs)
	}
}
