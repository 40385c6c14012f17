package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm"
)

// TestExport: what is published is the PRM itself, its weights for others, its gate, and a card that tells of all that
// was measured.
func TestExport(t *testing.T) {
	out := filepath.Join(t.TempDir(), "mine")
	const own = "../configs/experiments/votes/0.5b.prm"
	if err := (&prmExportCommand{File: own, To: "safetensors", Out: out}).Run(streams{out: os.Stderr, err: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	want, err := prm.Load(own)
	if err != nil {
		t.Fatal(err)
	}
	back, err := prm.Load(filepath.Join(out, "model.prm"))
	if err != nil || back.ID() != want.ID() {
		t.Errorf("%v, %v", back, err)
	}
	gate, err := readGate(filepath.Join(out, "model.prm"))
	if err != nil || !gate.Of(want.ID(), "qwen2.5-coder:0.5b") {
		t.Errorf("%+v, %v", gate, err)
	}
	weights, err := os.ReadFile(filepath.Join(out, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var head struct {
		Metadata map[string]string `json:"__metadata__"`
	}
	if err := json.NewDecoder(strings.NewReader(string(weights[8:]))).Decode(&head); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "header", "inputs", "features", "splitter", "gate"} {
		if head.Metadata[name] == "" {
			t.Errorf("the metadata lack %s", name)
		}
	}
	told, err := os.ReadFile(filepath.Join(out, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"# Process reward model " + want.ID(), "| inputs | logprobs, symbols, words, context, roles |", "| weighted_vote | 4 | 199 | +6.0 [+1.5, +10.6] |", "81.6 %"} {
		if !strings.Contains(string(told), words) {
			t.Errorf("the card lacks %q:\n%s", words, told)
		}
	}
	foresees, err := want.Foreseeing(prm.NewPrefixHead(), prm.PrefixHeader{Problems: 321, AUC: 0.737})
	if err != nil {
		t.Fatal(err)
	}
	if said := "| from 321 comparisons within problems;"; !strings.Contains(card(foresees, nil), said) || strings.Contains(string(told), "head for beginnings") {
		t.Errorf("of a prefix head:\n%s", card(foresees, nil))
	}
	if err := (&prmExportCommand{File: general, To: "safetensors", Out: out}).Run(streams{out: os.Stderr, err: os.Stderr}); err == nil || !strings.Contains(err.Error(), "--out") {
		t.Errorf("over what is there: %v", err)
	}
	other := filepath.Join(t.TempDir(), "general")
	if err := (&prmExportCommand{File: general, To: "safetensors", Out: other}).Run(streams{out: os.Stderr, err: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	if told, err = os.ReadFile(filepath.Join(other, "README.md")); err != nil || !strings.Contains(string(told), "No gate came with it") || !strings.Contains(string(told), "With other LLMs") {
		t.Errorf("%v: %s", err, told)
	}
}

// TestNewFolder is there whole or not at all, and nothing else is left beside it.
func TestNewFolder(t *testing.T) {
	parent := t.TempDir()
	full := errors.New("no space left")
	write := func(folder string) error { return os.WriteFile(filepath.Join(folder, "one"), []byte("1"), 0o600) }
	for _, c := range []struct {
		name, out, says string
		fill            func(string) error
	}{
		{"a failed write", filepath.Join(parent, "mine"), "no space left", func(folder string) error { return errors.Join(write(folder), full) }},
		{"none to put it in", filepath.Join(parent, "no", "mine"), "--out", write},
		{"well", filepath.Join(parent, "mine") + "/", "", write},
		{"there already", filepath.Join(parent, "mine"), "--out", write},
	} {
		if err := newFolder(c.out, c.fill); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		_, err := os.Stat(filepath.Join(parent, "mine", "one"))
		entries, _ := os.ReadDir(parent)
		if there := c.name == "well" || c.name == "there already"; (err == nil) != there || len(entries) > 0 != there || len(entries) > 1 {
			t.Errorf("%s: %v, left are %v", c.name, err, entries)
		}
	}
}
