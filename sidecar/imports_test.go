package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows says which packages of this module each package may import; only this one, which wires them, may import all.
var arrows = map[string]string{
	"prm/step":                  "",
	"prm/arith":                 "prm/arith/formula",
	"prm/arith/formula":         "",
	"prm/arith/internal/bounds": "",
	"prm/casetest":              "",
	"prm/metric":                "",
	"prm/feature":               "prm/step prm/arith",
	"prm/program":               "prm/step prm/arith",
	"prm/vote":                  "",
	"prm/disk":                  "",
	"prm":                       "prm/disk prm/step prm/feature prm/metric prm/vote",
	"prm/train":                 "prm prm/step prm/feature prm/metric prm/vote",
	"adapters":                  "adapters/wire prm/step",
	"adapters/wire":             "prm/step",
	"adapters/openai":           "adapters adapters/internal/draw adapters/internal/states adapters/wire prm/step",
	"adapters/ollama":           "adapters adapters/internal/draw adapters/internal/states prm/step",
	"adapters/recorded":         "adapters prm/disk",
	"adapters/builtin":          "adapters adapters/internal/draw adapters/wire prm/step",
	"adapters/pool":             "adapters adapters/internal/draw",
	"adapters/pooling":          "adapters adapters/internal/draw prm/step",
	"adapters/adaptertest":      "adapters adapters/wire prm/step",

	"adapters/internal/draw":   "adapters prm/step",
	"adapters/internal/states": "adapters adapters/internal/draw",

	"generator":          "adapters prm/disk generator/oracle prm/step prm/arith prm/program prm/metric prm/vote",
	"generator/oracle":   "prm/step prm/arith",
	"generator/tasks":    "adapters generator prm/step prm/arith",
	"sidecar/decode":     "prm prm/step prm/arith prm/feature prm/program prm/vote",
	"sidecar/dataset":    "prm/disk prm/step prm/arith",
	"sidecar/engine":     "adapters prm prm/step prm/feature sidecar/decode",
	"sidecar/training":   "adapters prm/disk generator generator/oracle prm prm/arith prm/metric prm/step prm/feature prm/train prm/vote sidecar/dataset sidecar/decode sidecar/engine sidecar/eval sidecar/plot",
	"sidecar/eval":       "sidecar/decode prm prm/step prm/arith prm/metric prm/vote",
	"sidecar/experiment": "adapters prm/disk generator generator/tasks prm prm/feature prm/metric prm/step prm/train sidecar/dataset sidecar/decode sidecar/engine sidecar/eval sidecar/plot sidecar/training",
	"sidecar/access":     "",
	"sidecar/plot":       "",
	"sidecar/server":     "sidecar/access sidecar/decode sidecar/scope sidecar/server/dialect sidecar/trace adapters adapters/wire prm prm/step",
	"sidecar/scope":      "adapters",
	"sidecar/cluster":    "adapters prm/disk",
	"sidecar/page":       "generator prm prm/disk prm/metric sidecar/dataset sidecar/decode sidecar/training",
	"sidecar/trace":      "prm/step sidecar/decode",

	"sidecar/server/dialect": "adapters adapters/wire prm/step",
	"sidecar/trace/span":     "sidecar/trace",
}

// pure are rooms of functions over bytes and words: they import neither a network nor a web framework.
var pure = []string{"adapters/wire", "sidecar/plot", "sidecar/scope", "sidecar/server/dialect"}

// TestImportArrows holds the architecture: who may know whom (what searches, engine and decode, knows no training),
// that only prm/train reaches gorgonia, and that the scorer (prm and what it imports) reaches no network.
func TestImportArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "aprm/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		imports[fields[0]] = fields[1:]
	}
	for pkg, direct := range imports {
		room, ours := strings.CutPrefix(pkg, "aprm/")
		if !ours || room == "sidecar" {
			continue
		}
		allowed, known := arrows[room]
		if !known {
			t.Errorf("%s has no entry in the table of arrows", room)
		}
		for _, imported := range direct {
			if other, ours := strings.CutPrefix(imported, "aprm/"); ours && !slices.Contains(strings.Fields(allowed), other) {
				t.Errorf("%s must not import %s", room, other)
			}
			if strings.HasPrefix(imported, "gorgonia.org/") && room != "prm/train" {
				t.Errorf("%s must not import %s", room, imported)
			}
		}
		if slices.Contains(pure, room) {
			for _, imported := range direct {
				if imported == "net" || imported == "net/http" || strings.HasPrefix(imported, "github.com/gin-") {
					t.Errorf("%s must not import %s", room, imported)
				}
			}
		}
		if (room == "prm" || strings.HasPrefix(room, "prm/")) && room != "prm/train" {
			if path := reach(imports, pkg, "net", map[string]bool{}); path != nil {
				t.Errorf("%s must not reach the network: %s", room, strings.Join(path, " imports "))
			}
		}
	}
	for room := range arrows {
		if imports["aprm/"+room] == nil {
			t.Errorf("%s is in the table of arrows, but there is no such package", room)
		}
	}
}

// reach returns a chain of imports from pkg to goal, nil if there is none.
func reach(imports map[string][]string, pkg, goal string, seen map[string]bool) []string {
	if pkg == goal {
		return []string{pkg}
	}
	for _, imported := range imports[pkg] {
		if !seen[imported] {
			seen[imported] = true
			if path := reach(imports, imported, goal, seen); path != nil {
				return append([]string{pkg}, path...)
			}
		}
	}
	return nil
}
