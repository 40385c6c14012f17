package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/metric"
	"aprm/prm/vote"
)

// Answer is a whole answer to learn from.
type Answer struct {
	Solution feature.Solution
	Right    bool   // it ends right
	Problem  string // folds are made by it; answers are only ever compared within it
	Group    int    // equal final answers to a problem share it; negative: it has none, is not learned from, and can't be voted for
	Steps    int    // of the beginning of an answer, which is compared with beginnings of as many steps; 0 for a whole one

	Disguised []feature.Solution // the same answer made to look otherwise, without log-probabilities: its logit ought not to move
}

// compared is what answers share that are compared with each other.
type compared struct {
	problem string
	steps   int
}

func (a Answer) compared() compared { return compared{a.Problem, a.Steps} }

// Contrast is two beginnings of answers to one problem of which one is known to be the better: a step and its
// corruption, in one context.
type Contrast struct {
	Better, Worse feature.Solution
	Problem       string
}

// SolutionOptions are the knobs of FitSolution. The zero value of a field means its default, given in brackets.
type SolutionOptions struct {
	Without   []feature.Block   // inputs that the head is not to read
	Units     int               // of the dense layer that has to beat the linear floor; negative: the floor alone [16]
	Contrasts float64           // weight of a problem's contrasts, beside 1 for its answers
	Prior     *prm.SolutionHead `json:"-"`               // of another LLM's answers: weights are held near its, how near is found crosswise; nil for near nothing. Its dense layer isn't read
	PriorID   string            `json:"prior,omitempty"` // names the prior's PRM in settings
	Begun     *prm.SolutionHead `json:"-"`               // what Prior is to FitPrefix: that PRM's prefix head
	Hard      float64           `json:",omitempty"`      // weight of a pair whose wrong answer wins a plain vote, beside 1 for the problem's others [1]
	Seed      int64
	Epochs    int                   // of the dense layer [40]
	Rate      float64               // of its optimiser [0.003]
	Progress  func(done, total int) `json:"-"` // called after each of the fits
}

func (o SolutionOptions) withDefaults() SolutionOptions {
	if o.Units == 0 {
		o.Units = 16
	}
	o.Units = max(o.Units, 0)
	if o.Epochs == 0 {
		o.Epochs = 40
	}
	if o.Rate == 0 {
		o.Rate = 0.003
	}
	if o.Hard == 0 {
		o.Hard = 1
	}
	return o
}

// SolutionReport says how a FitSolution went. All figures are of answers to problems that the head of their fold had
// not learned from.
type SolutionReport struct {
	Problems  int           `json:"problems"`            // with right and wrong answers: those that teach something
	Answers   int           `json:"answers"`             // to them
	Contrasts int           `json:"contrasts"`           //
	Disguised int           `json:"disguised,omitempty"` // answers that were met in disguises
	L2        float64       `json:"l2"`                  // penalty of the linear part, chosen by the held-out loss
	Share     float64       `json:"share"`               // of the fit to everything, beside the one to log-probabilities alone, chosen likewise
	LinearAUC metric.Figure `json:"linear_auc_within_problem"`
	DenseAUC  metric.Figure `json:"dense_auc_within_problem"`
	LinearLL  metric.Figure `json:"linear_log_likelihood"` // of the right answers by a vote, nats a problem
	DenseLL   metric.Figure `json:"dense_log_likelihood"`
	Dense     bool          `json:"dense"`   // the dense layer beat the floor
	Untried   bool          `json:"untried"` // a dense layer was not tried: it reads prose alone, and as it looks
	Vote      vote.Rule     `json:"vote"`
	PlainLL   metric.Figure `json:"plain_log_likelihood"`

	Logits []float64 `json:"-"` // of each of the answers, by the head of its fold

	heads [folds]*prm.SolutionHead // of each fold: that has not learned from its problems
}

// AUC is the head's, within a problem.
func (r SolutionReport) AUC() metric.Figure {
	if r.Dense {
		return r.DenseAUC
	}
	return r.LinearAUC
}

