package llamaserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
)

// serve answers each path with a fixed text; a path that isn't there is refused.
func serve(t *testing.T, answers map[string]string) Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotImplemented)
			fmt.Fprint(w, `{"error":{"message":"no embeddings here"}}`)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return Server{Root: server.URL, HTTP: server.Client(), Slots: draw.NewSlots(1), Tries: 1}
}

// The answers for "a×b" in the tokens a, the two bytes of ×, b, with a special token before them.
const (
	fiveRows   = `[{"index":0,"embedding":[[9,9],[1,0],[2,0],[3,0],[4,8]]}]`
	fivePieces = `{"tokens":[{"id":1,"piece":"<s>"},{"id":2,"piece":"a"},{"id":3,"piece":[195]},{"id":4,"piece":[151]},{"id":5,"piece":"b"}]}`
)

func TestSpansAreTheirTokens(t *testing.T) {
	s := serve(t, map[string]string{"/embedding": fiveRows, "/tokenize": fivePieces})
	for _, test := range []struct {
		span       adapters.Span
		last, mean [2]float32
	}{
		{adapters.Span{Start: 0, End: 4}, [2]float32{4, 8}, [2]float32{2.5, 2}},
		{adapters.Span{Start: 0, End: 1}, [2]float32{1, 0}, [2]float32{1, 0}}, // the special token covers nothing
		{adapters.Span{Start: 1, End: 3}, [2]float32{3, 0}, [2]float32{2.5, 0}},
		{adapters.Span{Start: 3, End: 4}, [2]float32{4, 8}, [2]float32{4, 8}},
	} {
		states, err := s.Hidden(t.Context(), "a×b", []adapters.Span{test.span})
		if err != nil {
			t.Fatal(err)
		}
		if got := states[0]; [2]float32(got.Last) != test.last || [2]float32(got.Mean) != test.mean {
			t.Errorf("%v: last %v, mean %v, want %v and %v", test.span, got.Last, got.Mean, test.last, test.mean)
		}
	}
	for _, span := range []adapters.Span{{Start: 2, End: 2}, {Start: 4, End: 6}, {Start: 3, End: 1}} {
		if states, err := s.Hidden(t.Context(), "a×b", []adapters.Span{span}); err == nil {
			t.Errorf("%v has the state %v", span, states)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, test := range map[string]struct{ embedding, tokenize, err string }{
		"pooled":                 {`[{"embedding":[[1,2]]}]`, fivePieces, "5 tokens but 1 states"},
		"not JSON":               {`<html>`, fivePieces, "no JSON"},
		"cut off":                {fiveRows[:30], fivePieces, "the connection broke"},
		"no rows":                {`[{"embedding":[]}]`, fivePieces, "something else than states"},
		"empty rows":             {`[{"embedding":[[]]}]`, fivePieces, "something else than states"},
		"two texts":              {`[{"embedding":[[1]]},{"embedding":[[1]]}]`, fivePieces, "something else than states"},
		"rows of unlike width":   {`[{"embedding":[[1,2],[1],[1],[1],[1]]}]`, fivePieces, "something else than states"},
		"words":                  {`[{"embedding":"no"}]`, fivePieces, "something else than states"},
		"pieces of another text": {fiveRows, strings.Replace(fivePieces, `"b"`, `"c"`, 1), "don't spell the text"},
		"a piece of a piece":     {fiveRows, strings.Replace(fivePieces, `[151]`, `{"x":1}`, 1), "neither text nor bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]string{"/embedding": test.embedding, "/tokenize": test.tokenize})
			_, err := s.Hidden(t.Context(), "a×b", []adapters.Span{{Start: 0, End: 4}})
			var upstream *adapters.UpstreamError
			if !errors.As(err, &upstream) || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v, want an UpstreamError with %q", err, test.err)
			}
		})
	}
	var upstream *adapters.UpstreamError
	_, err := serve(t, nil).Hidden(t.Context(), "a", []adapters.Span{{Start: 0, End: 1}})
	if !errors.As(err, &upstream) || upstream.Status != http.StatusNotImplemented || upstream.Message != "no embeddings here" {
		t.Errorf("refused, it is %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := serve(t, nil).Hidden(gone, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with nobody waiting: %v", err)
	}
}

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		want         adapters.HiddenCapabilities
	}{
		{"of every token", `[{"embedding":[[3,4],[1,0]]}]`, adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: 2}},
		{"at unit length", `[{"embedding":[[0.6,0.8],[1,0]]}]`, adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: 2, Normalised: true}},
		{"pooled", `[{"embedding":[[0.6,0.8]]}]`, adapters.HiddenCapabilities{Kind: adapters.HiddenMean, Width: 2, Normalised: true}},
		{"pooled, as older servers give it", `[{"embedding":[3,4,0]}]`, adapters.HiddenCapabilities{Kind: adapters.HiddenMean, Width: 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := serve(t, map[string]string{"/embedding": test.answer}).Probe(t.Context()); err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	if got, err := serve(t, nil).Probe(t.Context()); err == nil || got.Kind != adapters.HiddenNone {
		t.Errorf("refused: %+v, %v", got, err)
	}
}
