package generator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"aprm/adapters"
	"aprm/prm/step"
)

// Instruction asks a model for solutions in the form that this project reads best: short steps, one a line, an answer
// at the end that a program can find. The example's form is what small models copy.
const Instruction = "Solve the problem in short steps, one per line, each with its arithmetic. No headings, no LaTeX, no code. " +
	"The last line is #### and the final number. For example:\n" +
	"The 3 boxes hold 3 * 4 = 12 pens.\nShe has 12 - 5 = 7 pens left.\n#### 7"

const (
	attackSystem = "You are given correct steps of a solution. Rewrite the step with the mistake you are told, so that its numbers change. One line, same style, no comment."
	rewordSystem = "You are given correct steps of a solution. Say the step in other words, with the same numbers and the same result. One line, same style, no comment."

	rewordBefore = "Together they have 14 + 9 = 23 marbles."
	rewordAfter  = "That makes 14 + 9 = 23 marbles for both of them."
)

// Target is a correct step in its place.
type Target struct {
	Prefix step.Trace // the problem and the correct steps before
	Text   string     // the step
	Source Source     // Worked or Own
	Kind   Kind

	From *solution // the right answer that it is a step of; nil of worked ones
}

// solveMessages asks for a solution.
func solveMessages(instruction, question string) []adapters.Message {
	return []adapters.Message{{Role: adapters.System, Content: instruction}, {Role: adapters.User, Content: question}}
}

// attackMessages asks for t with a strategy's mistake; before and after show it. The example is a turn of its own,
// because a small model copies the form of its last answer far better than it follows a description; naming the result
// to be avoided keeps it from copying the step. What varies comes last: the attacks on one problem share their
// beginning, and a server its prefill.
func attackMessages(t Target, definition, before, after string) []adapters.Message {
	ask := func(text string) string {
		q := "Step: " + text + "\nMistake: " + definition
		if n := finalNumber(text); n != "" {
			q += " The result must not be " + n + "."
		}
		return q
	}
	return append(openingMessages(attackSystem, t),
		adapters.Message{Role: adapters.User, Content: ask(before)},
		adapters.Message{Role: adapters.Assistant, Content: after},
		adapters.Message{Role: adapters.User, Content: ask(t.Text)})
}

// againMessages goes on from an attack that R saw through.
func againMessages(ask []adapters.Message, t Target, reply string, p float64) []adapters.Message {
	return append(ask, adapters.Message{Role: adapters.Assistant, Content: reply},
		adapters.Message{Role: adapters.User, Content: fmt.Sprintf("A checker gives this %.0f %% to be right. Make another mistake in the step, one that is harder to see: %s", 100*p, t.Text)})
}

// rewordMessages asks for t in other words.
func rewordMessages(t Target) []adapters.Message {
	return append(openingMessages(rewordSystem, t),
		adapters.Message{Role: adapters.User, Content: "Step: " + rewordBefore},
		adapters.Message{Role: adapters.Assistant, Content: rewordAfter},
		adapters.Message{Role: adapters.User, Content: "Step: " + t.Text})
}

// juryMessages asks whether a step is right, in one word.
func juryMessages(prefix step.Trace, text string) []adapters.Message {
	soFar := prefix.Text()
	if soFar == "" {
		soFar = "(nothing yet)"
	}
	return []adapters.Message{
		{Role: adapters.System, Content: "You check one step of a solution: its numbers, its arithmetic, and whether it follows from the question. Answer with one word: Right or Wrong."},
		{Role: adapters.User, Content: "Question: " + prefix.Problem.Question + "\nCorrect so far:\n" + soFar + "\nStep: " + text},
	}
}

// Reword is the word by which Compact asks for a step in other words.
const Reword = "reword"

// Compact asks for t with a strategy's mistake, or in other words, by one word: a strategy's name or Reword. It is for
// models that were trained on this form (adapters.Capabilities.Compact) and have no room for instructions.
func Compact(t Target, word string) []adapters.Message {
	messages := []adapters.Message{{Role: adapters.User, Content: t.Prefix.Problem.Question}}
	if len(t.Prefix.Steps) > 0 {
		messages = append(messages, adapters.Message{Role: adapters.Assistant, Content: t.Prefix.Text()})
	}
	return append(messages, adapters.Message{Role: adapters.User, Content: word + ": " + t.Text})
}

