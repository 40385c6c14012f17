package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Keys of what handlers leave in a gin.Context for the metrics.
const (
	keyStrategy = "strategy"
	keyStatus   = "status" // of an error that came after the first byte
)

// readyWithin bounds the look at the upstream that /readyz takes.
const readyWithin = 3 * time.Second

func (s *Server) routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash = false // a path we don't know is the upstream's
	r.Use(s.measure, s.survive)
	look := []string{http.MethodGet, http.MethodHead} // as wget --spider and Ollama's clients do; net/http leaves out the body
	r.Match(look, "/healthz", func(g *gin.Context) { g.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	r.Match(look, "/readyz", s.ready)
	r.GET("/metrics", gin.WrapH(s.metrics.handler()))

	open := r.Group("/", s.admit)
	open.POST("/v1/chat/completions", s.generating(openAIChat))
	open.POST("/api/chat", s.generating(chat))
	open.POST("/api/generate", s.generating(generate))
	open.GET("/v1/models", s.listOpenAI)
	open.GET("/v1/models/*id", s.showOpenAI)
	open.Match(look, "/api/tags", s.listOllama)
	open.GET("/v1/prm/traces", s.listTraces)
	open.GET("/v1/prm/traces/:id", s.showTrace)
	if scorer, ok := s.reasoner.(StepScorer); ok {
		open.POST("/v1/prm/score", s.scoring(scorer))
		open.POST("/pooling", s.pooling(scorer))
	}
	named := []string{"/v1/completions", "/v1/embeddings", "/v1/responses"}
	if s.cfg.Dialect == Ollama {
		named = append(named, "/api/show", "/api/embed", "/api/embeddings")
	} else {
		open.POST("/api/show", s.showOllama)
		open.HEAD("/", func(g *gin.Context) { g.Status(http.StatusOK) }) // how Ollama's client asks whether anyone is there
		open.Match(look, "/api/version", func(g *gin.Context) { g.JSON(http.StatusOK, gin.H{"version": ollamaVersion}) })
	}
	for _, path := range named {
		open.POST(path, s.renamed)
	}
	r.NoRoute(s.admit, s.rest)
	return r
}

// rest handles every path without a route: the upstream's, if it speaks the dialect.
func (s *Server) rest(g *gin.Context) {
	if path := g.Request.URL.Path; s.cfg.Dialect != Ollama && (path == "/api" || strings.HasPrefix(path, "/api/")) {
		s.fail(g, Ollama, &problem{status: http.StatusNotImplemented, kind: kindInvalid,
			message: fmt.Sprintf("%s %s is not translated: the upstream is OpenAI-compatible, not Ollama; there are /api/chat, /api/generate, "+
				"/api/tags, /api/show and /api/version", g.Request.Method, path)})
		return
	}
	g.Set(keyStrategy, strategyRaw)
	s.forward(g, nil)
}

// renamed forwards a request that names a model but is none of ours: only a virtual name and a prm object are taken out.
func (s *Server) renamed(g *gin.Context) {
	g.Set(keyStrategy, strategyRaw)
	if g.GetHeader("Content-Encoding") != "" {
		s.forward(g, nil)
		return
	}
	body, err := readBody(g.Writer, g.Request, s.cfg.MaxBody)
	if err != nil {
		s.fail(g, dialectOf(g.Request), err)
		return
	}
	if o, err := parseObject(body); err == nil { // else let the upstream say what is wrong
		body = upstreamBytes(o)
	}
	s.forward(g, body)
}

// ready says whether the upstream answers at all; a refusal of the key is an answer.
func (s *Server) ready(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), readyWithin)
	defer cancel()
	path := "/v1/models"
	if s.cfg.Dialect == Ollama {
		path = "/api/version"
	}
	resp, err := s.upstream.do(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		g.JSON(http.StatusServiceUnavailable, gin.H{"status": "not ready", "upstream": err.Error()})
		return
	}
	resp.Body.Close()
	if resp.StatusCode >= 500 {
		g.JSON(http.StatusServiceUnavailable, gin.H{"status": "not ready", "upstream": resp.Status})
		return
	}
	id, ok := s.reasoner.Checkpoint()
	body := gin.H{"status": "ready", "checkpoint": nil}
	if ok {
		body["checkpoint"] = id
	}
	g.JSON(http.StatusOK, body)
}

// admit lets those in who know the sidecar's key, everyone where there is none.
func (s *Server) admit(g *gin.Context) {
	if s.cfg.APIKey == "" {
		return
	}
	token, _ := strings.CutPrefix(g.GetHeader("Authorization"), "Bearer ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.cfg.APIKey))
	if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return
	}
	s.fail(g, dialectOf(g.Request), &problem{status: http.StatusUnauthorized, kind: kindAuth, code: "invalid_api_key",
		message: "the sidecar wants its API key: Authorization: Bearer KEY"})
	g.Abort()
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
		(&problem{status: http.StatusInternalServerError, kind: kindServer, message: "the sidecar failed on this request; its log says why"}).
			write(g.Writer, dialectOf(g.Request))
		g.Abort()
	}()
	g.Next()
}

// fail answers with an error in the dialect's shape, and logs those that are not the client's.
func (s *Server) fail(g *gin.Context, d Dialect, err error) {
	p := problemOf(err)
	s.note(g, p)
	p.write(g.Writer, d)
}

// note keeps an error's status for the metrics, and logs those that are not the client's.
func (s *Server) note(g *gin.Context, p *problem) {
	g.Set(keyStatus, p.status)
	if p.status >= 500 {
		s.log.Warn("failed", "route", g.FullPath(), "status", p.status, "message", p.message, "cause", p.cause)
	}
}

// dialectOf is the dialect of a path.
func dialectOf(r *http.Request) Dialect {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return Ollama
	}
	return OpenAI
}

func randomID() string { return rand.Text() }
