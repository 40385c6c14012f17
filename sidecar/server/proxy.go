package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/sidecar/server/dialect"
)

// upstream is the way to the endpoint: where each path is, whose key is sent, and a reverse proxy that changes nothing
// and passes on every chunk of a stream as it comes.
type upstream struct {
	base      url.URL // scheme and host
	root      string  // path below which everything but the OpenAI API is, "" or "/prefix"
	api       string  // path of the OpenAI API, "/v1" unless the configured URL says otherwise
	key       string
	dropAuth  bool // the client's Authorization is for the sidecar
	idle      time.Duration
	transport http.RoundTripper
	proxy     *httputil.ReverseProxy
}

func newUpstream(cfg Config, log *slog.Logger) *upstream {
	path := strings.TrimRight(cfg.Upstream.Path, "/")
	u := &upstream{
		base:     url.URL{Scheme: cfg.Upstream.Scheme, Host: cfg.Upstream.Host},
		root:     strings.TrimSuffix(path, "/v1"),
		api:      path,
		key:      cfg.UpstreamKey,
		dropAuth: cfg.Keys != nil,
		idle:     cfg.IdleTimeout,
	}
	if cfg.Dialect == dialect.Ollama || path == "" {
		u.api = u.root + "/v1"
	} else if u.root == path {
		u.root = "" // an API base of another name, such as /api/paas/v4: what lies beside it is at the host's root
	}
	u.transport = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       4 * time.Second, // llama-server and uvicorn (vLLM) hang up after 5: a request must not meet that
		TLSHandshakeTimeout:   10 * time.Second,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,    // what the client didn't ask for is not unpacked for it
		WriteBufferSize:       8 << 10, // most requests go out at once; a connection has it as long as it lasts
		ResponseHeaderTimeout: cfg.HeaderTimeout,
	}
	if cfg.Route != nil {
		u.transport = cfg.Route(u.transport)
	}
	u.proxy = &httputil.ReverseProxy{
		Rewrite:        u.rewrite,
		Transport:      u.transport,
		BufferPool:     &bufferPool{},
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ModifyResponse: u.receive,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, errLacking) {
				return // forward's caller goes another way
			}
			p := unreachable(err)
			if own := (*dialect.Problem)(nil); errors.As(err, &own) { // the client's body
				p = own
				w.Header().Set("Connection", "close") // what is left of it is not read
			}
			log.Warn("upstream", "path", r.URL.Path, "status", p.Status, "error", err)
			write(w, p, dialectOf(strings.TrimPrefix(r.URL.Path, u.root)))
		},
	}
	return u
}

// locate gives a client's path its place at the upstream. Escapes are kept as the client wrote them.
func (u *upstream) locate(escaped string) string {
	if escaped == "/v1" || strings.HasPrefix(escaped, "/v1/") {
		return u.api + strings.TrimPrefix(escaped, "/v1")
	}
	return u.root + escaped
}

// rewrite leaves a request as the client sent it but for its address, hop-by-hop headers and, where a key is
// configured, the key.
func (u *upstream) rewrite(r *httputil.ProxyRequest) {
	escaped := u.locate(r.In.URL.EscapedPath())
	if path, err := url.PathUnescape(escaped); err == nil {
		r.Out.URL.Path, r.Out.URL.RawPath = path, escaped
	}
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.base.Scheme, u.base.Host, ""
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := r.In.Header[name]; ok { // the client's own word, which ReverseProxy takes out
			r.Out.Header[name] = v
		}
	}
	u.authorize(r.Out.Header)
	if r.Out.Body != nil && r.Out.GetBody != nil { // a body that is kept: the transport sees that it needn't wait for it, and sends it along with the head
		if body, err := r.Out.GetBody(); err == nil {
			r.Out.Body = body
		}
	}
	repeatable(r.Out)
}

// repeatable lets the transport send a request again, a POST too: an endpoint may hang up on a kept connection just
// when a request goes out on it. What tells the transport so is not sent.
func repeatable(r *http.Request) {
	if r.GetBody != nil && len(r.Header.Values("Idempotency-Key")) == 0 {
		r.Header["Idempotency-Key"] = []string{}
	}
}

