package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"aprm/prm/arith"
	"aprm/prm/step"
	"aprm/sidecar/dataset"
	"aprm/sidecar/decode"
	"aprm/sidecar/engine"
	"aprm/sidecar/server"
	"aprm/sidecar/server/dialect"
)

// experienceFlags say whether, and how, serving keeps what searches come to.
type experienceFlags struct {
	Folder string        `name:"experience" help:"Keep the answers of searches in this folder, to learn from ('sidecar train --solutions FOLDER/*.jsonl'), and what clients say of them (POST /v1/prm/feedback). Where there is a file of keys, of those keys alone that have experience: true. Nothing is kept without it." type:"path" placeholder:"FOLDER"`
	Age    time.Duration `name:"experience-age" help:"Keep no answers that are older; 0 for no bound." default:"720h"`
	Size   int           `name:"experience-size" help:"Keep so many MiB of answers, the newest; 0 for no bound." default:"1024"`
	Redact []string      `name:"experience-redact" help:"Regular expressions (RE2), each a --experience-redact of its own: what matches one in a question or an answer is replaced by [redacted] before anything is written. An answer whose final number would change by that is left out." sep:"none" placeholder:"PATTERN"`
}

func (f *experienceFlags) check() error {
	_, err := f.patterns()
	return errors.Join(err, atLeast(0, "--experience-age", f.Age), atLeast(0, "--experience-size", f.Size))
}

// patterns are those of --experience-redact.
func (f *experienceFlags) patterns() (redaction, error) {
	var out redaction
	var errs []error
	for _, text := range f.Redact {
		pattern, err := regexp.Compile(text)
		if err != nil {
			err = fmt.Errorf("--experience-redact %q: %w", text, err)
		}
		out, errs = append(out, pattern), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// open opens what is kept, nil where nothing is to be, and drops what is too old as time goes by until it is closed.
// serving is who answers now.
func (f *experienceFlags) open(serving func() *engine.Engine) (kept server.Experience, closeIt func(), err error) {
	if f.Folder == "" {
		return nil, func() {}, nil
	}
	redact, err := f.patterns()
	if err != nil {
		return nil, nil, badInput{err}
	}
	store, err := dataset.OpenExperience(f.Folder, dataset.Retention{Age: f.Age, Bytes: int64(f.Size) << 20}, time.Now())
	if err != nil {
		return nil, nil, badInput{fmt.Errorf("--experience: %w", err)}
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(pruned):
			}
			if err := store.Prune(time.Now()); err != nil {
				slog.Error("experience that is too old", "err", err)
			}
		}
	}()
	return experience{store, redact, serving}, func() { close(stop); <-ended; logClose(store.Close()) }, nil
}

// pruned is how often what is kept is looked at for what is too old.
const pruned = 10 * time.Minute

// redaction are patterns of what isn't written.
type redaction []*regexp.Regexp

const redacted = "[redacted]"

func (r redaction) of(text string) string {
	for _, pattern := range r {
		text = pattern.ReplaceAllLiteralString(text, redacted)
	}
	return text
}

// experience is a server.Experience on disk.
type experience struct {
	store   *dataset.Experience
	redact  redaction
	serving func() *engine.Engine
}

