package server

import (
	"aprm/sidecar/server/dialect"
)

// route is one of the paths that generate: how its requests are read and what its answers look like.
type route struct {
	dialect.Format
	path  string
	plain bool // text is continued, not answered: only who names a way of answering gets a search
}

// routes are all that generate.
var routes = []route{
	{Format: dialect.Chat, path: "/v1/chat/completions"},
	{Format: dialect.OllamaChat, path: "/api/chat"},
	{Format: dialect.OllamaGenerate, path: "/api/generate"},
}

// lacking reports whether the upstream is known to have no such route: then its requests are translated.
func (s *Server) lacking(r route) bool {
	return r.Dialect == dialect.Ollama && s.cfg.Dialect != dialect.Ollama
}
