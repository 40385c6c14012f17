package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aprm/adapters"
	"aprm/adapters/builtin"
	"aprm/sidecar/engine"
)

// endpoint is one that answers.
type endpoint struct {
	kind   string
	url    string
	models []string
}

// usual says where the servers of this kind listen unless told otherwise.
var usual = []endpoint{
	{kind: "Ollama", url: "ollama://127.0.0.1:11434"},
	{kind: "vLLM", url: "openai+http://127.0.0.1:8000/v1"},
	{kind: "llama-server", url: "openai+http://127.0.0.1:8080/v1"},
	{kind: "LM Studio", url: "openai+http://127.0.0.1:1234/v1"},
}

// discover asks places which of them answer with a model, all at once.
func discover(ctx context.Context, places []endpoint) []endpoint {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	answers := make([]endpoint, len(places))
	var group sync.WaitGroup
	for i, e := range places {
		group.Go(func() {
			u := upstreamFlags{URL: "http://" + strings.SplitN(e.url, "//", 2)[1]}
			if models, err := u.models(ctx); err == nil && len(models) > 0 {
				e.models = models
				answers[i] = e
			}
		})
	}
	group.Wait()
	var found []endpoint
	for _, e := range answers {
		if e.url != "" {
			found = append(found, e)
		}
	}
	return found
}

// nothing is said where nothing answers.
const nothing = "no LLM endpoint answers on this machine (looked for Ollama on 11434, vLLM on 8000, llama-server on 8080, LM Studio on 1234)"

// found says what answers on this machine, and how to go on.
func found(endpoints []endpoint) string {
	var b strings.Builder
	if len(endpoints) == 0 {
		fmt.Fprintf(&b, "%s.\nWhat needs none is %s:\n\n"+
			"  sidecar demo                        train a PRM, measure it on unseen problems and serve it, in two minutes\n"+
			"  sidecar serve --upstream builtin    serve it at once, guided by the PRM that comes with it\n\n"+
			"With an endpoint elsewhere:\n\n  sidecar serve --upstream http://HOST:PORT\n\n", strings.ToUpper(nothing[:1])+nothing[1:], builtin.Title)
	}
	for _, e := range endpoints {
		fmt.Fprintf(&b, "%s answers at %s with %s.\n\n"+
			"serve it with the PRM that comes with the program (without it: as it is, with votes on request, %s@majority-8):\n"+
			"  sidecar serve --upstream %s --upstream-model %s --checkpoint general\n"+
			"or train one of its own first, of its answers to problems whose answers are known (FILE), and serve it with --checkpoint my.prm:\n"+
			"  sidecar sample --upstream %s --upstream-model %s --problems FILE --out answers.jsonl\n"+
			"  sidecar train --solutions answers.jsonl --out my.prm\n\n",
			e.kind, e.url, strings.Join(e.models, ", "), e.models[0], e.url, e.models[0], e.url, e.models[0])
	}
	b.WriteString("Try it with no endpoint: sidecar demo. All commands: sidecar --help; one of them: sidecar serve --help\n")
	return b.String()
}

// embedded returns the model that is part of this program.
func embedded() (adapters.LLM, error) { return builtin.Embedded() }

// engineOf returns an engine over one LLM.
func engineOf(llm adapters.LLM, instruction string) (*engine.Engine, error) {
	return engine.New(engine.Config{Open: func(string) (adapters.LLM, error) { return llm, nil }, Instruction: instruction, CachedStates: 1 << 16})
}