// authorize leaves of the client's keys what is for the upstream, and adds the sidecar's own.
func (u *upstream) authorize(h http.Header) {
	u.withoutKeys(h)
	if u.key != "" {
		h.Set("Authorization", "Bearer "+u.key)
	}
}

// withoutKeys takes out the client's keys where they are the sidecar's, or the sidecar's own go in their place.
func (u *upstream) withoutKeys(h http.Header) {
	if u.key == "" && !u.dropAuth {
		return
	}
	for _, name := range adapters.KeyHeaders {
		h.Del(name)
	}
}

// own are headers that belong to one exchange and not to what a client wants: those of HTTP's own, and a browser's.
var own = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Content-Length", "Content-Type", "Content-Encoding", "Accept", "Accept-Encoding", "Expect", "Range", "If-None-Match", "If-Modified-Since", "Idempotency-Key",
	"Origin", "Referer", "Host", "Http2-Settings"}

// client is what of a client's request goes along with those that are made for it.
func (u *upstream) client(r *http.Request) adapters.Client {
	h := r.Header.Clone()
	for _, names := range r.Header.Values("Connection") {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range own {
		h.Del(name)
	}
	for name := range h {
		if strings.HasPrefix(name, "Sec-") || strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
	u.withoutKeys(h)
	return adapters.Client{Header: h, Query: r.URL.RawQuery}
}

var errLacking = errors.New("the upstream has no such route")

// receive looks at the head of what the upstream answers to a forwarded request. Which pages may use the sidecar is for
// the sidecar to say, not for it.
func (u *upstream) receive(resp *http.Response) error {
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			resp.Header.Del(name)
		}
	}
	f, ok := resp.Request.Context().Value(forwardedKey{}).(*forwarded)
	if !ok {
		return nil
	}
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		if f.elsewhere {
			f.lacks = true
			return errLacking
		}
	case http.StatusSwitchingProtocols:
		return nil
	}
	f.header.Del(headerRequest) // the answer has the upstream's own headers, whether it names requests or not
	w := &watched{ReadCloser: resp.Body, idle: u.idle, timer: time.AfterFunc(u.idle, func() { f.cancel(errIdle) }), spent: f.spent, ctx: resp.Request.Context()}
	if resp.ContentLength < 0 {
		w.last = farewell(resp.Header, f.dialect)
	}
	resp.Body = w
	return nil
}

// forwarded is what a forwarded request has in its context.
type forwarded struct {
	cancel  context.CancelCauseFunc
	dialect dialect.Dialect
	header  http.Header      // of the answer
	spent   func(said usage) // told what its answer says that it cost; nil for nobody

	elsewhere bool // it may be answered another way, if the upstream has no such route
	lacks     bool // the upstream has none
}

type forwardedKey struct{}

var errIdle = errors.New("the upstream sent nothing for too long")

// watched is an answer that may not fall silent, and is looked through for what it cost. How long the client takes to
// read it doesn't count.
type watched struct {
	io.ReadCloser
	idle  time.Duration
	timer *time.Timer
	spent func(usage)
	said  usage
	ctx   context.Context
	last  func() []byte // see farewell; nil for none
}

func (w *watched) Read(into []byte) (int, error) {
	w.timer.Reset(w.idle)
	defer w.timer.Stop()
	n, err := w.ReadCloser.Read(into)
	if w.spent != nil {
		_, _ = w.said.Write(into[:n])
	}
	if err != nil && w.last != nil && errors.Is(context.Cause(w.ctx), errStopping) {
		n, err = copy(into, w.last()), io.EOF // which the proxy's buffers have room for
		w.last = nil
	}
	return n, err
}

// farewell is what a stream ends with that there is no more time for, nil where the answer is none.
func farewell(head http.Header, d dialect.Dialect) func() []byte {
	kind, _, _ := strings.Cut(head.Get("Content-Type"), ";")
	form := ""
	switch {
	case head.Get("Content-Encoding") != "":
	case kind == "text/event-stream" && d == dialect.Anthropic:
		form = "\n\nevent: error\ndata: %s\n\n"
	case kind == "text/event-stream":
		form = "\n\ndata: %s\n\n"
	case kind == "application/x-ndjson":
		form = "\n%s\n"
	}
	if form == "" {
		return nil
	}
	return func() []byte { return fmt.Appendf(nil, form, dialect.Compact(errStopping.Shape(d))) }
}

