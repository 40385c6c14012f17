package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aprm/prm/step"
	"aprm/sidecar/dataset"
)

// sidecar runs the command line on what stands in standard input.
func sidecar(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(in), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// file writes a file of the test's and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	trlLine      = `{"prompt":"p","completions":["1+1=2","2+2=5"],"labels":[true,false]}` + "\n"
	prm800kLine  = `{"labeler":"x","question":{"problem":"p","ground_truth_answer":"4"},"label":{"steps":[{"completions":[{"text":"1+1=2","rating":1,"flagged":false}],"human_completion":null,"chosen_completion":0},{"completions":[{"text":"2+2=5","rating":-1}],"human_completion":null,"chosen_completion":null}],"total_time":1,"finish_reason":"found_error"}}` + "\n"
	shepherdLine = `{"input":"p Step 1: 1+1=2 ки\nStep 2: 2+2=5 ки","label":"p Step 1: 1+1=2 +\nStep 2: 2+2=5 -","task":"GSM8K"}` + "\n"
	benchLine    = `{"id":7,"problem":"p","steps":["1+1=2","2+2=5"],"label":1}` + "\n"
)

// TestAnEndpointThatIsNamedIsAsked: what measures a PRM reads the hidden states of the endpoint that it is given.
func TestAnEndpointThatIsNamedIsAsked(t *testing.T) {
	const told = "upstream (url builtin"
	for _, line := range []string{"prm eval --table", "prm eval", "prm robust", "prm score"} {
		code, out, errs := sidecar(t, benchLine, append(strings.Fields(line), "--checkpoint", "builtin.prm", "--upstream", "builtin")...)
		if code != 0 || !strings.Contains(errs, told) {
			t.Errorf("%s: status %d, the endpoint isn't asked:\n%s%s", line, code, out, errs)
		}
		if line == "prm eval --table" && !strings.Contains(out, "PRM with hidden states") {
			t.Errorf("%s:\n%s", line, out)
		}
	}
}

// TestEveryFormatIsMeasured: prm eval and prm score tell what they read by its fields, and come to the same on the same
// solution.
func TestEveryFormatIsMeasured(t *testing.T) {
	var figures, scores string
	for name, line := range map[string]string{"TRL": trlLine, "PRM800K": prm800kLine, "Math-Shepherd": shepherdLine, "ProcessBench": benchLine,
		"array": "[" + trlLine + "]", "marked": "\xef\xbb\xbf" + trlLine} {
		code, out, errs := sidecar(t, line, "prm", "eval", "--checkpoint", "builtin.prm")
		if code != 0 || !strings.Contains(out, `"n":1`) || figures != "" && out != figures {
			t.Errorf("%s: status %d: %s%s, another format's %s", name, code, out, errs, figures)
		}
		figures = out
		code, out, errs = sidecar(t, line, "prm", "score", "--checkpoint", "builtin.prm")
		_, out, _ = strings.Cut(out, `"scores":`)
		if code != 0 || strings.Count(out, ",") != 1 || scores != "" && out != scores {
			t.Errorf("%s: status %d: %s%s, another format's %s", name, code, out, errs, scores)
		}
		scores = out
	}
}

func TestConvert(t *testing.T) {
	for _, from := range []string{trlLine, prm800kLine, shepherdLine, benchLine} {
		path := file(t, "solutions.jsonl", from)
		for to, want := range map[string]string{
			"trl":           trlLine,
			"math-shepherd": `"label":"p Step 1: 1+1=2 +\nStep 2: 2+2=5 -"`,
			"processbench":  `"problem":"p","steps":["1+1=2","2+2=5"],"label":1}`,
			"prm800k":       `"rating":-1,"flagged":null}],"human_completion":null,"chosen_completion":null}],"finish_reason":"found_error"}}`,
		} {
			if code, out, errs := sidecar(t, "", "dataset", "convert", path, "--to", to); code != 0 || !strings.Contains(out, want) {
				t.Errorf("%.20s to %s: status %d: %s%s", from, to, code, out, errs)
			}
		}
	}
	svamp := file(t, "svamp.json", `[{"ID":"chal-1","Body":"A pack costs 76 dollars, 25 less today","Question":"How much is it?","Answer":51.0}]`)
	want := `{"id":"chal-1","question":"A pack costs 76 dollars, 25 less today. How much is it?","answer":"#### 51"}` + "\n"
	if code, out, errs := sidecar(t, "", "dataset", "convert", svamp, "--to", "gsm8k"); code != 0 || out != want {
		t.Errorf("status %d: %s%s", code, out, errs)
	}
}

