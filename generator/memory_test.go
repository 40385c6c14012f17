package generator

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestMemoryStaysDiverseAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Memory{Limit: rapid.IntRange(0, 8).Draw(t, "limit")}
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			m.Add(Fooled{
				Trick:   Trick{Strategy: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "s"), Kind: rapid.SampledFrom(Kinds()).Draw(t, "k")},
				Problem: fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "q")), P: rapid.Float64Range(0.5, 1).Draw(t, "p"), Round: rapid.IntRange(0, 4).Draw(t, "r"),
			})
		}
		if len(m.Items) > m.Limit {
			t.Fatalf("%d items, limit %d", len(m.Items), m.Limit)
		}
		problems, tricks := make(map[string]int), make(map[string]int)
		for _, f := range m.Items {
			problems[f.Problem]++
			tricks[f.Strategy+string(f.Kind)]++
			if problems[f.Problem] > 1 || tricks[f.Strategy+string(f.Kind)] > perTrick {
				t.Fatalf("not diverse: %+v", m.Items)
			}
		}
	})
}

func TestMemoryPrefersLateAndSameKind(t *testing.T) {
	m := Memory{Limit: 10}
	m.Add(Fooled{Trick: Trick{Strategy: "unit", Kind: Additive, After: "old"}, Problem: "p1", P: 0.9, Round: 0})
	m.Add(Fooled{Trick: Trick{Strategy: "unit", Kind: Additive, After: "weak"}, Problem: "p2", P: 0.6, Round: 0})
	m.Add(Fooled{Trick: Trick{Strategy: "unit", Kind: Additive, After: "new"}, Problem: "p3", P: 0.6, Round: 1})
	m.Add(Fooled{Trick: Trick{Strategy: "unit", Kind: Mixed, After: "mixed"}, Problem: "p4", P: 0.6, Round: 2})
	for _, tt := range []struct {
		strategy string
		kind     Kind
		problem  string
		want     string // "" for none
	}{
		{"unit", Additive, "p9", "new"},
		{"unit", Additive, "p3", "old"}, // "weak" made room for "new"
		{"unit", Mixed, "p9", "mixed"},
		{"unit", Multiplicative, "p9", "mixed"},
		{"count", Additive, "p9", ""},
	} {
		if got, _ := m.Example(tt.strategy, tt.kind, tt.problem); got.After != tt.want {
			t.Errorf("Example(%s, %s, %s) = %q, want %q", tt.strategy, tt.kind, tt.problem, got.After, tt.want)
		}
	}
}

func TestPolicyFloorAndJSON(t *testing.T) {
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		cfg := DefaultConfig()
		p := NewPolicy(names, cfg)
		for range rapid.IntRange(1, 30).Draw(t, "rounds") {
			var out []Outcome
			for range rapid.IntRange(0, 20).Draw(t, "n") {
				out = append(out, Outcome{rapid.SampledFrom(names).Draw(t, "s"), rapid.SampledFrom(Kinds()).Draw(t, "k"), rapid.Float64Range(0, 1).Draw(t, "r"), rapid.Bool().Draw(t, "still")})
			}
			if err := p.Observe(out); err != nil {
				t.Fatal(err)
			}
			p.Step()
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var q Policy
		if err := json.Unmarshal(b, &q); err != nil {
			t.Fatal(err)
		}
		for _, k := range Kinds() {
			var sum float64
			for i, v := range p.Probabilities(k) {
				if sum += v; v < cfg.Floor || v != q.Probabilities(k)[i] {
					t.Fatalf("%v of %v; read back %v", v, p.Probabilities(k), q.Probabilities(k))
				}
			}
			if sum < 0.999999 || sum > 1.000001 {
				t.Fatalf("sums to %v", sum)
			}
		}
	})
}

func TestPolicyRefusesStrangers(t *testing.T) {
	p := NewPolicy([]string{"a"}, DefaultConfig())
	if p.Observe([]Outcome{{"z", Additive, 1, false}}) == nil || p.Observe([]Outcome{{"a", "odd", 1, false}}) == nil {
		t.Error("an unknown strategy or kind was taken")
	}
}

// What one kind has shown moves the others too, but less.
func TestPolicyPoolsKinds(t *testing.T) {
	p := NewPolicy([]string{"a", "b"}, DefaultConfig())
	var out []Outcome
	for range 8 {
		out = append(out, Outcome{"a", Additive, 1, false}, Outcome{"b", Additive, 0, false})
	}
	if err := p.Observe(out); err != nil {
		t.Fatal(err)
	}
	p.Step()
	seen, other := p.Probabilities(Additive)[0], p.Probabilities(Mixed)[0]
	if !(seen > other && other > 0.5) {
		t.Errorf("on the kind seen %.3f, on another %.3f", seen, other)
	}
}
