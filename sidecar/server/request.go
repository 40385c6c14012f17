package server

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// overrides is the prm object of a request: settings of the search (decode.Settings), and what only a request has
// (Fields).
type overrides struct {
	settings []override
	n        *int       // of them, as a virtual name has one too
	kinds    step.Kinds // likewise; "" where they aren't given

	Strategy   *string
	Steps      *bool
	DeadlineMS *int64
	ShowSearch *bool
	Trace      *bool
	Candidates *bool
	way        choice // what Strategy means
}

// override is a setting with the value that a request gives it, which is in its range.
type override struct {
	decode.Setting
	value json.RawMessage
}

// Field is a member of a request's prm object that is no setting of the search (decode.Settings).
type Field struct {
	Name string
	Want decode.Span
	Help string
	into func(*overrides) any // a pointer to it
}

// Fields are what a request's prm object may hold beside the settings of the search.
func Fields() []Field {
	return []Field{
		{"strategy", decode.Words(strategies(true)...), "how it is answered, also as behind the @ of a model's name (best-of-8); any but raw forces a search, whatever was asked",
			func(ov *overrides) any { return &ov.Strategy }},
		{"deadline_ms", decode.Whole(1, longestDeadline), "milliseconds after which the best so far is the answer, its wait for a turn included; a day at most, and no more than --search-timeout",
			func(ov *overrides) any { return &ov.DeadlineMS }},
		{"steps", decode.Truth, "false leaves steps and candidates out of the answer's prm object",
			func(ov *overrides) any { return &ov.Steps }},
		{"show_search", decode.Truth, "tell of the search as thoughts before the answer",
			func(ov *overrides) any { return &ov.ShowSearch }},
		{"trace", decode.Truth, "true puts the search's trace into the answer's prm object",
			func(ov *overrides) any { return &ov.Trace }},
		{"candidates", decode.Truth, "true puts the candidates, each as it comes and as something is decided of it, into the prm objects of chunks of their own, in a stream of OpenAI's chat completions",
			func(ov *overrides) any { return &ov.Candidates }},
	}
}

// readOverrides reads and checks the prm object of a request.
func readOverrides(o dialect.Object) (ov overrides, err error) {
	value, ok := o.Get("prm")
	if !ok {
		return ov, nil
	}
	given, err := dialect.Parse(value)
	if err != nil {
		return ov, dialect.BadRequest("prm", "prm must be an object such as {\"strategy\":\"guided\",\"n\":4}")
	}
	fields := map[string]Field{}
	for _, f := range Fields() {
		fields[f.Name] = f
	}
	settings := map[string]decode.Setting{}
	for _, s := range decode.Settings() {
		settings[s.Name] = s
	}
	for key, value := range given.All() {
		if string(value) == "null" {
			continue
		}
		at := "prm." + key
		if setting, known := settings[key]; known {
			var scratch decode.Options
			if err := setting.Set(&scratch, value); err != nil {
				return ov, dialect.BadRequest(at, "%s %v", at, err)
			}
			if key == "n" {
				ov.n = &scratch.N
			}
			ov.kinds = cmp.Or(scratch.Kinds, ov.kinds)
			ov.settings = append(ov.settings, override{setting, value})
			continue
		}
		field, known := fields[key]
		if !known {
			names := append(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(settings))...)
			return ov, dialect.BadRequest(at, "%s is no setting: there are %s", at, strings.Join(names, ", "))
		}
		if field.Want.Parse(value, field.into(&ov)) != nil {
			return ov, dialect.BadRequest(at, "%s must be %s", at, field.Want)
		}
	}
	if ov.Strategy != nil {
		var known bool
		if ov.way, known = wayOf(*ov.Strategy); !known {
			return ov, notAStrategy(*ov.Strategy)
		}
	}
	return ov, ov.check()
}

func (ov overrides) check() error {
	if ov.n != nil {
		if err := checkN(*ov.n, "prm.n"); err != nil {
			return err
		}
	}
	if d := ov.DeadlineMS; d != nil && (*d < 1 || *d > longestDeadline) {
		return dialect.BadRequest("prm.deadline_ms", "prm.deadline_ms must be a whole number of milliseconds above 0, a day at most")
	}
	return nil
}

// longestDeadline is a day, in milliseconds.
const longestDeadline = 24 * 60 * 60 * 1000

// options joins the defaults, what was chosen, and what the request's fields ask for. Without a seed of the client's
// the endpoint draws as it likes: a seed for each request makes some of them slow, and some builds of vLLM die of it.
func options(defaults decode.Options, c choice, ov overrides, a dialect.Ask) decode.Options {
	opts := defaults
	opts.Strategy = c.strategy
	if c.n > 0 {
		opts.N = c.n
	}
	if opts.Kinds.HavePrograms() && !decode.Votes(opts.Strategy) { // what a vote's answers are to be isn't meant for it
		opts.Kinds = step.OnlyProse
	}
	opts.Kinds = cmp.Or(c.kinds, opts.Kinds)
	if a.Temperature > 0 { // at 0 all candidates would be alike
		opts.Temperature = a.Temperature
	}
	if a.TopP > 0 {
		opts.TopP = a.TopP
	}
	if a.MaxTokens > 0 {
		opts.MaxTokens = a.MaxTokens
	}
	for _, set := range ov.settings {
		_ = set.Set(&opts, set.value) // readOverrides has checked it
	}
	if a.Seed != nil {
		opts.Seed = *a.Seed
	} else {
		opts.Seed, opts.Unseeded = rand.Int64N(1<<31), true // #nosec G404 -- what the search itself draws, as particles do
	}
	opts.LogProbs, opts.TopLogProbs, opts.TopWanted = a.Logprobs, a.TopLogprobs, a.TopLogprobs > 0
	return opts
}
