package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aprm/adapters/pool"
)

// BenchmarkRaw compares a raw chat request through the sidecar, with its log and its way to the endpoint as serve has
// them, with a bare httputil.ReverseProxy before the same upstream. The two take turns, block by block, so that
// whatever else the machine does falls on both alike, and what each leaves to the garbage collector on itself. ratio is
// the median of five rounds' ratios of their median blocks; the client and the upstream have their share in both.
//
//	taskset -c 0 go test ./sidecar/server -run '^$' -bench Raw -benchtime 40x
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
	bare := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	bareServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // see forward
		bare.ServeHTTP(w, r)
	}))
	defer bareServer.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	way, err := pool.New([]*url.URL{to}, nil)
	if err != nil {
		b.Fatal(err)
	}
	s := build(b, Config{Upstream: to, Defaults: defaults(guided), Route: way.Passing, Log: slog.New(slog.NewTextHandler(null, nil))}, &reasoner{checkpoint: "x"})
	sidecarServer := httptest.NewServer(s.Handler())
	defer sidecarServer.Close()
	client := plainClient(b)

	ask := func(url, body string) (first time.Duration) {
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
		return first
	}
	for _, size := range []int{200, 20_000} {
		for _, stream := range []bool{false, true} {
			body := fmt.Sprintf(`{"model":"m@raw","stream":%t,"messages":[{"role":"user","content":%q}]}`, stream, strings.Repeat("word ", size/5))
			b.Run(fmt.Sprintf("body=%d/stream=%t", size, stream), func(b *testing.B) {
				const rounds, block = 5, 50
				var first, whole [rounds][2][]float64 // µs: of each request, and a request's mean in each block
				for b.Loop() {
					for round := range rounds {
						for i, url := range []string{bareServer.URL, sidecarServer.URL} {
							began := time.Now()
							for range block {
								first[round][i] = append(first[round][i], float64(ask(url, body).Nanoseconds())/1e3)
							}
							whole[round][i] = append(whole[round][i], float64(time.Since(began).Nanoseconds())/1e3/block)
						}
					}
				}
				var ratios, added []float64
				for round := range rounds {
					ratios = append(ratios, median(whole[round][1])/median(whole[round][0]))
					added = append(added, median(first[round][1])-median(first[round][0]))
				}
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(slices.Max(ratios), "ratio-max")
				b.ReportMetric(median(whole[0][0]), "bare-µs")
				b.ReportMetric(median(added), "first-byte-added-µs")
				b.ReportMetric(0, "ns/op") // of both, and of nothing that is asked
			})
		}
	}
	s.upstream.close()
	bare.Transport.(*http.Transport).CloseIdleConnections()
}

// median sorts its values.
func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}
