package adaptertest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
)

// exchange is one request and the bytes that a real server answered it with.
type exchange struct {
	Key    string `json:"key"` // method, path and what the body hashes to
	Status int    `json:"status"`
	Type   string `json:"type"`
	Body   []byte `json:"body"` // as far as the client read it
}

// cassette holds exchanges; those of equal requests in their order.
type cassette struct {
	mu    sync.Mutex
	taken map[string][]*exchange
	all   []*exchange
}

// Recording carries what a test of a real server says, and keeps it in the file that SIDECAR_TEST_RECORD names, if it
// names one. The cassettes under adapters/testdata are made so, of Qwen2.5-Coder (0.5B and, by vLLM, 1.5B), one file a
// server:
//
//	SIDECAR_TEST_RECORD=$PWD/adapters/testdata/cassettes/ollama.jsonl.gz SIDECAR_TEST_OLLAMA_URL=http://127.0.0.1:11434 SIDECAR_TEST_MODEL=qwen2.5-coder:0.5b-t1 go test ./adapters/ollama -run RealContract
//	SIDECAR_TEST_RECORD=$PWD/adapters/testdata/cassettes/vllm.jsonl.gz SIDECAR_TEST_OPENAI_URL=http://127.0.0.1:8000/v1 SIDECAR_TEST_MODEL=qwen2.5-coder:1.5b go test ./adapters/openai -run RealContract
func Recording(t *testing.T, next http.RoundTripper) http.RoundTripper {
	if path := os.Getenv("SIDECAR_TEST_RECORD"); path != "" {
		return record(t, next, path)
	}
	return next
}

// record writes what next carries to a file, gzipped JSON lines, when the test ends.
func record(t *testing.T, next http.RoundTripper, path string) http.RoundTripper {
	c := &cassette{}
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		enc := json.NewEncoder(zip)
		for _, e := range c.all {
			if err := enc.Encode(e); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(zip.Close(), os.WriteFile(path, out.Bytes(), 0o644)); err != nil { // #nosec G306 G703 -- a recording for everyone to read, where who runs the test says
			t.Error(err)
		}
	})
	return tripper(func(r *http.Request) (*http.Response, error) {
		key, err := keyOf(r)
		if err != nil {
			return nil, err
		}
		resp, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		e := &exchange{Key: key, Status: resp.StatusCode, Type: resp.Header.Get("Content-Type")}
		c.mu.Lock()
		c.all = append(c.all, e)
		c.mu.Unlock()
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(resp.Body, sink(func(p []byte) {
			c.mu.Lock()
			defer c.mu.Unlock()
			e.Body = append(e.Body, p...)
		})), resp.Body}
		return resp, nil
	})
}

// Play returns a RoundTripper that answers as a recorded server did. A request that was never made of it is an error.
func Play(t *testing.T, path string) http.RoundTripper {
	t.Helper()
	f, err := os.Open(path) // #nosec G304 -- a recording that a test names
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	c := &cassette{taken: map[string][]*exchange{}}
	for dec := json.NewDecoder(zip); ; {
		e := &exchange{}
		switch err := dec.Decode(e); {
		case errors.Is(err, io.EOF):
			return c
		case err != nil:
			t.Fatal(err)
		}
		c.taken[e.Key] = append(c.taken[e.Key], e)
	}
}

// RoundTrip implements http.RoundTripper. The last answer to equal requests is given again.
func (c *cassette) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	key, err := keyOf(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.taken[key]
	if len(left) == 0 {
		return nil, fmt.Errorf("the cassette has no answer to %s", key)
	}
	if len(left) > 1 {
		c.taken[key] = left[1:]
	}
	e := left[0]
	return &http.Response{StatusCode: e.Status, Status: http.StatusText(e.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {e.Type}}, Body: io.NopCloser(bytes.NewReader(e.Body)), ContentLength: -1}, nil
}

// keyOf is what tells requests apart; the body can be read again.
func keyOf(r *http.Request) (string, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return "", err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256(body)
	return r.Method + " " + r.URL.Path + " " + hex.EncodeToString(sum[:8]), nil
}

type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

type sink func([]byte)

func (s sink) Write(p []byte) (int, error) { s(p); return len(p), nil }