// Likelihood is what the head's vote gives the right answers, nats a problem.
func (r SolutionReport) Likelihood() metric.Figure {
	if r.Dense {
		return r.DenseLL
	}
	return r.LinearLL
}

// penalties are those tried for the linear part, a problem.
var penalties = []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}

// shares are those tried of the fit to everything, beside the fit to log-probabilities alone; see pairs.head.
var shares = []float64{0.75, 1}

// FitSolution learns a solution head by outcome within problems: Bradley–Terry over the pairs of a right and a wrong
// answer to one problem, every problem weighing the same. As much weighs a logistic loss of every answer by itself:
// only that learns from problems all of whose answers are wrong, or right, most of them where an LLM errs in the same
// way again and again. Beside it the contrasts. Five folds of whole problems give every answer a logit by a head that
// had not learned from its problem; by these penalty and share are chosen (see frugal), the dense layer held against
// the linear floor, and the vote fitted. The head returned has learned from all. Equal arguments give equal heads.
func FitSolution(ctx context.Context, answers []Answer, contrasts []Contrast, opt SolutionOptions) (*prm.SolutionHead, SolutionReport, error) {
	opt = opt.withDefaults()
	var report SolutionReport
	design := newPairs(answers, contrasts, opt)
	if report.Problems = design.problems; report.Problems < 2*folds {
		return nil, report, TooFewError{report.Problems}
	}
	report.Answers, report.Contrasts, report.Disguised = design.answers, len(contrasts), design.disguised

	if design.programs && opt.Units > 0 {
		opt.Units, report.Untried = 0, true
	}
	fits := folds + 1
	if opt.Units > 0 {
		fits *= 2
	}
	done := 0
	tick := func() error {
		if done++; opt.Progress != nil {
			opt.Progress(done, fits)
		}
		return ctx.Err()
	}
	// The linear floor, with every penalty and share, fold by fold.
	type setting struct{ penalty, share float64 }
	var settings []setting
	for _, penalty := range slices.Backward(penalties) { // the strongest first: each starts from the one before
		for _, share := range shares {
			settings = append(settings, setting{penalty, share})
		}
	}
	logits := make([][]float64, len(settings))
	for k := range logits {
		logits[k] = make([]float64, len(answers))
	}
	var floors [folds][]*prm.SolutionHead
	for f := range folds {
		var beta []float64
		learned := design.differences(func(problem string) bool { return fold(problem) != f })
		for k, s := range settings {
			if k%len(shares) == 0 {
				beta = design.linear(learned, s.penalty, beta)
			}
			head := design.head(beta, s.share)
			floors[f] = append(floors[f], head)
			for i, a := range answers {
				if fold(a.Problem) == f {
					logits[k][i] = head.Logit(a.Solution)
				}
			}
		}
		if err := tick(); err != nil {
			return nil, report, err
		}
	}
	losses := make([][]float64, len(settings))
	for k := range settings {
		losses[k], _ = compare(ballots(answers, logits[k]))
	}
	best := frugal(losses, func(k int) float64 { return settings[k].share })
	report.L2, report.Share = settings[best].penalty, settings[best].share
	report.Logits = logits[best]
	for f := range folds {
		report.heads[f] = floors[f][best]
	}
	linear := ballots(answers, report.Logits)
	judged := proseFirst(linear)
	_, report.LinearAUC = compare(linear)
	report.Vote = vote.Fit(judged)
	report.LinearLL = metric.Figure(vote.LogLikelihood(judged, report.Vote))
	report.PlainLL = metric.Figure(vote.LogLikelihood(judged, vote.Plain))
	head := design.head(design.linear(design.differences(func(string) bool { return true }), report.L2, nil), report.Share)
	if err := tick(); err != nil {
		return nil, report, err
	}
	if opt.Units == 0 {
		return head, report, nil
	}

	// The dense layer beside it.
	deep := make([]float64, len(answers))
	var heads [folds]*prm.SolutionHead
	for f := range folds {
		h, err := design.dense(ctx, floors[f][best], func(problem string) bool { return fold(problem) != f }, opt)
		if err != nil {
			return nil, report, err
		}
		for i, a := range answers {
			if fold(a.Problem) == f {
				deep[i] = h.Logit(a.Solution)
			}
		}
		heads[f] = h
		if err := tick(); err != nil {
			return nil, report, err
		}
	}
	dense := ballots(answers, deep)
	rule := vote.Fit(dense)
	var loss []float64
	loss, report.DenseAUC = compare(dense)
	report.DenseLL = metric.Figure(vote.LogLikelihood(dense, rule))
	if !(report.DenseLL > report.LinearLL && stat.Mean(loss, nil) < stat.Mean(losses[best], nil)) {
		return head, report, nil
	}
	report.Dense, report.Vote, report.Logits, report.heads = true, rule, deep, heads
	head, err := design.dense(ctx, head, func(string) bool { return true }, opt)
	return head, report, errors.Join(err, tick())
}

