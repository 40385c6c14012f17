package adapters_test

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"testing"

	"aprm/adapters"
	"aprm/adapters/ollama"
	"aprm/adapters/openai"
)

// TestRealStatesAgree holds that servers of the same weights give the same hidden states, so that a PRM trained at one
// may serve at another: llama-server at SIDECAR_TEST_HIDDEN_URL against vLLM's POST /pooling at
// SIDECAR_TEST_POOLING_URL and, the last tokens', against Ollama at SIDECAR_TEST_OLLAMA_URL. SIDECAR_TEST_OPENAI_URL is
// a server that generates, of any kind, SIDECAR_TEST_MODEL the name that all have for the model.
//
// The least cosine that is let pass is .99, or SIDECAR_TEST_COSINE where one server's weights, or what it computes
// with, are of fewer bits.
func TestRealStatesAgree(t *testing.T) {
	generating, model := os.Getenv("SIDECAR_TEST_OPENAI_URL"), os.Getenv("SIDECAR_TEST_MODEL")
	ofLlama, ofVLLM, ofOllama := os.Getenv("SIDECAR_TEST_HIDDEN_URL"), os.Getenv("SIDECAR_TEST_POOLING_URL"), os.Getenv("SIDECAR_TEST_OLLAMA_URL")
	if generating == "" || model == "" || ofLlama == "" || ofVLLM == "" {
		t.Skip("SIDECAR_TEST_OPENAI_URL, SIDECAR_TEST_MODEL, SIDECAR_TEST_HIDDEN_URL and SIDECAR_TEST_POOLING_URL name no servers")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	beside := func(hidden string) adapters.LLM {
		llm, err := openai.New(adapters.Endpoint{URL: generating, Model: model, HiddenURL: hidden, NoSeeds: true, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		return llm
	}
	reference := examined(t, beside(ofLlama))
	others := map[string][]adapters.State{"vLLM": examined(t, beside(ofVLLM))}
	if ofOllama != "" {
		llm, err := ollama.New(adapters.Endpoint{URL: ofOllama, Model: model, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		others["Ollama"] = examined(t, llm)
	}
	for name, states := range others {
		last, mean := alike(reference, states)
		ofMeans := "has none"
		if states[0].Mean != nil {
			ofMeans = fmt.Sprintf("%.4f", mean)
		}
		t.Logf("llama-server and %s, %d steps: least cosine of the last token's state %.4f, of the mean over a step's tokens %s", name, len(states), last, ofMeans)
		if least := leastCosine(t); last < least || mean < least {
			t.Errorf("%s: below %g", name, least)
		}
	}
}

// examined returns the states of the steps of a few answers. Each answer is read as far as a step goes: of more, what
// is last in a step may be one token with the line's end, which Ollama, that gives the state at a text's end alone,
// never has.
func examined(t *testing.T, llm adapters.LLM) (all []adapters.State) {
	t.Helper()
	for _, steps := range [][]string{
		{"Tom has 3 boxes of 12 pens and gives 5 away. How many are left?\n", "\nTom has 3 × 12 = 36 pens.", "\nHe gives 5 away, so 36 - 5 = 31 are left.", "\n#### 31"},
		{"A train goes 60 km an hour for 2.5 hours, then 40 km. How far does it go?\n", "\nIn 2.5 hours it goes 60 * 2.5 = 150 km.", "\nThen 150 + 40 = 180 km.", "\n#### 180"},
		{"¿Cuánto son 7 más 8? – “seven” and “eight” 🎉\n", "\n7 + 8 = 15", "\nThe answer is \\(15\\)."},
	} {
		text := steps[0]
		for _, step := range steps[1:] {
			span := adapters.Span{Start: len(text) + 1, End: len(text) + len(step)}
			text += step
			states, err := llm.Hidden(t.Context(), text, []adapters.Span{span})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, states...)
		}
	}
	return all
}

// alike returns the least cosine between two servers' states; that of the means is 1 where one gives none.
func alike(a, b []adapters.State) (last, mean float64) {
	last, mean = 1, 1
	for i := range a {
		last = min(last, cosine(a[i].Last, b[i].Last))
		if b[i].Mean != nil {
			mean = min(mean, cosine(a[i].Mean, b[i].Mean))
		}
	}
	return last, mean
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func leastCosine(t *testing.T) float64 {
	t.Helper()
	text := os.Getenv("SIDECAR_TEST_COSINE")
	if text == "" {
		return .99
	}
	least, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return least
}
