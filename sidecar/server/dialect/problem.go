package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Kinds of problem, as the OpenAI dialect calls them.
const (
	Invalid  = "invalid_request_error"
	Auth     = "authentication_error"
	NotFound = "not_found_error"
	Rate     = "rate_limit_error"
	Upstream = "upstream_error"
	Failed   = "server_error"
)

// Problem is an error as a client is to see it. The message is safe to show.
type Problem struct {
	Status     int // of HTTP
	Kind       string
	Param      string // the field at fault, "" when it is none
	Code       string
	Message    string
	RetryAfter time.Duration
	Cause      error // for the log only
}

func (p *Problem) Error() string { return p.Message }

func (p *Problem) Unwrap() error { return p.Cause }

// BadRequest is a 400. param names the field at fault, "" when it is the request as a whole.
func BadRequest(param, format string, args ...any) *Problem {
	return &Problem{Status: 400, Kind: Invalid, Param: param, Message: fmt.Sprintf(format, args...)}
}

// untranslated is the problem of a field that the upstream's API has no place for.
func untranslated(param string, d Dialect) *Problem {
	return &Problem{Status: 501, Kind: Invalid, Param: param, Message: param + " is not translated: the upstream is OpenAI-compatible, not " + d.of()}
}

// Shape returns the problem in a dialect's own form.
func (p *Problem) Shape(d Dialect) any {
	switch d {
	case Ollama:
		return map[string]string{"error": p.Message}
	case Anthropic:
		type inner struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		}
		return struct {
			Type  string `json:"type"`
			Error inner  `json:"error"`
		}{"error", inner{p.anthropicKind(), p.Message}}
	}
	return map[string]openAIError{"error": {Message: p.Message, Type: p.Kind, Param: orNull(p.Param), Code: orNull(p.Code)}}
}

type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// anthropicKind is Anthropic's word for the kind of problem, which follows from the status.
func (p *Problem) anthropicKind() string {
	switch p.Status {
	case 401:
		return "authentication_error"
	case 403:
		return "permission_error"
	case 404:
		return "not_found_error"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_error"
	case 503, 529:
		return "overloaded_error"
	}
	if p.Status >= 400 && p.Status < 500 {
		return "invalid_request_error"
	}
	return "api_error"
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Compact marshals without HTML escapes: text of a model is not HTML, and clients compare bytes.
func Compact(v any) []byte {
	if text, ok := v.(string); ok && plainWord([]byte(text)) {
		return []byte(`"` + text + `"`)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("dialect: marshal %T: %v", v, err)) // our own types always marshal
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
