package server

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"aprm/sidecar/decode"
)

// strategyRaw is no strategy of decode: the upstream answers, not the search.
const strategyRaw = "raw"

// maxN bounds the candidates a client may ask for.
const maxN = 64

// choice is a way of answering that a client picked. N is 0 where it leaves the number of candidates to the defaults.
type choice struct {
	strategy string
	n        int
}

// short are the strategies' names within a virtual model name; numbered ones may carry the number of candidates.
var short = []struct {
	name, strategy string
	numbered       bool
}{
	{"raw", strategyRaw, false},
	{"greedy", decode.Greedy, false},
	{"guided", decode.Guided, true},
	{"auto", decode.Auto, true},
	{"majority", decode.Majority, true},
	{"vote", decode.WeightedVote, true},
	{"best-of", decode.BestOfN, true},
	{"beam", decode.Beam, true},
	{"dvts", decode.DVTS, true},
	{"particle", decode.Particle, true},
	{"rebase", decode.Rebase, true},
}

// DefaultNames are the suffixes listed where a checkpoint is loaded; without one those that need it are left out. All others are
// taken too, but would make a menu of models too long.
func DefaultNames() []string {
	return []string{"raw", "auto", "guided", "vote-8", "best-of-8", "majority-8"}
}

// parseChoice reads the suffix of a virtual model name: raw, auto, auto-4, guided, guided-4, majority-8, vote-8, best-of-8, beam-8, dvts-8,
// particle-8, rebase-8.
func parseChoice(suffix string) (choice, bool) {
	for _, s := range short {
		if suffix == s.name {
			return choice{strategy: s.strategy}, true
		}
		number, ok := strings.CutPrefix(suffix, s.name+"-")
		if !ok || !s.numbered || !plainNumber(number) {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return choice{}, false
		}
		return choice{strategy: s.strategy, n: n}, true
	}
	return choice{}, false
}

func plainNumber(s string) bool {
	return s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// splitName takes a virtual model name apart. A name that isn't one comes back whole: models may have an @ of their own.
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
	if json.Unmarshal(value, &name) != nil {
		return nil
	}
	if model, _, virtual := splitName(name); virtual {
		return compact(model)
	}
	return nil
}

// strategies are the names that the prm object takes.
func strategies() []string {
	all := []string{strategyRaw}
	for _, d := range decode.Strategies() {
		all = append(all, d.Name)
	}
	return all
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
	return noCheckpoint(param, "prm.strategy "+strategy+" needs a PRM; there are raw and majority without one")
}

func checkN(n int, param string) error {
	if n < 1 || n > maxN {
		return badRequest(param, "%s: the number of candidates must be 1 to %d, not %d", param, maxN, n)
	}
	return nil
}

func notAStrategy(name string) error {
	return badRequest("prm.strategy", "prm.strategy %q is not one of %s", name, strings.Join(strategies(), ", "))
}
