package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"aprm/sidecar/server/dialect"
)

// cross says which pages of other origins browsers let use the sidecar: those of Config.Origins, for every answer
// whoever made it. Preflights are answered before anyone asks for a key, which browsers don't send with them.
func (s *Server) cross() gin.HandlerFunc {
	all := slices.Contains(s.cfg.Origins, "*")
	let := func(origin string) bool {
		return slices.ContainsFunc(s.cfg.Origins, func(o string) bool { return strings.EqualFold(strings.TrimSuffix(o, "/"), origin) })
	}
	rules := cors.Config{
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		ExposeHeaders: []string{headerApplied, "X-Request-Id", "Retry-After"},
		MaxAge:        12 * time.Hour,

		AllowPrivateNetwork: true,
	}
	if all {
		rules.AllowAllOrigins = true
	} else {
		rules.AllowOriginFunc = let
	}
	allow := cors.New(rules)
	return func(g *gin.Context) {
		origin := g.GetHeader("Origin")
		if origin == "" {
			return
		}
		wanted := g.GetHeader("Access-Control-Request-Method")
		preflight := g.Request.Method == http.MethodOptions && wanted != ""
		if u, err := url.Parse(origin); err == nil && u.Host == g.Request.Host {
			return
		}
		switch {
		case !boards(g) && (all || let(origin)):
			if headers := g.GetHeader("Access-Control-Request-Headers"); preflight && headers != "" {
				g.Header("Access-Control-Allow-Headers", headers) // clients send many, each its own
			}
			allow(g)
			g.Set(keyOrigin, true)
			g.Request.Header.Del("Origin") // it has been judged: the upstream has no say in it
		case preflight:
			s.foreign(g, origin)
		}
	}
}

// ours lets those in without a key that no page of another site can speak for: it would have the browser ask for it,
// and could read the answers of a sidecar on this machine by having its own name resolved to it (DNS rebinding). So the
// name by which the sidecar was called must be one that nobody else has, and a page that asks must be of this origin or
// of Config.Origins. Where there are keys these are what lets in.
func (s *Server) ours(g *gin.Context) {
	if s.cfg.Keys != nil {
		return
	}
	if !s.called(g.Request.Host) {
		s.refuse(g, "host_not_allowed", fmt.Sprintf("the sidecar isn't called %q: call it by its address or as localhost, let it answer to that name with --hosts, or have clients send a key (--api-key)", g.Request.Host))
		return
	}
	if g.GetBool(keyOrigin) {
		return
	}
	origin := g.GetHeader("Origin")
	if origin == "" {
		// Browsers that say nothing else say this: a form or an image of another site.
		if site := g.GetHeader("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && g.Request.Method != http.MethodGet && g.Request.Method != http.MethodHead {
			s.foreign(g, "other sites")
		}
		return
	}
	if u, err := url.Parse(origin); err == nil && u.Host == g.Request.Host && u.Host != "" {
		return
	}
	s.foreign(g, origin)
}

// boards reports whether a request is one to the board, which begins trainings and replaces what is served: whoever
// else may use the sidecar, that is its own page's alone.
func boards(g *gin.Context) bool { return strings.HasPrefix(g.Request.URL.Path, "/sidecar/api/") }

// foreign refuses a page of another origin.
func (s *Server) foreign(g *gin.Context, origin string) {
	if boards(g) {
		s.refuse(g, "origin_not_allowed", "pages of "+origin+" may not ask what the sidecar's own page asks: open that one")
		return
	}
	s.refuse(g, "origin_not_allowed", "pages of "+origin+" may not use the sidecar: start it with --cors-origins to let them")
}

func (s *Server) refuse(g *gin.Context, code, message string) {
	s.fail(g, dialectOf(g.Request.URL.Path), &dialect.Problem{Status: http.StatusForbidden, Kind: dialect.Auth, Code: code, Message: message})
	g.Abort()
}

// private are the ends of names that nobody can register, so that no other site's name ends so.
var private = []string{".localhost", ".local", ".internal", ".svc"}

// called reports whether host, as a request has it, is a name of the sidecar: an address, this machine's own name, one
// that only a local network knows, or one of Config.Hosts.
func (s *Server) called(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") { // a browser always names a host
		return true
	}
	for _, end := range private {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	own, err := os.Hostname()
	return slices.Contains(s.cfg.Hosts, "*") || slices.Contains(s.cfg.Hosts, name) || err == nil && strings.EqualFold(own, name)
}
