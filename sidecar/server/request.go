package server

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"

	"aprm/prm"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// overrides is the prm object of a request.
type overrides struct {
	Strategy    *string          `json:"strategy"`
	N           *int             `json:"n"`
	Threshold   *float64         `json:"threshold"`
	Aggregate   *prm.Aggregation `json:"aggregate"`
	TokenBudget *int             `json:"token_budget"` // generated tokens over all candidates
	Expansion   *int             `json:"expansion"`
	ESS         *float64         `json:"ess_threshold"`
	Entropic    *bool            `json:"entropic"`
	Rebase      *float64         `json:"rebase_temperature"`
	Steps       *bool            `json:"steps"`       // false leaves steps and candidates out of the answer's prm object
	DeadlineMS  *int64           `json:"deadline_ms"` // of the search, its wait included; it shortens Config.SearchTimeout
	ShowSearch  *bool            `json:"show_search"` // tell of the search as thoughts before the answer
	Trace       *bool            `json:"trace"`       // true puts the search's trace into it
}

// readOverrides reads and checks the prm object of a request.
func readOverrides(o dialect.Object) (ov overrides, err error) {
	value, ok := o.Get("prm")
	if !ok {
		return ov, nil
	}
	prm, err := dialect.Parse(value)
	if err != nil {
		return ov, dialect.BadRequest("prm", "prm must be an object such as {\"strategy\":\"guided\",\"n\":4}")
	}
	fields := map[string]struct {
		into any
		want string
	}{
		"strategy":           {&ov.Strategy, "one of " + strings.Join(strategies(true), ", ")},
		"n":                  {&ov.N, "a whole number"},
		"threshold":          {&ov.Threshold, "a number from 0 to 1"},
		"aggregate":          {&ov.Aggregate, "min, product or last"},
		"token_budget":       {&ov.TokenBudget, "a whole number above 0"},
		"expansion":          {&ov.Expansion, "a whole number above 0"},
		"ess_threshold":      {&ov.ESS, "a number above 0, at most 1"},
		"entropic":           {&ov.Entropic, "true or false"},
		"rebase_temperature": {&ov.Rebase, "a number above 0, at most 100"},
		"steps":              {&ov.Steps, "true or false"},
		"trace":              {&ov.Trace, "true or false"},
		"deadline_ms":        {&ov.DeadlineMS, "a whole number of milliseconds above 0"},
		"show_search":        {&ov.ShowSearch, "true or false"},
	}
	for key, value := range prm.All() {
		field, known := fields[key]
		if !known {
			return ov, dialect.BadRequest("prm."+key, "prm.%s is no setting: there are strategy, n, threshold, aggregate, token_budget, expansion, ess_threshold, entropic, rebase_temperature, steps, deadline_ms, show_search and trace", key)
		}
		if json.Unmarshal(value, field.into) != nil {
			return ov, dialect.BadRequest("prm."+key, "prm.%s must be %s", key, field.want)
		}
	}
	return ov, ov.check()
}

func (ov overrides) check() error {
	if ov.Strategy != nil && !slices.Contains(strategies(true), *ov.Strategy) {
		return notAStrategy(*ov.Strategy)
	}
	if ov.N != nil {
		if err := checkN(*ov.N, "prm.n"); err != nil {
			return err
		}
	}
	if t := ov.Threshold; t != nil && !(*t >= 0 && *t <= 1) {
		return dialect.BadRequest("prm.threshold", "prm.threshold must be a number from 0 to 1")
	}
	if a := ov.Aggregate; a != nil && !slices.Contains([]prm.Aggregation{prm.Min, prm.Product, prm.Last}, *a) {
		return dialect.BadRequest("prm.aggregate", "prm.aggregate must be min, product or last, not %q", *a)
	}
	if b := ov.TokenBudget; b != nil && *b < 1 {
		return dialect.BadRequest("prm.token_budget", "prm.token_budget must be a whole number above 0")
	}
	if e := ov.Expansion; e != nil && *e < 1 {
		return dialect.BadRequest("prm.expansion", "prm.expansion must be a whole number above 0")
	}
	if e := ov.ESS; e != nil && !(*e > 0 && *e <= 1) {
		return dialect.BadRequest("prm.ess_threshold", "prm.ess_threshold must be a number above 0, at most 1")
	}
	if t := ov.Rebase; t != nil && !(*t > 0 && *t <= 100) {
		return dialect.BadRequest("prm.rebase_temperature", "prm.rebase_temperature must be a number above 0, at most 100")
	}
	if d := ov.DeadlineMS; d != nil && (*d < 1 || *d > longestDeadline) {
		return dialect.BadRequest("prm.deadline_ms", "prm.deadline_ms must be a whole number of milliseconds above 0, a day at most")
	}
	return nil
}

// longestDeadline is a day, in milliseconds.
const longestDeadline = 24 * 60 * 60 * 1000

// options joins the defaults, what was chosen, and what the request's fields ask for. Without a seed of the client's the endpoint draws as it likes: a
// seed for each request makes some of them slow, and some builds of vLLM die of it.
func options(defaults decode.Options, c choice, ov overrides, a dialect.Ask) decode.Options {
	opts := defaults
	opts.Strategy = c.strategy
	if c.n > 0 {
		opts.N = c.n
	}
	if ov.Threshold != nil {
		opts.Threshold = *ov.Threshold
	}
	if ov.Aggregate != nil {
		opts.Aggregate = *ov.Aggregate
	}
	if ov.TokenBudget != nil {
		opts.TokenBudget = *ov.TokenBudget
	}
	if ov.Expansion != nil {
		opts.Expansion = *ov.Expansion
	}
	if ov.ESS != nil {
		opts.ESSThreshold = *ov.ESS
	}
	if ov.Entropic != nil {
		opts.Entropic = *ov.Entropic
	}
	if ov.Rebase != nil {
		opts.RebaseTemperature = *ov.Rebase
	}
	if a.Temperature > 0 { // at 0 all candidates would be alike
		opts.Temperature = a.Temperature
	}
	if a.TopP > 0 {
		opts.TopP = a.TopP
	}
	if a.MaxTokens > 0 {
		opts.MaxTokens = a.MaxTokens
	}
	if a.Seed != nil {
		opts.Seed = *a.Seed
	} else {
		opts.Seed, opts.Unseeded = rand.Int64N(1<<31), true // what the search itself draws, as particles do
	}
	opts.LogProbs, opts.TopLogProbs, opts.TopWanted = a.Logprobs, a.TopLogprobs, a.TopLogprobs > 0
	return opts
}
