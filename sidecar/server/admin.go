package server

import (
	"net/http"
	"net/http/pprof" // #nosec G108 -- what it adds to http.DefaultServeMux is served by nobody

	"github.com/gin-gonic/gin"

	"aprm/sidecar/access"
)

// Admin serves Go's profiles of this process (/debug/pprof/), at an address of its own, to keys of the scope admin, and, where there are no keys, to everyone who
// may call the sidecar at all.
func (s *Server) Admin() http.Handler {
	r := gin.New()
	r.Use(func(g *gin.Context) {
		now := s.front.now.Load()
		now.survive(g)
	}, func(g *gin.Context) { s.front.now.Load().admit(access.Admin)(g) })
	r.GET("/debug/pprof/*profile", func(g *gin.Context) {
		serve := pprof.Index
		switch g.Param("profile") {
		case "/cmdline":
			serve = pprof.Cmdline
		case "/profile":
			serve = pprof.Profile
		case "/symbol":
			serve = pprof.Symbol
		case "/trace":
			serve = pprof.Trace
		}
		serve(g.Writer, g.Request)
	})
	return r
}