func (w *watched) Close() error {
	w.timer.Stop()
	if w.spent != nil {
		w.spent(w.said)
		w.spent = nil
	}
	return w.ReadCloser.Close()
}

// do sends a request of the sidecar's own on behalf of a client's, r; path is a client's ("/v1/models"). A body is
// JSON.
func (u *upstream) do(r *http.Request, method, path string, body []byte) (*http.Response, error) {
	client := u.client(r)
	to := u.base
	to.Path, to.RawQuery = u.locate(path), client.Query
	req, err := http.NewRequestWithContext(r.Context(), method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = client.Header
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept-Encoding", "identity")
	u.authorize(req.Header)
	repeatable(req)
	resp, err := u.transport.RoundTrip(req)
	if err != nil {
		return nil, unreachable(err)
	}
	return resp, nil
}

func (u *upstream) close() {
	if t, ok := u.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// forward sends a request to the upstream as it is; body is what has been read of it, nil when nothing has. One that
// may be answered elsewhere, another way, gets no answer where the upstream has no such route, which is reported.
func (s *Server) forward(g *gin.Context, body []byte, elsewhere bool) (lacks bool) {
	if body != nil {
		again := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		g.Request.Body, _ = again()
		g.Request.GetBody = again
		g.Request.ContentLength = int64(len(body))
		if curled(g.GetHeader("Content-Type"), body) { // which some endpoints refuse, such as vLLM
			g.Request.Header.Set("Content-Type", "application/json")
		}
	}
	// Without this, net/http empties the request's body when the answer begins, while the transport may still be
	// reading it, and the answer breaks off. What can't do it (HTTP/2) doesn't need it.
	_ = http.NewResponseController(g.Writer).EnableFullDuplex()
	ctx, cancel := context.WithCancelCause(g.Request.Context())
	defer cancel(nil)
	defer func(r *http.Request) { g.Request = r }(g.Request) // it may be answered another way
	f := &forwarded{cancel: cancel, header: g.Writer.Header(), dialect: dialectOf(g.Request.URL.Path), elsewhere: elsewhere}
	if key := keyOf(g); key != nil {
		f.spent = func(said usage) { key.Spend(time.Now(), said.tokens(len(body))) }
		g.Request.Header.Set("Accept-Encoding", "identity") // what a packed answer cost can't be seen
	}
	g.Request = g.Request.WithContext(context.WithValue(ctx, forwardedKey{}, f))
	s.upstream.proxy.ServeHTTP(g.Writer, g.Request)
	// What the upstream left unread has to go before the handler ends: net/http would read it afterwards, and then
	// reads the connection twice at once, which it answers with a panic that drops the connection.
	if _, err := io.Copy(io.Discard, g.Request.Body); err != nil {
		s.log.Debug("the rest of a request", "error", err)
	}
	return f.lacks
}

// curled reports whether a body is JSON that says it is a form's, as curl -d sends it.
func curled(contentType string, body []byte) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/x-www-form-urlencoded" && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
}

// bufferPool lends the buffers that bodies are copied through: a thousand streams have one each while they wait for
// their next piece, which is small.
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 8<<10)
}

func (b *bufferPool) Put(buf []byte) { b.pool.Put(&buf) }

// onBehalf is a request's context with what the adapters behind the Reasoner are to send along.
func (s *Server) onBehalf(r *http.Request) context.Context {
	return adapters.WithClient(r.Context(), s.upstream.client(r))
}

// pass forwards a request that is not for a search, and says why.
func (s *Server) pass(g *gin.Context, why string, body []byte) { s.passing(g, why, body, false) }

func (s *Server) passing(g *gin.Context, why string, body []byte, elsewhere bool) (lacks bool) {
	s.decided(g, strategyRaw, why)
	g.Request.URL.RawQuery = bareQuery(g.Request.URL.RawQuery)
	return s.forward(g, body, elsewhere)
}
