package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// call carries, beside one request through the SDK, what the SDK has no place for: fields to send, and what came back.
type call struct {
	extra      map[string]any // merged into the request's JSON
	stops      map[int]string // stop_reason by completion, where it is a string (vLLM)
	retryAfter time.Duration
	prompt     int    // tokens of the prompt, where chunks tell (llama-server's timings)
	head       []byte // what the answer began with, up to headBytes
}

// headBytes is how much of an answer is kept, to tell of one that is no stream.
const headBytes = 2 << 10

// silent is the error of an answer without a chunk: an endpoint that said nothing, put an error under a 200 or, at a wrong address, is
// no LLM's at all.
func (c *call) silent(err error) error {
	said := strings.Join(strings.Fields(strings.ToValidUTF8(string(c.head), "")), " ")
	var refusal struct{ Error any }
	message := ""
	if json.Unmarshal(c.head, &refusal) == nil {
		switch e := refusal.Error.(type) {
		case string:
			message = e
		case map[string]any:
			message, _ = e["message"].(string)
		}
	}
	switch {
	case message != "":
	case said == "", strings.HasPrefix(said, "data:"), strings.HasPrefix(said, ":"):
		message = "the endpoint closed the stream without a word"
	default:
		const runes = 200
		if r := []rune(said); len(r) > runes {
			said = string(r[:runes]) + "…"
		}
		message = "the endpoint's answer is no stream: " + said
	}
	return &adapters.UpstreamError{Op: "generate", Message: message, Err: err}
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// extender is the RoundTripper that merges a call's extra fields into the body and reads the fields of the answer that the
// SDK drops.
type extender struct{ next http.RoundTripper }

func (e extender) RoundTrip(r *http.Request) (*http.Response, error) {
	c, _ := r.Context().Value(callKey{}).(*call)
	if c == nil {
		return e.next.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	if err := merge(r, c.extra); err != nil {
		return nil, err
	}
	resp, err := e.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.retryAfter = draw.RetryAfter(resp.Header, time.Now())
	c.stops, c.prompt, c.head = nil, 0, nil
	resp.Body = &stopReader{ReadCloser: resp.Body, call: c}
	return resp, nil
}

// merge adds fields to a request's JSON object.
func merge(r *http.Request, extra map[string]any) error {
	if len(extra) == 0 || r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return fmt.Errorf("openai: reading the request to be sent: %w", err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("openai: the request to be sent is no JSON object: %w", err)
	}
	for name, value := range extra {
		if fields[name], err = json.Marshal(value); err != nil {
			return fmt.Errorf("openai: field %s: %w", name, err)
		}
	}
	if body, err = json.Marshal(fields); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength = int64(len(body))
	return nil
}

// stopReader passes a stream on and notes every stop_reason and count in it, before its reader sees the line that holds it.
type stopReader struct {
	io.ReadCloser
	call *call
	line []byte
}

// longestLine bounds what is kept of a line; a longer one is passed on unread.
const longestLine = 1 << 20

func (s *stopReader) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.call.head = append(s.call.head, p[:min(n, headBytes-len(s.call.head))]...)
	for rest := p[:n]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if len(s.line)+len(rest) <= longestLine {
				s.line = append(s.line, rest...)
			}
			break
		}
		s.note(append(s.line, rest[:i]...))
		s.line, rest = s.line[:0], rest[i+1:]
	}
	return n, err
}

func (s *stopReader) note(line []byte) {
	data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data:"))
	if !ok || !bytes.Contains(data, []byte(`"stop_reason"`)) && !bytes.Contains(data, []byte(`"timings"`)) {
		return
	}
	var chunk struct {
		Choices []struct {
			Index      int `json:"index"`
			StopReason any `json:"stop_reason"`
		} `json:"choices"`
		Timings struct {
			Cached int `json:"cache_n"`
			Read   int `json:"prompt_n"`
		} `json:"timings"`
	}
	if json.Unmarshal(data, &chunk) != nil {
		return // the SDK reports a malformed chunk
	}
	s.call.prompt = max(s.call.prompt, chunk.Timings.Cached+chunk.Timings.Read)
	for _, choice := range chunk.Choices {
		if stop, ok := choice.StopReason.(string); ok { // a number is the id of a stop token: the end of the text
			if s.call.stops == nil {
				s.call.stops = map[int]string{}
			}
			s.call.stops[choice.Index] = stop
		}
	}
}
