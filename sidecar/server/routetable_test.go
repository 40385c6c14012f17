package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aprm/sidecar/access"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// TestRouteTable: what people are told of the routes is what is registered, before an endpoint of either dialect, and
// each wants the scope that is said.
func TestRouteTable(t *testing.T) {
	up := newFakeUpstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	given := map[string]string{}
	for _, s := range access.Scopes() {
		given[string(s)] = fmt.Sprintf("    scopes: [%s]\n", s)
	}
	keys, as := keyed(t, given)
	for _, d := range []dialect.Dialect{dialect.OpenAI, dialect.Ollama} {
		s, err := New(Config{Upstream: mustURL(t, up.URL), Dialect: d, Keys: keys}, answers(decode.Result{}))
		if err != nil {
			t.Fatal(err)
		}
		var told, real []string
		for _, r := range Routes() {
			if r.Translated && d == dialect.Ollama {
				continue
			}
			path := strings.NewReplacer("*id", "fake", ":id", "none").Replace(r.Path)
			for _, method := range r.Methods {
				told = append(told, method+" "+r.Path)
				for _, scope := range append(access.Scopes(), "") {
					request := httptest.NewRequest(method, "http://localhost"+path, nil)
					if scope != "" {
						request.Header = as[string(scope)].Clone()
					}
					answer := httptest.NewRecorder()
					s.Handler().ServeHTTP(answer, request)
					refused := answer.Code == http.StatusUnauthorized || answer.Code == http.StatusForbidden
					if want := r.Scope != "" && r.Scope != scope && scope != access.Admin; refused != want {
						t.Errorf("%s: a key of scope %q is answered with %d by %s %s, of which the table says %q", d, scope, answer.Code, method, r.Path, r.Scope)
					}
				}
			}
			if r.Help == "" {
				t.Errorf("%s: nothing is said of it", r.Path)
			}
		}
		for _, r := range s.routes().Routes() {
			real = append(real, r.Method+" "+r.Path)
		}
		slices.Sort(told)
		slices.Sort(real)
		if !slices.Equal(told, real) {
			t.Errorf("%s: the table has\n%s\nregistered are\n%s", d, strings.Join(told, "\n"), strings.Join(real, "\n"))
		}
		s.upstream.close()
	}
}

// TestReportIsDocumented: the manual names every member of an answer's prm object.
func TestReportIsDocumented(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[report]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(string(manual), "| `"+name+"` |") {
			t.Errorf("sidecar/README.md says nothing of prm.%s", name)
		}
	}
}

// TestCodesAreDocumented: the manual names every code of an error, as the sources have them, and no other.
func TestCodesAreDocumented(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| [45][0-9, ]+ \\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(manual), -1) {
		said[row[1]] = true
	}
	used := map[string]bool{"cancelled": true} // nobody receives it
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, code := range regexp.MustCompile(`(?:\bCode: *|\.Code\b[^"\n]*= *(?:[^"\n]*, *)?|\brefuse\([^"\n]*, )"([a-z]+(?:_[a-z]+)*)"`).FindAllStringSubmatch(string(text), -1) {
			if used[code[1]] = true; !said[code[1]] && code[1] != "cancelled" {
				t.Errorf("%s: sidecar/README.md says nothing of the code %s", file, code[1])
			}
		}
	}
	for code := range said {
		if !used[code] {
			t.Errorf("sidecar/README.md tells of the code %s, which nothing has", code)
		}
	}
}
