package server

import (
	"context"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/sidecar/decode"
)

// TestAuto: by default, by name, with a PRM or without; the answer says what auto decided.
func TestAuto(t *testing.T) {
	for _, tt := range []struct{ checkpoint, body, applied string }{
		{"x", `{"model":"m","messages":[{"role":"user","content":"` + question + `"}]}`, "auto; reason=question"},
		{"x", `{"model":"m@auto-4","messages":[{"role":"user","content":"` + question + `"}]}`, "auto; reason=asked"},
		{"", `{"model":"m@auto","messages":[{"role":"user","content":"` + question + `"}]}`, "auto; reason=asked"},
	} {
		r := &reasoner{checkpoint: tt.checkpoint, solve: func(context.Context, string, []adapters.Message, decode.Options) (decode.Result, error) {
			return decode.Result{Text: "12", Auto: decode.AutoReport{Vote: "plain", Reason: "nothing was measured", Drawn: 3, Of: 8, Overturn: 0.04}}, nil
		}}
		rec := post(build(t, Config{Defaults: defaults(decode.Auto)}, r), "/v1/chat/completions", tt.body)
		if got := rec.Header().Get(headerApplied); rec.Code != 200 || got != tt.applied {
			t.Errorf("%s: %d, applied %q, want %q", tt.body, rec.Code, got, tt.applied)
		}
		if want := `"auto":{"vote":"plain","reason":"nothing was measured","drawn":3,"of":8,"overturn":0.04}`; !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %s lacks %s", tt.body, rec.Body, want)
		}
	}
}
