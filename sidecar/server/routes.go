package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/sidecar/access"
	"aprm/sidecar/server/dialect"
)

// Keys of what handlers leave in a gin.Context for the metrics.
const (
	keyStrategy = "strategy"
	keyStatus   = "status" // of an error that came after the first byte
	keyKey      = "key"    // *access.Key
	keyOrigin   = "origin" // true where Config.Origins has the page's that asks
)

// readyWithin bounds the look at the upstream that /readyz takes.
const readyWithin = 3 * time.Second

func (s *Server) routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash = false // a path we don't know is the upstream's
	r.Use(s.measure, s.survive, s.take, func(g *gin.Context) { g.Header(headerApplied, "none; reason=the sidecar's own answer") }, s.echoless, s.cross())
	look := []string{http.MethodGet, http.MethodHead} // as wget --spider and Ollama's clients do; net/http leaves out the body
	r.Match(look, "/healthz", s.healthy)
	r.Match(look, "/readyz", s.ours, s.ready)
	r.GET("/metrics", s.admit(access.Metrics), gin.WrapH(s.metrics.handler()))

	open := r.Group("/", s.admit(access.Chat))
	for _, one := range routes {
		open.POST(one.path, s.generating(one))
	}
	open.GET("/v1/models", s.listOpenAI)
	open.GET("/v1/models/*id", s.showOpenAI)
	open.Match(look, "/api/tags", s.listOllama)
	r.Match(look, "/", s.home, s.admit(access.Chat), s.root)
	r.Match(look, "/sidecar/:file", s.file)
	r.Match([]string{http.MethodGet, http.MethodPost}, "/sidecar/api/*what", s.admit(access.Admin), s.board)
	open.POST("/v1/prm/feedback", s.feedback)
	r.GET("/v1/prm/traces", s.admit(access.Traces), s.listTraces)
	r.GET("/v1/prm/traces/:id", s.admit(access.Traces), s.showTrace)
	if scorer, ok := s.reasoner.(StepScorer); ok {
		r.POST("/v1/prm/score", s.admit(access.Score), s.scoring(scorer))
		r.POST("/pooling", s.admit(access.Score), s.pooling(scorer))
	}
	if s.cfg.Dialect != dialect.Ollama {
		open.POST("/api/show", s.showOllama)
		open.POST("/api/embed", s.embed(dialect.Embed))
		open.POST("/api/embeddings", s.embed(dialect.Embeddings))
		open.Match(look, "/api/ps", s.listRunning)
		open.Match(look, "/api/version", func(g *gin.Context) { g.JSON(http.StatusOK, gin.H{"version": ollamaVersion}) })
	}
	r.NoRoute(s.admit(access.Chat), s.rest)
	return r
}

// echoless takes no TRACE, which an endpoint answers by what came to it: the key that the sidecar sent with it would be the
// client's then. CONNECT would want a tunnel.
func (s *Server) echoless(g *gin.Context) {
	if method := g.Request.Method; method == http.MethodTrace || method == http.MethodConnect {
		g.Header("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		s.fail(g, dialectOf(g.Request.URL.Path), &dialect.Problem{Status: http.StatusMethodNotAllowed, Kind: dialect.Invalid, Code: "method_not_allowed",
			Message: method + " is not taken, whatever the path: GET and POST are"})
		g.Abort()
	}
}

// onlyOllama are the routes of Ollama's that nothing else can do, as they begin: to fetch, make, copy and delete
// models.
var onlyOllama = []string{"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/", "/api/experimental/", "/api/me", "/api/signout", "/api/user/"}

// rest handles every path without a route: the upstream's. Where its body names a model only a virtual name and a prm
// object are taken out.
func (s *Server) rest(g *gin.Context) {
	path := g.Request.URL.Path
	if s.cfg.Dialect != dialect.Ollama {
		for _, only := range onlyOllama {
			if path == strings.TrimSuffix(only, "/") || strings.HasSuffix(only, "/") && strings.HasPrefix(path, only) {
				s.fail(g, dialect.Ollama, &dialect.Problem{Status: http.StatusNotImplemented, Kind: dialect.Invalid,
					Message: fmt.Sprintf("%s %s is not translated: the upstream is OpenAI-compatible, not Ollama; there are /api/chat, /api/generate, "+
						"/api/embed, /api/tags, /api/ps, /api/show and /api/version", g.Request.Method, path)})
				return
			}
		}
	}
	const why = "not a route that is searched"
	if g.Request.Body == nil || g.Request.Body == http.NoBody || g.GetHeader("Content-Encoding") != "" {
		s.pass(g, why, nil)
		return
	}
	kind, params, err := mime.ParseMediaType(g.GetHeader("Content-Type"))
	form := err == nil && kind == "multipart/form-data"
	if err == nil && !form && !strings.Contains(kind, "json") && !strings.HasPrefix(kind, "text/") && kind != "application/x-www-form-urlencoded" {
		s.pass(g, why, nil) // a file, of any size
		return
	}
	body, large, err := s.peekBody(g.Request)
	switch {
	case err != nil:
		s.fail(g, dialectOf(path), err)
		return
	case large:
		s.pass(g, "large body", nil)
		return
	case form:
		s.pass(g, why, dialect.EditForm(body, params["boundary"], "model", bareText, "prm"))
		return
	case kind == "application/x-www-form-urlencoded" && !curled(kind, body):
		s.pass(g, why, []byte(bareQuery(string(body))))
		return
	}
	if o, err := dialect.Parse(body); err == nil { // else let the upstream say what is wrong
		var name string
		if o.Read("model", &name, "a string") == nil {
			if err := s.checkName(g.Request, name); err != nil {
				s.fail(g, dialectOf(path), err)
				return
			}
		}
		body = upstreamBytes(o)
	}
	s.pass(g, why, body)
}

