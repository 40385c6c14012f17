package dialect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
)

// WithVirtual returns a JSON array of models in which copies under virtual names, which differ in the members called
// names only, follow each model; nil when it is no such array. suffixes says what is to follow the name in a model's
// first member called so; n is how many models there are.
func WithVirtual(models json.RawMessage, names []string, suffixes func(name string, n int) []string) json.RawMessage {
	var entries []json.RawMessage
	if json.Unmarshal(models, &entries) != nil {
		return nil
	}
	var out [][]byte
	for _, entry := range entries {
		out = append(out, entry)
		o, err := Parse(entry)
		if err != nil || embeds(entry) {
			continue
		}
		var name string
		if o.Read(names[0], &name, "a string") != nil {
			continue
		}
		for _, suffix := range suffixes(name, len(entries)) {
			out = append(out, o.Rename(names, suffix))
		}
	}
	return slices.Concat([]byte("["), bytes.Join(out, []byte(",")), []byte("]"))
}

// embedding models' names and families, as far as they tell.
var embedding = regexp.MustCompile(`(?i)embed|rerank|minilm|\bbert\b|nomic-bert|(^|[/"_-])(bge|e5|gte|jina-clip|whisper|tts|kokoro)[-_/]`)

// embeds reports whether an entry of a list is of a model that generates no text.
func embeds(entry json.RawMessage) bool { return embedding.Match(entry) }

// Rename appends a suffix to the string members called names.
func (o Object) Rename(names []string, suffix string) []byte {
	return o.Edit(func(key string, value json.RawMessage) json.RawMessage {
		var name string
		if !slices.Contains(names, key) || json.Unmarshal(value, &name) != nil {
			return nil
		}
		return Compact(name + suffix)
	}, "")
}

// Model is an entry of an OpenAI-compatible server's /v1/models, with what some of them tell beyond OpenAI's own.
type Model struct {
	ID      string  `json:"id"`
	Created float64 `json:"created"` // seconds
	VLLM    int     `json:"max_model_len"`
	Router  int     `json:"context_length"`     // OpenRouter and others
	Studio  int     `json:"max_context_length"` // LM Studio
	Meta    struct {
		Context int   `json:"n_ctx"` // llama-server
		Trained int   `json:"n_ctx_train"`
		Params  int64 `json:"n_params"`
		Size    int64 `json:"size"`
		Width   int   `json:"n_embd"`
	} `json:"meta"`
	Arch string `json:"arch"`
}

// context is how many tokens the model reads, 0 where nothing tells.
func (m Model) context() int {
	for _, n := range []int{m.VLLM, m.Router, m.Studio, m.Meta.Context, m.Meta.Trained} {
		if n > 0 {
			return n
		}
	}
	return 0
}

// Embeds reports whether it is a model that generates no text, as far as its name tells.
func (m Model) Embeds() bool { return embedding.MatchString(m.ID) }

func (m Model) modified() time.Time { return time.Unix(int64(m.Created), 0).UTC() }

var (
	family       = regexp.MustCompile(`^[a-z]+[0-9]*`)
	parameters   = regexp.MustCompile(`(?i)(?:^|[-_:. ])([0-9]+(?:\.[0-9]+)?[bm])(?:$|[-_:. ])`)
	quantization = regexp.MustCompile(`(?i)(?:^|[-_:. ])((?:i?q[0-9][0-9a-z_]*|f16|bf16|fp8|awq|gptq(?:-int[48])?|int[48]))(?:$|[-_:. ])`)
)

// architecture is the model's, by what the server says or else by its name.
func (m Model) architecture() string {
	if m.Arch != "" {
		return m.Arch
	}
	name := strings.ToLower(m.ID[strings.LastIndexByte(m.ID, '/')+1:])
	if found := family.FindString(name); found != "" {
		return found
	}
	return "unknown"
}

func (m Model) details() api.ModelDetails {
	d := api.ModelDetails{Family: m.architecture()}
	d.Families = []string{d.Family}
	if found := parameters.FindStringSubmatch(m.ID); found != nil {
		d.ParameterSize = strings.ToUpper(found[1])
	}
	if found := quantization.FindStringSubmatch(m.ID); found != nil {
		d.QuantizationLevel = strings.ToUpper(found[1])
	}
	return d
}

// Tag is the entry of /api/tags for a model, under a name of its. What an OpenAI-compatible server doesn't tell stays
// empty; the digest is of the name, because clients cut it short for show and tell models apart by it.
func (m Model) Tag(name string) any {
	return api.ListModelResponse{Name: name, Model: name, ModifiedAt: m.modified(), Size: m.Meta.Size, Digest: digest(name), Details: m.details()}
}

// Running is its entry of /api/ps.
func (m Model) Running(now time.Time) any {
	return api.ProcessModelResponse{Name: m.ID, Model: m.ID, Size: m.Meta.Size, Digest: digest(m.ID), Details: m.details(), ContextLength: m.context(),
		ExpiresAt: now.Add(24 * time.Hour).UTC()} // such servers keep their model
}

func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// Show is the answer of /api/show for a model.
func (m Model) Show(tools bool) any {
	arch := m.architecture()
	show := api.ShowResponse{
		Details:    m.details(),
		ModelInfo:  map[string]any{"general.architecture": arch, "general.basename": m.ID},
		ModifiedAt: m.modified(),
	}
	for key, n := range map[string]int64{"general.parameter_count": m.Meta.Params, arch + ".context_length": int64(m.context()), arch + ".embedding_length": int64(m.Meta.Width)} {
		if n > 0 {
			show.ModelInfo[key] = n
		}
	}
	if m.Embeds() {
		show.Capabilities = append(show.Capabilities, "embedding")
		return show
	}
	show.Capabilities = append(show.Capabilities, "completion")
	if tools {
		show.Capabilities = append(show.Capabilities, "tools")
	}
	return show
}
