package dataset

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// Problems is what a file of problems holds.
type Problems struct {
	Problems []step.Problem
	Open     int      // left out: what they have of a solution states no final answer, as a proof doesn't
	Unread   []string // the final answers that nothing can be held against (see [arith.Readable]); their problems are kept
}

// The fields that problems are read from, in lower case; the first that is there counts.
var (
	// settings stand before the question, which says nothing without them.
	settings  = []string{"body", "context", "passage", "table"}
	questions = []string{"question", "problem", "query", "squestion", "instruction", "input", "content", "prompt"}
	answers   = []string{"answer", "final_answer", "final_ans", "expected_answer", "lsolutions", "target"}
	// solutions hold worked steps, and the final answer where no field of its own does.
	solutions = []string{"solution", "response", "output", "rationale", "generated_solution"}
	ids       = []string{"id", "unique_id", "uuid"}
	// choices make a multiple choice of a question: its answer is a letter or a place among them.
	choices = []string{"choices", "options"}
)

// ProblemFields says which fields do, for help and errors.
const ProblemFields = `"question" and "answer" (GSM8K: worked steps and "#### 72"; a number or text is the answer itself), "problem" with "answer" or a "solution" that ends in a \boxed{…} ` +
	`(MATH, MATH-500, AIME, NuminaMath), "Body", "Question" and "Answer" (SVAMP, ASDiv), "sQuestion" and "lSolutions" or "input" and "target" (MAWPS, MultiArith), "query" and "response" (MetaMath)`

// calculator matches GSM8K's calculator marks: in "48/2 = <<48/2=24>>24" they say again what the text says.
var calculator = regexp.MustCompile(`<<[^<>\n]*>>`)

// ReadProblems reads the problems of the file at path as their publishers have them, JSON lines or an array, gzipped or
// not: [ProblemFields] says which. Where a final answer stands in a worked solution, it is what [arith.Extract] finds
// there. A problem's ID is the file's, else made of its base name and its place. It is an error when there are none,
// and when nothing can be held against the answers of more than half.
func ReadProblems(path string) (Problems, error) {
	f, err := os.Open(path) // #nosec G304 -- the path is what the person who runs the command names
	if err != nil {
		return Problems{}, err
	}
	defer f.Close()
	return readProblems(f, path)
}

func readProblems(r io.Reader, file string) (Problems, error) {
	var all Problems
	for r, err := range records(r, file) {
		if err != nil {
			return Problems{}, err
		}
		p, err := problem(r)
		if err != nil {
			return Problems{}, r.fail(err)
		}
		if p.Answer == "" {
			all.Open++
			continue
		}
		all.Problems = append(all.Problems, p)
	}
	switch n := len(all.Problems); {
	case n == 0 && all.Open > 0:
		return Problems{}, fmt.Errorf("%s: none of %d problems has a final answer, behind #### or in a \\boxed{…}; want %s", file, all.Open, ProblemFields)
	case n == 0:
		return Problems{}, fmt.Errorf("%s: empty; want %s", file, ProblemFields)
	}
	var err error
	all.Unread, err = unread(file, all.Problems)
	return all, err
}

// unread returns the final answers that nothing can be held against, and an error where these are more than half.
func unread(file string, problems []step.Problem) (all []string, err error) {
	for _, p := range problems {
		if p.Answer != "" && !arith.Readable(p.Answer) {
			all = append(all, p.Answer)
		}
	}
	if 2*len(all) > len(problems) {
		return all, fmt.Errorf("%s: of %d final answers %d can't be read, %q among them: no answer to these would ever count as right. Write them as a number, a formula or a word",
			file, len(problems), len(all), all[0])
	}
	return all, nil
}

