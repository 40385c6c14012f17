package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/sidecar/server/dialect"
)

// ollamaVersion is what /api/version says before an OpenAI-compatible upstream: the version of Ollama whose API the
// translation follows. Clients look at it for what they may ask.
const ollamaVersion = "0.17.4"

// listOfModels is where all upstreams list theirs.
const listOfModels = "/v1/models"

// largestList bounds an upstream's list of models, in bytes.
const largestList = 8 << 20

// listOpenAI serves /v1/models: the upstream's list, each model followed by its virtual names.
func (s *Server) listOpenAI(g *gin.Context) { s.list(g, dialect.OpenAI, listOfModels, "data", "id") }

// listOllama serves /api/tags likewise, made from /v1/models where the upstream is OpenAI-compatible.
func (s *Server) listOllama(g *gin.Context) {
	if s.cfg.Dialect == dialect.Ollama {
		s.list(g, dialect.Ollama, "/api/tags", "models", "name", "model")
		return
	}
	models, err := s.models(g.Request)
	if err != nil {
		s.fail(g, dialect.Ollama, err)
		return
	}
	tags := []any{}
	for _, m := range models {
		tags = append(tags, m.Tag(m.ID))
		if m.Embeds() {
			continue
		}
		for _, suffix := range s.suffixes(m.ID, len(models)) {
			tags = append(tags, m.Tag(m.ID+suffix))
		}
	}
	reply(g, map[string]any{"models": tags})
}

// listRunning serves /api/ps before an OpenAI-compatible upstream, whose models are all loaded as far as one can tell.
func (s *Server) listRunning(g *gin.Context) {
	models, err := s.models(g.Request)
	if err != nil {
		s.fail(g, dialect.Ollama, err)
		return
	}
	running := []any{}
	for _, m := range models {
		running = append(running, m.Running(s.now()))
	}
	reply(g, map[string]any{"models": running})
}

func reply(g *gin.Context, v any) {
	g.Data(http.StatusOK, "application/json; charset=utf-8", dialect.Compact(v))
}

// fewModels is up to how many models of the upstream all have their virtual names listed; beyond it only the configured
// one has. They are taken all the same.
const fewModels = 8

// suffixes are what the name of one of n listed models is followed by in its virtual names.
func (s *Server) suffixes(name string, n int) []string {
	if n > fewModels && name != s.cfg.Model {
		return nil
	}
	var out []string
	for _, name := range s.offered() {
		out = append(out, "@"+name)
	}
	return out
}

// list serves the upstream's list at path. In its array at key each model is followed by copies under the virtual
// names, which differ in the members called names only; nothing else is touched.
func (s *Server) list(g *gin.Context, d dialect.Dialect, path, key string, names ...string) {
	status, body, err := s.get(g.Request, path)
	if err != nil {
		s.fail(g, d, err)
		return
	}
	if status == http.StatusOK {
		if o, err := dialect.Parse(body); err == nil {
			body = o.Edit(func(k string, value json.RawMessage) json.RawMessage {
				if k != key {
					return nil
				}
				return dialect.WithVirtual(value, names, s.suffixes)
			}, "")
		}
	}
	g.Data(status, "application/json; charset=utf-8", body)
}

// showOpenAI serves /v1/models/NAME; a virtual name is shown as the model it stands for, under its own name.
func (s *Server) showOpenAI(g *gin.Context) {
	id := strings.TrimPrefix(g.Param("id"), "/")
	name, _, virtual := splitName(id)
	if !virtual {
		if err := s.checkName(g.Request, id); err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		s.pass(g, "not a route that is searched", nil)
		return
	}
	status, body, err := s.get(g.Request, "/v1/models/"+name)
	if err != nil {
		s.fail(g, dialect.OpenAI, err)
		return
	}
	if o, err := dialect.Parse(body); status == http.StatusOK && err == nil {
		body = o.Rename([]string{"id"}, strings.TrimPrefix(id, name))
	}
	g.Data(status, "application/json; charset=utf-8", body)
}

// named reads the name of a model from an Ollama request; the older member of that name gives way.
func named(o dialect.Object) (name string, err error) {
	for _, key := range []string{"name", "model"} {
		if err := o.Read(key, &name, "a string"); err != nil {
			return "", err
		}
	}
	if name == "" {
		return "", dialect.BadRequest("model", "model is missing")
	}
	return name, nil
}

// readOllama reads a request of one of Ollama's routes that is about a model.
func (s *Server) readOllama(g *gin.Context) (o dialect.Object, name string, err error) {
	body, err := readBody(g.Request, s.cfg.MaxBody)
	if err != nil {
		return o, "", err
	}
	if o, err = dialect.Parse(body); err != nil {
		return o, "", err
	}
	if name, err = named(o); err != nil {
		return o, "", err
	}
	return o, name, s.checkName(g.Request, name)
}

