// Package program reads answers that are programs. A small model that is asked for a short Python program (see Prompt)
// makes other mistakes than one that reasons in prose, and none in arithmetic.
//
// Run finds the program in an answer, translates it to Starlark, runs it with go.starlark.net and returns the value it
// comes to, each of its assignments told as a line ("total = boxes * pens = 3 * 12 = 36"), or the reason why there is
// none.
//
// # What is translated
//
// The parser reads Python 3.11 and writes Starlark's own syntax tree, in which every operator, index and method is a
// call of a function of this package, so that numbers behave as Python's do: assignments of every kind, if, for and
// while with else, functions with defaults, *args and recursion, lambda, global and nonlocal, comprehensions and
// generators (made at once), f-strings, str.format and %, chained comparisons, conditional expressions, :=, type hints,
// docstrings, main guards, assert, import of math, fractions, decimal, functools (reduce), statistics and typing; a try
// statement is read as its body. Beyond Python: "return" outside of a function, "def name:" without parentheses, a
// function that is printed instead of called is called, names of several words ("total TVs = 40") are written in one,
// and what uses a name that isn't set, or not yet, is read as equations where these say one thing (see reread).
//
// # What is refused
//
// Classes, with, yield, async, decorators but caches, other modules, input(), files, bytes, complex numbers, attributes
// and slices that are assigned to, eval and its kind. Such a program has no answer, with the reason.
//
// # Numbers
//
// Integers are Python's. A float is known exactly, as a fraction, as long as it comes from whole numbers and decimals
// by + − × ÷ // % and whole powers, beside the double that CPython has in its place (see real). What is printed is the
// double next to the exact value: 0.1 + 0.2 prints 0.3 and 1 / 3 * 3 prints 1.0; round and formats go the way that
// CPython's double goes. Only where noise alone decides in CPython (int(0.29 * 100) is 28 there) the exact value
// decides here (29).
//
// # Bounds
//
// A program has no files, network, clock or randomness. Its length, nesting, steps, depth of recursion, the size of its
// integers, texts and lists, and all that it allocates are bounded, and so is its time, by the context and by maxTime.
// A program of few steps (sureSteps) has the same result however busy the machine.
//
// # The answer
//
// The last line printed that holds a digit; without any print, what "return" outside of a function gave, or the last
// expression that stands alone, or what the last function returns where nothing follows it (solution, solve and main
// before others; variables of the same names are its arguments), or the variable assigned last. So read, 60.0 % of 468
// answers of a 1.5B model that was asked for programs are right; by what CPython prints of them alone 38.5 %.
package program

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Prompt asks an LLM for an answer that is a program: the instruction to put into the system message, with one example.
// Its comments are where the LLM can reason.
const Prompt = `Solve the problem with a short Python program. Give every quantity of the problem a variable with a telling name, compute step by step with them, one assignment a line behind a comment that says why, and print only the final number in the last line. No input(), no imports but math, no text besides the program.

Example problem: A shop sells pens in boxes of 12. Tom buys 3 boxes and gives 5 pens to his sister. How many pens does he have left?
` + "```python" + `
pens_per_box = 12
boxes = 3
pens_given = 5
# He buys 3 boxes of 12 pens each.
pens_bought = boxes * pens_per_box
# Those that he gives away are his no more.
pens_left = pens_bought - pens_given
print(pens_left)
` + "```"

// Opening is what an answer to Prompt begins with. An LLM that is given it goes on with code, where it might else
// reason in prose first, and run out of tokens before, or forget, its program.
const Opening = "```python\n"

// Closing is what an answer to Prompt ends with; what an LLM says behind it is of no use.
const Closing = "\n```"

// Why an answer has no value. Errors of Run wrap one of them and end with the reason.
var (
	ErrNone    = errors.New("no program in the answer")
	ErrSyntax  = errors.New("not Python")
	ErrCut     = errors.New("the program is cut off")
	ErrRefused = errors.New("not translated")
	ErrLimit   = errors.New("beyond the limits")
	ErrFailed  = errors.New("the program fails")
	ErrNoValue = errors.New("the program gives no value")
)