// Keep implements server.Experience: the whole answers that were drawn, those of a kind together; of a search step by
// step the one that it built. A PRM is of one LLM: answers of another than the configured one are not kept.
func (e experience) Keep(ctx context.Context, s server.Searched) error {
	by := e.serving()
	llm, err := by.LLM(s.Model)
	if err != nil {
		return err
	}
	caps, err := llm.Capabilities(ctx)
	own, unknown := by.Capabilities(ctx)
	if err = errors.Join(err, unknown); err != nil {
		return fmt.Errorf("whose answers they are isn't known: %w", err)
	}
	if caps.Identity() != own.Identity() {
		return nil
	}
	drawn := dataset.Sampling{Model: caps.Identity(), Kind: step.Prose, Temperature: s.Options.Temperature, TopP: s.Options.TopP, MaxTokens: s.Options.MaxTokens, Instruction: by.Instruction()}
	if s.Options.Strategy == decode.Greedy {
		drawn.Temperature = 0
	}
	ways, answers := map[step.Kind]dataset.Sampling{step.Prose: drawn}, map[step.Kind][]dataset.Answer{}
	for _, c := range s.Result.Candidates {
		if !c.Whole {
			continue
		}
		kind := cmp.Or(c.Kind, step.Prose)
		if a, ok := e.answer(ctx, kind, dataset.Answer{Text: c.Text, Cut: c.Cut, Spent: c.Tokens, Tokens: c.LogProbs}); ok {
			answers[kind] = append(answers[kind], a)
		}
	}
	if len(answers[step.Program]) > 0 {
		if drawn.Opening, err = by.Opening(ctx, step.Program); err != nil {
			return err
		}
		drawn.Kind, drawn.Instruction = step.Program, decode.AsksProgram
		ways[step.Program] = drawn
	}
	if len(answers) == 0 {
		way := ways[step.Prose]
		way.Strategy = s.Options.Strategy
		ways[step.Prose] = way
		text := dataset.Answer{Text: s.Result.Text, Cut: s.Result.Finish == decode.FinishLength, Spent: s.Result.CompletionTokens, Tokens: s.Result.Tokens}
		if a, ok := e.answer(ctx, step.Prose, text); ok {
			answers[step.Prose] = []dataset.Answer{a}
		}
	}
	var kept []dataset.Kept
	for _, kind := range []step.Kind{step.Prose, step.Program} {
		if len(answers[kind]) > 0 {
			kept = append(kept, dataset.Kept{Sampling: ways[kind], Answers: answers[kind]})
		}
	}
	if len(kept) == 0 {
		return nil
	}
	given := dataset.Given{Owner: s.Owner}
	if s.Result.Answered && e.redact.of(s.Result.Answer) == s.Result.Answer {
		given.Final = s.Result.Answer
	}
	return e.store.Add(time.Now(), s.ID, e.redact.of(s.Question), given, kept...)
}

// answer is what is written of one, not ok where that would come to something else than it did. What was replaced has
// no log-probabilities.
func (e experience) answer(ctx context.Context, kind step.Kind, a dataset.Answer) (_ dataset.Answer, ok bool) {
	text := e.redact.of(a.Text)
	if text == a.Text {
		return a, true
	}
	was := decode.Sample{Kind: kind, Text: a.Text}.Read(ctx)
	is := decode.Sample{Kind: kind, Text: text}.Read(ctx)
	a.Text, a.Tokens = text, nil
	return a, was.Answer == is.Answer && was.Answered == is.Answered
}

// Owner implements server.Experience.
func (e experience) Owner(id string) (string, error) {
	given, err := e.store.Given(id)
	if errors.Is(err, dataset.ErrNotKept) {
		err = server.ErrNotKept
	}
	return given.Owner, err
}

// Say implements server.Experience.
func (e experience) Say(id string, right bool, answer string) error {
	given, err := e.store.Given(id)
	if errors.Is(err, dataset.ErrNotKept) {
		return server.ErrNotKept
	}
	same := step.Unknown
	if answer != "" && given.Final != "" {
		switch arith.Equal(answer, given.Final) {
		case arith.True:
			same = step.Right
		case arith.False:
			same = step.Wrong
		}
	}
	switch {
	case answer != "" && !arith.Readable(answer):
		return dialect.BadRequest("answer", "answer: nothing can be held against %q: send the final answer alone, as a number, a formula or a word", answer)
	case answer != e.redact.of(answer):
		return dialect.BadRequest("answer", "answer holds what isn't kept here (--experience-redact): leave it out")
	case answer == "" && given.Final == "":
		return dialect.BadRequest("answer", "answer is missing: no final answer was found in what was answered: say what is right")
	case right && same == step.Wrong:
		return dialect.BadRequest("right", "right is true, but answer isn't what was answered, %s: send right: false with it", given.Final)
	case !right && same == step.Right:
		return dialect.BadRequest("right", "right is false, but answer is what was answered, %s: send right: true, or another answer", given.Final)
	}
	err = e.store.Say(time.Now(), dataset.Feedback{ID: id, Right: right, Answer: answer})
	if errors.Is(err, dataset.ErrNotKept) {
		return server.ErrNotKept
	}
	return err
}
