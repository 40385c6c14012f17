package states

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/adapters/adaptertest"
	"aprm/adapters/internal/draw"
)

// serve answers each path with a fixed text; a path that isn't there is refused.
func serve(t *testing.T, answers map[string]string) *Server {
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
	return Of(adapters.Endpoint{URL: server.URL, Tries: 1}, server.Client(), draw.NewSlots(1))
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
				t.Fatalf("%v, want an UpstreamError with %q", err, test.err)
			}
			if whole := test.err != "no JSON" && test.err != "the connection broke"; upstream.MayPass() == whole {
				t.Errorf("%v: it may pass: %t", err, whole)
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

// The answers of a vLLM for "a×b" in four tokens.
const (
	vllmNames = `{"count":4,"tokens":[64,16749,245,65],"token_strs":["a","Ã","Ĺ","b"]}`
	// base64 of the rows {1,0}, {2,0}, {3,0}, {4,8}: float32, little-endian
	vllmRows = `{"object":"list","data":[{"index":0,"object":"pooling","data":"AACAPwAAAAAAAABAAAAAAAAAQEAAAAAAAACAQAAAAEE="}],"usage":{"prompt_tokens":4}}`
)

// vllm serves as a vLLM does, which has no POST /embedding.
func vllm(t *testing.T, tokenize, pooling string) *Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, answer := range map[string]string{"/tokenize": tokenize, "/pooling": pooling} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if !strings.HasPrefix(answer, "{") {
				w.WriteHeader(http.StatusBadRequest)
			}
			fmt.Fprint(w, answer)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return Of(adapters.Endpoint{URL: server.URL, Tries: 1}, server.Client(), draw.NewSlots(1))
}