// showOllama serves /api/show before an OpenAI-compatible upstream: that the model is there, what it is and what it can
// do.
func (s *Server) showOllama(g *gin.Context) {
	_, name, err := s.readOllama(g)
	if err != nil {
		s.fail(g, dialect.Ollama, err)
		return
	}
	models, err := s.models(g.Request)
	if err != nil {
		s.fail(g, dialect.Ollama, err)
		return
	}
	bare := strings.TrimSuffix(bareText(name), ":latest") // which Ollama's clients add
	at := slices.IndexFunc(models, func(m dialect.Model) bool { return m.ID == bare || m.ID == bareText(name) })
	if at < 0 {
		s.fail(g, dialect.Ollama, &dialect.Problem{Status: http.StatusNotFound, Kind: dialect.NotFound, Param: "model", Message: fmt.Sprintf("model '%s' not found", name)})
		return
	}
	reply(g, models[at].Show(s.cfg.Tools != nil && s.cfg.Tools()))
}

// embed serves /api/embed and /api/embeddings before an OpenAI-compatible upstream.
func (s *Server) embed(format dialect.EmbedFormat) gin.HandlerFunc {
	return func(g *gin.Context) {
		came := s.now()
		o, name, err := s.readOllama(g)
		if err != nil {
			s.fail(g, dialect.Ollama, err)
			return
		}
		asked, err := format.Request(o, bareText(name))
		if err != nil {
			s.fail(g, dialect.Ollama, err)
			return
		}
		s.decided(g, strategyRaw, "embeddings")
		resp, err := s.upstream.do(g.Request, http.MethodPost, "/v1/embeddings", dialect.Compact(asked))
		if err != nil {
			s.fail(g, dialect.Ollama, err)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			s.fail(g, dialect.Ollama, refusal("embed", resp))
			return
		}
		var list struct {
			Data []struct {
				Embedding json.RawMessage `json:"embedding"`
			} `json:"data"`
			Usage struct {
				Prompt float64 `json:"prompt_tokens"`
			} `json:"usage"`
		}
		if err := json.NewDecoder(io.LimitReader(resp.Body, largestReply)).Decode(&list); err != nil || len(list.Data) == 0 {
			s.fail(g, dialect.Ollama, babble(errors.New("no embeddings")))
			return
		}
		charge(g, int(list.Usage.Prompt))
		var vectors []json.RawMessage
		for _, d := range list.Data {
			vectors = append(vectors, d.Embedding)
		}
		reply(g, format.Answer(name, vectors, int(list.Usage.Prompt), s.now().Sub(came)))
	}
}

// models asks an OpenAI-compatible upstream, or Ollama at its route of that kind, for its models.
func (s *Server) models(r *http.Request) ([]dialect.Model, error) {
	status, body, err := s.get(r, listOfModels)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, adapters.Refusal("models", status, nil, body)
	}
	return parseModels(body)
}

// parseModels reads what an upstream lists.
func parseModels(body []byte) ([]dialect.Model, error) {
	var list struct {
		Data []dialect.Model `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, &adapters.UpstreamError{Op: "models", Message: "the upstream's /v1/models is not a list of models", Err: err}
	}
	return list.Data, nil
}

// ofOneRequest are headers that tell one request from another of the same client, and nothing else.
var ofOneRequest = map[string]bool{headerRequest: true, "Traceparent": true, "Tracestate": true, "Baggage": true, "Sentry-Trace": true, "B3": true,
	"X-B3-Traceid": true, "X-B3-Spanid": true, "X-B3-Parentspanid": true, "X-B3-Sampled": true, "Uber-Trace-Id": true, "X-Amzn-Trace-Id": true,
	"X-Cloud-Trace-Context": true, "X-Correlation-Id": true, "X-Request-Start": true, "Cf-Ray": true, "X-Stainless-Retry-Count": true, "Date": true,
	"Content-Length": true}

// question names what a client asks the upstream about itself: those who send the same headers, but for ofOneRequest,
// ask the same. Any other header may be what the upstream knows its clients apart by.
func (s *Server) question(r *http.Request, path string) string {
	client := s.upstream.client(r)
	who := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(client.Header)) {
		if !ofOneRequest[name] {
			fmt.Fprintf(who, "%q: %q", name, client.Header[name])
		}
	}
	return fmt.Sprintf("%s?%s %x", path, client.Query, who.Sum(nil))
}

// get asks the upstream on a client's behalf; what it answered a moment ago to the same question counts still.
func (s *Server) get(r *http.Request, path string) (status int, body []byte, err error) {
	a := s.asked.about(s.question(r, path), freshList, func() answered { return s.fetch(r, path, 30*time.Second) })
	return a.status, a.body, a.err
}

// fetch asks the upstream, also where the client is gone: others wait for the same.
func (s *Server) fetch(r *http.Request, path string, within time.Duration) (a answered) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), within)
	defer cancel()
	resp, err := s.upstream.do(r.WithContext(ctx), http.MethodGet, path, nil)
	if err != nil {
		return answered{err: err}
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	if a.body, a.err = io.ReadAll(io.LimitReader(resp.Body, largestList)); a.err != nil {
		a.err = unreachable(a.err)
	}
	return a
}
