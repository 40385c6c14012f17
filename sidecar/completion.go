package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Bash  completionScript `cmd:"" help:"For bash: eval \"$(sidecar completion bash)\" in ~/.bashrc."`
	Zsh   completionScript `cmd:"" help:"For zsh: eval \"$(sidecar completion zsh)\" in ~/.zshrc, behind compinit."`
	Fish  completionScript `cmd:"" help:"For fish: sidecar completion fish > ~/.config/fish/completions/sidecar.fish."`
	Words completionWords  `cmd:"" help:"Print what the last of the words given may be, one a line: what the scripts ask." hidden:""`
}

// completionScript prints a shell's script, which asks the program itself what there is; where that knows nothing the
// shell offers files. bash's does without mapfile, which the bash 3.2 of macOS lacks.
type completionScript struct{}

var completionScripts = map[string]string{
	"bash": `_sidecar() {
	local word
	COMPREPLY=()
	while IFS= read -r word; do COMPREPLY+=("$word"); done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _sidecar sidecar
`,
	"zsh": `_sidecar() {
	local -a found
	found=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "$found" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _sidecar sidecar
`,
	"fish": `complete -c sidecar -a '(sidecar completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

func (completionScript) Run(parsed *kong.Context, std streams) error {
	_, err := fmt.Fprint(std.out, completionScripts[parsed.Selected().Name])
	return err
}

type completionWords struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

func (c *completionWords) Run(parsed *kong.Context, std streams) error {
	_, err := fmt.Fprint(std.out, strings.Join(completions(parsed.Model.Node, c.Words), ""))
	return err
}

// completions are the lines that the last of these words may become: a command, a flag, or the value of a flag of which
// there are few.
func completions(node *kong.Node, words []string) (lines []string) {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	words = slices.Clone(words)
	if last := &words[len(words)-1]; *last == "=" { // bash takes --flag=value for three words
		*last = ""
	}
	words = slices.DeleteFunc(words, func(word string) bool { return word == "=" })
	last, flag := words[len(words)-1], (*kong.Flag)(nil)
	for _, word := range words[:len(words)-1] {
		if flag != nil { // the word is its value
			flag = nil
			continue
		}
		if strings.HasPrefix(word, "-") {
			if flag = flagOf(node, word); flag != nil && flag.IsBool() {
				flag = nil
			}
			continue
		}
		if at := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word }); at >= 0 {
			node = node.Children[at]
		}
	}
	offer := func(word string) {
		if word != "" && strings.HasPrefix(word, last) {
			lines = append(lines, word+"\n")
		}
	}
	switch {
	case flag != nil:
		for _, value := range flag.EnumSlice() {
			offer(value)
		}
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				offer("--" + f.Name)
			}
		}
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				offer(child.Name)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// flagOf is the flag that a word names, nil where it has its value with it or is none.
func flagOf(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}
