package dataset

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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
		if err != nil || !reflect.DeepEqual(got.Problems, want) {
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
func readSolutions(t *testing.T, path string) []Solution {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []Solution
	for s, err := range Solutions(f, path) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// TestGolden reads a file of each format, told by its fields, and writes it again byte for byte. PRM800K's is written
// from ProcessBench's: of several completions each becomes a solution.
func TestGolden(t *testing.T) {
	for _, format := range Formats() {
		from, to := filepath.Join("testdata", string(format)+".jsonl"), filepath.Join("testdata", string(format)+".jsonl")
		if format == PRM800K {
			from, to = filepath.Join("testdata", "processbench.jsonl"), filepath.Join("testdata", "prm800k-written.jsonl")
		}
		var b strings.Builder
		w := NewWriter(&b, format)
		for _, s := range readSolutions(t, from) {
			if err := w.Write(s); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(to)
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
		var got []string
		for _, s := range readSolutions(t, filepath.Join("testdata", string(format)+".jsonl")) {
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

// problemsError and solutionsError read a text and return what is wrong with it.
func problemsError(text string) error {
	_, err := readProblems(strings.NewReader(text), "dir/f.jsonl")
	return err
}

func solutionsError(text string) error {
	for _, err := range Solutions(strings.NewReader(text), "dir/f.jsonl") {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestBadLines(t *testing.T) {
	for _, tt := range []struct {
		read       func(string) error
		text, want string
	}{
		{problemsError, "\n{\"question\":", "dir/f.jsonl:2: unexpected end"},
		{problemsError, "{\"question\":\n{\"question\":\"a\",\"answer\":\"1\"}", "dir/f.jsonl:1: unexpected end"},
		{problemsError, `{"question":"a","answer":"1"} {"question":"b","answer":"2"}`, "dir/f.jsonl:1: two objects in one line"},
		{problemsError, `{"question":"a","answer":"1"},`, "dir/f.jsonl:1: want JSON objects, one a line or all in an array"},
		{problemsError, "[{\"question\":\"a\",\"answer\":\"1\"}\n{\"question\":\"a\",\"answer\":\"1\"}]", "dir/f.jsonl:2: want JSON objects"},
		{problemsError, "[{\"question\":\"a\",\"answer\":\"1\"}\n,", "dir/f.jsonl:2: unexpected end: the array isn't closed"},
		{problemsError, `[[]]`, "want JSON objects"},
		{problemsError, "question,answer\na,1", "want JSON objects"},
		{problemsError, "<?xml version=\"1.0\"?>", "looks like XML"},
		{problemsError, "{\"question\":\"a\nb\",\"answer\":\"1\"}", "dir/f.jsonl:1: a line break within a text"},
		{problemsError, "{\n\"question\":\"a\",\n\"answer\":x}", "dir/f.jsonl:3: invalid character 'x'"},
		{problemsError, "PAR1\x15\x04", "dir/f.jsonl: a Parquet file, which isn't read here; make JSON lines of it: python3 "},
		{problemsError, "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		{problemsError, "\x28\xb5\x2f\xfd ", "zstd; unpack it first"},
		{problemsError, "\xff\xfe{\x00", "UTF-16; convert it first: iconv"},
		{problemsError, "\x1f\x8bnot gzip", "dir/f.jsonl: the compressed file is damaged"},
		{problemsError, "\x1f\x8b", "dir/f.jsonl: the compressed file is cut off"},
		{problemsError, `{"question":"` + strings.Repeat(" ", maxRecord), "dir/f.jsonl:1: longer than 16 MiB"},
		{problemsError, "{\"question\":\"a\",\"answer\":\"1\"}\n{\"question\":\"stylos \xe0 caf\xe9\",\"answer\":\"1\"}", `dir/f.jsonl:2: not UTF-8: byte 0xe0 after "`},
		{problemsError, `{"question":"a \ud83d","answer":"1"}`, `dir/f.jsonl:1: half a character: \ud83d`},
		{problemsError, `{"question":"a \ude00","answer":"1"}`, `half a character`},
		{problemsError, `{"answer":"#### 1"}`, `no question among the fields "answer"; want "question" and "answer"`},
		{problemsError, `{"question":" ","answer":"#### 1"}`, `no question`},
		{problemsError, `{"question":["a"],"answer":"#### 1"}`, `"question" must be a text, not a list`},
		{problemsError, `{"question":"a"}`, `no final answer among the fields "question"; want`},
		{problemsError, `{"question":"a","answer":null}`, `no final answer among the fields "answer" (null), "question"; want`},
		{problemsError, `{"question":"a","answer":true}`, `"answer" must be a text or a number, not true or false`},
		{problemsError, `{"question":"a","answer":"b\nc"}`, `dir/f.jsonl: none of 1 problems has a final answer, behind #### or in a \boxed{…}; want`},
		{problemsError, `{"question":"a","answer":"b\n####"}`, `"answer" has nothing behind its ####`},
		{problemsError, `{"question":"a","Question":"b","answer":"1"}`, `both "Question" and "question"`},
		{problemsError, `{"id":{},"question":"a","answer":"1"}`, `"id" must be a text or a number, not an object`},
		{problemsError, `{"question":"a","choices":["1","2"],"answer":1}`, `"choices": a multiple choice`},
		{problemsError, `{"problem":"a","solution":"Clearly."}`, `none of 1 problems has a final answer`},
		{problemsError, `{"problem":"p","steps":["a"],"label":-1}`, `dir/f.jsonl:1: these are labelled solutions (processbench)`},
		{problemsError, `{"question":{"problem":"p"},"label":{"steps":[]}}`, `these are labelled solutions (prm800k)`},
		{problemsError, "{\"question\":\"a\",\"answer\":\"1\"}\n{\"question\":\"a\",\"answer\":\"$\\\\frac{$\"}\n{\"question\":\"a\",\"answer\":\"?\"}", `dir/f.jsonl: of 3 final answers 2 can't be read, "$\\frac{$" among them`},
		{solutionsError, `{"question":"a","answer":"1"}`, `dir/f.jsonl:1: no labelled solution: the fields are "answer", "question"; want "problem" and "steps" (ProcessBench`},
		{solutionsError, `{`, "dir/f.jsonl:1: unexpected end"},
		{solutionsError, `{"problem":"p","steps":["a"],"label":1}`, `dir/f.jsonl:1: "label" is 1: want a step, 0 to 0, or -1`},
		{solutionsError, `{"problem":"p","steps":["a"],"label":0.5}`, `dir/f.jsonl:1: "label" has the wrong type: number 0.5`},
		{solutionsError, `{"problem":"p","steps":["a",1],"label":0}`, `dir/f.jsonl:1: "steps" has the wrong type: number`},
		{solutionsError, "{\"problem\":\"p\",\"steps\":[\"a\"],\"label\":0}\n{\"problem\":\"p\",\"steps\":[\"a\",null],\"label\":0}", `dir/f.jsonl:2: "steps": number 1, from 0, is null: want a text`},
		{solutionsError, `{"id":[],"problem":"p","steps":["a"],"label":0}`, `dir/f.jsonl:1: "id" must be a text or a number`},
		{solutionsError, `{"problem":"p","steps":[]}`, "there are no steps"},
		{solutionsError, `{"problem":" ","steps":["a"]}`, "the problem is missing"},
		{solutionsError, `{"prompt":"p","completions":["a","b"],"labels":[true]}`, "1 labels for 2 steps"},
		{solutionsError, `{"prompt":"p","completions":["a",null],"labels":[true,true]}`, `"completions": number 1, from 0, is null`},
		{solutionsError, `{"prompt":"p","completions":["a","b"],"labels":[true,null]}`, `"labels": number 1, from 0, is null`},
		{solutionsError, "{\"prompt\":\"p\",\"completions\":[\"a\"],\"labels\":[true]}\n{\"prompt\":1}", `dir/f.jsonl:2: "prompt" has the wrong type: number`},
		{solutionsError, `{"input":"q Step 1: a","label":"q Step 1: a"}`, "no step that ends with"},
		{solutionsError, `{"input":"q a ки","label":"q a +"}`, `no "Step 1:"`},
		{solutionsError, `{"input":"q Step 1: a ки","label":"q Step 1: a ?"}`, `followed by "?"`},
		{solutionsError, `{"input":"q Step 1: a ки","label":"q Step 1: b +"}`, `differs from "input" in step 1`},
		{solutionsError, `{"question":{"problem":"p"},"label":{"steps":[{"completions":[{"text":"a","rating":2}]}]}}`, "rating 2"},
		{solutionsError, `{"question":{"problem":"p"},"label":{"steps":[{"completions":[{"text":null,"rating":1}]}]}}`, `step 0, completion 0: "text" is missing or null`},
		{solutionsError, `{"question":{"problem":"p"},"label":{"steps":[{"completions":[],"chosen_completion":0}]}}`, "there are 0 completions"},
	} {
		if err := tt.read(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.120q: got %v, want …%s…", tt.text, err, tt.want)
		}
	}
}

func TestTruncatedGzip(t *testing.T) {
	var lines strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, `{"question":"what is %d?","answer":"#### %d"}`+"\n", i, i*i%977)
	}
	data := zipped(t, lines.String())
	for _, cut := range []int{9, len(data) / 2} { // in the checksum, and in the midst of a line
		_, err := readProblems(bytes.NewReader(data[:len(data)-cut]), "f.gz")
		if err == nil || !strings.Contains(err.Error(), "f.gz:") || !strings.Contains(err.Error(), "the compressed file is cut off here") {
			t.Errorf("%d bytes fewer: got %v", cut, err)
		}
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
		{PRM800K, []step.Verdict{step.Unknown, step.Unknown, step.Unknown}, ""},
	} {
		var b strings.Builder
		s.Labels = tt.labels
		if err := NewWriter(&b, tt.format).Write(s); (err == nil) != (tt.want != "") || b.String() != tt.want {
			t.Errorf("%s %v: wrote %q, %v", tt.format, tt.labels, b.String(), err)
		}
	}
	s.Steps, s.Labels = []string{"это ки"}, []step.Verdict{step.Right}
	if err := NewWriter(&strings.Builder{}, MathShepherd).Write(s); err == nil {
		t.Error("wrote a step that holds the step tag")
	}
}

func FuzzProblems(f *testing.F) {
	f.Add([]byte(`{"question":"q","answer":"3*2=<<3*2=6>>6\n#### 6"}`))
	f.Add([]byte(`{"id":"a","question":"q","answer":7}`))
	published, err := filepath.Glob("testdata/problems/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range published {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := readProblems(bytes.NewReader(data), "f.jsonl")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.jsonl:") {
				t.Errorf("error without the file: %v", err)
			}
			return
		}
		var b bytes.Buffer
		for _, p := range all.Problems {
			if p.ID == "" || p.Question == "" || p.Answer == "" || !utf8.ValidString(p.Question+p.Answer) {
				t.Errorf("incomplete problem %+v", p)
			}
		}
		if err := WriteProblems(&b, all.Problems); err != nil {
			t.Fatal(err)
		}
		again, err := readProblems(&b, "f.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range again.Problems {
			if was := all.Problems[i]; p.Question != was.Question || p.ID != was.ID {
				t.Errorf("%+v was written and read as %+v", was, p)
			}
		}
	})
}

// FuzzSolutions: whatever can be read and written is read again as it was.
func FuzzSolutions(f *testing.F) {
	for _, format := range Formats() {
		data, err := os.ReadFile(filepath.Join("testdata", string(format)+".jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for s, err := range Solutions(bytes.NewReader(data), "f.jsonl") {
			if err != nil {
				continue
			}
			if len(s.Steps) == 0 || len(s.Labels) != len(s.Steps) {
				t.Fatalf("incomplete solution %+v", s)
			}
			for _, format := range Formats() {
				var b bytes.Buffer
				if NewWriter(&b, format).Write(s) != nil {
					continue
				}
				for again, err := range Solutions(&b, "f.jsonl") {
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

// TestPublishedProblems shows what is read of the published shapes, in a line each.
func TestPublishedProblems(t *testing.T) {
	for file, want := range map[string][]string{
		"svamp.json": {
			`chal-1 "A pack of pens costs 76 dollars. There is a discount of 25 dollars on each pack. How much is a pack?" "51" []`,
			`chal-2 "Dan had $ 3 left with him. How much did he spend of $ 4.5?" "1.5" []`,
		},
		"asdiv.jsonl": {
			`asdiv-0 "Seven red apples and two green apples lie in the basket. How many apples are in the basket?" "9 (apples)" []`,
			`asdiv-1 "Ellen has six more balls than Marin, who has nine. How many balls does Ellen have?" "15" []`,
		},
		"gsm8k.jsonl": {
			`gsm8k-0 "Ann sold 48 clips in April and half as many in May. How many in all?" "72" ["Ann sold 48/2 = 24 clips in May." "She sold 48+24 = 72 clips in all."]`,
		},
		"math.json": {
			`math-0 "What is $1+1$?" "2" ["We have" "\\[1+1=\\boxed{2}.\\]"]`,
			`math-6 "Is $2$ even?" "even" ["It is \\fbox{even}."]`,
		},
		"math500.jsonl": {
			`test/precalculus/807.json "Convert $(0,3)$ to polar coordinates." "\\left( 3, \\frac{\\pi}{2} \\right)" ["We have $r = 3$."]`,
		},
		"aime.jsonl": {
			`60 "Find $m+n$." "204" ["Thus $m+n=204$, which is \\boxed{204}."]`,
			`2024-II-4 "Find $m$." "33" ["It is 33."]`,
			`1983-1 "Find $w$." "060" []`,
		},
		"mawps.jsonl":         {`mawps-0 "Joan found 70 shells and gave 27 away. How many are left ?" "43" []`},
		"multiarith.json":     {`multiarith-0 "Ann had 32 sweets, her sister 42. They ate 35. How many are left?" "39" []`, `multiarith-1 "How many ?" "43" []`},
		"multiarith-hf.jsonl": {`multiarith-hf-0 "How many are left?" "39" []`},
		"numinamath.jsonl":    {`numinamath-0 "Find the sum." "12" ["1. Add them up." "2. Thus it is \\(\\boxed{12}\\)."]`, "left out: 2"},
		"metamath.json": {
			`metamath-0 "Ann has $110. What has she?" "110" ["Ann has 110 dollars."]`,
			`metamath-1 "Half of one?" "\\frac{1}{2}" ["Half of one is $\\frac{1}{2}$."]`,
		},
		"olympiadbench.json": {`1606 "Find $x$ and $y$." "2, 3" ["They are 2 and 3."]`},
		"adapters.json":      {`adapters-0 "How many are left of 5 after 2?" "3.0" ["5 - 2 = 3. The answer is 3."]`},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", "problems", file))
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{file: data, file + ".gz": zipped(t, string(data)), "bom": []byte(mark + string(data))} {
			all, err := readProblems(bytes.NewReader(data), strings.Replace(name, "bom", file, 1))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, p := range all.Problems {
				got = append(got, fmt.Sprintf("%s %q %q %q", p.ID, p.Question, p.Answer, p.Worked))
			}
			if all.Open > 0 {
				got = append(got, fmt.Sprintf("left out: %d", all.Open))
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// TestArray reads the same objects as lines and as an array, each format of solutions.
func TestArray(t *testing.T) {
	for _, format := range Formats() {
		path := filepath.Join("testdata", string(format)+".jsonl")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		array := "[" + strings.Join(strings.Split(strings.TrimSpace(string(data)), "\n"), ",") + "]"
		var got []Solution
		for s, err := range Solutions(strings.NewReader(array), path) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		if want := readSolutions(t, path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", format, got, want)
		}
	}
}

// TestFromEachToEach writes what was read in any format in every other, and reads there what that format has a place
// for.
func TestFromEachToEach(t *testing.T) {
	for _, from := range Formats() {
		for _, s := range readSolutions(t, filepath.Join("testdata", string(from)+".jsonl")) {
			for _, to := range Formats() {
				var b bytes.Buffer
				if err := NewWriter(&b, to).Write(s); err != nil {
					if _, known := s.FirstWrong(); known {
						t.Errorf("%s of %s to %s: %v", s.ID, from, to, err)
					}
					continue
				}
				for again, err := range Solutions(&b, "f.jsonl") {
					if err != nil {
						t.Fatalf("%s to %s: %v", from, to, err)
					}
					first, known := s.FirstWrong()
					if now, still := again.FirstWrong(); now != first || still != known {
						t.Errorf("%s of %s to %s: the first wrong step is %d, %v, was %d, %v", s.ID, from, to, now, still, first, known)
					}
					steps := slices.Clone(s.Steps[:len(again.Steps)])
					for i := range steps {
						if to == MathShepherd {
							steps[i] = unnumbered(steps[i])
						}
					}
					if again.Problem.Question != s.Problem.Question || !slices.Equal(again.Steps, steps) {
						t.Errorf("%s of %s to %s: %+v", s.ID, from, to, again)
					}
				}
			}
		}
	}
}