// TestWhatIsLeftOutIsSaid when a format has no place for it.
func TestWhatIsLeftOutIsSaid(t *testing.T) {
	path := file(t, "f.jsonl", `{"problem":"p","steps":["a","b"]}`+"\n"+benchLine+`{"problem":"p","steps":["a","b"],"label":0}`)
	code, out, errs := sidecar(t, "", "dataset", "convert", path, "--to", "trl")
	if code != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(errs, "left_out 1") || !strings.Contains(errs, "steps 1") {
		t.Errorf("status %d: %s%s", code, out, errs)
	}
}

// TestUnfitFiles: the status says whose fault it is, the message where it is and what would do.
func TestUnfitFiles(t *testing.T) {
	problems := file(t, "p.jsonl", `{"question":"q","answer":"1"}`)
	unlabelled := file(t, "u.jsonl", `{"problem":"p","steps":["a"]}`)
	unread := file(t, "r.jsonl", strings.Repeat(`{"question":"q","answer":"$\\frac{$"}`+"\n", 3))
	shapeless := file(t, "s.jsonl", `{"text":"q","gold":"1"}`)
	for _, tt := range []struct {
		in   string
		args []string
		want []string
	}{
		{`{"problem":"p","steps":["a"],"label":-1}` + "\n" + `{"problem":"p","steps":[null,"b"],"label":-1}`, []string{"prm", "eval", "--checkpoint", "builtin.prm"},
			[]string{"standard input:2", `"steps": number 0, from 0, is null`}},
		{`{"problem":"p","steps":[null,"b"]}`, []string{"prm", "score", "--checkpoint", "builtin.prm"}, []string{"standard input:1", `"steps": number 0`}},
		{`{"question":"q","answer":"1"}`, []string{"prm", "eval", "--checkpoint", "builtin.prm"}, []string{`the fields are "answer", "question"`, `"prompt", "completions" and "labels" (TRL)`}},
		{"", []string{"prm", "eval", "--checkpoint", "builtin.prm"}, []string{"standard input: no labelled solution"}},
		{`{"problem":"p","steps":["a"]}`, []string{"prm", "eval", "--checkpoint", "builtin.prm"}, []string{"no labelled solution: of none of 1 is known which step is the first wrong one"}},
		{"", []string{"dataset", "convert", problems, "--to", "trl"}, []string{"p.jsonl:1", "no labelled solution", `"problem" and "steps"`}},
		{"", []string{"dataset", "convert", unlabelled, "--to", "trl"}, []string{"none of 1 solutions can be written as trl", "the first step is unlabelled"}},
		{"", []string{"dataset", "convert", unlabelled, "--to", "gsm8k"}, []string{"these are labelled solutions (processbench)"}},
		{"", []string{"dataset", "convert", problems, "--to", "csv"}, []string{"--to must be one of"}},
		{"", []string{"eval", "--upstream", "builtin", "--problems", unread}, []string{"r.jsonl: of 3 final answers 3 can't be read", `"$\\frac{$"`}},
		{"", []string{"train", "--upstream", "builtin", "--problems", unread}, []string{"of 3 final answers 3 can't be read"}},
		{"", []string{"eval", "--upstream", "builtin", "--problems", shapeless}, []string{`no question among the fields "gold", "text"; want "question" and "answer"`}},
		{"", []string{"oracle", "audit", "--problems", shapeless}, []string{`no question among the fields "gold", "text"`}},
	} {
		code, out, errs := sidecar(t, tt.in, tt.args...)
		if code != 2 || out != "" {
			t.Errorf("%v: status %d, wrote %q: %s", tt.args, code, out, errs)
		}
		for _, want := range tt.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%v: want %q in %s", tt.args, want, errs)
			}
		}
	}
}

