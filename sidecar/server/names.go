package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"aprm/prm/step"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// strategyRaw is no strategy of decode: the upstream answers, not the search.
const strategyRaw = "raw"

// MaxN bounds the candidates a client may ask for.
const MaxN = 64

// choice is a way of answering that a client picked. N is 0 where it leaves the number of candidates to the defaults,
// kinds "" where it leaves what they are, and strategy "" where it only says what they are: then it is a vote.
type choice struct {
	strategy string
	n        int
	kinds    step.Kinds
}

// over is the choice with what it leaves open taken from another.
func (c choice) over(other choice) choice {
	return choice{strategy: cmp.Or(c.strategy, other.strategy), n: cmp.Or(c.n, other.n), kinds: cmp.Or(c.kinds, other.kinds)}
}

// voted is the choice with a strategy: where there is none a vote, weighed where there is a PRM.
func (c choice) voted(trained bool) choice {
	if c.strategy == "" {
		c.strategy = decode.Majority
		if trained {
			c.strategy = decode.WeightedVote
		}
	}
	return c
}

// Suffix is the name of a strategy within a virtual model name: MODEL@vote. All but greedy may carry a number of
// candidates: MODEL@vote-8.
func Suffix(strategy string) string {
	switch strategy {
	case decode.WeightedVote:
		return "vote"
	case decode.BestOfN:
		return "best-of"
	case decode.Confident:
		return "confident"
	}
	return strategy
}

// Suffixes are those of raw and of every strategy, or of every one that needs no PRM.
func Suffixes(trained bool) []string {
	out := strategies(trained)
	for i, name := range out {
		out[i] = Suffix(name)
	}
	return out
}

// DefaultNames are the suffixes listed where a checkpoint is loaded; without one those that need it are left out. All
// others are taken too, but would make a menu of models too long.
func DefaultNames() []string {
	return []string{"raw", "auto", "guided", "majority-8"}
}

// parseChoice reads the suffix of a virtual model name: one of Suffixes, alone or, but for raw and greedy, with a
// number of candidates; before that number a vote may say that they are programs or mixed, which also stand alone:
// vote-8, mixed-8, auto-mixed-8.
func parseChoice(suffix string) (c choice, ok bool) {
	name := suffix
	if at := strings.LastIndexByte(name, '-'); at > 0 && plainNumber(name[at+1:]) {
		n, err := strconv.Atoi(name[at+1:])
		if err != nil {
			return choice{}, false
		}
		name, c.n = name[:at], n
	}
	for _, kinds := range []step.Kinds{step.OnlyPrograms, step.Mixed} {
		if name == string(kinds) {
			c.kinds = kinds
			return c, true
		}
		if vote, ok := strings.CutSuffix(name, "-"+string(kinds)); ok {
			name, c.kinds = vote, kinds
			break
		}
	}
	if name == strategyRaw && c == (choice{}) {
		return choice{strategy: strategyRaw}, true
	}
	for _, d := range decode.Strategies() {
		if name != Suffix(d.Name) {
			continue
		}
		if c.strategy = d.Name; d.Name == decode.Greedy && c.n > 0 || c.kinds != "" && !decode.Votes(d.Name) {
			break
		}
		return c, true
	}
	return choice{}, false
}

// wayOf reads how answers are made by a strategy's name or, which is the same, by what stands behind the @ of a model's
// name: best_of_n, best-of, best-of-8.
func wayOf(name string) (c choice, ok bool) {
	if slices.Contains(strategies(true), name) {
		return choice{strategy: name}, true
	}
	c, ok = parseChoice(name)
	return c, ok && c.strategy != "" && c.n <= MaxN
}

// Way is a way to answer by either of its names. n is 0 and kinds are "" where the name leaves them to settings of
// their own; ok is false where it is no name.
func Way(name string) (strategy string, n int, kinds step.Kinds, ok bool) {
	c, ok := wayOf(name)
	return c.strategy, c.n, c.kinds, ok
}

