package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/generator"
	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/vote"
	"aprm/sidecar/decode"
)

// logged returns what do writes to the log.
func logged(t *testing.T, do func()) string {
	t.Helper()
	var b bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil)))
	defer slog.SetDefault(before)
	do()
	return b.String()
}

func TestGateFile(t *testing.T) {
	checkpoint := filepath.Join(t.TempDir(), "my.prm")
	if g, err := readGate(checkpoint); g != nil || err != nil {
		t.Fatalf("no file: %v, %v", g, err)
	}
	g := &decode.Gate{Format: decode.GateFormat, Checkpoint: "c", Model: "m", Aggregate: prm.Min, N: 8, Problems: 100, Source: "dev.jsonl", Vote: trusted,
		Auto: decode.Stops{Gain: 0.05, Tokens: 0.4}}
	var err error
	log := logged(t, func() { err = writeGate(checkpoint, g) })
	if err != nil || !strings.Contains(log, gatePath(checkpoint)) {
		t.Fatalf("%v; %s", err, log)
	}
	again, err := readGate(checkpoint)
	if err != nil || again.String() != g.String() || again.Auto != g.Auto || !again.Of(g.Checkpoint, g.Model) {
		t.Errorf("%+v, %v; want %+v", again, err, g)
	}
	for _, spoilt := range []string{"", "{", `{"format":99}`, `{"format":1,"trust":true}`, `{"format":2}`} {
		if err := os.WriteFile(gatePath(checkpoint), []byte(spoilt), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readGate(checkpoint)
		if !errors.As(err, &badInput{}) || !strings.Contains(err.Error(), gatePath(checkpoint)) || !strings.Contains(err.Error(), "sidecar eval --checkpoint "+checkpoint) {
			t.Errorf("%q: %v, want the file and what to do", spoilt, err)
		}
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--upstream", "builtin", "--checkpoint", shippedCopy(t, `{"format":2`), "--listen", "127.0.0.1:0"}, strings.NewReader(""), &out, &errs)
	if code != 2 || !strings.Contains(errs.String(), ".gate.json") {
		t.Errorf("serve with a spoilt gate: %d, %s", code, errs.String())
	}
}

// shippedCopy is a file of the PRM that comes with the program, with a gate beside it.
func shippedCopy(t *testing.T, gate string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.prm")
	if err := os.WriteFile(path, builtinPRM, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gatePath(path), []byte(gate), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// trusted is a rule by which a PRM has its say.
var trusted = vote.Rule{Beta: 1, Power: 1, Nats: 0.2, Margin: 0.03, Problems: 100, Stop: vote.Stop{Lead: 1, At: 0.9}}

// A gate counts for its own PRM and model alone.
func TestWhoseGateItIs(t *testing.T) {
	llm, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	e, err := engineOf(llm, generator.Instruction)
	if err != nil {
		t.Fatal(err)
	}
	m, err := prm.Parse(builtinPRM)
	if err != nil {
		t.Fatal(err)
	}
	caps, err := llm.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := func(model string) *prm.Model { // the PRM with a head of its own, learned from that LLM
		m, err := m.Judging(prm.NewSolutionHead(0), prm.SolutionHeader{Model: model, Problems: 50, Vote: trusted})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m = of("another LLM")
	g := &decode.Gate{Format: decode.GateFormat, Checkpoint: m.ID(), Model: caps.Identity(), Aggregate: prm.Min, N: 8, Problems: 100, Source: "dev.jsonl", Vote: trusted}
	use := func(g *decode.Gate) (*decode.Gate, string) {
		log := logged(t, func() { err = useGate(t.Context(), e, g, "here") })
		if err != nil {
			t.Fatal(err)
		}
		own, err := e.Gate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return own, log
	}
	if own, log := use(g); own != nil || log != "" {
		t.Errorf("without a PRM: %v, %q", own, log)
	}
	if err := e.Use(m); err != nil {
		t.Fatal(err)
	}
	if own, log := use(g); own != g || !strings.Contains(log, "auto weighs votes by the PRM") {
		t.Errorf("its own: %v, %q", own, log)
	}
	if own, log := use(nil); own != nil || !strings.Contains(log, "there is no gate") {
		t.Errorf("none: %v, %q", own, log)
	}
	useless := *g
	useless.Vote.Nats = 0
	if own, log := use(&useless); own != &useless || !strings.Contains(log, "auto takes plain votes: the PRM's word has no say: +0.000 nats a problem, 0.030 are chance") {
		t.Errorf("useless: %v, %q", own, log)
	}
	drawing := useless // whose word counts for nothing over prose, and something over what is drawn
	drawing.Drawing = &prm.Drawing{Use: step.OnlyPrograms, Programs: trusted, Problems: 100}
	if _, log := use(&drawing); !strings.Contains(log, "auto weighs votes by the PRM: votes over programs are weighed by the PRM") {
		t.Errorf("of programs: %q", log)
	}
	for name, change := range map[string]func(*decode.Gate){"checkpoint": func(g *decode.Gate) { g.Checkpoint = "other" }, "model": func(g *decode.Gate) { g.Model = "other" }} {
		foreign := *g
		change(&foreign)
		if own, log := use(&foreign); own != nil || !strings.Contains(log, "another PRM or another model") {
			t.Errorf("of another %s: %v, %q", name, own, log)
		}
	}
	// What the PRM was found to be worth in training counts where nothing else was measured, with the LLM that it
	// learned from.
	if err := e.Use(of(caps.Identity())); err != nil {
		t.Fatal(err)
	}
	if own, log := use(nil); own == nil || own.Vote != trusted || !strings.Contains(log, "auto weighs votes by the PRM") || !strings.Contains(log, "50 problems of its own training, crosswise") {
		t.Errorf("by its training: %v, %q", own, log)
	}
}

// A run of training that draws too few answers leaves no gate beside its checkpoint; eval writes one from its hold-out,
// or what it measures on, and goes by it.
func TestTrainAndEvalWriteTheGate(t *testing.T) {
	folder := t.TempDir()
	problems := func(name, split, n string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"tasks", "--split", split, "--n", n, "--seed", "3"}, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatal(errs.String())
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	checkpoint := filepath.Join(folder, "my.prm")
	said := command(t, 0, "train", "--upstream", "builtin", "--problems", problems("train.jsonl", "train", "10"), "--run", filepath.Join(folder, "run"), "--out", checkpoint,
		"--rounds", "1", "--per-round", "10", "--samples", "2", "--attacks", "8", "--epochs", "1", "--max-tokens", "120")
	if g, err := readGate(checkpoint); g != nil || err != nil || !strings.Contains(said, "no head for whole answers") || !strings.Contains(said, "draw more answers") {
		t.Fatalf("twenty answers teach nothing of whole ones, and make no gate: %+v, %v; %s", g, err, said)
	}
	dev, test := problems("dev.jsonl", "dev", "4"), problems("test.jsonl", "test", "3")
	eval := []string{"eval", "--upstream", "builtin", "--checkpoint", checkpoint, "--problems", test, "--n", "3", "--max-tokens", "120", "--record", filepath.Join(folder, "answers.jsonl"), "--strategies", "auto,weighted_vote"}
	command(t, 2, append(eval, "--distort", "noise")...)
	for _, distort := range []string{"noise", "inverted"} {
		if out := command(t, 0, append(eval, "--holdout", dev, "--distort", distort)...); !strings.Contains(out, "auto-3") || !strings.Contains(out, "one-sided 95 % bound") || !strings.Contains(out, distort) {
			t.Errorf("%s: %s", distort, out)
		}
	}
	if same, err := readGate(checkpoint); err != nil || same != nil {
		t.Errorf("a spoilt PRM wrote a gate: %+v, %v", same, err)
	}
	command(t, 0, append(eval, "--no-gate")...)
	if same, err := readGate(checkpoint); err != nil || same != nil {
		t.Errorf("--no-gate wrote one: %+v, %v", same, err)
	}
	command(t, 0, append(eval, "--holdout", dev)...)
	g, err := readGate(checkpoint)
	if err != nil || g == nil || g.Source != "dev.jsonl" || g.Problems != 4 || g.N != 3 {
		t.Errorf("of the hold-out: %+v, %v", g, err)
	}
	var both []byte
	for _, path := range []string{test, dev} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	mixed := filepath.Join(folder, "mixed.jsonl")
	if err := os.WriteFile(mixed, both, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := command(t, 0, append(eval, "--holdout", mixed, "--no-gate")...); !strings.Contains(out, "promises too much") || !strings.Contains(out, "shared 3") {
		t.Errorf("a hold-out that holds what is measured on, and not a word of it: %s", out)
	}
	if out := command(t, 0, eval...); !strings.Contains(out, "weighted_vote (4 problems)") {
		t.Errorf("it doesn't say what was kept: %s", out)
	}
	if g, err = readGate(checkpoint); err != nil || g.Source != "dev.jsonl" || g.Problems != 4 {
		t.Errorf("fewer problems have replaced more: %+v, %v", g, err)
	}
	if out := command(t, 0, append(eval[:len(eval)-1:len(eval)-1], "greedy")...); !strings.Contains(out, "no gate is written") {
		t.Errorf("no gate, and not a word of it: %s", out)
	}
	if err := os.WriteFile(gatePath(checkpoint), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := command(t, 0, eval...); !strings.Contains(out, "written anew") {
		t.Errorf("a spoilt gate, and not a word of it: %s", out)
	}
	if g, err = readGate(checkpoint); err != nil || g.Source != "test.jsonl" || g.Problems != 3 {
		t.Errorf("of the problems: %+v, %v", g, err)
	}
}
