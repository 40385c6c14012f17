package program

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// candidate is a text that may be the program of an answer.
type candidate struct {
	text string
	open bool // the answer ends within it
}

// Extract finds the program in an answer: the code of its fences, or of the answer itself where that is code with at
// most some prose before or behind it. What stands within <think> is none. It wraps ErrNone when there is none. Run may
// fall back on other parts.
func Extract(answer string) (string, error) {
	all, err := extract(answer)
	if err != nil {
		return "", err
	}
	return all[0].text, nil
}

// extract returns what may be the program, the likeliest first.
func extract(answer string) ([]candidate, error) {
	if i := strings.LastIndex(answer, "</think>"); i >= 0 {
		answer = answer[i+len("</think>"):]
	}
	if i := strings.Index(answer, "<think>"); i >= 0 {
		answer = answer[:i]
	}
	answer = strings.ReplaceAll(answer, "\r\n", "\n")
	if len(answer) > 2*maxSource {
		return nil, limitError("the answer is too long")
	}
	out := fenced(answer)
	if len(out) == 0 {
		out = bare(answer)
	}
	if len(out) == 0 {
		return nil, ErrNone
	}
	return out, nil
}

// fenced returns the code of fences: of all together, since a later one may go on from an earlier one, then of each,
// from the last.
func fenced(answer string) []candidate {
	var python, plain []candidate
	lines := strings.Split(answer, "\n")
	if c, ok := unopened(lines); ok {
		return []candidate{c}
	}
	for i := 0; i < len(lines); i++ {
		opening := strings.TrimSpace(lines[i])
		mark := "```"
		if strings.HasPrefix(opening, "~~~") {
			mark = "~~~"
		} else if !strings.HasPrefix(opening, mark) {
			continue
		}
		info := strings.ToLower(strings.TrimSpace(strings.Trim(opening, mark[:1])))
		start := i + 1
		for i = start; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), mark); i++ {
		}
		c := candidate{text: dedent(lines[start:min(i, len(lines))]), open: i >= len(lines)}
		language, _, _ := strings.Cut(info, " ")
		switch {
		case strings.TrimSpace(c.text) == "":
		case language == "py" || strings.HasPrefix(language, "python") || language == "tool_code":
			python = append(python, c)
		case language == "":
			plain = append(plain, c)
		}
	}
	if len(python) == 0 {
		python = slices.DeleteFunc(plain, func(c candidate) bool { return !strings.ContainsAny(c.text, "=(") && !arithmetic(c.text) })
	}
	if len(python) < 2 {
		return python
	}
	all := candidate{open: python[len(python)-1].open}
	for _, c := range python {
		all.text += c.text + "\n"
	}
	slices.Reverse(python)
	return append([]candidate{all}, python...)
}

// unopened is code that a fence closes and none opens: everything before the first, if that is a whole program.
func unopened(lines []string) (candidate, bool) {
	end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "```") })
	if end < 1 || strings.TrimSpace(lines[end]) != "```" {
		return candidate{}, false
	}
	c := candidate{text: strings.TrimSpace(dedent(lines[:end]))}
	first, _, _ := strings.Cut(c.text, "\n")
	if !begins.MatchString(first) {
		return candidate{}, false
	}
	_, _, _, err := parse(c.text)
	return c, err == nil
}

// several tells a line that assigns to a name of several words, which Python has none of.
var several = regexp.MustCompile(`(?m)^[ \t]*([A-Za-z_]\w*(?:(?: +|-|['’])[A-Za-z_]\w*)+)[ \t]*=[^=]`)

// joined writes the names of several words that a text assigns to in one, wherever they stand in it: "total TVs = 40" is total_TVs. ok is false where there are none.
func joined(text string) (out string, ok bool) {
	var names []string
	for _, m := range several.FindAllStringSubmatch(text, -1) {
		if slices.ContainsFunc(wordsOf(m[1]), func(w string) bool { return keywords[w] }) {
			return "", false
		}
		names = append(names, m[1])
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // "smart TVs sold" before "smart TVs"
	out = text
	for _, name := range slices.Compact(names) {
		at := regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(name) + `($|\W)`)
		one := "${1}" + strings.Join(wordsOf(name), "_") + "${2}"
		out = at.ReplaceAllString(at.ReplaceAllString(out, one), one) // twice, as what is between two of them belongs to one match
	}
	return out, out != text
}

func wordsOf(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" -'’", r) })
}

