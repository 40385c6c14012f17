package server

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"aprm/sidecar/server/dialect"
)

// cross says which pages of other origins browsers let use the sidecar: those of Config.Origins, for every answer whoever made it. Preflights are answered
// before anyone asks for a key, which browsers don't send with them.
func (s *Server) cross() gin.HandlerFunc {
	all := slices.Contains(s.cfg.Origins, "*")
	rules := cors.Config{
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		ExposeHeaders: []string{headerApplied, "X-Request-Id", "Retry-After"},
		MaxAge:        12 * time.Hour,
	}
	if all {
		rules.AllowAllOrigins = true
	} else {
		rules.AllowOriginFunc = func(origin string) bool { return slices.Contains(s.cfg.Origins, origin) }
	}
	allow := cors.New(rules)
	return func(g *gin.Context) {
		origin := g.GetHeader("Origin")
		wanted := g.GetHeader("Access-Control-Request-Method")
		preflight := g.Request.Method == http.MethodOptions && wanted != ""
		if u, err := url.Parse(origin); origin == "" || err == nil && u.Host == g.Request.Host {
			return
		}
		switch {
		case all || slices.Contains(s.cfg.Origins, origin):
			if headers := g.GetHeader("Access-Control-Request-Headers"); preflight && headers != "" {
				g.Header("Access-Control-Allow-Headers", headers) // clients send many, each its own
			}
			allow(g)
			g.Request.Header.Del("Origin") // it has been judged: the upstream has no say in it
		case preflight:
			s.fail(g, dialectOf(g.Request.URL.Path), &dialect.Problem{Status: http.StatusForbidden, Kind: dialect.Auth, Code: "origin_not_allowed",
				Message: "pages of " + origin + " may not use the sidecar: start it with --cors-origins to let them"})
			g.Abort()
		}
	}
}
