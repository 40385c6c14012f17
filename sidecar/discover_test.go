package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What answers with a model is found and named as the commands take it; what is silent or serves no model isn't.
func TestDiscover(t *testing.T) {
	serve := func(models string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/models" {
				http.NotFound(w, r)
				return
			}
			io.WriteString(w, `{"object":"list","data":[`+models+`]}`)
		}))
		t.Cleanup(srv.Close)
		return "openai+" + srv.URL + "/v1"
	}
	full, empty := serve(`{"id":"tiny","object":"model"},{"id":"small","object":"model"}`), serve("")
	got := discover(t.Context(), []endpoint{{kind: "Ollama", url: "ollama://127.0.0.1:1"}, {kind: "LM Studio", url: empty}, {kind: "vLLM", url: full}})
	if len(got) != 1 || got[0].kind != "vLLM" || got[0].url != full {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{"vLLM answers at " + full + " with tiny, small", "sidecar serve --upstream " + full + " --upstream-model tiny", "sidecar sample --upstream " + full} {
		if text := found(got); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, want := range []string{"No LLM endpoint answers", "sidecar demo", "--upstream builtin"} {
		if text := found(nil); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
