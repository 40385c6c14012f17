package server

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"

	"aprm/adapters"
	"aprm/prm"
	"aprm/sidecar/decode"
)

// ask is what a search needs to know of a request, whatever the dialect.
type ask struct {
	messages     []adapters.Message
	stream       bool
	includeUsage bool     // OpenAI: a last chunk with the usage
	stop         []string // the answer is cut before the first of them
	temperature  float64  // 0: the strategy's own
	topP         float64  // 0: the strategy's own
	maxTokens    int      // of the answer; 0: the strategy's own
	seed         *whole
	logprobs     bool
	topLogprobs  int
	ignored      []string // fields that the search doesn't carry, told to the client
}

// whole is a whole number of JSON, 100.0 and 1e2 included: clients that know no integers write them so, and endpoints take them.
type whole int64

func (w *whole) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, (*int64)(w)) == nil {
		return nil
	}
	var f float64
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 { // beyond that not every whole number is a float
		return &json.UnmarshalTypeError{Value: "number " + string(text), Type: reflect.TypeFor[int64]()}
	}
	*w = whole(f)
	return nil
}

// fieldRule says what a search does about a field of a request. A field that has no rule is one we don't know, and
// then the search keeps its hands off the request.
type fieldRule int

const (
	fieldRaw      fieldRule = iota // not for a search, unless it says nothing (null, "", [] or {})
	fieldFlag                      // not for a search, unless it is false
	fieldUsed                      // read by the dialect's own reader
	fieldHarmless                  // changes nothing in the answer
	fieldIgnored                   // shapes the sampling; the search samples by its own settings, and says so
)

// classify goes over the fields of an object. It returns the first field that forbids a search, "" when none does, and
// the fields that are ignored.
func classify(o object, rules map[string]fieldRule) (forbidden string, ignored []string) {
	for _, m := range o.members {
		value := o.raw[m.start:m.end]
		if saysNothing(value) {
			continue
		}
		switch rules[m.key] {
		case fieldRaw:
			return m.key, nil
		case fieldFlag:
			if string(value) != "false" {
				return m.key, nil
			}
		case fieldIgnored:
			if !isZero(value) && !slices.Contains(ignored, m.key) {
				ignored = append(ignored, m.key)
			}
		}
	}
	return "", ignored
}

// plainWord is a client's word as far as it may stand in a header.
func plainWord(word string) string {
	if word == "" || len(word) > 64 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "" {
		return "of an odd name"
	}
	return word
}

func saysNothing(value json.RawMessage) bool {
	switch string(value) {
	case "null", `""`, "[]", "{}":
		return true
	}
	return false
}

func isZero(value json.RawMessage) bool {
	var f float64
	return string(value) == "false" || (json.Unmarshal(value, &f) == nil && f == 0)
}

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
func readOverrides(o object) (ov overrides, err error) {
	value, ok := o.get("prm")
	if !ok {
		return ov, nil
	}
	prm, err := parseObject(value)
	if err != nil {
		return ov, badRequest("prm", "prm must be an object such as {\"strategy\":\"guided\",\"n\":4}")
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
	for _, m := range prm.members {
		field, known := fields[m.key]
		if !known {
			return ov, badRequest("prm."+m.key, "prm.%s is no setting: there are strategy, n, threshold, aggregate, token_budget, expansion, ess_threshold, entropic, rebase_temperature, steps, deadline_ms, show_search and trace", m.key)
		}
		if json.Unmarshal(prm.raw[m.start:m.end], field.into) != nil {
			return ov, badRequest("prm."+m.key, "prm.%s must be %s", m.key, field.want)
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
		return badRequest("prm.threshold", "prm.threshold must be a number from 0 to 1")
	}
	if a := ov.Aggregate; a != nil && !slices.Contains([]prm.Aggregation{prm.Min, prm.Product, prm.Last}, *a) {
		return badRequest("prm.aggregate", "prm.aggregate must be min, product or last, not %q", *a)
	}
	if b := ov.TokenBudget; b != nil && *b < 1 {
		return badRequest("prm.token_budget", "prm.token_budget must be a whole number above 0")
	}
	if e := ov.Expansion; e != nil && *e < 1 {
		return badRequest("prm.expansion", "prm.expansion must be a whole number above 0")
	}
	if e := ov.ESS; e != nil && !(*e > 0 && *e <= 1) {
		return badRequest("prm.ess_threshold", "prm.ess_threshold must be a number above 0, at most 1")
	}
	if t := ov.Rebase; t != nil && !(*t > 0 && *t <= 100) {
		return badRequest("prm.rebase_temperature", "prm.rebase_temperature must be a number above 0, at most 100")
	}
	if d := ov.DeadlineMS; d != nil && (*d < 1 || *d > longestDeadline) {
		return badRequest("prm.deadline_ms", "prm.deadline_ms must be a whole number of milliseconds above 0, a day at most")
	}
	return nil
}

// longestDeadline is a day, in milliseconds.
const longestDeadline = 24 * 60 * 60 * 1000

// options joins the defaults, what was chosen, and what the request's fields ask for.
func (a ask) options(defaults decode.Options, c choice, ov overrides, seed int64) decode.Options {
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
	if a.temperature > 0 { // at 0 all candidates would be alike
		opts.Temperature = a.temperature
	}
	if a.topP > 0 {
		opts.TopP = a.topP
	}
	if a.maxTokens > 0 {
		opts.MaxTokens = a.maxTokens
	}
	opts.Seed = seed
	opts.LogProbs, opts.TopLogProbs, opts.TopWanted = a.logprobs, a.topLogprobs, a.topLogprobs > 0
	return opts
}

// cutAtStop cuts text before the first stop string in it.
func cutAtStop(text string, stops []string) (string, bool) {
	at := math.MaxInt
	for _, stop := range stops {
		if i := strings.Index(text, stop); i >= 0 && i < at {
			at = i
		}
	}
	if at == math.MaxInt {
		return text, false
	}
	return text[:at], true
}

// stops reads one stop string or a list of them. Empty strings stop nothing.
func stops(value json.RawMessage, param string) ([]string, error) {
	if len(value) == 0 || string(value) == "null" {
		return nil, nil
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return nonEmpty([]string{one}), nil
	}
	var list []string
	if json.Unmarshal(value, &list) != nil {
		return nil, badRequest(param, "%s must be a string or a list of strings", param)
	}
	return nonEmpty(list), nil
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}
