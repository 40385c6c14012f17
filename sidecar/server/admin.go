package server

import (
	"net/http"
	"net/http/pprof" // #nosec G108 -- what it adds to http.DefaultServeMux is served by nobody

	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/sidecar/access"
	"aprm/sidecar/server/dialect"
)

// LongestProfile is the longest time that a profile may be taken for.
const LongestProfile = 5 * time.Minute

// shortEnough refuses what a profile's seconds can't be; "" leaves them to the profile.
func shortEnough(seconds string) error {
	if seconds == "" {
		return nil
	}
	if n, err := strconv.ParseFloat(seconds, 64); err == nil && n > 0 && n <= LongestProfile.Seconds() {
		return nil
	}
	return dialect.BadRequest("seconds", "seconds must be a number above 0 and at most %g, is %q", LongestProfile.Seconds(), seconds)
}

// Admin serves Go's profiles of this process (/debug/pprof/), at an address of its own, to keys of the scope admin,
// and, where there are no keys, to everyone who may call the sidecar at all.
func (s *Server) Admin() http.Handler {
	r := gin.New()
	r.Use(func(g *gin.Context) {
		now := s.front.now.Load()
		now.survive(g)
	}, func(g *gin.Context) { s.front.now.Load().admit(access.Admin)(g) })
	r.GET("/debug/pprof/*profile", func(g *gin.Context) {
		if err := shortEnough(g.Request.FormValue("seconds")); err != nil {
			s.front.now.Load().fail(g, dialect.OpenAI, err)
			return
		}
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
