package server

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDashboard: every metric that the example of a Grafana dashboard shows is one that /metrics gives, and so is every label, but for
// those that Prometheus adds.
func TestDashboard(t *testing.T) {
	s := build(t, Config{Defaults: defaults(guided)}, answers(solved()))
	post(s, "/v1/chat/completions", askWhole)
	metrics := get(s, "/metrics", nil)
	if metrics.Code != http.StatusOK {
		t.Fatal(metrics.Code)
	}
	given := map[string]bool{"job": true, "instance": true} // labels
	for _, sample := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `).FindAllStringSubmatch(metrics.Body.String(), -1) {
		given[sample[1]] = true
		for _, label := range regexp.MustCompile(`([a-z_]+)=`).FindAllStringSubmatch(sample[2], -1) {
			given[label[1]] = true
		}
	}
	file, err := os.ReadFile("../../configs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct {
			List []struct{ Name string }
		}
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(file, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := map[string]bool{"__rate_interval": true}
	for _, v := range dashboard.Templating.List {
		variables[v.Name] = true
	}
	function := map[string]bool{"sum": true, "by": true, "rate": true, "histogram_quantile": true, "on": true, "group_left": true}
	shown := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			expr := regexp.MustCompile(`"[^"]*"|\$\w+`).ReplaceAllStringFunc(target.Expr, func(quoted string) string {
				for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(quoted, -1) {
					if !variables[v[1]] {
						t.Errorf("%s: there is no variable %s", p.Title, v[0])
					}
				}
				return ""
			})
			for _, word := range regexp.MustCompile(`[a-z_]+`).FindAllString(expr, -1) {
				if !given[word] && !function[word] {
					t.Errorf("%s: /metrics has no %s", p.Title, word)
				}
				if strings.HasPrefix(word, "sidecar_") {
					shown++
				}
			}
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !given[label[1]] {
					t.Errorf("%s: there is no label %s", p.Title, label[1])
				}
			}
		}
	}
	if shown < 6 {
		t.Errorf("%d metrics of the sidecar's are shown", shown)
	}
}