// Files of record are joined with each line once, in whatever order they come; what is said to have been written is
// what verify and stats find in it.
func TestFilesOfRecordAreJoined(t *testing.T) {
	folder := t.TempDir()
	drawn := dataset.Sampling{Model: "m", Kind: step.Prose, Temperature: 0.7, MaxTokens: 100}
	record := func(name string, questions ...string) string {
		path := filepath.Join(folder, name)
		f, err := dataset.OpenAnswers(path, drawn)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			if err := f.Add(step.Problem{ID: q, Question: q, Answer: "5"}, []dataset.Answer{{Text: "#### 5", Spent: 3}, {Text: "#### 6", Spent: 3}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two := record("one.jsonl", "a?", "b?"), record("two.jsonl", "b?", "c?")
	all, again := filepath.Join(folder, "all.jsonl"), filepath.Join(folder, "again.jsonl")
	content := func(of string) string {
		_, hash, _ := strings.Cut(of, "content ")
		return strings.Fields(hash + " ")[0]
	}
	code, said, errs := sidecar(t, "", "dataset", "merge", one, two, "--out", all)
	if code != 0 || !strings.Contains(said, "4 lines, 6 answers") || !strings.Contains(said, "left out 1 lines") {
		t.Fatalf("%d: %s%s", code, said, errs)
	}
	code, found, errs := sidecar(t, "", "dataset", "verify", all)
	if code != 0 || !strings.Contains(found, "4 lines, 6 answers") || content(found) != strings.TrimSuffix(content(said), ";") {
		t.Errorf("%d: merge said %sverify found %s%s", code, said, found, errs)
	}
	if _, turned, _ := sidecar(t, "", "dataset", "merge", two, one, "--out", again); strings.TrimSuffix(content(turned), ";") != content(found) {
		t.Errorf("the other way round: %s, not %s", turned, found)
	}
	if code, _, errs = sidecar(t, "", "dataset", "merge", one, two, "--out", all); code != 2 || !strings.Contains(errs, "name another") {
		t.Errorf("into a file that is there: %d: %s", code, errs)
	}
	broken, spoilt := filepath.Join(folder, "broken.jsonl"), bytes.Replace(contentsOf(t, all), []byte("#### 6"), []byte("#### 7"), 1)
	if err := os.WriteFile(broken, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, found, errs = sidecar(t, "", "dataset", "verify", broken); code != 2 || !strings.Contains(found, "4 answers") || !strings.Contains(errs, "lines [2] are broken") {
		t.Errorf("a spoilt line: %d: %s%s", code, found, errs)
	}
	double := filepath.Join(folder, "double.jsonl")
	a := contentsOf(t, one)
	if err := os.WriteFile(double, append(a, a[bytes.IndexByte(a, '\n')+1:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = sidecar(t, "", "dataset", "verify", double); code != 2 || !strings.Contains(errs, "sidecar dataset dedupe "+double) {
		t.Errorf("lines that stand there twice: %d: %s", code, errs)
	}
	single := filepath.Join(folder, "single.jsonl")
	if code, said, errs = sidecar(t, "", "dataset", "dedupe", double, "--out", single); code != 0 || !strings.Contains(said, "3 lines, 4 answers") || !strings.Contains(said, "left out 2 lines") {
		t.Errorf("%d: %s%s", code, said, errs)
	}
	if b := contentsOf(t, single); !bytes.Equal(a, b) {
		t.Errorf("deduped it is\n%s, not\n%s", b, a)
	}
}

func contentsOf(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