func TestVLLM(t *testing.T) {
	s := vllm(t, vllmNames, vllmRows)
	s.vllm.Store(true)
	states, err := s.Hidden(t.Context(), "a×b", []adapters.Span{{Start: 0, End: 4}, {Start: 1, End: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if got := states[0]; [2]float32(got.Last) != [2]float32{4, 8} || [2]float32(got.Mean) != [2]float32{2.5, 2} {
		t.Errorf("whole: %v", got)
	}
	if got := states[1]; [2]float32(got.Last) != [2]float32{3, 0} || [2]float32(got.Mean) != [2]float32{2.5, 0} {
		t.Errorf("×: %v", got)
	}
	for name, test := range map[string]struct{ tokenize, pooling, err string }{
		"digits in place of base64": {vllmNames, `{"data":[{"data":[[1,2],[3,4]]}]}`, "the connection broke"},
		"a row too few":             {vllmNames, `{"data":[{"data":"AACAPwAAAAAAAABA"}]}`, "a state for each token"},
		"no floats":                 {vllmNames, `{"data":[{"data":"AACAfwAAgH8AAIB/AACAfw=="}]}`, "a state for each token"}, // infinite
		"nothing":                   {vllmNames, `{"data":[{"data":""}]}`, "a state for each token"},
		"two texts":                 {vllmNames, `{"data":[{"data":"AACAPw=="},{"data":"AACAPw=="}]}`, "a state for each token"},
		"names missing":             {`{"tokens":[64,65],"token_strs":null}`, vllmRows, "tokens and their names"},
		"another text":              {strings.Replace(vllmNames, `"b"`, `"c"`, 1), vllmRows, "don't spell the text"},
		"pooled":                    {vllmNames, `Try switching the model's pooling_task`, "Try switching"},
	} {
		t.Run(name, func(t *testing.T) {
			s := vllm(t, test.tokenize, test.pooling)
			s.vllm.Store(true)
			_, err := s.Hidden(t.Context(), "a×b", []adapters.Span{{Start: 0, End: 4}})
			var upstream *adapters.UpstreamError
			if !errors.As(err, &upstream) || !strings.Contains(err.Error(), test.err) {
				t.Fatalf("%v, want an UpstreamError with %q", err, test.err)
			}
			if whole := test.err != "no JSON" && test.err != "the connection broke"; upstream.MayPass() == whole {
				t.Errorf("%v: it may pass: %t", err, whole)
			}
		})
	}
}

func TestProbeOfVLLM(t *testing.T) {
	words := `{"count":2,"tokens":[19789,4244],"token_strs":["two","Ġwords"]}`
	s := vllm(t, words, `{"data":[{"data":"AABAQAAAgEAAAIA/AAAAAA=="}]}`) // {3,4}, {1,0}
	want := adapters.HiddenCapabilities{Kind: adapters.HiddenTokens, Width: 2}
	if got, err := s.Probe(t.Context()); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	neither := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(neither.Close)
	got, err := Of(adapters.Endpoint{URL: neither.URL, Tries: 1}, neither.Client(), draw.NewSlots(1)).Probe(t.Context())
	var upstream *adapters.UpstreamError
	if got.Kind != adapters.HiddenNone || !errors.As(err, &upstream) || upstream.Status != http.StatusNotFound || !strings.Contains(err.Error(), "token_embed") {
		t.Errorf("neither: %+v, %v", got, err)
	}
}

// TestNames: what the vocabularies of byte-level BPE and of SentencePiece call their tokens spells the text.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		text   string
		pieces []string
		want   []int
	}{
		{"Tom has 3 × 12 🎉.\n", []string{"Tom", "Ġhas", "Ġ", "3", "ĠÃĹ", "Ġ", "12", "ĠðŁ", "İ", "ī", ".Ċ"}, []int{3, 7, 8, 9, 12, 13, 15, 18, 19, 20, 22}},
		{"Tom has 3 × 12\n", []string{"<s>", "▁Tom", "▁has", "▁", "3", "▁×", "▁", "1", "2", "<0x0A>"}, []int{0, 3, 7, 8, 9, 12, 13, 14, 15, 16}},
		{"é", []string{"<s>", "é"}, []int{0, 2}},
		{"é", []string{"Ã", "©"}, []int{1, 2}},
		{"é", []string{"<0xC3>", "<0xA9>", "</s>"}, []int{1, 2, 2}},
		{"a\u00adb", []string{"a", "Âł", "Ń", "b"}, nil},
		{"a\u00adb", []string{"a", "ÂŃ", "b"}, []int{1, 3, 4}},
		{"a\x00\x7f\u00a0b", []string{"a", "Āġ", "Âł", "b"}, []int{1, 3, 5, 6}},
	} {
		got, err := spelt(test.text, test.pieces, named)
		if (err == nil) != (test.want != nil) || err == nil && !slices.Equal(got, test.want) {
			t.Errorf("%q in %q: %v, %v, want %v", test.text, test.pieces, got, err, test.want)
		}
	}
}

// FuzzNames: whatever tokens are called, their ends are in order and within the text, or it is an error.
func FuzzNames(f *testing.F) {
	f.Add("Tom has\n", "Tom\x1fĠhas\x1fĊ")
	f.Add("é", "<s>\x1f<0xC3>\x1f<0xA9>")
	f.Fuzz(func(t *testing.T, text, names string) {
		ends, err := spelt(text, strings.Split(names, "\x1f"), named)
		if err == nil && (ends[len(ends)-1] != len(text) || !slices.IsSorted(ends)) {
			t.Errorf("%q in %q ends at %v", text, names, ends)
		}
	})
}

// TestRealVLLM holds the states of a real vLLM to what is known of any: SIDECAR_TEST_POOLING_URL names one started with
// --runner pooling --convert embed --pooler-config.task token_embed. adaptertest.Recording says how the cassette is
// made of it.
func TestRealVLLM(t *testing.T) {
	url := os.Getenv("SIDECAR_TEST_POOLING_URL")
	if url == "" {
		t.Skip("SIDECAR_TEST_POOLING_URL names no vLLM")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	holds(t, At(adapters.Endpoint{HiddenURL: url, Transport: adaptertest.Recording(t, transport), Tries: 1}, draw.NewSlots(1)))
}

func TestCassette(t *testing.T) {
	played := adaptertest.Play(t, "../../testdata/cassettes/vllm-pooling.jsonl.gz")
	holds(t, At(adapters.Endpoint{HiddenURL: "http://recorded", Transport: played, Tries: 1}, draw.NewSlots(1)))
}

// holds: a vLLM is told from a llama-server, its states are raw, one a token, and those of a text's beginning are the
// same whatever follows it.
func holds(t *testing.T, s *Server) {
	t.Helper()
	found, err := s.Probe(t.Context())
	if err != nil || found.Kind != adapters.HiddenTokens || found.Width == 0 || found.Normalised {
		t.Fatalf("%+v, %v", found, err)
	}
	begin, rest := "Tom has 3 × 12 = 36 pens 🎉", " and one more"
	spans := []adapters.Span{{Start: 0, End: 7}, {Start: 8, End: len(begin)}}
	short, err := s.Hidden(t.Context(), begin, spans)
	if err != nil {
		t.Fatal(err)
	}
	long, err := s.Hidden(t.Context(), begin+rest, spans)
	if err != nil {
		t.Fatal(err)
	}
	for i := range spans {
		if len(short[i].Last) != found.Width || len(short[i].Mean) != found.Width || unit(short[i].Last) {
			t.Errorf("span %d: widths %d and %d of %d", i, len(short[i].Last), len(short[i].Mean), found.Width)
		}
		if apart := distance(short[i].Last, long[i].Last); apart > .05 {
			t.Errorf("span %d: with more behind it, its state is another by %g of its length", i, apart)
		}
	}
	if distance(short[0].Last, short[1].Last) < .1 {
		t.Error("two places have the same state")
	}
}

// distance is that of two vectors, of the first one's length.
func distance(a, b []float32) float64 {
	var apart, length float64
	for i := range a {
		apart += math.Pow(float64(a[i]-b[i]), 2)
		length += float64(a[i]) * float64(a[i])
	}
	return math.Sqrt(apart / length)
}