// problem reads a record as a problem, whose Answer is "" where its solution has none.
func problem(r record) (p step.Problem, err error) {
	f, err := r.fields()
	if err != nil {
		return p, err
	}
	if format, ok := f.format(); ok && !f.any(answers) && !f.any(solutions) {
		return p, fmt.Errorf("these are labelled solutions (%s), as prm eval and dataset convert read them, not problems; want %s", format.Format, ProblemFields)
	}
	for _, name := range choices {
		if c := f[name]; len(c.value) > len(`[]`) {
			return p, fmt.Errorf("%q: a multiple choice isn't read as one; put the choices into the question, and what is right, not its place, into the answer", c.name)
		}
	}
	for i := 0; i < len(ids) && p.ID == ""; i++ {
		if p.ID, err = f[ids[i]].scalar(); err != nil {
			return p, err
		}
	}
	if p.ID == "" {
		p.ID = r.id()
	}
	if p.Question, err = f.question(); err != nil {
		return p, err
	}
	solution, err := f.first(solutions)
	if err != nil {
		return p, err
	}
	for _, name := range answers {
		all, err := f[name].scalars()
		if err != nil {
			return p, err
		}
		if answer := strings.TrimSpace(strings.Join(all, ", ")); answer != "" {
			p.Worked, _ = concluded(solution)
			return p, f[name].final(&p, answer)
		}
	}
	if !f.any(answers) && !f.any(solutions) {
		return p, fmt.Errorf("no final answer among the fields %s; want %s", f.list(), ProblemFields)
	}
	p.Worked, p.Answer = concluded(solution)
	return p, nil
}

// question joins what a problem asks from its parts.
func (f fields) question() (string, error) {
	asked, err := f.text(questions...)
	if err != nil {
		return "", err
	}
	if asked == "" {
		return "", fmt.Errorf("no question among the fields %s; want %s", f.list(), ProblemFields)
	}
	setting, err := f.text(settings...)
	if err != nil {
		return "", err
	}
	asked = joined(setting, asked)
	if f.any([]string{"instruction"}) { // and "input" is what it is about
		about, err := f.text("input")
		return joined(asked, about), err
	}
	return asked, nil
}

// joined puts a question behind its setting, unless it says that already. SVAMP's settings lack their full stop.
func joined(setting, question string) string {
	setting, question = strings.TrimSpace(setting), strings.TrimSpace(question)
	switch {
	case strings.Contains(question, setting):
		return question
	case strings.Contains(question, "\n"), question == "":
		return strings.TrimSpace(setting + "\n" + question)
	case strings.Contains(setting, "\n"):
		return setting + "\n" + question
	case strings.ContainsAny(setting[len(setting)-1:], ".,:;!?"):
		return setting + " " + question
	}
	return setting + ". " + question
}

// final reads an answer's text into p: worked steps and what they come to, or that alone.
func (a field) final(p *step.Problem, answer string) error {
	switch worked, final, found := cutLast(calculator.ReplaceAllString(answer, ""), "####"); {
	case found:
		p.Worked = step.Split(worked)
		p.Answer, _, _ = strings.Cut(strings.TrimSpace(final), "\n")
		if p.Answer = strings.TrimSpace(p.Answer); p.Answer == "" {
			return fmt.Errorf("%q has nothing behind its ####", a.name)
		}
	case strings.Contains(answer, "\n") && !strings.HasPrefix(answer, "$") && !strings.HasPrefix(answer, `\`): // not one formula over several lines
		p.Worked, p.Answer = concluded(answer)
	case answer != "proof" && answer != "notfound": // as NuminaMath calls what has none
		p.Answer = answer
	}
	return nil
}

var announced = regexp.MustCompile(`\\(?:boxed|fbox)\b|####|(?i:\banswer(?: is|:))`)

// concluded splits a worked solution into its steps, without those that only state the answer, and that answer; ""
// where none is announced.
func concluded(solution string) (worked []string, answer string) {
	solution = calculator.ReplaceAllString(solution, "")
	if announced.MatchString(solution) {
		answer, _ = arith.Extract(strings.ReplaceAll(solution, `\fbox`, `\boxed`))
	}
	worked = step.Split(solution)
	for len(worked) > 0 && step.IsAnswer(worked[len(worked)-1]) {
		worked = worked[:len(worked)-1]
	}
	return worked, answer
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
