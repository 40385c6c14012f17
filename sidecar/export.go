package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aprm/prm"
	"aprm/prm/disk"
	"aprm/prm/feature"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
)

type prmExportCommand struct {
	File checkpointFile `arg:"" help:"The checkpoint: a file, or general."`
	To   string         `help:"As what: ${enum}." enum:"safetensors" default:"safetensors"`
	Out  string         `help:"Folder to write, which must not be there yet." required:"" placeholder:"FOLDER"`
}

func (c *prmExportCommand) Help() string {
	return `Writes a folder to publish a PRM in: model.safetensors, its weights for other programs to read, with what it says of itself as metadata; README.md, a model card; model.prm,
the checkpoint, by which a sidecar serves; and model.prm.gate.json, where there is a gate.

  sidecar prm export my.prm --out my-prm
  sidecar serve --checkpoint my-prm/model.prm`
}

func (c *prmExportCommand) Run(std streams) error {
	m, err := c.File.load()
	if err != nil {
		return err
	}
	var gate *decode.Gate
	if file := c.File.file(); file != "" {
		if gate, err = readGate(file); err != nil {
			return err
		}
	}
	metadata, err := exported(m, gate)
	if err != nil {
		return err
	}
	weights, err := m.Safetensors(metadata)
	if err != nil {
		return err
	}
	if err := newFolder(c.Out, func(folder string) error {
		own := filepath.Join(folder, "model.prm")
		if err := prm.Save(own, m); err != nil {
			return err
		}
		if gate != nil {
			if err := dataset.WriteJSON(gatePath(own), gate, disk.Public); err != nil {
				return err
			}
		}
		if err := disk.Write(filepath.Join(folder, "model.safetensors"), weights, disk.Public); err != nil {
			return err
		}
		return disk.Write(filepath.Join(folder, "README.md"), []byte(card(m, gate)), disk.Public)
	}); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "wrote %s: model.safetensors, model.prm and a model card\n", c.Out)
	return nil
}

// newFolder makes the folder that --out names, whole or not at all: fill writes into one beside it, which then gets its
// name.
func newFolder(out string, fill func(folder string) error) (err error) {
	if _, err := os.Lstat(out); err == nil {
		return badInput{fmt.Errorf("--out: %s is there already: name a folder that isn't there yet", out)}
	}
	folder, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), "export-")
	if err != nil {
		return badInput{fmt.Errorf("--out: %w: name a folder in one that is there", err)}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	if err := fill(folder); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o755); err != nil { // #nosec G302 -- a folder to be published
		return err
	}
	return os.Rename(folder, out)
}

// exported is the metadata of the weights of an exported PRM: texts, as that format wants them.
func exported(m *prm.Model, gate *decode.Gate) (map[string]string, error) {
	h := m.Header()
	header, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"format": "sidecar-prm", "id": m.ID(), "header": string(header), "inputs": strings.Join(inputsOf(h), ","),
		"features": fmt.Sprint(h.Features), "splitter": fmt.Sprint(h.Splitter), "hidden_states_of": h.Model}
	if gate != nil {
		data, err := json.Marshal(gate)
		if err != nil {
			return nil, err
		}
		out["gate"] = string(data)
	}
	return out, nil
}

// inputsOf are the inputs that the network for steps reads.
func inputsOf(h prm.Header) (read []string) {
	without := map[feature.Block]bool{}
	for _, b := range h.Without {
		without[b] = true
	}
	for _, b := range feature.Blocks() {
		if hidden := b == feature.BlockLast || b == feature.BlockMean; without[b] || hidden && !strings.Contains(h.Pooling, string(b)) {
			continue
		}
		read = append(read, string(b))
	}
	return read
}