// FitPrefix learns a prefix head as FitSolution learns the floor of a solution head: from beginnings of answers
// (Answer.Steps ≥ 1), each compared with those of as many steps to the same problem, by how the answers end. It takes
// as many problems as a solution head does, else the error is a TooFewError. Of the options Units, Contrasts, Hard and
// Prior don't count.
func FitPrefix(ctx context.Context, beginnings []Answer, opt SolutionOptions) (*prm.SolutionHead, SolutionReport, error) {
	opt.Units, opt.Hard, opt.Prior = -1, 1, opt.Begun
	mixed := map[string]bool{} // problems: beginnings of one answer are no more independent for being several
	for _, voters := range votersOf(beginnings) {
		first := beginnings[voters[0]]
		if slices.ContainsFunc(voters, func(i int) bool { return beginnings[i].Right != first.Right }) {
			mixed[first.Problem] = true
		}
	}
	if len(mixed) < 2*folds {
		return nil, SolutionReport{}, TooFewError{len(mixed)}
	}
	floor, report, err := FitSolution(ctx, beginnings, nil, opt)
	if err != nil {
		return nil, report, err
	}
	head := prm.NewPrefixHead(floor.Without...)
	copy(head.Centre.Data, floor.Centre.Data)
	copy(head.Scale.Data, floor.Scale.Data)
	copy(head.Linear.Data, floor.Linear.Data)
	return head, report, nil
}

// Try says what the head is worth in votes over other LLMs' answers, each LLM's by themselves. Every answer has its
// logit by the head of its problem's fold, which has not learned from that problem, whoever answered it. problems are
// those with right and wrong answers of some LLM: what several LLMs answer to one is no more independent than what one
// does.
func (r SolutionReport) Try(byLLM ...[]Answer) (rule vote.Rule, auc metric.Figure, problems int) {
	_, at := problemsOf(slices.Concat(byLLM...))
	questions := make([][][]vote.Ballot, len(at))
	for _, answers := range byLLM {
		logits := make([]float64, len(answers))
		for i, a := range answers {
			logits[i] = r.heads[fold(a.Problem)].Logit(a.Solution)
		}
		names, _ := problemsOf(answers)
		for i, of := range ballots(answers, logits) {
			q := &questions[at[names[i]]]
			*q = append(*q, of)
		}
	}
	_, auc = compare(slices.Concat(questions...))
	rule = vote.FitAcross(questions)
	return rule, auc, rule.Problems
}

// TooFewError is what a solution head can't be learned from: so many problems that have right and wrong answers.
type TooFewError struct{ Problems int }

func (e TooFewError) Error() string {
	return fmt.Sprintf("%d problems have right and wrong answers: a solution head takes at least %d; draw more answers, or more to each", e.Problems, 2*folds)
}

// proseFirst are the ballots of prose, or all where there is none.
func proseFirst(problems [][]vote.Ballot) [][]vote.Ballot {
	out := make([][]vote.Ballot, len(problems))
	left := 0
	for i, p := range problems {
		out[i] = slices.DeleteFunc(slices.Clone(p), func(b vote.Ballot) bool { return b.Program })
		left += len(out[i])
	}
	if left == 0 {
		return problems
	}
	return out
}

