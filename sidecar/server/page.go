package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"aprm/sidecar/server/dialect"
)

// pagePolicy has browsers load and ask nothing but what the sidecar serves itself: what an LLM wrote stands in the
// page, and is hostile.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// wantsPage reports whether a browser asks, to show what comes.
func wantsPage(g *gin.Context) bool { return strings.Contains(g.GetHeader("Accept"), "text/html") }

// home gives a browser the page; others are left to who comes next. The page itself tells nothing and wants no key: a
// browser has none to send yet.
func (s *Server) home(g *gin.Context) {
	if s.cfg.Page == nil || !wantsPage(g) {
		return
	}
	g.Header("Vary", "Accept")
	s.shown(g, "page.html")
}

// file serves what the page is made of.
func (s *Server) file(g *gin.Context) { s.shown(g, g.Param("file")) }

func (s *Server) shown(g *gin.Context, name string) {
	g.Abort()
	if s.ours(g); g.Writer.Written() {
		return
	}
	if s.cfg.Page == nil {
		s.nothing(g)
		return
	}
	g.Header("Content-Security-Policy", pagePolicy)
	g.Header("X-Content-Type-Options", "nosniff")
	g.Header("Referrer-Policy", "no-referrer")
	g.Header("Cross-Origin-Opener-Policy", "same-origin")
	g.Header("Cache-Control", "no-cache") // another build has another page
	http.ServeFileFS(g.Writer, g.Request, s.cfg.Page, name)
}

// board answers what the page asks.
func (s *Server) board(g *gin.Context) {
	if s.cfg.Board == nil {
		s.nothing(g)
		return
	}
	g.Header("Cache-Control", "no-store")
	http.StripPrefix("/sidecar/api", s.cfg.Board).ServeHTTP(g.Writer, g.Request)
}

func (s *Server) nothing(g *gin.Context) {
	s.fail(g, dialect.OpenAI, &dialect.Problem{Status: http.StatusNotFound, Kind: dialect.NotFound, Code: "not_found", Message: "there is no " + g.Request.URL.Path + " here: this sidecar serves no page"})
}