// root answers as Ollama does whose clients ask whether it runs.
func (s *Server) root(g *gin.Context) {
	if s.cfg.Dialect == dialect.Ollama || wantsPage(g) {
		s.rest(g)
		return
	}
	g.String(http.StatusOK, "Ollama is running")
}

// healthy says that the sidecar runs, and by which PRM requests are answered from now on.
func (s *Server) healthy(g *gin.Context) {
	g.JSON(http.StatusOK, s.state("ok"))
}

func (s *Server) state(status string) gin.H {
	body := gin.H{"status": status, "checkpoint": nil}
	if id, ok := s.reasoner.Checkpoint(); ok {
		body["checkpoint"] = id
	}
	if s.cfg.Refused != nil {
		if id, why := s.cfg.Refused(); id != "" {
			body["refused"] = gin.H{"checkpoint": id, "why": why}
		}
	}
	return body
}

// ready says whether the upstream answers at all; a refusal of the key is an answer. It is asked once a second at most,
// however many want to know.
func (s *Server) ready(g *gin.Context) {
	if s.front.stopping.Load() {
		g.JSON(http.StatusServiceUnavailable, gin.H{"status": "stopping"})
		return
	}
	path := "/v1/models"
	if s.cfg.Dialect == dialect.Ollama {
		path = "/api/version"
	}
	bare := g.Request.Clone(g.Request.Context())
	bare.Header, bare.URL.RawQuery = http.Header{}, "" // the same for all
	a := s.asked.about("ready", freshReady, func() answered { return s.fetch(bare, path, readyWithin) })
	switch {
	case a.err != nil:
		g.JSON(http.StatusServiceUnavailable, gin.H{"status": "not ready", "upstream": a.err.Error()})
		return
	case a.status >= 500:
		g.JSON(http.StatusServiceUnavailable, gin.H{"status": "not ready", "upstream": fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))})
		return
	}
	g.JSON(http.StatusOK, s.state("ready"))
}

// admit lets those in whose key opens that, everyone where there are no keys.
func (s *Server) admit(scope access.Scope) gin.HandlerFunc {
	return func(g *gin.Context) {
		if s.cfg.Keys == nil {
			s.ours(g)
			return
		}
		var key *access.Key
		for _, name := range adapters.KeyHeaders {
			token := strings.TrimSpace(g.GetHeader(name))
			if scheme, bearer, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
				token = strings.TrimSpace(bearer)
			}
			if found := s.cfg.Keys.Find(token); found != nil {
				key = found
			}
		}
		refuse := func(status int, kind, code, message string, again time.Duration) {
			s.fail(g, dialectOf(g.Request.URL.Path), &dialect.Problem{Status: status, Kind: kind, Code: code, Message: message, RetryAfter: again})
			g.Abort()
		}
		var limit *access.Limit
		switch {
		case key == nil:
			refuse(http.StatusUnauthorized, dialect.Auth, "invalid_api_key", "the sidecar wants its API key: Authorization: Bearer KEY (or x-api-key: KEY)", 0)
		case !key.May(scope):
			refuse(http.StatusForbidden, dialect.Auth, "scope_missing", fmt.Sprintf("this key doesn't open that: it wants the scope %q", scope), 0)
		case errors.As(key.Begin(time.Now()), &limit):
			refuse(http.StatusTooManyRequests, dialect.Rate, "key_limit", limit.What, limit.Again)
		default:
			g.Set(keyKey, key)
		}
	}
}

// keyOf is the key that a request came with, nil where there are none.
func keyOf(g *gin.Context) *access.Key {
	key, _ := g.Get(keyKey)
	k, _ := key.(*access.Key)
	return k
}

// charge counts what a request has cost, if it came with a key.
func charge(g *gin.Context, tokens int) {
	if key := keyOf(g); key != nil {
		key.Spend(time.Now(), tokens)
	}
}

// survive keeps a panic within its request. Nothing of the request itself is logged.
func (s *Server) survive(g *gin.Context) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler) // net/http's own way of breaking a connection off
		}
		s.log.Error("panic", "route", g.FullPath(), "panic", r, "stack", string(debug.Stack()))
		if g.Writer.Written() {
			panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
		}
		write(g.Writer, &dialect.Problem{Status: http.StatusInternalServerError, Kind: dialect.Failed, Message: "the sidecar failed on this request; its log says why"},
			dialectOf(g.Request.URL.Path))
		g.Abort()
	}()
	g.Next()
}

// fail answers with an error in the dialect's shape, and logs those that are not the client's.
func (s *Server) fail(g *gin.Context, d dialect.Dialect, err error) {
	p := problemOf(err)
	s.note(g, p)
	write(g.Writer, p, d)
}

// note keeps an error's status for the metrics, and logs those that are not the client's.
func (s *Server) note(g *gin.Context, p *dialect.Problem) {
	g.Set(keyStatus, p.Status)
	if p.Status >= 500 {
		s.log.Warn("failed", "route", g.FullPath(), "status", p.Status, "message", p.Message, "cause", p.Cause)
	}
}

// dialectOf is the dialect of a path.
func dialectOf(path string) dialect.Dialect {
	switch {
	case strings.HasPrefix(path, "/api/"):
		return dialect.Ollama
	case path == "/v1/messages" || strings.HasPrefix(path, "/v1/messages/"):
		return dialect.Anthropic
	}
	return dialect.OpenAI
}

func randomID() string { return rand.Text() }
