package server

import (
	"github.com/gin-gonic/gin"

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
	{Format: dialect.Completions, path: "/v1/completions", plain: true},
	{Format: dialect.Responses, path: "/v1/responses"},
	{Format: dialect.Messages, path: "/v1/messages"},
	{Format: dialect.OllamaChat, path: "/api/chat"},
	{Format: dialect.OllamaGenerate, path: "/api/generate"},
}

// lacking reports whether the upstream is known to have no such route: then its requests are translated.
func (s *Server) lacking(r route) bool {
	if r.Dialect == dialect.Ollama {
		return s.cfg.Dialect != dialect.Ollama
	}
	_, known := s.lacks.Load(r.path)
	return known
}

// perhaps forwards a request of a route that the upstream may lack, as younger APIs are by many; where it does the
// request is translated. A model that isn't there is a 404 too: what the translation comes to says which it was.
func (s *Server) perhaps(g *gin.Context, c *call) {
	if s.passing(g, c.why, c.bare(), true) && s.translate(g, c) {
		s.lacks.Store(c.path, true)
	}
}