// dedent takes off the indentation that all lines share, and the prompts of an interactive session.
func dedent(lines []string) string {
	lines = slices.Clone(lines)
	if first := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) != "" }); first >= 0 && strings.HasPrefix(strings.TrimSpace(lines[first]), ">>> ") {
		kept := lines[:0]
		for _, l := range lines {
			l = strings.TrimSpace(l)
			for _, prompt := range []string{">>> ", "... "} {
				if code, ok := strings.CutPrefix(l, prompt); ok {
					kept = append(kept, code)
				}
			}
		}
		lines = kept
	}
	shared := -1
	for _, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		n := len(l) - len(strings.TrimLeft(l, " \t"))
		if shared < 0 || n < shared {
			shared = n
		}
	}
	if shared > 0 {
		for i, l := range lines {
			lines[i] = l[min(shared, len(l)-len(strings.TrimLeft(l, " \t"))):]
		}
	}
	return strings.Join(lines, "\n")
}

// begins tells a line that code may begin with.
var begins = regexp.MustCompile(`^(import \w|from \w+ import |def \w+|print ?\(|(for|while|if) .*:\s*(#.*)?$|return\b|[A-Za-z_]\w*(\s*,\s*[A-Za-z_]\w*)*\s*(:\s*\w+\s*)?([-+*/]|//|\*\*)?=[^=])`)

// ends tells code whose last line gives its value.
var ends = regexp.MustCompile(`(^|\n)[ \t]*(print ?\(|return |[A-Za-z_]\w*\()[^\n]*$`)

// A model that takes up JavaScript by mistake writes nothing else differently in a calculation.
var (
	declared = regexp.MustCompile(`(?m)^([ \t]*)(?:let|const|var) ([A-Za-z_]\w* *=)`)
	comment  = regexp.MustCompile(`;[ \t]*//`)
)

// arithmetic reports whether a text is nothing but a calculation or a number.
func arithmetic(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && strings.ContainsAny(s, "0123456789") && strings.Trim(s, "0123456789.+-*/%() \n") == ""
}

// bare finds code that no fence is around: lines from the first that looks like code up to where it stops being some.
func bare(answer string) []candidate {
	answer = strings.TrimPrefix(strings.Trim(answer, " \n`"), "python\n")
	calculation, claimed, equation := strings.Cut(answer, "=") // "12 - 10 = 2": the claim isn't needed
	if arithmetic(calculation) && (!equation || arithmetic(claimed)) {
		return []candidate{{text: calculation}}
	}
	answer = comment.ReplaceAllString(declared.ReplaceAllString(answer, "$1$2"), "; #")
	if text, ok := joined(answer); ok {
		if _, _, _, err := parse(text); err == nil {
			return []candidate{{text: text}}
		}
	}
	lines := strings.Split(answer, "\n")
	if slices.ContainsFunc(lines, func(l string) bool { return begins.MatchString(strings.TrimSpace(l)) }) {
		if _, _, _, err := parse(answer); err == nil || errors.Is(err, ErrRefused) {
			return []candidate{{text: answer}}
		}
	}
	tries := 0
	for i, l := range lines {
		if !begins.MatchString(strings.TrimSpace(l)) && !strings.HasPrefix(l, ">>> ") {
			continue
		}
		if tries++; tries > 4 {
			return nil
		}
		text := dedent(lines[i:])
		_, _, _, err := parse(text)
		if err == nil || errors.Is(err, ErrLimit) {
			return []candidate{{text: text}}
		}
		head := strings.TrimSpace(beginning(text))
		if errors.Is(err, ErrCut) && !ends.MatchString(head) { // else what is cut off may be prose behind it
			return []candidate{{text: text, open: true}}
		}
		if strings.Contains(head, "\n") {
			return []candidate{{text: head}}
		}
	}
	return nil
}

// beginning is as much of a text as is a program, up to a whole statement; "" for nothing.
func beginning(text string) string {
	lines := strings.Split(text, "\n")
	for tries := 0; tries < 4; tries++ {
		_, _, stops, err := parse(text)
		if err == nil {
			return text
		}
		p, ok := err.(*problem)
		if !ok {
			return ""
		}
		if len(stops) > 0 {
			return text[:stops[len(stops)-1]]
		}
		if p.line <= 1 || p.line > len(lines) {
			return ""
		}
		lines = lines[:p.line-1]
		text = strings.Join(lines, "\n")
	}
	return ""
}