// Bounds of a program.
const (
	maxSource    = 16 << 10 // bytes
	maxNesting   = 60       // blocks, brackets, signs before each other
	maxChain     = 1000     // operators in a row
	maxArguments = 250      // of a call
	maxDigits    = 4300     // of an integer that is read or printed, as in CPython
	maxBits      = 1 << 17  // of an integer
	maxExact     = 2048     // bits of numerator or denominator of an exact float
	maxText      = 64 << 10 // bytes of a string
	maxItems     = 1 << 16  // of a list
	maxDepth     = 900      // calls within each other
	maxSteps     = 300_000  // of Starlark's machine, with what this package's own functions charge
	maxBytes     = 24 << 20 // allocated by this package's functions, in all
	maxTold      = 60       // steps
	maxTime      = 40 * time.Millisecond
	checkEvery   = 5_000  // steps after which time and context are looked at
	sureSteps    = 50_000 // that a program has however long they take: it must not fail because the machine is busy
)

// Result is what a program comes to.
type Result struct {
	Answer  string   // for the answer checker; a whole number without ".0", a number without an end as a fraction
	Value   *big.Rat // of an answer that is one number, nil otherwise
	Steps   []Step   // what was assigned, in the order it happened
	Printed string   // as CPython would print it, if its floats were exact
	Source  string   // the program, as it was written
}

// Step is an assignment that was executed (or a return, or what is printed, where it computes something).
type Step struct {
	Text  string   // "total = boxes * pens = 3 * 12 = 36"; digits within names are set low, so that they are no numbers
	Name  string   // what was assigned to, as the program writes it, "" where nothing was
	Value *big.Rat // nil for what is no number
	Line  int      // of the program, from 1
	Left  int      // executions of the same line before this one that are not told
}

// Run finds the program in an LLM's answer and runs it. It never panics, and ends within maxTime or with ctx.
func Run(ctx context.Context, answer string) (r Result, err error) {
	defer func() { // a slip of the translator, or of Starlark's machine, must cost one answer and not the server
		if p := recover(); p != nil {
			r, err = Result{}, failure("internal: %v", p)
		}
	}()
	sources, err := extract(answer)
	if err != nil {
		return Result{}, err
	}
	var first error
	for _, s := range sources {
		r, err := s.run(ctx)
		if err == nil {
			return r, nil
		}
		if errors.Is(err, ErrSyntax) || errors.Is(err, ErrFailed) {
			if text, ok := joined(s.text); ok {
				if r, err := (candidate{text, s.open}).run(ctx); err == nil {
					return r, nil
				}
			}
		}
		if first == nil {
			first = err
		}
		if errors.Is(err, ErrLimit) || ctx.Err() != nil {
			break
		}
	}
	return Result{}, first
}

// run translates a candidate and runs it. What fails for a name that isn't set is read once more; see reread.
func (c candidate) run(ctx context.Context) (Result, error) {
	body, module, _, err := parse(c.text)
	if err != nil {
		return Result{}, err
	}
	r, err := c.runAs(ctx, body, module)
	if !errors.Is(err, ErrFailed) && !errors.Is(err, ErrSyntax) {
		return r, err
	}
	body, module, _, failed := parse(c.text) // anew, as translating writes into it
	if failed != nil {
		return r, err
	}
	if body, ok := reread(body, module); ok {
		if r, failed := c.runAs(ctx, body, module); failed == nil {
			return r, nil
		}
	}
	return r, err
}

func (c candidate) runAs(ctx context.Context, body []*stmt, module *scope) (Result, error) {
	p, err := translate(c.text, body, module)
	if err != nil {
		return Result{}, err
	}
	p.open = c.open
	return p.Run(ctx)
}

// problem is an error at a line of the program.
type problem struct {
	kind   error
	line   int
	reason string
}

func (p *problem) Error() string { return fmt.Sprintf("%v: line %d: %s", p.kind, p.line, p.reason) }
func (p *problem) Unwrap() error { return p.kind }

func syntaxError(line int, format string, args ...any) error {
	return &problem{ErrSyntax, line, fmt.Sprintf(format, args...)}
}

func cutError(line int, format string, args ...any) error {
	return &problem{ErrCut, line, fmt.Sprintf(format, args...)}
}

func refuse(line int, what string) error { return &problem{ErrRefused, line, what} }

func refusal(what string) error { return fmt.Errorf("%w: %s", ErrRefused, what) }

func limitError(reason string) error { return fmt.Errorf("%w: %s", ErrLimit, reason) }

func failure(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFailed, fmt.Sprintf(format, args...))
}
