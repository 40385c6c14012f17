package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"reflect"
	"strings"
	"time"

	"aprm/prm/disk"
	"aprm/prm/step"
)

// Sampling is how the answers of a file were drawn. It is the file's first line, {"sampling":{…}}, and holds for the
// lines after it up to the next of its kind: files may be joined end to end.
type Sampling struct {
	Model       string    `json:"model"`
	Kind        step.Kind `json:"kind"` // of the answers
	Temperature float64   `json:"temperature"`
	TopP        float64   `json:"top_p,omitempty"` // 0: the endpoint's default
	MaxTokens   int       `json:"max_tokens"`
	Instruction string    `json:"instruction"`
	Opening     string    `json:"opening,omitempty"`  // of each answer, given and not drawn
	Strategy    string    `json:"strategy,omitempty"` // of the search that built each answer step by step; "" where they were drawn whole
}

// Apart names what another one has otherwise, by the names that the file has for it, with the beginning of either:
// `temperature 0.7 and 1, strategy "" and "guided"`.
func (s Sampling) Apart(other Sampling) string {
	var apart []string
	a, b := reflect.ValueOf(s), reflect.ValueOf(other)
	for i := range a.NumField() {
		if one, another := a.Field(i), b.Field(i); !one.Equal(another) {
			name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			format := "%s %v and %v"
			if one.Kind() == reflect.String {
				format = "%s %.30q and %.30q"
			}
			apart = append(apart, fmt.Sprintf(format, name, one, another))
		}
	}
	return strings.Join(apart, ", ")
}

// Answer is one drawn solution of a problem.
type Answer struct {
	Text   string       `json:"text"`
	Cut    bool         `json:"cut,omitempty"` // it ran into Sampling.MaxTokens
	Spent  int          `json:"spent"`         // tokens generated
	Tokens []step.Token `json:"-"`             // with log-probabilities to 2 decimals, alternatives without their text; nil where the endpoint gives none

	// What the LLM was found to think of the answer when it read it again, as `sidecar examine` adds it; nil where it
	// wasn't asked.
	PTrue  *float64          `json:"ptrue,omitempty"`  // the chance in [0,1] that it gives the answer to be right
	States map[string]Vector `json:"states,omitempty"` // its hidden states, pooled over the answer in several ways
}

// Answered is a problem with the answers that were drawn to it, in order: a line of the file.
type Answered struct {
	Problem  step.Problem `json:"problem"`
	Answers  []Answer     `json:"answers"`
	Sampling Sampling     `json:"-"`
	Wrong    string       `json:"-"` // a final answer that is known not to be the problem's, whose own isn't known; "" for none
}

// Given is what serving knows of a search whose answers it kept: whose it was, and the final answer that the client
// got.
type Given struct {
	Owner string `json:"owner,omitempty"` // the name of its key, "" where there are no keys
	Final string `json:"final,omitempty"` // "" where none was found
}

// Feedback is what a client said of the answer that it got: a line {"feedback":{…}} behind that search's, in the same
// file or a later one. The last one counts.
type Feedback struct {
	ID     string    `json:"id"`               // the problem's, which is the search's
	Right  bool      `json:"right"`            // the answer that was given is
	Answer string    `json:"answer,omitempty"` // what is right; "" where the client didn't say
	At     time.Time `json:"at"`               // when it was said
}

// tokenLine is a token as a file has it: ["text", log-probability, those of the alternatives, the likeliest first].
type tokenLine step.Token

func (t tokenLine) MarshalJSON() ([]byte, error) {
	short := func(v float64) float64 { return math.Round(max(v, -99)*100) / 100 }
	row := []any{t.Text, short(t.LogProb)}
	for _, a := range t.Top {
		row = append(row, short(a.LogProb))
	}
	return json.Marshal(row)
}