func openingMessages(system string, t Target) []adapters.Message {
	soFar := t.Prefix.Text()
	if soFar == "" {
		soFar = "(nothing yet)"
	}
	return []adapters.Message{
		{Role: adapters.System, Content: system},
		{Role: adapters.User, Content: "Question: " + t.Prefix.Problem.Question + "\nSolution so far:\n" + soFar},
		{Role: adapters.Assistant, Content: "Which step?"},
	}
}

// Why a reply is of no use as a step.
var (
	errEmpty    = errors.New("empty")
	errVerbatim = errors.New("the step as it was")
	errRepeat   = errors.New("an earlier step or the example again")
	errEcho     = errors.New("words of the prompt")
	errNoStep   = errors.New("no step")
	errLong     = errors.New("much longer than the step")
	errCut      = errors.New("cut off by the token limit")
)

// labels are what models put before a step of their own accord.
var labels = []string{"wrong step", "incorrect step", "rewritten step", "corrupted step",
	"reworded step", "new step", "wrong", "incorrect", "correct", "rewritten", "answer", "mistake", "step"}

// echoes are words of the prompts that no step has.
var echoes = []string{"correct step:", "next step:", "mistake:", "step:", "solution so far", "question:", "the mistake", "a mistake", "rewrite", "reworded", "which step",
	"same style", "a checker", "harder to see", "nothing yet", "other words", "must not be"}

// parseStep reads the step out of a reply: its first line, without label and quotes, normalised. The error says why a
// reply is of no use; shown holds the example's steps.
func parseStep(reply string, cut bool, t Target, shown ...string) (string, error) {
	line, _, broken := strings.Cut(strings.TrimSpace(reply), "\n")
	line = step.Normalize(line)
	for {
		head, rest, ok := strings.Cut(line, ":")
		if !ok || !slices.Contains(labels, strings.ToLower(strings.TrimSpace(head))) {
			break
		}
		line = strings.TrimSpace(rest)
	}
	line = step.Normalize(strings.TrimSpace(unquote(line)))
	low := strings.ToLower(line)
	switch {
	case line == "":
		return "", errEmpty
	case cut && !broken:
		return "", errCut
	case same(line, t.Text):
		return "", errVerbatim
	case step.IsAnswer(line) || !strings.ContainsAny(low, "abcdefghijklmnopqrstuvwxyz0123456789"):
		return "", errNoStep
	case len(line) > 2*len(t.Text)+80:
		return "", errLong
	}
	for _, e := range echoes {
		if strings.Contains(low, e) {
			return "", errEcho
		}
	}
	for _, s := range t.Prefix.Steps {
		if same(line, s) {
			return "", errRepeat
		}
	}
	for _, s := range shown { // a small model may also write its own step after the example's
		if strings.Contains(bare(line), bare(s)) {
			return "", errRepeat
		}
	}
	return line, nil
}

// unquote drops one pair of quotes around the whole text.
func unquote(s string) string {
	for _, q := range []string{`""`, "''", "``", "“”", "‘’"} {
		r := []rune(q)
		if t, ok := strings.CutPrefix(s, string(r[0])); ok {
			if u, ok := strings.CutSuffix(t, string(r[1])); ok && !strings.Contains(u, string(r[0])) {
				return u
			}
		}
	}
	return s
}

// same compares two steps by their letters, digits and operators only.
func same(a, b string) bool { return bare(a) == bare(b) }

func bare(s string) string {
	runes := []rune(strings.ToLower(step.Normalize(s)))
	var b strings.Builder
	for i, r := range runes {
		point := r == '.' && i+1 < len(runes) && unicode.IsDigit(runes[i+1])
		if point || !strings.ContainsRune(" \t\n.,;:!\"'`“”‘’", r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}
