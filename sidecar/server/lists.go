package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/ollama/ollama/api"

	"aprm/adapters"
)

// ollamaVersion is what /api/version says before an OpenAI-compatible upstream: the version of Ollama whose API the
// translation follows. Clients look at it for what they may ask.
const ollamaVersion = "0.17.4"

// largestList bounds an upstream's list of models, in bytes.
const largestList = 8 << 20

// listOpenAI serves /v1/models: the upstream's list, each model followed by its virtual names.
func (s *Server) listOpenAI(g *gin.Context) { s.list(g, OpenAI, "/v1/models", "data", "id") }

// listOllama serves /api/tags likewise, made from /v1/models where the upstream is OpenAI-compatible.
func (s *Server) listOllama(g *gin.Context) {
	if s.cfg.Dialect == Ollama {
		s.list(g, Ollama, "/api/tags", "models", "name", "model")
		return
	}
	models, err := s.models(g.Request)
	if err != nil {
		s.fail(g, Ollama, err)
		return
	}
	list := api.ListResponse{Models: []api.ListModelResponse{}}
	for _, m := range models {
		for _, suffix := range s.suffixes() {
			list.Models = append(list.Models, m.tag(m.ID+suffix))
		}
	}
	g.Data(http.StatusOK, "application/json; charset=utf-8", compact(list))
}

// suffixes are what a listed model's name is followed by: nothing, then each virtual suffix.
func (s *Server) suffixes() []string {
	out := []string{""}
	for _, name := range s.offered() {
		out = append(out, "@"+name)
	}
	return out
}

// list serves the upstream's list at path. In its array at key each model is followed by copies under the virtual names,
// which differ in the members called names only; nothing else is touched.
func (s *Server) list(g *gin.Context, d Dialect, path, key string, names ...string) {
	status, body, err := s.get(g.Request, path)
	if err != nil {
		s.fail(g, d, err)
		return
	}
	if status == http.StatusOK {
		if o, err := parseObject(body); err == nil {
			body = o.edit(func(k string, value json.RawMessage) json.RawMessage {
				if k != key {
					return nil
				}
				return withVirtual(value, s.suffixes()[1:], names)
			}, "")
		}
	}
	g.Data(status, "application/json; charset=utf-8", body)
}

// withVirtual returns a JSON array of models with copies under the virtual names; nil when it is no such array.
func withVirtual(models json.RawMessage, suffixes, names []string) json.RawMessage {
	var entries []json.RawMessage
	if json.Unmarshal(models, &entries) != nil {
		return nil
	}
	var out []json.RawMessage
	for _, entry := range entries {
		out = append(out, entry)
		o, err := parseObject(entry)
		if err != nil {
			continue
		}
		for _, suffix := range suffixes {
			out = append(out, o.rename(names, suffix))
		}
	}
	return slices.Concat([]byte("["), bytes.Join(toBytes(out), []byte(",")), []byte("]"))
}

func toBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// rename appends a suffix to the string members called names.
func (o object) rename(names []string, suffix string) []byte {
	return o.edit(func(key string, value json.RawMessage) json.RawMessage {
		var name string
		if !slices.Contains(names, key) || json.Unmarshal(value, &name) != nil {
			return nil
		}
		return compact(name + suffix)
	}, "")
}

// showOpenAI serves /v1/models/NAME; a virtual name is shown as the model it stands for, under its own name.
func (s *Server) showOpenAI(g *gin.Context) {
	id := strings.TrimPrefix(g.Param("id"), "/")
	name, _, virtual := splitName(id)
	if !virtual {
		s.forward(g, nil)
		return
	}
	status, body, err := s.get(g.Request, "/v1/models/"+name)
	if err != nil {
		s.fail(g, OpenAI, err)
		return
	}
	if o, err := parseObject(body); status == http.StatusOK && err == nil {
		body = o.rename([]string{"id"}, strings.TrimPrefix(id, name))
	}
	g.Data(status, "application/json; charset=utf-8", body)
}

// showOllama serves /api/show before an OpenAI-compatible upstream: that the model is there, and what it can do.
func (s *Server) showOllama(g *gin.Context) {
	body, err := readBody(g.Writer, g.Request, s.cfg.MaxBody)
	if err != nil {
		s.fail(g, Ollama, err)
		return
	}
	o, err := parseObject(body)
	if err != nil {
		s.fail(g, Ollama, err)
		return
	}
	var name string
	for _, key := range []string{"name", "model"} { // the older one gives way
		if err := o.read(key, &name, "a string"); err != nil {
			s.fail(g, Ollama, err)
			return
		}
	}
	if name == "" {
		s.fail(g, Ollama, badRequest("model", "model is missing"))
		return
	}
	models, err := s.models(g.Request)
	if err != nil {
		s.fail(g, Ollama, err)
		return
	}
	bare, _, _ := splitName(name)
	at := slices.IndexFunc(models, func(m openAIModel) bool { return m.ID == bare })
	if at < 0 {
		s.fail(g, Ollama, &problem{status: http.StatusNotFound, kind: kindNotFound, param: "model", message: fmt.Sprintf("model '%s' not found", name)})
		return
	}
	show := api.ShowResponse{
		Details:    models[at].tag(bare).Details,
		ModelInfo:  map[string]any{"general.basename": bare},
		ModifiedAt: models[at].created(),
	}
	show.Capabilities = append(show.Capabilities, "completion")
	if s.cfg.Tools != nil && s.cfg.Tools() {
		show.Capabilities = append(show.Capabilities, "tools")
	}
	g.Data(http.StatusOK, "application/json; charset=utf-8", compact(show))
}

// openAIModel is an entry of /v1/models.
type openAIModel struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
}

func (m openAIModel) created() time.Time { return time.Unix(m.Created, 0).UTC() }

// tag is the entry of /api/tags for a model. What an OpenAI-compatible server doesn't tell stays empty; the digest is of
// the name, because clients cut it short for show and tell models apart by it.
func (m openAIModel) tag(name string) api.ListModelResponse {
	digest := sha256.Sum256([]byte(name))
	return api.ListModelResponse{Name: name, Model: name, ModifiedAt: m.created(), Digest: hex.EncodeToString(digest[:])}
}

// models asks an OpenAI-compatible upstream for its models.
func (s *Server) models(r *http.Request) ([]openAIModel, error) {
	status, body, err := s.get(r, "/v1/models")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, &adapters.UpstreamError{Op: "models", Status: status, Message: errorMessage(body)}
	}
	var list struct {
		Data []openAIModel `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, &adapters.UpstreamError{Op: "models", Message: "the upstream's /v1/models is not a list of models", Err: err}
	}
	return list.Data, nil
}

// get asks the upstream on a client's behalf.
func (s *Server) get(r *http.Request, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	resp, err := s.upstream.do(ctx, http.MethodGet, path, nil, r.Header.Get("Authorization"))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, largestList))
	if err != nil {
		return 0, nil, unreachable(err)
	}
	return resp.StatusCode, body, nil
}
