package main

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v3"

	"aprm/adapters/adaptertest"
)

// TestDashboardAndAlerts: every metric and label that the examples for Grafana and Prometheus name is one that /metrics
// gives or that Prometheus adds, and the dashboard shows every one of the sidecar's own.
func TestDashboardAndAlerts(t *testing.T) {
	var bad atomic.Bool
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, Fault: func(int) adaptertest.Fault {
		if bad.Load() {
			return adaptertest.Fault{Status: http.StatusInternalServerError}
		}
		return adaptertest.Fault{}
	}}
	upstream.Start(t)
	addr, stop := startServe(t, "--upstream", upstream.URL, "--upstream-model", "fake", "--checkpoint", "builtin.prm")
	defer stop()
	for _, strategy := range []string{"raw", "weighted_vote"} {
		if code, said, _ := searchFor(t.Context(), addr, strategy, 2, 0); code != http.StatusOK {
			t.Fatalf("%s: %d %s", strategy, code, said)
		}
	}
	bad.Store(true)
	searchFor(t.Context(), addr, "raw", 1, 0)
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{"job": true, "instance": true, "up": true}
	ours := map[string]bool{}
	for _, sample := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `).FindAllStringSubmatch(bodyOf(t, resp), -1) {
		given[sample[1]] = true
		if strings.HasPrefix(sample[1], "sidecar_") {
			ours[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(sample[1], "_bucket"), "_count"), "_sum")] = true
		}
		for _, label := range regexp.MustCompile(`([a-z_]+)=`).FindAllStringSubmatch(sample[2], -1) {
			given[label[1]] = true
		}
	}
	known := []string{"sum", "max", "by", "rate", "histogram_quantile", "on", "group_left", "m"} // what PromQL itself knows
	shown := map[string]bool{}
	check := func(where, expr string) {
		bare := regexp.MustCompile(`"[^"]*"|\$\w+`).ReplaceAllString(expr, "")
		for _, word := range regexp.MustCompile(`[a-z_]+`).FindAllString(bare, -1) {
			if !given[word] && !slices.Contains(known, word) && word != "e" {
				t.Errorf("%s: /metrics has no %s", where, word)
			}
			shown[strings.TrimSuffix(strings.TrimSuffix(word, "_bucket"), "_count")] = true
		}
	}
	labels := func(where, text, pattern string) {
		for _, label := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			if !given[label[1]] {
				t.Errorf("%s: there is no label %s", where, label[1])
			}
		}
	}

	var dashboard struct {
		Templating struct{ List []struct{ Name string } }
		Panels     []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	file, err := os.ReadFile("../configs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := []string{"__rate_interval"}
	for _, v := range dashboard.Templating.List {
		variables = append(variables, v.Name)
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(variables, v[1]) {
					t.Errorf("%s: there is no variable %s", p.Title, v[0])
				}
			}
			check(p.Title, target.Expr)
			labels(p.Title, target.LegendFormat, `\{\{(\w+)\}\}`)
		}
	}
	for name := range ours {
		if !shown[name] && name != "sidecar_build_info" {
			t.Errorf("the dashboard doesn't show %s", name)
		}
	}

	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if file, err = os.ReadFile("../configs/alerts.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(file, &alerts); err != nil || len(alerts.Groups) != 1 || len(alerts.Groups[0].Rules) < 5 {
		t.Fatalf("%+v, %v", alerts, err)
	}
	for _, r := range alerts.Groups[0].Rules {
		check(r.Alert, r.Expr)
		labels(r.Alert, r.Annotations["summary"], `\$labels\.(\w+)`)
	}
}

// TestSecurityNamesTests: the tests by which .github/SECURITY.md says that it is held are there.
func TestSecurityNamesTests(t *testing.T) {
	text, err := os.ReadFile("../.github/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, file := range sources(t) {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(code), -1) {
			there[name[1]] = true
		}
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(line, -1)
		for _, name := range names {
			if !there[name[1]] {
				t.Errorf("there is no %s", name[1])
			}
		}
		if strings.HasPrefix(line, "| API") {
			if lines++; len(names) == 0 {
				t.Errorf("nothing holds %s", line)
			}
		}
	}
	if lines != 10 {
		t.Errorf("%d lines of OWASP's ten", lines)
	}
}

// sources are the paths of this module's Go files.
func sources(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".go" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
