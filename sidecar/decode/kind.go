package decode

import (
	"context"
	"errors"
	"strings"

	"aprm/prm/feature"
	"aprm/prm/program"
	"aprm/prm/step"
)

// AsMeasured, as Options.Kinds, has auto draw what its gate found best with this LLM, and all others prose.
const AsMeasured step.Kinds = "measured"

// AsksProgram is what a conversation's system message ends with where a program is asked for.
const AsksProgram = program.Prompt

// Where the LLM goes on with what is begun, such an answer is begun with OpensProgram; what comes behind ClosesProgram
// is of no use.
const (
	OpensProgram  = program.Opening
	ClosesProgram = program.Closing
)

// ErrNoPrograms is returned when programs are asked for of an LLM that can't write any.
var ErrNoPrograms = errors.New("this model can't write programs: leave kinds at prose")

// Reading is a whole answer as people see it, as votes count it and as the PRM reads it.
type Reading struct {
	Working
	Text     string // of a program its steps told as lines, behind them "#### " and its value; "" where it has none
	Answer   string // "" when Answered is false
	Answered bool
	Source   string // of a program that was run
	Why      string // a program has no answer
}

// Read reads a whole answer, if Sample.Reading hasn't it already. A program is run for it, bounded (see prm/program)
// and ended with ctx; what was to be one and holds none is read as prose.
func (s Sample) Read(ctx context.Context) (r Reading) {
	if s.Reading != nil {
		return *s.Reading
	}
	var ran program.Result
	err := program.ErrNone
	if s.Kind == step.Program {
		ran, err = program.Run(ctx, s.Text)
	}
	if errors.Is(err, program.ErrNone) { // a model that was asked for a program may answer in prose all the same
		r.Text, r.Steps = s.Text, step.Split(s.Text)
		r.Tokens = step.SplitTokens(s.Text, r.Steps, s.Tokens)
		if r.Answer, r.Answered = answer(s.Text, r.Steps, s.Finish); !r.Answered && s.Kind == step.Program {
			r.Why = err.Error()
		}
		return r
	}
	if err != nil {
		r.Why = err.Error()
		return r
	}
	r = Ran(ran)
	if len(s.Tokens) > 0 {
		r.Tokens = tokensOf(ran, s)
	}
	return r
}

// Ran reads a program that has come to a value.
func Ran(ran program.Result) (r Reading) {
	r.Source = ran.Source
	for _, line := range ran.Steps {
		r.Steps = append(r.Steps, line.Text)
	}
	r.Steps = append(r.Steps, "#### "+ran.Answer)
	r.Text = strings.Join(r.Steps, "\n")
	if r.Answer, r.Answered = answer(r.Text, r.Steps, FinishEnd); !r.Answered {
		r.Why = "its value is no answer"
	}
	r.Program = factsOf(ran)
	return r
}

// factsOf is what the PRM is told of a run.
func factsOf(r program.Result) *feature.Program {
	p := &feature.Program{Lines: strings.Count(strings.TrimSpace(r.Source), "\n") + 1, Printed: r.Printed != "", Number: r.Value != nil}
	if r.Value != nil {
		p.Whole, p.Negative = r.Value.IsInt(), r.Value.Sign() < 0
	}
	for _, s := range r.Steps {
		p.Loops = p.Loops || s.Left > 0
	}
	return p
}

// tokensOf are those of the lines of a program that its steps, and at last its value, came from.
func tokensOf(r program.Result, s Sample) [][]step.Token {
	written := strings.Split(s.Text, "\n")
	lines := make([][]step.Token, len(written)) // as the LLM wrote them
	at, end := 0, len(written[0])+1
	for _, t := range s.Tokens {
		for end <= 0 && at+1 < len(written) {
			at++
			end += len(written[at]) + 1
		}
		lines[at] = append(lines[at], t)
		end -= len(t.Text)
	}
	var source [][]step.Token // as they were run: fences, indentation and prose around them are gone
	from := 0
	for line := range strings.Lines(r.Source) {
		source = append(source, nil)
		for k := from; k < len(written); k++ {
			if strings.TrimSpace(written[k]) == strings.TrimSpace(line) {
				source[len(source)-1], from = lines[k], k+1
				break
			}
		}
	}
	out := make([][]step.Token, 0, len(r.Steps)+1)
	for _, told := range r.Steps {
		out = append(out, source[min(max(told.Line, 1), len(source))-1])
	}
	return append(out, source[len(source)-1])
}