func (t *tokenLine) UnmarshalJSON(data []byte) error {
	var row []json.RawMessage
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	if len(row) < 2 {
		return errors.New(`a token of "lp" must be [text, log-probability, …]`)
	}
	if err := json.Unmarshal(row[0], &t.Text); err != nil {
		return err
	}
	numbers := make([]float64, len(row)-1)
	for i, raw := range row[1:] {
		if err := json.Unmarshal(raw, &numbers[i]); err != nil {
			return err
		}
	}
	t.LogProb, t.Top = numbers[0], nil
	for _, v := range numbers[1:] {
		t.Top = append(t.Top, step.Alternative{LogProb: v})
	}
	return nil
}

// answerFields are an Answer's without its methods.
type answerFields Answer

func (a Answer) MarshalJSON() ([]byte, error) {
	out := struct {
		answerFields
		LP []tokenLine `json:"lp,omitempty"`
	}{answerFields: answerFields(a)}
	for _, t := range a.Tokens {
		out.LP = append(out.LP, tokenLine(t))
	}
	return json.Marshal(out)
}

func (a *Answer) UnmarshalJSON(data []byte) error {
	in := struct {
		*answerFields
		LP []tokenLine `json:"lp"`
	}{answerFields: (*answerFields)(a)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	a.Tokens = nil
	for _, t := range in.LP {
		a.Tokens = append(a.Tokens, step.Token(t))
	}
	return nil
}

// answersLine is any line of a file of answers.
type answersLine struct {
	Sampling *Sampling     `json:"sampling,omitempty"`
	Problem  *step.Problem `json:"problem,omitempty"`
	Answers  []Answer      `json:"answers,omitempty"`
	Given    *Given        `json:"given,omitempty"` // of answers that serving came to
	Feedback *Feedback     `json:"feedback,omitempty"`
}

// ReadAnswers reads the files at these paths as `sidecar sample` and `sidecar serve --experience` write them, gzipped
// or not; the answers to one question in several lines or files are joined, in order, as long as they are of one
// Sampling and the same is known to be right. What clients said of a search labels its answers, whichever of the files
// it stands in. It is an error when nothing can be held against the final answers of more than half of the problems.
func ReadAnswers(paths ...string) ([]Answered, error) {
	type key struct {
		Sampling
		question, answer, wrong string
	}
	var lines []answeredLine
	said := map[string]Feedback{}
	for _, path := range paths {
		found, err := collect(path, answeredLines)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			if l.feedback != nil {
				said[l.feedback.ID] = *l.feedback
			}
		}
		lines = append(lines, found...)
	}
	var all []Answered
	at := map[key]int{}
	for _, l := range lines {
		a := l.Answered
		if l.feedback != nil {
			continue
		}
		if f, ok := said[a.Problem.ID]; ok && l.given != nil {
			switch {
			case f.Answer != "":
				a.Problem.Answer = f.Answer
			case f.Right:
				a.Problem.Answer = l.given.Final
			default:
				a.Wrong = l.given.Final
			}
		}
		k := key{a.Sampling, a.Problem.Question, a.Problem.Answer, a.Wrong}
		if i, ok := at[k]; ok {
			all[i].Answers = append(all[i].Answers, a.Answers...)
			continue
		}
		at[k] = len(all)
		all = append(all, a)
	}
	problems := make([]step.Problem, len(all))
	for i, a := range all {
		problems[i] = a.Problem
	}
	if _, err := unread(strings.Join(paths, ", "), problems); err != nil {
		return nil, err
	}
	return all, nil
}

// answeredLine is a line of answers, with what serving knows of them, or else what a client said of such.
type answeredLine struct {
	Answered
	given    *Given
	feedback *Feedback
}

