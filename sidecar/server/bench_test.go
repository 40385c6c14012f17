package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
	"time"
)

// BenchmarkRaw compares a raw chat request through the sidecar with a bare httputil.ReverseProxy before the same upstream:
// ns/op for a whole small answer, and the time to the first streamed byte. The two take turns within each iteration, so
// that whatever else the machine does falls on both alike.
//
//	go test ./sidecar/server -run '^$' -bench Raw
func BenchmarkRaw(b *testing.B) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Contains(body, []byte(`"stream":true`)) {
			io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"`+strings.Repeat("x", 800)+`"}}]}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 8 {
			io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n")
			http.NewResponseController(w).Flush()
		}
	}))
	defer up.Close()
	to := mustURL(b, up.URL)
	bare := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, FlushInterval: -1,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	bareServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // see forward
		bare.ServeHTTP(w, r)
	}))
	defer bareServer.Close()
	s := build(b, Config{Upstream: to, Defaults: defaults(guided)}, &reasoner{checkpoint: "x"})
	sidecarServer := httptest.NewServer(s.Handler())
	defer sidecarServer.Close()
	client := plainClient(b)

	ask := func(url, body string) (first, whole time.Duration) {
		began := time.Now()
		resp, err := client.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		var one [1]byte
		if _, err := io.ReadFull(resp.Body, one[:]); err != nil {
			b.Fatal(err)
		}
		first = time.Since(began)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
		return first, time.Since(began)
	}
	for _, size := range []int{200, 20_000} {
		for _, stream := range []bool{false, true} {
			body := fmt.Sprintf(`{"model":"m@raw","stream":%t,"messages":[{"role":"user","content":%q}]}`, stream, strings.Repeat("word ", size/5))
			b.Run(fmt.Sprintf("body=%d/stream=%t", size, stream), func(b *testing.B) {
				var first, whole [2]time.Duration
				for b.Loop() {
					for i, url := range []string{bareServer.URL, sidecarServer.URL} {
						f, w := ask(url, body)
						first[i] += f
						whole[i] += w
					}
				}
				n := float64(b.N)
				b.ReportMetric(float64(whole[0].Nanoseconds())/n, "bare-ns/op")
				b.ReportMetric(float64(whole[1].Nanoseconds())/n, "sidecar-ns/op")
				b.ReportMetric(float64(whole[1])/float64(whole[0]), "ratio")
				b.ReportMetric(float64((first[1]-first[0]).Microseconds())/n, "first-byte-added-µs")
			})
		}
	}
	s.upstream.close()
	bare.Transport.(*http.Transport).CloseIdleConnections()
}