// pairs are the comparisons that there are to learn from, as differences of what the head reads.
//
// Of prose alone a row is what the head reads. Where there are programs too, a number that both kinds have weighs in
// them what it weighs in prose, and something of their own beside that, which the penalty holds near nothing where
// little speaks for it: a row is symbols, symbols of a program, its run (feature.Program) without the first number,
// log-probabilities, those of a program, and the first number of its run, a one, which is what a program is worth
// against prose.
type pairs struct {
	blank    *prm.SolutionHead // knows centres and scales
	prior    []float64         // the prior's weights of a row, in these scales; nil without one
	programs bool              // there are any
	rows     []pair
	alone    []pair // each answer and nothing: a mean one
	problems int    // that have right and wrong answers
	answers  int    // to them

	disguised int                      // answers that there are disguises of
	moves     blas64.Symmetric         // mean of δδᵀ, where δ is what a disguise does to a row; no label has a say in it. N is 0 without disguises
	dressed   map[*float32][][]float32 // by the first number of an answer's row: that row in each of its disguises
}

// width is that of a row; doubt is where its log-probabilities begin.
func (p *pairs) width() int {
	if p.programs {
		return 2*prm.SolutionWidth + feature.NumProgram
	}
	return prm.SolutionWidth
}

func (p *pairs) doubt() int {
	if p.programs {
		return 2*feature.NumPooledSymbols + feature.NumProgram - 1
	}
	return feature.NumPooledSymbols
}

// place is where in a row the head's k-th number stands, and where, in one with programs, what it weighs in them beside
// that.
func (p *pairs) place(k int) (at, own int) {
	if k < feature.NumPooledSymbols {
		return k, k + feature.NumPooledSymbols
	}
	at = p.doubt() + k - feature.NumPooledSymbols
	return at, at + feature.NumPooledLogProbs
}

// run is where in a row with programs the k-th number of a program's run stands.
func (p *pairs) run(k int) int {
	if k == 0 {
		return p.width() - 1
	}
	return 2*feature.NumPooledSymbols + k - 1
}

// row is what is read of an answer.
func (p *pairs) row(s feature.Solution) []float32 {
	x := make([]float32, prm.SolutionWidth)
	p.blank.Read(s, x)
	if !p.programs {
		return x
	}
	out := make([]float32, 0, p.width())
	twice := func(x []float32) {
		if out = append(out, x...); s.Program == nil {
			x = make([]float32, len(x))
		}
		out = append(out, x...)
	}
	var run [feature.NumProgram]float32
	if s.Program != nil {
		run = s.Program.Numbers()
	}
	twice(x[:feature.NumPooledSymbols])
	out = append(out, run[1:]...)
	twice(x[feature.NumPooledSymbols:])
	return append(out, run[0])
}

type pair struct {
	better, worse []float32 // as the head reads them
	problem       string
	weight        float64
	side          float64 // of an answer alone: 1 where it is the better, -1 where it is the worse
}

func newPairs(answers []Answer, contrasts []Contrast, opt SolutionOptions) *pairs {
	opt = opt.withDefaults()
	p := &pairs{blank: prm.NewSolutionHead(0, opt.Without...)}
	if p.programs = slices.ContainsFunc(answers, func(a Answer) bool { return a.Solution.Program != nil }); p.programs {
		p.blank.ReadPrograms()
	}
	byProblem := votersOf(answers)
	of := func(programs bool) [][]int {
		out := make([][]int, len(byProblem))
		for k, idx := range byProblem {
			for _, i := range idx {
				if (answers[i].Solution.Program != nil) == programs {
					out[k] = append(out[k], i)
				}
			}
		}
		return out
	}
	standardWithin(&p.blank.Centre, &p.blank.Scale, answers, of(false), opt.Without)
	if p.programs {
		standardWithin(&p.blank.ProgramCentre, &p.blank.ProgramScale, answers, of(true), opt.Without)
	}
	if opt.Prior != nil {
		p.prior = p.weights(opt.Prior)
	}
	read := make([][]float32, len(answers))
	for i, a := range answers {
		read[i] = p.row(a.Solution)
	}
	p.compared(answers, read, byProblem, opt.Hard)
	p.disguise(answers, read)
	if opt.Contrasts > 0 {
		rows := make([]pair, len(contrasts))
		for i, c := range contrasts {
			rows[i] = pair{better: p.row(c.Better), worse: p.row(c.Worse), problem: c.Problem}
		}
		p.contrasted(rows, opt.Contrasts)
	}
	return p
}

