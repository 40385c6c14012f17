package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aprm/sidecar/server/dialect"
)

func TestUpstreamBytes(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"untouched", "{ \"model\" :\t\"m\",\n \"b\":1e2 , \"a\" : [ 1 ,2] }\n", ""},
		{"a name of its own with an @", `{"model":"cf@meta"}`, ""},
		{"virtual name", "{ \"model\" :\t\"m@vote-8\" , \"x\":1.0}", "{ \"model\" :\t\"m\" , \"x\":1.0}"},
		{"every one of repeated names", `{"model":"a@raw","model":"b@raw"}`, `{"model":"a","model":"b"}`},
		{"Ollama's older name", `{"name":"m@raw"}`, `{"name":"m"}`},
		{"nested names stay", `{"model":"m@raw","x":{"model":"m@raw","prm":1}}`, `{"model":"m","x":{"model":"m@raw","prm":1}}`},
		{"escapes in the rest stay", `{"model":"m\u0040raw","x":"\u00e9\/"}`, `{"model":"m","x":"\u00e9\/"}`},
		{"prm first", `{"prm":{"n":1}, "model":"m"}`, `{ "model":"m"}`},
		{"prm in the middle", `{"a":1 , "prm":{} ,"b":2}`, `{"a":1 ,"b":2}`},
		{"prm last", `{"a":1, "prm":null }`, `{"a":1 }`},
		{"prm alone", `{ "prm":{} }`, `{ }`},
		{"prm twice at the front", `{"prm":1,"prm":2,"a":3,"prm":4}`, `{"a":3}`},
		{"empty", ` {} `, ""},
		{"HTML is no HTML", `{"model":"<m>@raw"}`, `{"model":"<m>"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			o, err := dialect.Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := upstreamBytes(o); string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestParseObjectRefuses(t *testing.T) {
	for _, body := range []string{"", "  ", "[]", `"x"`, "{", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1} x`, `{"a":1}{}`, `{'a':1}`, "nul", `{,}`, `{"a":1 "b":2}`, `{"a":,"b":2}`, `{"a":"x}`, `{"a\"}`, `{"a":[1}`, `{"a":]}`, `{"\x":1}`} {
		_, err := dialect.Parse([]byte(body))
		if err == nil {
			t.Errorf("%q passes for an object", body)
			continue
		}
		if p := problemOf(err); p.Status != 400 || !strings.Contains(p.Message, "body") {
			t.Errorf("%q: %d %s", body, p.Status, p.Message)
		}
	}
}

// FuzzEdit: what is not to be changed comes out byte for byte, and what comes out is an object with the same members
// but for prm and the suffixes.
func FuzzEdit(f *testing.F) {
	f.Add([]byte(`{"model":"m@raw", "prm":{}, "b":[1, 2]}`))
	f.Add([]byte(`{"prm":1,"prm":2,"a":{"prm":3}}`))
	f.Add([]byte("{\"a\":\"\xff\",\"model\":\"x@vote-8\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := dialect.Parse(body)
		if err != nil && json.Valid(body) && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
			t.Fatalf("%q is refused: %v", body, err)
		}
		if err != nil || !json.Valid(body) {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatal(err)
		}
		for key, want := range members {
			if got, ok := o.Get(key); !bytes.Equal(got, want) && (ok || string(want) != "null") {
				t.Fatalf("%q: %q is %q, want %q", body, key, got, want)
			}
		}
		spent, _ := dialect.Parse(bytes.Clone(body))
		out := upstreamBytes(spent)
		edited, err := dialect.Parse(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", body, out, err)
		}
		type member struct {
			key   string
			value []byte
		}
		var want, got []member
		for key, value := range o.All() {
			if bare := bareName(value); bare != nil && (key == "model" || key == "name") {
				value = bare
			}
			if key != "prm" {
				want = append(want, member{key, value})
			}
		}
		for key, value := range edited.All() {
			got = append(got, member{key, value})
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q: %q, want %q", body, out, got, want)
		}
	})
}

// FuzzRequest: whatever a client sends, it is understood or refused with a 4xx, and what is to be searched can be.
func FuzzRequest(f *testing.F) {
	f.Add(byte(0), []byte(`{"model":"m@guided","messages":[{"role":"user","content":"1+1"}],"stop":["a"],"seed":1,"logprobs":true,"top_logprobs":2}`))
	f.Add(byte(1), []byte(`{"model":"m","messages":[{"role":"user","content":"How many is 2 and 2?"}],"options":{"temperature":0,"num_predict":-1}}`))
	f.Add(byte(2), []byte(`{"model":"m","prompt":"1+1","system":"s","prm":{"strategy":"majority","n":3}}`))
	f.Add(byte(0), []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"1+1"}]}],"prm":{"strategy":"guided"}}`))
	s := build(f, Config{Defaults: defaults(guided)}, &reasoner{checkpoint: "x"})
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		c, err := s.understand(routes[int(which)%len(routes)], body)
		if err != nil {
			if p := problemOf(err); p.Status != 400 {
				t.Fatalf("%s: %d %s", body, p.Status, p.Message)
			}
			return
		}
		if c.opts.Strategy != strategyRaw && len(c.ask.Messages) == 0 {
			t.Fatalf("%s: a search without a message", body)
		}
		if c.opts.Strategy == strategyRaw && json.Valid(body) && !json.Valid(c.bare()) {
			t.Fatalf("%s: goes upstream as %s", body, c.body)
		}
	})
}

// TestAStreamMayPause: what bounds how long a client may leave unread what was written to it is no bound of how long
// nothing is written, by HTTP/2 neither.
func TestAStreamMayPause(t *testing.T) {
	for _, two := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m, srv := inMemory(t, Config{WriteTimeout: 150 * time.Millisecond}, &reasoner{}, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for range 3 {
					io.WriteString(w, "data: {}\n\n")
					w.(http.Flusher).Flush()
					time.Sleep(300 * time.Millisecond)
				}
			})
			srv.EnableHTTP2 = two
			srv.StartTLS()
			client := srv.Client()
			client.Transport.(*http.Transport).DialContext = m.dial
			resp, err := client.Post(srv.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"m@raw","stream":true,"messages":[]}`))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if text, err := io.ReadAll(resp.Body); err != nil || strings.Count(string(text), "data") != 3 || (resp.ProtoMajor == 2) != two {
				t.Errorf("%s: %q, %v", resp.Proto, text, err)
			}
		})
	}
}
