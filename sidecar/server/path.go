package server

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// paths are what clients mean, below /v1 and at the root: what is asked for beside them is left as it is.
var (
	below = []string{"/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/messages/count_tokens", "/models",
		"/audio/transcriptions", "/audio/translations", "/audio/speech", "/images/generations"}
	beside = []string{"/v1/prm/score", "/v1/prm/traces", "/pooling", "/api/chat", "/api/generate", "/api/tags", "/api/show", "/api/version", "/api/ps",
		"/api/embed", "/api/embeddings", "/healthz", "/readyz", "/metrics"}
)

var slashes = regexp.MustCompile("/{2,}")

// meant is the path that a client's stands for, whose base URL has a slash or a /v1 too many or lacks it; both are
// escaped.
func meant(path string) string {
	if v1, versioned := strings.CutPrefix(path, "/v1"); versioned && slices.Contains(below, v1) {
		return path // nearly all are
	}
	head, rest := path, ""
	if i := strings.Index(path, "/models/"); i >= 0 && strings.Trim(path[i+len("/models"):], "/") != "" { // the name behind it may hold slashes of its own
		head, rest = path[:i+len("/models")], path[i+len("/models"):]
	}
	p := strings.TrimSuffix(slashes.ReplaceAllString(head, "/"), "/")
	for strings.HasPrefix(p, "/v1/v1/") || strings.HasPrefix(p, "/v1/api/") {
		p = p[len("/v1"):]
	}
	p = strings.Replace(p, "/api/v1/", "/v1/", 1)
	for strings.HasPrefix(p, "/api/api/") {
		p = p[len("/api"):]
	}
	v1, versioned := strings.CutPrefix(p, "/v1")
	switch {
	case versioned && slices.Contains(below, v1), slices.Contains(beside, p):
		return p + rest
	case slices.Contains(below, p):
		return "/v1" + p + rest
	case strings.HasPrefix(path, "//") || p != head && strings.HasPrefix(slashes.ReplaceAllString(head, "/"), "/v1/v1/"): // no route at all begins so
		return cmp.Or(p, "/") + rest
	}
	return path
}

// canonical serves requests by the paths that they mean.
func canonical(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()
		if path := meant(escaped); path != escaped {
			if plain, err := url.PathUnescape(path); err == nil {
				r.URL.Path, r.URL.RawPath = plain, path
			}
		}
		next.ServeHTTP(w, r)
	})
}
