package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkFirstByte is how long a client waits for the first byte of a streamed search of 64 candidates by the
// embedded model, on every route that is searched: the median and the longest, in ms.
//
//	go test ./sidecar -run '^$' -bench FirstByte -benchtime 20x
func BenchmarkFirstByte(b *testing.B) {
	addr, stop := startServe(b, "--upstream", "builtin")
	defer stop()
	const problem = "Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"
	messages := []map[string]string{{"role": "user", "content": problem}}
	for path, ask := range map[string]map[string]any{
		"/v1/chat/completions": {"messages": messages},
		"/v1/completions":      {"prompt": problem},
		"/v1/responses":        {"input": problem},
		"/v1/messages":         {"messages": messages, "max_tokens": 200},
		"/api/chat":            {"messages": messages},
		"/api/generate":        {"prompt": problem},
	} {
		request := map[string]any{"model": "builtin@majority-64", "stream": true}
		maps.Copy(request, ask)
		body, err := json.Marshal(request)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "-"), func(b *testing.B) {
			var waited []float64
			for b.Loop() {
				began := time.Now()
				resp, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(string(body)))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
					b.Fatal(err)
				}
				waited = append(waited, float64(time.Since(began).Microseconds())/1e3)
				if applied := resp.Header.Get("X-Sidecar-Applied"); !strings.HasPrefix(applied, "majority") {
					b.Fatal(applied)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
			slices.Sort(waited)
			b.ReportMetric(waited[len(waited)/2], "first-ms")
			b.ReportMetric(waited[len(waited)-1], "first-ms-max")
		})
	}
	http.DefaultClient.CloseIdleConnections()
}
