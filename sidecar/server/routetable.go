package server

import "net/http"

// Route is what people are told of a path that the sidecar serves itself. The routes that are registered are held to this table by a test.
type Route struct {
	Methods    []string
	Path       string // as gin has it
	Help       string
	Open       bool // needs no key
	Translated bool // before an OpenAI-compatible endpoint alone; Ollama serves it itself
}

// Routes are all of them, where there is a PRM to score with; any other path is the endpoint's.
func Routes() []Route {
	get, post, look := []string{http.MethodGet}, []string{http.MethodPost}, []string{http.MethodGet, http.MethodHead}
	return []Route{
		{Methods: post, Path: "/v1/chat/completions", Help: "OpenAI's chat completions; searched"},
		{Methods: post, Path: "/v1/completions", Help: "OpenAI's completions; searched where the request names a way of answering"},
		{Methods: post, Path: "/v1/responses", Help: "OpenAI's responses; searched, and made of chat completions where the endpoint has no such route"},
		{Methods: post, Path: "/v1/messages", Help: "Anthropic's messages; searched, and made of chat completions where the endpoint has no such route"},
		{Methods: post, Path: "/api/chat", Help: "Ollama's chat; searched"},
		{Methods: post, Path: "/api/generate", Help: "Ollama's generate; searched"},
		{Methods: get, Path: "/v1/models", Help: "the endpoint's models, each followed by its ways of answering"},
		{Methods: get, Path: "/v1/models/*id", Help: "one of them"},
		{Methods: look, Path: "/api/tags", Help: "the same list in Ollama's words"},
		{Methods: post, Path: "/api/show", Help: "Ollama's: what a model is and can do", Translated: true},
		{Methods: post, Path: "/api/embed", Help: "Ollama's, made of /v1/embeddings", Translated: true},
		{Methods: post, Path: "/api/embeddings", Help: "Ollama's older form of it", Translated: true},
		{Methods: look, Path: "/api/ps", Help: "Ollama's list of loaded models: all there are", Translated: true},
		{Methods: look, Path: "/api/version", Help: "the version of Ollama whose API is followed", Translated: true},
		{Methods: look, Path: "/", Help: "\"Ollama is running\"; a browser gets the endpoint's own page", Translated: true},
		{Methods: post, Path: "/v1/prm/score", Help: "scores of given steps"},
		{Methods: post, Path: "/pooling", Help: "the same as vLLM answers for a PRM; another model's request goes to the endpoint"},
		{Methods: get, Path: "/v1/prm/traces", Help: "summaries of the last searches, the newest first; ?limit=N"},
		{Methods: get, Path: "/v1/prm/traces/:id", Help: "one search: its candidates, scores, times"},
		{Methods: look, Path: "/healthz", Help: "200 while the process serves", Open: true},
		{Methods: look, Path: "/readyz", Help: "200 while the endpoint answers, with the checkpoint's id; else 503", Open: true},
		{Methods: get, Path: "/metrics", Help: "figures for Prometheus", Open: true},
	}
}
