package scope

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/adapters"
	"aprm/generator/tasks"
)

// conversation is a line of a file in testdata. Everyday conversations are none that a search should touch. Those of
// everyday.jsonl were written before the rule was made; a third of each category was drawn by hash and kept from its
// making (split "held-out"). Those of later.jsonl, in which nearly all have numbers, and wrappers.jsonl, prompts that
// programs make, were written before the rule over sentences, which was then made with a look at them: before it 5.3 %
// of the first 318 and a third of the first 66 were searched.
type conversation struct {
	Split    string                     `json:"split"`
	Category string                     `json:"category"`
	Messages json.RawMessage            `json:"messages"`
	Fields   map[string]json.RawMessage `json:"fields"` // of the OpenAI request beside messages

	plain []adapters.Message // roles and texts only
}

func conversations(t testing.TB, file string) []conversation {
	t.Helper()
	var all []conversation
	eachLine(t, filepath.Join("testdata", file), func(line []byte) {
		var c conversation
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := json.Unmarshal(c.Messages, &c.plain); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, c)
	})
	return all
}

func eachLine(t testing.TB, path string, do func(line []byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		do(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestScopeRates measures both errors of Out: everyday conversations that would be searched, by their text alone (tools
// and response formats would keep some out anyway), and problems that would not. What it prints is the figure to quote:
//
//	SIDECAR_TEST_PROBLEMS=FOLDER go test ./sidecar/scope -run ScopeRates -v
//
// where FOLDER has gsm8k_dev.jsonl and svamp_dev.jsonl, problems that have a question.
func TestScopeRates(t *testing.T) {
	for file, splits := range map[string]map[string]int{"everyday.jsonl": {"tune": 200, "held-out": 100}, "later.jsonl": {"later": 472}} {
		total, searched := map[string]int{}, map[string]int{}
		for _, c := range conversations(t, file) {
			total[c.Split]++
			if Out(c.plain) == "" {
				searched[c.Split]++
				if c.Split != "held-out" { // which are not for looking at
					t.Logf("searched, %s: %s", c.Category, c.plain[len(c.plain)-1].Content)
				}
			}
		}
		all, some := 0, 0
		for split, n := range splits {
			t.Logf("everyday, %s: %d of %d would be searched", split, searched[split], n)
			if total[split] != n {
				t.Errorf("%s: %d of split %s, want %d", file, total[split], split, n)
			}
			all, some = all+n, some+searched[split]
		}
		if some*100 > all {
			t.Errorf("%s: more than 1 %% of %d everyday conversations would be searched by their text: %d", file, all, some)
		}
	}
	for _, c := range conversations(t, "wrappers.jsonl") {
		if Out(c.plain) == "" {
			t.Errorf("a wrapper would be searched: %q", c.plain)
		}
	}

	rate := func(what string, least float64, problems [][]adapters.Message) {
		missed := 0
		for _, p := range problems {
			if why := Out(p); why != "" {
				if missed++; missed <= 20 {
					t.Logf("missed (%s): %s", why, p[len(p)-1].Content)
				}
			}
		}
		n := len(problems)
		recall := float64(n-missed) / float64(n)
		t.Logf("%s: %d of %d problems found, %.1f %%", what, n-missed, n, 100*recall)
		if recall < least {
			t.Errorf("%s: found %.3f, want %g", what, recall, least)
		}
	}
	var chats [][]adapters.Message
	for _, c := range conversations(t, "problems.jsonl") {
		chats = append(chats, c.plain)
	}
	rate("chat style", .9, chats)
	for _, split := range tasks.Splits() {
		var questions [][]adapters.Message
		for i := range 500 {
			questions = append(questions, asked(tasks.Generate(split, 1, i).Question))
		}
		rate("toy world, "+string(split), .98, questions)
	}
	for _, set := range []string{"gsm8k_dev", "svamp_dev"} {
		folder := os.Getenv("SIDECAR_TEST_PROBLEMS")
		if folder == "" {
			t.Logf("%s: SIDECAR_TEST_PROBLEMS names no folder that has it", set)
			continue
		}
		var questions [][]adapters.Message
		eachLine(t, filepath.Join(folder, set+".jsonl"), func(line []byte) {
			var p struct {
				Question string `json:"question"`
			}
			if err := json.Unmarshal(line, &p); err != nil {
				t.Fatal(err)
			}
			questions = append(questions, asked(strings.TrimSpace(p.Question)))
		})
		rate(set, .98, questions)
	}
}

func asked(question string) []adapters.Message {
	return []adapters.Message{{Role: adapters.User, Content: question}}
}

// BenchmarkOut is what the rule adds to every request that names no way of answering.
//
//	go test ./sidecar/scope -run '^$' -bench Out
func BenchmarkOut(b *testing.B) {
	for name, text := range map[string]string{
		"greeting": "Hello!",
		"problem":  "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips did Natalia sell altogether in April and May?",
		"2kB":      strings.Repeat("The chair reported that the fence had been repaired by 3 volunteers. ", 30)[:longestQuestion],
	} {
		b.Run(name, func(b *testing.B) {
			messages := asked(text)
			b.ReportAllocs()
			for b.Loop() {
				Out(messages)
			}
		})
	}
}