// disguise takes up what disguises do to the answers' rows, every answer weighing the same.
func (p *pairs) disguise(answers []Answer, read [][]float32) {
	for _, a := range answers {
		if len(a.Disguised) > 0 {
			p.disguised++
		}
	}
	if p.disguised == 0 {
		return
	}
	n := p.width()
	p.moves = blas64.Symmetric{Uplo: blas.Upper, N: n, Stride: n, Data: make([]float64, n*n)}
	p.dressed = map[*float32][][]float32{}
	delta := blas64.Vector{N: n, Inc: 1, Data: make([]float64, n)}
	for i, a := range answers {
		if len(a.Disguised) == 0 {
			continue
		}
		plain := p.row(a.Solution.Without(feature.BlockLogProbs))
		for _, d := range a.Disguised {
			row := p.row(d)
			for k, v := range row {
				delta.Data[k] = float64(v) - float64(plain[k])
				row[k] = read[i][k] + v - plain[k]
			}
			blas64.Syr(1/float64(p.disguised*len(a.Disguised)), delta, p.moves)
			p.dressed[&read[i][0]] = append(p.dressed[&read[i][0]], row)
		}
	}
}

// contrasted adds contrasts of which those of a problem weigh so much together.
func (p *pairs) contrasted(rows []pair, weight float64) {
	count := map[string]int{}
	for _, r := range rows {
		count[r.problem]++
	}
	for _, r := range rows {
		r.weight = weight / float64(count[r.problem])
		p.rows = append(p.rows, r)
	}
}

// votersOf are the answers that can be voted for, problem by problem in the order in which they come: sums depend on
// it.
func votersOf(answers []Answer) (byProblem [][]int) {
	at := map[compared]int{}
	for i, a := range answers {
		if a.Group < 0 {
			continue
		}
		k, known := at[a.compared()]
		if !known {
			k = len(byProblem)
			at[a.compared()], byProblem = k, append(byProblem, nil)
		}
		byProblem[k] = append(byProblem[k], i)
	}
	return byProblem
}

// compared adds the comparisons of answers of which these numbers are read. A problem's weigh 1 together, those whose
// wrong answer wins a plain vote hard times as much as its others.
func (p *pairs) compared(answers []Answer, read [][]float32, byProblem [][]int, hard float64) {
	var nothing []float32
	if len(read) > 0 {
		nothing = make([]float32, len(read[0]))
	}
	for _, of := range byProblem {
		var right, wrong []int
		votes := map[int]int{}
		for _, i := range of {
			votes[answers[i].Group]++
			if answers[i].Right {
				right = append(right, i)
				p.alone = append(p.alone, pair{read[i], nothing, answers[i].Problem, 1, 1})
			} else {
				wrong = append(wrong, i)
				p.alone = append(p.alone, pair{nothing, read[i], answers[i].Problem, 1, -1})
			}
		}
		if len(right) == 0 || len(wrong) == 0 {
			continue
		}
		p.problems++
		p.answers += len(of)
		most := slices.Max(slices.Collect(maps.Values(votes)))
		weigh, total := make([]float64, len(wrong)), 0.0
		for k, w := range wrong {
			if weigh[k] = 1; votes[answers[w].Group] == most {
				weigh[k] = hard
			}
			total += weigh[k]
		}
		for _, r := range right {
			for k, w := range wrong {
				p.rows = append(p.rows, pair{read[r], read[w], answers[r].Problem, weigh[k] / (total * float64(len(right))), 0})
			}
		}
	}
}

