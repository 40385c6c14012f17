package builtin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aprm/prm/casetest"
)

// FuzzHandler: whatever the embedded model's endpoint is asked, it answers, in time and within bounds, and no 500.
func FuzzHandler(f *testing.F) {
	llm, err := Embedded()
	if err != nil {
		f.Fatal(err)
	}
	h := llm.Handler()
	f.Add("/v1/chat/completions", `{"model":"builtin","max_tokens":4,"messages":[{"role":"user","content":"Tom has 3 pens."}]}`)
	f.Add("/v1/chat/completions", `{"messages":[{"role":"assistant","content":"x"}],"n":9999,"max_tokens":-1,"temperature":1e9,"stream":true}`)
	f.Add("/v1/models", ``)
	f.Add("/embedding", `{"content":"x"}`)
	f.Add("/tokenize", `{"content":"\ud800"}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \x00\r\n%?#") || len(path) > 99 {
			return
		}
		for _, c := range path {
			if c < 33 || c > 126 {
				return
			}
		}
		rec := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		if took, made := casetest.Cost(func() { h.ServeHTTP(rec, request) }); took > 30*time.Second || made > 1<<30 {
			t.Errorf("%s %q took %v and %d bytes", path, body, took, made)
		}
		if rec.Code >= 500 && rec.Code != http.StatusNotImplemented {
			t.Errorf("%s %q: %d %s", path, body, rec.Code, rec.Body)
		}
	})
}
