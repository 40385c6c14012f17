package dataset

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"aprm/prm/step"
)

func TestProblems(t *testing.T) {
	text := "\xef\xbb\xbf" + `{"question":"How many apples?","answer":"3*2 = <<3*2=6>>6 apples:\n6+1=$<<6+1=7>>7\n#### 1,007"}` + "\r\n\r\n" +
		`{"id":"chal-3","question":"How many?","answer":"#### 17"}` + "\r\n" + `{"question":"And now?","answer":"x"}` + "\n" + `{"question":"And then?","answer":-0.5}`
	want := []step.Problem{
		{ID: "some_train-0", Question: "How many apples?", Answer: "1,007", Worked: []string{"3*2 = 6 apples:", "6+1=$7"}},
		{ID: "chal-3", Question: "How many?", Answer: "17"},
		{ID: "some_train-3", Question: "And now?", Answer: "x"},
		{ID: "some_train-4", Question: "And then?", Answer: "-0.5"},
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"some_train.jsonl": []byte(text), "some_train.jsonl.gz": zipped(t, text)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadProblems(path)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readSolutions reads all solutions of a file.
func readSolutions(path string, format Format) ([]Solution, error) {
	return collect(path, func(r io.Reader, file string) iter.Seq2[Solution, error] { return Solutions(r, file, format) })
}

// TestGolden reads a file of each format, told by its fields, and writes it again byte for byte.
func TestGolden(t *testing.T) {
	for _, format := range []Format{ProcessBench, TRL, MathShepherd} {
		path := filepath.Join("testdata", string(format)+".jsonl")
		solutions, err := readSolutions(path, "")
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		w, err := NewWriter(&b, format)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range solutions {
			if err := w.Write(s); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", format, b.String(), want)
		}
	}
}

// TestSolutions shows what is read, in a line each.
func TestSolutions(t *testing.T) {
	for format, want := range map[Format][]string{
		ProcessBench: {
			`gsm8k-0 some-model WRONG ["+Step 1: 3 + 2 = <<3+2=5>>5" "-Step 2: 5 * 2 = 11" "?#### 11"]`,
			`gsm8k-1 some-model RIGHT ["+#### 3"]`,
			`gsm8k-2  ? ["-He has 4." "?#### 4"]`,
		},
		TRL: {
			`trl-0  ? ["+3 + 2 = 5" "-5 * 2 = 11"]`,
			`trl-1  ? ["+The answer is 3."]`,
		},
		MathShepherd: {
			`math-shepherd-0 GSM8K ? ["+3 + 2 = 5" "-5 * 2 = 11\nor so" "-The answer is: 11"]`,
			`math-shepherd-1 MATH ? ["+Add."]`,
		},
		PRM800K: {
			`prm800k-0  RIGHT ["+2 + 3 = 5" "+5 - 1 = 4"]`,
			`prm800k-0.0.1  ? ["-2 + 3 = 6"]`,
			`prm800k-0.1.0  ? ["+2 + 3 = 5" "-5 - 1 = 3"]`,
			`prm800k-2  ? ["?Think." "-5"]`,
			`prm800k-2.1.1  ? ["?Think." "-4"]`,
		},
	} {
		solutions, err := readSolutions(filepath.Join("testdata", string(format)+".jsonl"), format)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range solutions {
			steps := make([]string, len(s.Steps))
			for i, text := range s.Steps {
				steps[i] = "?+-"[s.Labels[i]:][:1] + text
			}
			got = append(got, fmt.Sprintf("%s %s %s %q", s.ID, s.Source, []string{"?", "RIGHT", "WRONG"}[s.Correct], steps))
			if s.Problem.ID != ProblemID(s.Problem.Question) {
				t.Errorf("%s: problem ID %q", s.ID, s.Problem.ID)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", format, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestBadLines(t *testing.T) {
	problems := func(text string) error {
		for _, err := range Problems(strings.NewReader(text), "dir/f.jsonl") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	solutions := func(format Format) func(string) error {
		return func(text string) error {
			for _, err := range Solutions(strings.NewReader(text), "dir/f.jsonl", format) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, tt := range []struct {
		read       func(string) error
		text, want string
	}{
		{problems, "\n{\"question\":", "dir/f.jsonl:2: unexpected end"},
		{problems, `[{"question":"a","answer":"#### 1"}]`, "dir/f.jsonl:1: want one JSON object a line"},
		{problems, `{"answer":"#### 1"}`, `"question" is missing`},
		{problems, `{"question":"a"}`, `"answer" must be`},
		{problems, `{"question":"a","answer":null}`, `"answer" must be`},
		{problems, `{"question":"a","answer":"b\nc"}`, `no line "####`},
		{problems, `{"question":"a","answer":"b\n####"}`, "no final answer"},
		{problems, "\x1f\x8bnot gzip", "dir/f.jsonl: gzip"},
		{problems, strings.Repeat(" ", maxLine+1), "dir/f.jsonl:1: longer than 16 MiB"},
		{solutions(""), `{"question":"a"}`, "dir/f.jsonl:1: unknown format"},
		{solutions(""), `{`, "dir/f.jsonl:1: unexpected end"},
		{solutions("csv"), `{}`, `unknown format "csv": want processbench`},
		{solutions(""), `{"problem":"p","steps":["a"],"label":1}`, `"label" is 1: want a step, 0 to 0, or -1`},
		{solutions(""), `{"problem":"p","steps":["a"],"label":0.5}`, `dir/f.jsonl:1: "label" has the wrong type: number 0.5`},
		{solutions(""), `{"id":7,"problem":"p","steps":["a"],"label":0}`, `dir/f.jsonl:1: "id" has the wrong type: number`},
		{solutions(""), `{"problem":"p","steps":[]}`, "there are no steps"},
		{solutions(""), `{"problem":" ","steps":["a"]}`, "the problem is missing"},
		{solutions(""), `{"prompt":"p","completions":["a","b"],"labels":[true]}`, "1 labels for 2 steps"},
		{solutions(""), "{\"prompt\":\"p\",\"completions\":[\"a\"],\"labels\":[true]}\n{\"prompt\":1}", `dir/f.jsonl:2: "prompt" has the wrong type: number`},
		{solutions(MathShepherd), `{"input":"q Step 1: a","label":"q Step 1: a"}`, "no step that ends with"},
		{solutions(MathShepherd), `{"input":"q a ки","label":"q a +"}`, `no "Step 1:"`},
		{solutions(MathShepherd), `{"input":"q Step 1: a ки","label":"q Step 1: a ?"}`, `followed by "?"`},
		{solutions(MathShepherd), `{"input":"q Step 1: a ки","label":"q Step 1: b +"}`, `differs from "input" in step 1`},
		{solutions(PRM800K), `{"question":{"problem":"p"},"label":{"steps":[{"completions":[{"text":"a","rating":2}]}]}}`, "rating 2"},
		{solutions(PRM800K), `{"question":{"problem":"p"},"label":{"steps":[{"completions":[],"chosen_completion":0}]}}`, "there are 0 completions"},
	} {
		if err := tt.read(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80q: got %v, want …%s…", tt.text, err, tt.want)
		}
	}
}

func TestTruncatedGzip(t *testing.T) {
	data := zipped(t, strings.Repeat(`{"question":"a","answer":"#### 1"}`+"\n", 100))
	var last error
	for _, err := range Problems(bytes.NewReader(data[:len(data)-9]), "f.gz") {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "f.gz:") {
		t.Errorf("got %v", last)
	}
}

func TestEmptyAndMissingFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.jsonl")
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, path + "x"} {
		if _, err := ReadProblems(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestWriteNeedsLabels(t *testing.T) {
	s := Solution{ID: "s", Trace: step.Trace{Problem: step.Problem{Question: "q"}, Steps: []string{"a", "b", "c"}}}
	for _, tt := range []struct {
		format Format
		labels []step.Verdict
		want   string
	}{
		{TRL, []step.Verdict{step.Right, step.Wrong, step.Unknown}, `{"prompt":"q","completions":["a","b"],"labels":[true,false]}` + "\n"},
		{TRL, []step.Verdict{step.Unknown, step.Right, step.Right}, ""},
		{MathShepherd, []step.Verdict{step.Right, step.Unknown, step.Right}, `{"input":"q Step 1: a ки","label":"q Step 1: a +","task":""}` + "\n"},
		{ProcessBench, []step.Verdict{step.Right, step.Unknown, step.Wrong}, ""},
	} {
		var b strings.Builder
		w, err := NewWriter(&b, tt.format)
		if err != nil {
			t.Fatal(err)
		}
		s.Labels = tt.labels
		if err := w.Write(s); (err == nil) != (tt.want != "") || b.String() != tt.want {
			t.Errorf("%s %v: wrote %q, %v", tt.format, tt.labels, b.String(), err)
		}
	}
	s.Steps, s.Labels = []string{"это ки"}, []step.Verdict{step.Right}
	w, _ := NewWriter(&strings.Builder{}, MathShepherd)
	if err := w.Write(s); err == nil {
		t.Error("wrote a step that holds the step tag")
	}
	if _, err := NewWriter(nil, PRM800K); err == nil {
		t.Error("PRM800K is read only")
	}
}

func TestHoldout(t *testing.T) {
	if Holdout("How  many\napples?", .5) != Holdout("how many apples? ", .5) || ProblemID("A  b") != ProblemID("a b") {
		t.Error("spacing and case count")
	}
	const n, share = 4000, .2
	held := 0
	for i := range n {
		q := fmt.Sprintf("question %d", i)
		if Holdout(q, share) {
			held++
			if !Holdout(q, .3) {
				t.Fatalf("%s is held out at %v but not at .3", q, share)
			}
		}
		if Holdout(q, 0) || !Holdout(q, 1) {
			t.Fatalf("%s: shares 0 and 1 must hold out nothing and everything", q)
		}
	}
	if got := float64(held) / n; math.Abs(got-share) > .02 {
		t.Errorf("held out %v of the problems, want %v", got, share)
	}
}

func FuzzProblems(f *testing.F) {
	f.Add([]byte(`{"question":"q","answer":"3*2=<<3*2=6>>6\n#### 6"}`))
	f.Add([]byte(`{"id":"a","question":"q","answer":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for p, err := range Problems(bytes.NewReader(data), "f.jsonl") {
			if err == nil && (p.ID == "" || p.Question == "" || p.Answer == "") {
				t.Errorf("incomplete problem %+v", p)
			}
		}
	})
}

// FuzzSolutions: whatever can be read and written is read again as it was.
func FuzzSolutions(f *testing.F) {
	for _, format := range []Format{ProcessBench, TRL, MathShepherd, PRM800K} {
		data, err := os.ReadFile(filepath.Join("testdata", string(format)+".jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for s, err := range Solutions(bytes.NewReader(data), "f.jsonl", "") {
			if err != nil {
				continue
			}
			if len(s.Steps) == 0 || len(s.Labels) != len(s.Steps) {
				t.Fatalf("incomplete solution %+v", s)
			}
			for _, format := range []Format{ProcessBench, TRL, MathShepherd} {
				var b bytes.Buffer
				w, err := NewWriter(&b, format)
				if err != nil {
					t.Fatal(err)
				}
				if w.Write(s) != nil {
					continue
				}
				for again, err := range Solutions(&b, "f.jsonl", format) {
					if err != nil {
						t.Fatalf("%s of %+v: %v", format, s, err)
					}
					if format != MathShepherd && !reflect.DeepEqual(again.Steps, s.Steps[:len(again.Steps)]) {
						t.Fatalf("%s: %q became %q", format, s.Steps, again.Steps)
					}
					if n := len(again.Labels); format != ProcessBench && !reflect.DeepEqual(again.Labels, s.Labels[:n]) {
						t.Fatalf("%s: labels %v became %v", format, s.Labels, again.Labels)
					}
				}
			}
		}
	})
}
