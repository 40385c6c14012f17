package server

import (
	"testing"

	"aprm/sidecar/decode"
)

func TestSplitName(t *testing.T) {
	tests := []struct {
		name, model string
		want        choice
		virtual     bool
	}{
		{"qwen2.5:1.5b@guided", "qwen2.5:1.5b", choice{strategy: guided}, true},
		{"m@guided-4", "m", choice{strategy: guided, n: 4}, true},
		{"m@raw", "m", choice{strategy: strategyRaw}, true},
		{"m@vote-8", "m", choice{strategy: weightedVote, n: 8}, true},
		{"m@best-of-16", "m", choice{strategy: bestOfN, n: 16}, true},
		{"m@greedy", "m", choice{strategy: decode.Greedy}, true},
		{"m@beam-8", "m", choice{strategy: decode.Beam, n: 8}, true},
		{"m@dvts-16", "m", choice{strategy: decode.DVTS, n: 16}, true},
		{"m@particle", "m", choice{strategy: decode.Particle}, true},
		{"m@rebase-4", "m", choice{strategy: decode.Rebase, n: 4}, true},
		{"m@beam-", "m@beam-", choice{}, false},
		{"m@greedy-2", "m@greedy-2", choice{}, false},
		{"m@majority", "m", choice{strategy: majority}, true},
		{"org/model@2024@vote-2", "org/model@2024", choice{strategy: weightedVote, n: 2}, true},

		{"plain", "plain", choice{}, false},
		{"claude@20240620", "claude@20240620", choice{}, false},
		{"@cf/meta/llama", "@cf/meta/llama", choice{}, false},
		{"@raw", "@raw", choice{}, false},
		{"m@raw-3", "m@raw-3", choice{}, false},
		{"m@vote-", "m@vote-", choice{}, false},
		{"m@vote-08", "m@vote-08", choice{}, false},
		{"m@vote--8", "m@vote--8", choice{}, false},
		{"m@vote-99999999999999999999", "m@vote-99999999999999999999", choice{}, false},
		{"m@Guided", "m@Guided", choice{}, false},
		{"", "", choice{}, false},
	}
	for _, tt := range tests {
		model, c, virtual := splitName(tt.name)
		if model != tt.model || c != tt.want || virtual != tt.virtual {
			t.Errorf("splitName(%q) = %q, %v, %t; want %q, %v, %t", tt.name, model, c, virtual, tt.model, tt.want, tt.virtual)
		}
	}
}

// TestSuffixes: every strategy there is has one, which names it alone.
func TestSuffixes(t *testing.T) {
	all, plain := Suffixes(true), Suffixes(false)
	if len(all) != 1+len(decode.Strategies()) || len(plain) >= len(all) {
		t.Fatalf("%v; without a PRM %v", all, plain)
	}
	for i, suffix := range all {
		want := strategyRaw
		if i > 0 {
			want = decode.Strategies()[i-1].Name
		}
		if _, c, virtual := splitName("m@" + suffix); !virtual || c.strategy != want {
			t.Errorf("@%s picks %q, want %q", suffix, c.strategy, want)
		}
	}
	for _, suffix := range plain {
		if _, c, _ := splitName("m@" + suffix); decode.NeedsPRM(c.strategy) {
			t.Errorf("@%s needs a PRM", suffix)
		}
	}
}
