package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aprm/prm/casetest"
)

func parse(t *testing.T, text string) *Keys {
	t.Helper()
	table, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// entry is a file's entry for a key, with some more lines.
func entry(name, key, more string) string {
	return fmt.Sprintf("  - name: %s\n    hash: %s\n%s", name, hashOf(key), more)
}

func TestAFileHoldsNoKeys(t *testing.T) {
	key, e := New("a", []Scope{Chat})
	other, _ := New("a", nil)
	if key == other || strings.Contains(e.Hash, key) || len(key) < 32 {
		t.Errorf("keys %q and %q, entry %+v", key, other, e)
	}
	table := parse(t, "keys:\n"+entry("a", key, "    scopes: [chat]\n")+entry("b", "second", ""))
	if k := table.Find(key); k == nil || k.Name != "a" || !k.May(Chat) || k.May(Traces) || k.May(Admin) {
		t.Errorf("%+v", k)
	}
	if k := table.Find("second"); k == nil || !k.May(Score) || !k.May(Traces) || k.May(Metrics) {
		t.Errorf("without scopes: %+v", k)
	}
	for _, wrong := range []string{"", "secon", "second ", hashOf("second"), strings.ToUpper(key)} {
		if k := table.Find(wrong); k != nil {
			t.Errorf("%q is %+v", wrong, k)
		}
	}
}

func TestWhatIsWrongWithAFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "there is none",
		"keys: []":                            "there is none",
		"keys: 7":                             "keys",
		"other: 1":                            "other",
		"keys:\n  - name: a\n    hash: plain": `keys[0] "a"`,
		"keys:\n  - name: a\n    hash: sha256:12":                    `hash must be`,
		"keys:\n" + entry("a", "x", "    scopes: [everything]\n"):    `"everything" is no scope`,
		"keys:\n" + entry("a", "x", "    tokens: -1\n"):              "below 0",
		"keys:\n" + entry("a", "x", "") + entry("a", "y", ""):        "name is there twice",
		"keys:\n" + entry("a", "x", "") + entry("b", "x", ""):        "key is there twice",
		"keys:\n" + entry("a", "x", "    request: 5\n"):              "request",
		"keys:\n" + entry("", "x", ""):                               "no name",
		"keys:\n" + entry("a", "x", "") + "---\nkeys: []\n":          "more than one document",
		"keys:\n" + entry("a", "x", strings.Repeat(" ", 2<<20)+"\n"): "more than",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	now := time.Date(2026, 11, 27, 23, 59, 0, 0, time.UTC)
	limited := func(err error) (time.Duration, bool) {
		var l *Limit
		return func() time.Duration {
			if errors.As(err, &l) {
				return l.Again
			}
			return 0
		}(), err != nil
	}
	k := parse(t, "keys:\n"+entry("a", "x", "    requests: 2\n")).Find("x")
	for i := range 3 {
		if again, over := limited(k.Begin(now)); over != (i == 2) || over && (again < 25*time.Second || again > 31*time.Second) {
			t.Errorf("request %d: %v, %v", i, again, over)
		}
	}
	if _, over := limited(k.Begin(now.Add(31 * time.Second))); over {
		t.Error("half a minute later there is one again")
	}

	k = parse(t, "keys:\n"+entry("a", "x", "    tokens: 100\n")).Find("x")
	if _, over := limited(k.Begin(now)); over {
		t.Error("nothing was spent")
	}
	k.Spend(now, 350) // more than a minute's: whoever asked didn't know
	if again, over := limited(k.Begin(now)); !over || again < 2*time.Minute || again > 3*time.Minute {
		t.Errorf("350 of 100 spent: %v, %v", again, over)
	}
	if _, over := limited(k.Begin(now.Add(3 * time.Minute))); over {
		t.Error("what was spent is paid off")
	}

	k = parse(t, "keys:\n"+entry("a", "x", "    tokens-a-day: 100\n")).Find("x")
	k.Spend(now, 100)
	if again, over := limited(k.Begin(now)); !over || again != time.Minute {
		t.Errorf("the day's spent: %v, %v", again, over)
	}
	if _, over := limited(k.Begin(now.Add(time.Minute))); over {
		t.Error("a new day")
	}

	k = parse(t, "keys:\n"+entry("a", "x", "    searches-at-a-time: 1\n")).Find("x")
	end, ok := k.Search()
	if _, again := k.Search(); !ok || again {
		t.Error("two searches at a time")
	}
	end()
	if _, ok := k.Search(); !ok {
		t.Error("none after it")
	}
}

// TestReadAgain: what was spent stays spent, and a key that is gone opens nothing.
func TestReadAgain(t *testing.T) {
	now := time.Now()
	keys := parse(t, "keys:\n"+entry("a", "x", "    tokens-a-day: 100\n    requests: 1\n")+entry("b", "y", ""))
	keys.Find("x").Spend(now, 100)
	next := parse(t, "keys:\n"+entry("a", "z", "    tokens-a-day: 100\n    requests: 1\n"))
	next.After(keys)
	keys = next
	if keys.Find("x") != nil || keys.Find("y") != nil {
		t.Error("a key that is gone opens")
	}
	if err := keys.Find("z").Begin(now); err == nil {
		t.Error("a new key for the same name has a new budget")
	}
}

// TestReadAgainMeanwhile: what requests that began before come to counts in what there is then.
func TestReadAgainMeanwhile(t *testing.T) {
	now := time.Now()
	text := "keys:\n" + entry("a", "x", "    tokens-a-day: 100\n    searches-at-a-time: 1\n")
	keys, next := parse(t, text), parse(t, text)
	was := keys.Find("x")
	end, _ := was.Search()
	next.After(keys)
	is := next.Find("x")
	if _, ok := is.Search(); ok {
		t.Error("two searches at a time")
	}
	was.Spend(now, 100)
	end()
	if err := is.Begin(now); err == nil {
		t.Error("the day's spent, by a request that began before")
	}
	if _, ok := is.Search(); !ok {
		t.Error("none after it")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("keys:\n" + entry("a", "x", "    scopes: [chat, admin]\n    requests: 5\n"))
	f.Add("keys: &a [*a]")
	f.Add("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nkeys: *c")
	f.Fuzz(func(t *testing.T, text string) {
		var table *Keys
		var err error
		casetest.Bounded(t, len(text), 1024, func() { table, err = Parse([]byte(text)) })
		if err == nil && (len(table.keys) == 0 || table.Find("") != nil && !strings.Contains(text, hashOf(""))) {
			t.Errorf("%q lets strangers in", text)
		}
	})
}