// answeredLines yields these lines of r. After an error the sequence ends.
func answeredLines(r io.Reader, file string) iter.Seq2[answeredLine, error] {
	return func(yield func(answeredLine, error) bool) {
		var drawn Sampling
		for l, err := range answersLines(r, file) {
			out := answeredLine{feedback: l.Feedback}
			switch {
			case err != nil:
				yield(out, err)
				return
			case l.Sampling != nil:
				if drawn = *l.Sampling; drawn.Kind == "" {
					drawn.Kind = step.Prose
				}
				continue
			case l.Problem != nil:
				out.Answered, out.given = Answered{Problem: *l.Problem, Answers: l.Answers, Sampling: drawn}, l.Given
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// answersLines yields the lines of all kinds; before the first answers there is a Sampling.
func answersLines(r io.Reader, file string) iter.Seq2[answersLine, error] {
	return func(yield func(answersLine, error) bool) {
		var drawn *Sampling
		for r, err := range records(r, file) {
			var in answersLine
			if err == nil {
				if err = r.decode(&in); err == nil {
					err = errors.Join(in.check(drawn), disk.CheckSum(r.data))
				}
				if err != nil {
					err = r.fail(err)
				}
			}
			if in.Sampling != nil {
				drawn = in.Sampling
			}
			if !yield(in, err) || err != nil {
				return
			}
		}
	}
}

var errNoSampling = errors.New(`there is no line {"sampling":{…}} before the first answers`)

func (l answersLine) check(drawn *Sampling) error {
	switch {
	case l.Sampling != nil:
		return nil
	case l.Feedback != nil && l.Feedback.ID == "":
		return errors.New(`"feedback" has no "id"`)
	case l.Feedback != nil:
		return nil
	case l.Problem == nil || l.Problem.Question == "":
		return errors.New(`want {"sampling":{…}} or {"problem":{"question":…},"answers":[…]}, as sidecar sample writes them`)
	case drawn == nil:
		return errNoSampling
	}
	return nil
}

// AnswersFormat is what a file of answers is on disk.
var AnswersFormat = disk.Format{Kind: "a file of answers", Begin: `{"sampling":{"model":`, Check: func(line []byte) error {
	_, err := parseAnswers(line)
	return err
}}

// parseAnswers reads a line of any kind.
func parseAnswers(line []byte) (l answersLine, err error) {
	if err = json.Unmarshal(line, &l); err == nil {
		err = l.check(&Sampling{})
	}
	return l, err
}

// AnswersFile is a file of answers that is written. It is no more safe for concurrent use than a file is.
type AnswersFile struct {
	file  *disk.Lines
	known map[string]int // answers that are there, by question
}

// OpenAnswers opens the file at path to write answers of one Sampling to, and makes it where there is none. A last line
// that was torn is dropped. A file that holds something else, or answers drawn in another way, is refused and left
// alone, as is one that another process writes (disk.ErrInUse).
func OpenAnswers(path string, drawn Sampling) (*AnswersFile, error) {
	a := &AnswersFile{known: map[string]int{}}
	begun := false
	var err error
	a.file, err = AnswersFormat.Lines(path, func(line []byte) error {
		l, err := parseAnswers(line)
		switch {
		case err != nil:
			return err
		case l.Feedback != nil || l.Given != nil:
			return errors.New("it holds answers of serving, and what clients said of them: name another file")
		case l.Sampling == nil && !begun:
			return errNoSampling
		case l.Sampling == nil:
			a.known[l.Problem.Question] += len(l.Answers)
		case *l.Sampling != drawn:
			return fmt.Errorf("its answers were drawn as %+v, not as %+v: name another file", *l.Sampling, drawn)
		default:
			begun = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !begun {
		if err := a.write(answersLine{Sampling: &drawn}); err != nil {
			return nil, errors.Join(err, a.file.Close())
		}
	}
	return a, nil
}

// Known is how many answers to a question the file has.
func (a *AnswersFile) Known(question string) int { return a.known[question] }

// Add appends answers to a problem, and has them on disk when it returns.
func (a *AnswersFile) Add(p step.Problem, answers []Answer) error {
	if err := a.write(answersLine{Problem: &p, Answers: answers}); err != nil {
		return err
	}
	a.known[p.Question] += len(answers)
	return nil
}

// Close closes the file.
func (a *AnswersFile) Close() error { return a.file.Close() }

func (a *AnswersFile) write(l answersLine) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return a.file.Append(data)
}
