package training

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"testing"

	"aprm/adapters"
	"aprm/adapters/openai"
	"aprm/generator"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/prm/train"
	"aprm/sidecar/dataset"
	"aprm/sidecar/engine"
)

// TestRealElsewhere holds that a PRM which was trained on the hidden states of one server serves at another of the same
// weights: trained by those of a llama-server (SIDECAR_TEST_HIDDEN_URL) and by those of a vLLM
// (SIDECAR_TEST_POOLING_URL), it tells the steps of right from those of wrong answers to other problems by either's
// states, with AUCs within 0.03. SIDECAR_TEST_OPENAI_URL is a server that generates, SIDECAR_TEST_MODEL the model's
// name, SIDECAR_TEST_PROBLEMS how many problems of the recorded ones are read, 20 unless it says so; four answers of
// each.
func TestRealElsewhere(t *testing.T) {
	generating, model := os.Getenv("SIDECAR_TEST_OPENAI_URL"), os.Getenv("SIDECAR_TEST_MODEL")
	servers := [2]string{os.Getenv("SIDECAR_TEST_HIDDEN_URL"), os.Getenv("SIDECAR_TEST_POOLING_URL")}
	if generating == "" || model == "" || servers[0] == "" || servers[1] == "" {
		t.Skip("SIDECAR_TEST_OPENAI_URL, SIDECAR_TEST_MODEL, SIDECAR_TEST_HIDDEN_URL and SIDECAR_TEST_POOLING_URL name no servers")
	}
	problems, err := strconv.Atoi(cmp.Or(os.Getenv("SIDECAR_TEST_PROBLEMS"), "20"))
	if err != nil {
		t.Fatal(err)
	}
	learned, seen := recordedSteps(t, problems)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	var engines [2]*engine.Engine
	for i, url := range servers {
		llm, err := openai.New(adapters.Endpoint{URL: generating, Model: model, HiddenURL: url, NoSeeds: true, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		if engines[i], err = engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, NeedHidden: true, CachedStates: 1 << 14}); err != nil {
			t.Fatal(err)
		}
	}
	names := [2]string{"llama-server", "vLLM"}
	for i, own := range engines {
		learner := NewLearner(own, t.TempDir(), train.Options{Seed: 1, Epochs: 30}, train.SolutionOptions{}, 1)
		if _, err := learner.Learn(t.Context(), 0, learned); err != nil {
			t.Fatal(err)
		}
		if w := learner.Model().Header().Width; w == 0 {
			t.Fatal("it learned without hidden states")
		}
		var scores [2][]float64
		var aucs [2]float64
		for k, e := range engines {
			if err := e.Use(learner.Model()); err != nil {
				t.Fatal(err)
			}
			var positive []bool
			for _, s := range seen {
				judged, sighted, err := e.Judge(t.Context(), s.Trace, nil)
				if err != nil || !sighted {
					t.Fatalf("sighted %v, %v", sighted, err)
				}
				for _, score := range judged {
					scores[k], positive = append(scores[k], score.Step), append(positive, s.FirstWrong < 0)
				}
			}
			aucs[k] = metric.AUC(scores[k], positive)
		}
		apart := 0.0
		for j := range scores[0] {
			apart = max(apart, math.Abs(scores[0][j]-scores[1][j]))
		}
		t.Logf("trained by the states of %s, on %d steps: AUC over %d steps by those of llama-server %.3f, of vLLM %.3f; scores at most %.3f apart",
			names[i], len(learned), len(scores[0]), aucs[0], aucs[1], apart)
		if math.Abs(aucs[0]-aucs[1]) > .03 {
			t.Errorf("trained at %s: AUCs %.3f and %.3f", names[i], aucs[0], aucs[1])
		}
	}
}

// recordedSteps are steps of recorded answers, each called what its answer is: those of two thirds of the problems to
// learn from, and the answers to the others.
func recordedSteps(t *testing.T, problems int) (learned []generator.Labelled, seen []step.Judged) {
	t.Helper()
	answered, err := dataset.ReadAnswers("../../configs/experiments/votes/gsm8k-0.5b.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	for i, of := range answered[:problems] {
		of.Answers = of.Answers[:4]
		outcomes, err := Outcomes(t.Context(), []dataset.Answered{of})
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 2 {
			seen = append(seen, outcomes...)
			continue
		}
		for k, s := range outcomes {
			right := step.Right
			if s.FirstWrong >= 0 {
				right = step.Wrong
			}
			for n := range s.Steps {
				learned = append(learned, generator.Labelled{Prefix: s.Prefix(n), Text: s.Steps[n], Step: right, Value: right, Source: generator.Natural,
					Sample: fmt.Sprint(i, k)})
			}
		}
	}
	return learned, seen
}