func plainNumber(s string) bool {
	return s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// splitName takes a virtual model name apart. A name that isn't one comes back whole: models may have an @ of their
// own.
func splitName(name string) (model string, c choice, virtual bool) {
	at := strings.LastIndexByte(name, '@')
	if at <= 0 {
		return name, choice{}, false
	}
	if c, ok := parseChoice(name[at+1:]); ok {
		return name[:at], c, true
	}
	return name, choice{}, false
}

// bareName is a JSON string that is a virtual model name, without its suffix; nil for any other value.
func bareName(value json.RawMessage) json.RawMessage {
	var name string
	if bytes.IndexByte(value, '@') < 0 && bytes.IndexByte(value, '\\') < 0 || json.Unmarshal(value, &name) != nil {
		return nil
	}
	if model, _, virtual := splitName(name); virtual {
		return dialect.Compact(model)
	}
	return nil
}

// bareText is bareName for a text that isn't JSON.
func bareText(name string) string {
	model, _, _ := splitName(name)
	return model
}

// bareQuery is a query string, or a form in that shape, whose model is no virtual name; every other byte is as it came.
func bareQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if key, value, _ := strings.Cut(part, "="); key == "model" {
			name, err := url.QueryUnescape(value)
			if model, _, virtual := splitName(name); err == nil && virtual {
				parts[i] = key + "=" + url.QueryEscape(model)
			}
		}
	}
	return strings.Join(parts, "&")
}

// listedFor is how long the upstream's list of models counts, and listedWithin how long a request waits for it: then it
// goes by what was known before.
const (
	listedFor    = time.Minute
	listedWithin = 3 * time.Second
)

// modelNames are the names of the upstream's models, as it lists them to this client; those of its last list where it
// fails now, none where it never told.
func (s *Server) modelNames(r *http.Request) []string {
	key := s.question(r, listOfModels)
	list := s.asked.good(key)
	if time.Since(list.at) >= listedFor {
		asker := r.Clone(r.Context()) // for the request may be changed, passed on and over before there is an answer
		told := make(chan struct{})
		go func() {
			defer close(told)
			_, _, _ = s.get(asker, listOfModels) // what it finds is remembered
		}()
		patience := time.NewTimer(listedWithin)
		defer patience.Stop()
		select {
		case <-told:
		case <-patience.C:
		case <-r.Context().Done():
		}
		list = s.asked.good(key)
	}
	models, err := parseModels(list.body)
	if err != nil {
		return nil
	}
	var names []string
	for _, m := range models {
		names = append(names, m.ID)
	}
	return names
}

// checkName refuses a name that is a known model's with a suffix that is none: its model would be looked for in vain,
// or answer otherwise than was asked.
func (s *Server) checkName(r *http.Request, name string) error {
	at := strings.LastIndexByte(name, '@')
	if at <= 0 {
		return nil
	}
	if _, _, virtual := splitName(name); virtual {
		return nil
	}
	known := s.modelNames(r)
	if slices.Contains(known, name) || name[:at] != s.cfg.Model && !slices.Contains(known, name[:at]) {
		return nil // a model's own name, or the upstream's to refuse
	}
	_, trained := s.reasoner.Checkpoint()
	return &dialect.Problem{Status: http.StatusNotFound, Kind: dialect.Invalid, Param: "model", Code: "model_not_found",
		Message: fmt.Sprintf("model %q: there is no way of answering called %q; %s has @%s, all but raw and greedy also with a number of candidates (@majority-4), and @mixed-8 or @programs-8 for a vote over programs too",
			name, name[at+1:], name[:at], strings.Join(Suffixes(trained), ", @"))}
}

// strategies are the names that the prm object takes, all or those that need no PRM.
func strategies(trained bool) []string {
	out := []string{strategyRaw}
	for _, d := range decode.Strategies() {
		if trained || !d.NeedsPRM {
			out = append(out, d.Name)
		}
	}
	return out
}

// offered are the suffixes that models are listed with.
func (s *Server) offered() []string {
	if _, ok := s.reasoner.Checkpoint(); ok {
		return s.cfg.Names
	}
	return slices.DeleteFunc(slices.Clone(s.cfg.Names), func(name string) bool {
		c, _ := parseChoice(name)
		return decode.NeedsPRM(c.strategy)
	})
}

// checkOffered refuses a strategy that needs a PRM where there is none. param is the field that asked for it.
func (s *Server) checkOffered(strategy, param string) error {
	if _, ok := s.reasoner.Checkpoint(); ok || !decode.NeedsPRM(strategy) {
		return nil
	}
	return noCheckpoint(param, "prm.strategy "+strategy+" needs a PRM; without one there are "+strings.Join(strategies(false), ", "))
}

func checkN(n int, param string) error {
	if n < 1 || n > MaxN {
		return dialect.BadRequest(param, "%s: the number of candidates must be 1 to %d, not %d", param, MaxN, n)
	}
	return nil
}

func notAStrategy(name string) error {
	return dialect.BadRequest("prm.strategy", "prm.strategy %q is not one of %s", name, strings.Join(strategies(true), ", "))
}
