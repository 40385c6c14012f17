package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/sidecar/server/dialect"
)

// TestEverydayIsRawByteForByte sends every everyday conversation in both dialects, streamed and not, and compares
// bytes, status and content type on both sides of the sidecar. The upstream's bytes are odd but legal.
func TestEverydayIsRawByteForByte(t *testing.T) {
	whole := []byte("{ \"z\" : 1e0,\t\"choices\":[ {\"message\":{\"content\":\"\\u00e9\\/\",\"role\":\"assistant\"}, \"index\":0}],\r\n \"unknown\":{\"b\":1,\"a\":[ ]} }\n\n")
	chunks := []string{": hello\n\n", "data:{\"b\"", ":1, \"a\" :2}\r\n\r\n", "event: odd\ndata: {\"x\":\"\xc3", "\xa9\"}\n\n", "data: [DONE]\n\n", " "}
	up := newFakeUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Contains(body, []byte(`"stream" : true`)) {
			w.Header().Set("Content-Type", "application/json;  charset=odd")
			w.WriteHeader(203)
			w.Write(whole)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream; odd=1")
		for _, c := range chunks {
			io.WriteString(w, c)
			http.NewResponseController(w).Flush()
		}
	})
	r := answers(solved())
	asOpenAI := serve(t, Config{Defaults: defaults(guided)}, r, up)
	asOllama := serve(t, Config{Defaults: defaults(guided), Dialect: dialect.Ollama}, r, up)
	client := plainClient(t)
	searched := map[string]bool{}
	all := conversations(t)
	for i, c := range all {
		for _, to := range []struct{ addr, path string }{{asOpenAI, "/v1/chat/completions"}, {asOllama, "/v1/chat/completions"}, {asOllama, "/api/chat"}} {
			for _, stream := range []bool{false, true} {
				body := everydayBody(c, to.path, stream)
				before := r.searched()
				resp, err := client.Post(to.addr+to.path, "application/json", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if r.searched() > before {
					searched[fmt.Sprint(i)] = true
					continue
				}
				status, kind, want := 203, "application/json;  charset=odd", whole
				if stream {
					status, kind, want = 200, "text/event-stream; odd=1", []byte(strings.Join(chunks, ""))
				}
				if resp.StatusCode != status || resp.Header.Get("Content-Type") != kind || !bytes.Equal(got, want) {
					t.Errorf("%s %s: the client got %d %s %q", to.path, body, resp.StatusCode, resp.Header.Get("Content-Type"), got)
				}
				if in := up.last(t); string(in.body) != body || in.uri != to.path {
					t.Errorf("%s: the upstream got %s %q, want %q", to.path, in.uri, in.body, body)
				}
				if why := resp.Header.Get(headerApplied); !strings.HasPrefix(why, "raw; reason=") {
					t.Errorf("%s: %s: %q", body, headerApplied, why)
				}
			}
		}
	}
	of := map[string]int{}
	for i, c := range all {
		if searched[fmt.Sprint(i)] {
			of[c.Split]++
		}
	}
	t.Logf("%d of %d were searched: %v", len(searched), len(all), of)
	if len(searched)*100 > len(all) {
		t.Errorf("%d of %d everyday conversations were searched", len(searched), len(all))
	}
}

// conversation is a line of scope's testdata.
type conversation struct {
	Split    string                     `json:"split"`
	Messages json.RawMessage            `json:"messages"`
	Fields   map[string]json.RawMessage `json:"fields"` // of the OpenAI request beside messages
}

func conversations(t *testing.T) (all []conversation) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "scope", "testdata", "everyday.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := json.NewDecoder(f); ; {
		var c conversation
		switch err := lines.Decode(&c); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, c)
	}
}

// everydayBody is a request with odd spacing and order of keys.
func everydayBody(c conversation, path string, stream bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{ \"stream\" : %t,\t\"messages\":%s , \"model\": \"cf@m\"", stream, c.Messages)
	for _, key := range []string{"tools", "tool_choice", "response_format"} {
		value, ok := c.Fields[key]
		switch {
		case !ok || path == "/api/chat" && key == "tool_choice":
		case path == "/api/chat" && key == "response_format":
			b.WriteString(` ,"format":"json"`)
		default:
			fmt.Fprintf(&b, " ,%q:%s", key, json.RawMessage(value))
		}
	}
	b.WriteString("}\n")
	return b.String()
}
