package train

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aprm/prm/feature"
	"aprm/prm/step"
)

var equation = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*([-+*/x])\s*\$?(\d+(?:\.\d+)?)\s*=\s*\$?(\d+(?:\.\d+)?)`)

var numeral = regexp.MustCompile(`\d+(?:\.\d+)?`)

// corrupt swaps the operator or one operand of the step's only equation for another number at hand, and calculates on
// rightly: arithmetic checks see nothing. "" when the step has no such equation.
func corrupt(rng *rand.Rand, t step.Trace, i int) string {
	s := step.Normalize(t.Steps[i])
	all := equation.FindAllStringSubmatchIndex(s, -1)
	if len(all) != 1 || strings.Count(s, "=") != 1 {
		return ""
	}
	m := all[0]
	a, op, b := s[m[2]:m[3]], s[m[4]:m[5]], s[m[6]:m[7]]
	right := s[m[8]:m[9]]
	if rng.IntN(2) == 0 {
		var others []string
		for _, o := range []string{"+", "-", "*", "/"} {
			if o != op && !(o == "*" && op == "x") {
				others = append(others, o)
			}
		}
		op = others[rng.IntN(len(others))]
	} else {
		pool := numeral.FindAllString(t.Problem.Question, -1)
		for _, earlier := range t.Steps[:i] {
			if n := numeral.FindAllString(step.Normalize(earlier), -1); len(n) > 0 {
				pool = append(pool, n[len(n)-1])
			}
		}
		if len(pool) == 0 {
			return ""
		}
		other := pool[rng.IntN(len(pool))]
		if rng.IntN(2) == 0 {
			a = other
		} else {
			b = other
		}
	}
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	var v float64
	switch op {
	case "+":
		v = x + y
	case "-":
		v = x - y
	case "/":
		v = x / y
	default:
		v = x * y
	}
	was, _ := strconv.ParseFloat(right, 64)
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || math.Abs(v-was) < 1e-9 {
		return ""
	}
	result := strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
	return s[:m[2]] + a + s[m[3]:m[4]] + op + s[m[5]:m[6]] + b + s[m[7]:m[8]] + result + s[m[9]:]
}

// pairsOf makes a pair of each step of the trace that can be corrupted, up to most.
func pairsOf(rng *rand.Rand, t step.Trace, most int) []Example {
	var out []Example
	for _, i := range rng.Perm(len(t.Steps)) {
		bad := corrupt(rng, t, i)
		if bad == "" {
			continue
		}
		pair := fmt.Sprintf("%s step %d", t.Problem.ID, i)
		out = append(out,
			Example{Input: feature.Extract(t, i, feature.Evidence{}), Step: step.Right, Problem: t.Problem.ID, Pair: pair},
			Example{Input: feature.Extract(t.Prefix(i).With(bad), i, feature.Evidence{}), Step: step.Wrong, Problem: t.Problem.ID, Pair: pair})
		if len(out) == 2*most {
			break
		}
	}
	return out
}

// On a real data set of worked solutions, named by PRM_WORKED (GSM8K's format): how well steps are told from their
// rule-made corruptions without hidden states. PRM_PROBLEMS says how many problems are read.
func TestWorkedSteps(t *testing.T) {
	path := os.Getenv("PRM_WORKED")
	if path == "" {
		t.Skip("measurement: set PRM_WORKED to a file in GSM8K's format")
	}
	problems, err := strconv.Atoi(os.Getenv("PRM_PROBLEMS"))
	if err != nil {
		problems = 500
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	var examples []Example
	lines := bufio.NewScanner(f)
	began := time.Now()
	for n := 0; n < problems && lines.Scan(); n++ {
		var p struct{ Question, Answer string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		tr := step.Trace{Problem: step.Problem{ID: fmt.Sprint(n), Question: p.Question}, Steps: step.Split(p.Answer)}
		examples = append(examples, pairsOf(rng, tr, 3)...)
	}
	t.Logf("%d examples of %d problems, extracted in %v", len(examples), problems, time.Since(began))
	opt := Options{Seed: 1, HeldOut: 0.3}
	_, report, err := Fit(context.Background(), nil, nil, examples, opt)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.MarshalIndent(report, "", "  ")
	t.Logf("%s", b)
}