// perDeviation is what a number is multiplied by whose variance within a problem is known. A deviation below 0.02 is
// rare enough to be noise; what never varied can't tell answers to one problem apart, however well it tells problems.
func perDeviation(variance float64) float64 {
	if variance < 1e-12 {
		return 0
	}
	return 1 / max(math.Sqrt(variance), 0.02)
}

// standardWithin sets centre and scale by how numbers vary within a problem, which is all that the head can go by.
func standardWithin(centre, scale *prm.Tensor, answers []Answer, byProblem [][]int, without []feature.Block) {
	square := make([]float64, prm.SolutionWidth)
	sum := make([]float64, prm.SolutionWidth)
	seen := make([]float64, prm.SolutionWidth)
	x := make([]float32, prm.SolutionWidth)
	plain := prm.NewSolutionHead(0, without...)
	for _, idx := range byProblem {
		means := make([]float64, prm.SolutionWidth)
		rows := make([][]float32, 0, len(idx))
		for _, i := range idx {
			plain.Read(answers[i].Solution, x)
			rows = append(rows, slices.Clone(x))
			for k, v := range x {
				means[k] += float64(v) / float64(len(idx))
			}
		}
		for _, r := range rows {
			for k, v := range r {
				square[k] += (float64(v) - means[k]) * (float64(v) - means[k])
				sum[k] += float64(v)
				seen[k]++
			}
		}
	}
	for k := range prm.SolutionWidth {
		if seen[k] == 0 {
			continue
		}
		centre.Data[k] = float32(sum[k] / seen[k])
		scale.Data[k] = float32(perDeviation(square[k] / seen[k]))
	}
}

// linear fits the floor to the pairs of some problems: Σ w·softplus(−β·Δx), a problem, + ½·penalty·|β − prior|². start
// is where to begin, nil for the prior. It returns two fits, one behind the other: to everything, and to
// log-probabilities alone; the last number of each is the intercept of answers alone.
func (p *pairs) linear(d differences, penalty float64, start []float64) []float64 {
	width, from := p.width()+1, p.doubt() // the last number is the intercept
	near := make([]float64, width)
	copy(near, p.prior)
	if start == nil {
		start = slices.Concat(near, near[from:])
	}
	return append(d.fit(0, penalty, near, start[:width]), d.fit(from, penalty, near[from:], start[width:])...)
}

// weights are a head's of a row: head backwards, in the scales of p.
func (p *pairs) weights(h *prm.SolutionHead) []float64 {
	scaled := func(w, from, to *prm.Tensor, k int) float64 {
		if to.Data[k] == 0 { // it never varied
			return 0
		}
		// What is rare there and common here must not have more of a say than it had there, where a number counts at
		// most two deviations.
		return float64(w.Data[k] * min(from.Data[k]/to.Data[k], 1))
	}
	out := make([]float64, p.width())
	programs := p.programs && h.ReadsPrograms()
	for k := range prm.SolutionWidth {
		at, own := p.place(k)
		out[at] = scaled(&h.Linear, &h.Scale, &p.blank.Scale, k)
		if programs {
			out[own] = scaled(&h.Program, &h.ProgramScale, &p.blank.ProgramScale, k) - out[at]
		}
	}
	if programs {
		for k := range feature.NumProgram {
			out[p.run(k)] = float64(h.Program.Data[prm.SolutionWidth+k])
		}
	}
	return out
}

// head is the mean of linear's two fits, that to everything weighing share.
//
// What symbols are worth depends on how problems are made (in some every number of the question is used, others hold
// numbers that mislead), what the LLM's own doubt is worth hardly does: so a mean may hold where the fit to everything
// loses.
func (p *pairs) head(beta []float64, share float64) *prm.SolutionHead {
	head := prm.NewSolutionHead(0, p.blank.Without...)
	copy(head.Centre.Data, p.blank.Centre.Data)
	copy(head.Scale.Data, p.blank.Scale.Data)
	width, from := p.width(), p.doubt()
	mean := make([]float64, width)
	for k := range mean {
		mean[k] = share * beta[k]
		if k >= from {
			mean[k] += (1 - share) * beta[width+1+k-from]
		}
	}
	if !p.programs {
		for k, w := range mean {
			head.Linear.Data[k] = float32(w)
		}
		return head
	}
	head.ReadPrograms()
	copy(head.ProgramCentre.Data, p.blank.ProgramCentre.Data)
	copy(head.ProgramScale.Data, p.blank.ProgramScale.Data)
	for k := range head.Linear.Data {
		at, own := p.place(k)
		head.Linear.Data[k] = float32(mean[at])
		head.Program.Data[k] = float32(mean[at] + mean[own])
	}
	for k := range feature.NumProgram {
		head.Program.Data[prm.SolutionWidth+k] = float32(mean[p.run(k)])
	}
	return head
}

