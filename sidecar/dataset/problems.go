package dataset

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"regexp"
	"strings"

	"aprm/prm/step"
)

// mark matches GSM8K's calculator marks: in "48/2 = <<48/2=24>>24" they say again what the text says.
var mark = regexp.MustCompile(`<<[^<>\n]*>>`)

// ReadProblems reads all problems of the file at path; see [Problems].
func ReadProblems(path string) ([]step.Problem, error) { return collect(path, Problems) }

// Problems yields the problems that r holds, in GSM8K's format: {"question", "answer": "worked steps\n#### 72"}. An "id" is
// taken over (SVAMP has one), else the file's base name and the 0-based line make it; file is for that and for errors. An
// answer of one line without "####", or a number, is the final answer itself. After an error the sequence ends.
func Problems(r io.Reader, file string) iter.Seq2[step.Problem, error] {
	return func(yield func(step.Problem, error) bool) {
		for l, err := range lines(r, file) {
			var p step.Problem
			if err == nil {
				if p, err = problem(l); err != nil {
					err = l.fail(err)
				}
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

func problem(l line) (step.Problem, error) {
	var in struct {
		ID, Question string
		Answer       json.RawMessage
	}
	if err := l.decode(&in); err != nil {
		return step.Problem{}, err
	}
	if strings.TrimSpace(in.Question) == "" {
		return step.Problem{}, errors.New(`"question" is missing or empty`)
	}
	answer := string(in.Answer)
	if strings.HasPrefix(answer, `"`) {
		if err := json.Unmarshal(in.Answer, &answer); err != nil {
			return step.Problem{}, err
		}
	} else if !json.Valid(in.Answer) || strings.ContainsAny(answer[:1], "{[ntf") {
		return step.Problem{}, errors.New(`"answer" must be a text or a number`)
	}
	p := step.Problem{ID: in.ID, Question: in.Question}
	if p.ID == "" {
		p.ID = l.id()
	}
	worked, final, found := cutLast(mark.ReplaceAllString(answer, ""), "####")
	if !found && strings.Contains(strings.TrimSpace(answer), "\n") {
		return step.Problem{}, errors.New(`"answer" has no line "#### final answer"`)
	}
	if !found {
		worked, final = "", answer
	}
	p.Worked = step.Split(worked)
	if p.Answer = strings.TrimSpace(final); p.Answer == "" {
		return step.Problem{}, errors.New(`"answer" has no final answer`)
	}
	return p, nil
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