// card is the model card of an exported PRM.
func card(m *prm.Model, gate *decode.Gate) string {
	h := m.Header()
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("---\ntags: [process-reward-model, sidecar]\npipeline_tag: text-classification")
	if of := modelOf(h); strings.Contains(of, "/") && !strings.Contains(of, ":") { // else no hub knows it by that name
		say("base_model: %q", of)
	}
	say("---\n\n# Process reward model %s\n", m.ID())
	say("It says how likely each step of a worked answer is right and, where it has heads for that, which of two answers to one problem, or of two beginnings of such, is likelier to end right. "+
		"A small network that runs on a CPU beside the LLM whose answers it learned from (%s); `sidecar serve --checkpoint model.prm` searches and votes by it.\n", orNone(modelOf(h)))
	say("| what | |\n|---|---|")
	say("| inputs | %s |", strings.Join(inputsOf(h), ", "))
	say("| hidden states | %s |", hiddenStates(h))
	say("| version of the inputs, of the splitter into steps | %d, %d |", h.Features, h.Splitter)
	say("| learned from | %d right and %d wrong steps, %d outcomes, %d problems; round %d of the game |", h.Trained.Right, h.Trained.Wrong, h.Trained.Values, h.Trained.Problems, h.Round)
	below := fmt.Sprintf("%.2f", h.Masked.Threshold)
	if h.Width > 0 {
		below += fmt.Sprintf(", with hidden states %.2f", h.Sighted.Threshold)
	}
	say("| a step is called wrong below | %s |", below)
	if s := h.Solution; s != nil {
		say("| head for whole answers | of %s, from %d problems with right and wrong answers; within a problem it thinks a right answer better than a wrong one in %s %% of the cases, "+
			"by heads that hadn't learned from it |", s.Model, s.Problems, (100 * s.AUC).Text("%.1f"))
		say("| its say in a vote | %+.3f nats a problem (%.3f are chance), with beta %.2g and power %.2g |", s.Vote.Nats, s.Vote.Margin, s.Vote.Beta, s.Vote.Power)
		if s.Elsewhere != nil {
			say("| elsewhere | %s |", *s.Elsewhere)
		}
	}
	if p := h.Prefix; p != nil {
		say("| head for beginnings, by which searches step by step go | from %d comparisons within problems; of two beginnings of as many steps it thinks the one that ends right better in %s %% of the cases, "+
			"by heads that hadn't learned from the problem |", p.Problems, (100 * p.AUC).Text("%.1f"))
	}
	say("\n## Measured\n")
	if gate == nil {
		say("No gate came with it: nothing here was measured on problems it hadn't learned from but what the table says. `sidecar eval --checkpoint model.prm --problems FILE` measures it.")
	} else {
		say("With %s on %d problems (%s). %s.\n", gate.Model, gate.Problems, gate.Source, strings.TrimSuffix(takes(gate), "."))
		say("| strategy | candidates | problems | against a plain vote at equal tokens, points |\n|---|---|---|---|")
		for _, r := range gate.Measured {
			n := r.N
			if n == 0 {
				n = gate.N
			}
			say("| %s | %d | %d | %+.1f [%+.1f, %+.1f] |", r.Strategy, n, r.Problems, 100*r.Gain, 100*r.Low, 100*r.High)
		}
	}
	say("\n## Files\n")
	say("`model.prm` is what a sidecar reads. `model.safetensors` has the same weights, float32, matrices by rows, a step's inputs times them from the left; its metadata holds the header, " +
		"with the calibration, and the gate. What the inputs are is defined by the program, not by this file: another program that wants scores asks a sidecar, at `POST /v1/prm/score` or `POST /pooling`.")
	say("\n## Limits\n")
	say("It belongs to the LLM it learned from: at another one hidden states are masked, and what was measured doesn't hold. Scores of steps are calibrated on that LLM's answers to problems like " +
		"those it learned from. The logit for whole answers orders answers to one problem and is no probability.")
	return b.String()
}

// modelOf is the LLM that a PRM learned from, "" where it isn't named.
func modelOf(h prm.Header) string {
	if h.Model == "" && h.Solution != nil {
		return h.Solution.Model
	}
	return h.Model
}

func orNone(name string) string {
	if name == "" {
		return "not named"
	}
	return name
}

// hiddenStates says which hidden states a PRM reads.
func hiddenStates(h prm.Header) string {
	if h.Width == 0 {
		return "none"
	}
	return fmt.Sprintf("of %s, %s, %d wide, brought to unit length", h.Model, h.Pooling, h.Width)
}