// differences are pairs of rows, the better and the worse one, with what each pair weighs. A row stands there once, in
// however many pairs it is.
type differences struct {
	x             blas64.General
	better, worse []int // rows of x
	side          []float64
	weight        []float64
	moves         blas64.Symmetric // of pairs
}

// differences are those of the pairs of some problems, and of their answers alone, which together weigh as much.
func (p *pairs) differences(of func(problem string) bool) differences {
	d := differences{moves: p.moves}
	var rows [][]float32
	at := map[*float32]int{}
	row := func(x []float32) int {
		k, known := at[&x[0]]
		if !known {
			k = len(rows)
			at[&x[0]], rows = k, append(rows, x)
		}
		return k
	}
	chosen := func(from []pair) (weight float64, n int) {
		for _, r := range from {
			if of(r.problem) {
				d.better, d.worse = append(d.better, row(r.better)), append(d.worse, row(r.worse))
				d.side, d.weight = append(d.side, r.side), append(d.weight, r.weight)
				weight, n = weight+r.weight, n+1
			}
		}
		return weight, n
	}
	total, pairs := chosen(p.rows)
	_, n := chosen(p.alone)
	for i := range n {
		d.weight[pairs+i] = total / float64(n)
	}
	if len(rows) == 0 {
		return d
	}
	width := len(rows[0])
	d.x = blas64.General{Rows: len(rows), Cols: width, Stride: width, Data: make([]float64, len(rows)*width)}
	for i, x := range rows {
		for k, v := range x {
			d.x.Data[i*width+k] = float64(v)
		}
	}
	return d
}

// fit returns the β that minimises the weighted mean of softplus(−β·Δx − side·intercept), + ½·penalty·|β − near|² +
// ½·βᵀ·moves·β, where Δx are the differences of the numbers from one on; the intercept is β's last number, and free:
// how many answers are right is no weight of any number, and one that is held back has the numbers make up for it.
// start is where to begin.
func (d differences) fit(from int, penalty float64, near, start []float64) []float64 {
	if len(d.weight) == 0 {
		return slices.Clone(start)
	}
	x := d.x
	x.Data, x.Cols = x.Data[from:], x.Cols-from
	total := floats.Sum(d.weight)
	vector := func(data []float64) blas64.Vector { return blas64.Vector{N: len(data), Inc: 1, Data: data} }
	last := x.Cols
	worth, margins := make([]float64, x.Rows), make([]float64, len(d.weight)) // of rows, and of pairs
	moves, moved := d.moves, make([]float64, last)                            // moved is moves·β
	if moves.N > 0 {
		moves.Data, moves.N = moves.Data[from*moves.Stride+from:], last
	}
	var at []float64 // where margins are of: the loss and its slope are asked for at the same places
	margin := func(beta []float64) {
		if slices.Equal(at, beta) {
			return
		}
		at = append(at[:0], beta...)
		blas64.Gemv(blas.NoTrans, 1, x, vector(beta[:last]), 0, vector(worth))
		for i := range margins {
			margins[i] = worth[d.better[i]] - worth[d.worse[i]] + d.side[i]*beta[last]
		}
		if moves.N > 0 {
			blas64.Symv(1, moves, vector(beta[:last]), 0, vector(moved))
		}
	}
	problem := optimize.Problem{
		Func: func(beta []float64) float64 {
			margin(beta)
			loss := 0.0
			for i, m := range margins {
				loss += d.weight[i] * softplus(-m)
			}
			loss /= total
			for k, b := range beta[:last] {
				loss += penalty/2*(b-near[k])*(b-near[k]) + moved[k]*b/2
			}
			return loss
		},
		Grad: func(grad, beta []float64) {
			margin(beta)
			for k, b := range beta[:last] {
				grad[k] = penalty*(b-near[k]) + moved[k]
			}
			grad[last] = 0
			slope := make([]float64, x.Rows)
			for i, m := range margins {
				s := -d.weight[i] / (1 + math.Exp(m)) / total
				slope[d.better[i]] += s
				slope[d.worse[i]] -= s
				grad[last] += s * d.side[i]
			}
			blas64.Gemv(blas.Trans, 1, x, vector(slope), 1, vector(grad[:last]))
		},
	}
	// Convex: what it ends with is the minimum, or, when the line search finds nothing better any more, as near as
	// numbers go.
	found, _ := optimize.Minimize(problem, start, &optimize.Settings{GradientThreshold: 1e-5, MajorIterations: 200}, &optimize.LBFGS{})
	if found == nil || len(found.X) != len(start) {
		return slices.Clone(start)
	}
	return found.X
}

