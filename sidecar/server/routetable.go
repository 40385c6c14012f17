package server

import (
	"net/http"

	"aprm/sidecar/access"
)

// Route is what people are told of a path that the sidecar serves itself. The routes that are registered are held to
// this table by a test.
type Route struct {
	Methods    []string
	Path       string // as gin has it
	Help       string
	Scope      access.Scope // that a key must have, where there are keys; "" for none
	Translated bool         // before an OpenAI-compatible endpoint alone; Ollama serves it itself
}

// Routes are all of them, where there is a PRM to score with; any other path is the endpoint's.
func Routes() []Route {
	get, post, look := []string{http.MethodGet}, []string{http.MethodPost}, []string{http.MethodGet, http.MethodHead}
	return []Route{
		{Methods: post, Path: "/v1/chat/completions", Scope: access.Chat, Help: "OpenAI's chat completions; searched"},
		{Methods: post, Path: "/v1/completions", Scope: access.Chat, Help: "OpenAI's completions; searched where the request names a way of answering"},
		{Methods: post, Path: "/v1/responses", Scope: access.Chat, Help: "OpenAI's responses; searched, and made of chat completions where the endpoint has no such route"},
		{Methods: post, Path: "/v1/messages", Scope: access.Chat, Help: "Anthropic's messages; searched, and made of chat completions where the endpoint has no such route"},
		{Methods: post, Path: "/api/chat", Scope: access.Chat, Help: "Ollama's chat; searched"},
		{Methods: post, Path: "/api/generate", Scope: access.Chat, Help: "Ollama's generate; searched"},
		{Methods: get, Path: "/v1/models", Scope: access.Chat, Help: "the endpoint's models, each followed by its ways of answering"},
		{Methods: get, Path: "/v1/models/*id", Scope: access.Chat, Help: "one of them"},
		{Methods: look, Path: "/api/tags", Scope: access.Chat, Help: "the same list in Ollama's words"},
		{Methods: post, Path: "/api/show", Scope: access.Chat, Help: "Ollama's: what a model is and can do", Translated: true},
		{Methods: post, Path: "/api/embed", Scope: access.Chat, Help: "Ollama's, made of /v1/embeddings", Translated: true},
		{Methods: post, Path: "/api/embeddings", Scope: access.Chat, Help: "Ollama's older form of it", Translated: true},
		{Methods: look, Path: "/api/ps", Scope: access.Chat, Help: "Ollama's list of loaded models: all there are", Translated: true},
		{Methods: look, Path: "/api/version", Scope: access.Chat, Help: "the version of Ollama whose API is followed", Translated: true},
		{Methods: look, Path: "/", Scope: access.Chat, Help: "\"Ollama is running\", from an Ollama itself; a browser gets the page, for which it needs no key"},
		{Methods: look, Path: "/sidecar/:file", Help: "what the page is made of"},
		{Methods: []string{http.MethodGet, http.MethodPost}, Path: "/sidecar/api/*what", Scope: access.Admin, Help: "what the page asks: see sidecar/page/README.md"},
		{Methods: post, Path: "/v1/prm/score", Scope: access.Score, Help: "scores of given steps"},
		{Methods: post, Path: "/pooling", Scope: access.Score, Help: "the same as vLLM answers for a PRM; another model's request goes to the endpoint"},
		{Methods: post, Path: "/v1/prm/feedback", Scope: access.Chat, Help: "says whether an answer was right, where answers are kept to learn from (--experience)"},
		{Methods: get, Path: "/v1/prm/traces", Scope: access.Traces, Help: "summaries of the last searches, the newest first; ?limit=N"},
		{Methods: get, Path: "/v1/prm/traces/:id", Scope: access.Traces, Help: "one search: its candidates, scores, times"},
		{Methods: look, Path: "/healthz", Help: "200 while the process serves, with the checkpoint's id"},
		{Methods: look, Path: "/readyz", Help: "the same while the endpoint answers; else, and while it stops, 503"},
		{Methods: get, Path: "/metrics", Scope: access.Metrics, Help: "figures for Prometheus"},
	}
}