// frugal chooses a setting: the one of the least mean loss; or, where settings of a smaller share are no worse than
// that by more than one standard error over the problems, the best of the smallest such share. How an LLM doubts is
// alike on all kinds of problems; which numbers of a question an answer should use is not, and what can't be told apart
// on these had better not rest on it.
func frugal(losses [][]float64, share func(k int) float64) int {
	least := map[float64]int{} // by share
	best := 0
	for k := range losses {
		mean := stat.Mean(losses[k], nil)
		if of, ok := least[share(k)]; !ok || mean < stat.Mean(losses[of], nil) {
			least[share(k)] = k
		}
		if mean < stat.Mean(losses[best], nil) {
			best = k
		}
	}
	for _, s := range slices.Sorted(maps.Keys(least)) {
		more := slices.Clone(losses[least[s]])
		floats.Sub(more, losses[best])
		if mean, sd := stat.MeanStdDev(more, nil); least[s] == best || mean <= sd/math.Sqrt(float64(len(more))) {
			return least[s]
		}
	}
	return best
}

// compare holds right answers against the wrong ones of their problems: the mean Bradley–Terry loss of each problem
// that has both, and the chance that the right one has the greater logit.
func compare(problems [][]vote.Ballot) (losses []float64, auc metric.Figure) {
	won, pairs := 0.0, 0.0
	for _, p := range problems {
		var logits []float64
		var positive []bool
		for _, b := range p {
			if b.Group >= 0 {
				logits, positive = append(logits, b.Logit), append(positive, b.Right)
			}
		}
		w, all := metric.PairsWon(logits, positive)
		if all == 0 {
			continue
		}
		of := 0.0
		for i, r := range positive {
			for k, other := range positive {
				if r && !other {
					of += softplus(logits[k] - logits[i])
				}
			}
		}
		losses = append(losses, of/all)
		won, pairs = won+w, pairs+all
	}
	return losses, metric.Figure(won / pairs)
}

// ballots are the answers by problem, in their order.
func ballots(answers []Answer, logits []float64) [][]vote.Ballot {
	names, at := problemsOf(answers)
	all := make([][]vote.Ballot, len(names))
	for i, a := range answers {
		k := at[a.compared()]
		all[k] = append(all[k], vote.Ballot{Group: a.Group, Logit: logits[i], Program: a.Solution.Program != nil, Right: a.Right})
	}
	return all
}

// problemsOf names what answers are compared within, their problems but for beginnings, in the order in which they
// come, and says where each is among them.
func problemsOf(answers []Answer) (names []compared, at map[compared]int) {
	at = map[compared]int{}
	for _, a := range answers {
		if _, known := at[a.compared()]; !known {
			at[a.compared()], names = len(names), append(names, a.compared())
		}
	}
	return names, at
}
