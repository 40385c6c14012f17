package prm

import (
	"errors"
	"fmt"
	"math"

	"aprm/prm/feature"
	"aprm/prm/step"
)

// ErrSelfTest is wrapped by Load for a checkpoint that scores otherwise here than where it was saved: another build
// reads steps in another way, or this machine calculates in another.
var ErrSelfTest = errors.New("the checkpoint fails its self-test")

// trial is what a checkpoint remembers of itself: a solution, and the score of each of its steps. No hidden states and
// no log-probabilities are read.
type trial struct {
	Question string   `json:"question"`
	Steps    []string `json:"steps"`
	Scores   []Score  `json:"scores"`
}

// examined is the header as a file has it.
type examined struct {
	Header
	SelfTest []trial `json:"self_test,omitempty"` // none in a file of an older build
}

// Bounds of a self-test: nobody waits long for a checkpoint to load, whatever it holds.
const (
	mostTrials = 8
	mostScores = 32   // of a trial
	slackScore = 1e-3 // between machines
)

// exam are the solutions that every checkpoint is tried on: with numbers from the question and from nowhere, true and
// false equations, an answer.
var exam = []trial{
	{Question: "Tom has 3 boxes with 12 pencils in each. Then he gives 5 pencils away. How many pencils does Tom have now?",
		Steps: []string{"Tom has 3 * 12 = 36 pencils in boxes.", "After giving some away he has 36 - 5 = 31 pencils.", "#### 31"}},
	{Question: "A baker sells 48 rolls on Monday and half as many on Tuesday. Each roll costs $1.50. How much does she earn in all?",
		Steps: []string{"On Tuesday she sells 48/2 = 26 rolls.", "So she sells 48 + 26 = 74 rolls altogether.", "She earns 74 × 1.5 = $111.", "The answer is 111."}},
	{Question: "How many hours are in 20% of 30 days?",
		Steps: []string{"Let us think about what is asked.", "20% of 30 days is 0.2*30 = 6 days, which is 6 * 24 = 144 hours.", "Then 7 + 8 = 15, so it is 15 hours."}},
}

// examine takes the exam; nil where the model gives no numbers.
func (m *Model) examine() []trial {
	out := make([]trial, len(exam))
	for i, t := range exam {
		out[i] = trial{t.Question, t.Steps, m.scores(t)}
		for _, s := range out[i].Scores {
			if math.IsNaN(s.Step + s.Value) { // weights so large that nothing is to be compared
				return nil
			}
		}
	}
	return out
}

func (m *Model) scores(t trial) []Score {
	r := feature.NewReader(step.Problem{Question: t.Question})
	out := make([]Score, len(t.Steps))
	for i, text := range t.Steps {
		out[i] = m.Score(r.Next(text, feature.Evidence{}))
	}
	return out
}

// passes is the error of a model that scores otherwise than its checkpoint remembers.
func (m *Model) passes(trials []trial) error {
	if len(trials) > mostTrials {
		return fmt.Errorf("%w: it has %d trials", ErrCorrupt, len(trials))
	}
	for i, t := range trials {
		if len(t.Steps) > mostScores || len(t.Steps) != len(t.Scores) {
			return fmt.Errorf("%w: trial %d of its self-test has %d steps and %d scores", ErrCorrupt, i+1, len(t.Steps), len(t.Scores))
		}
		for j, now := range m.scores(t) {
			was := t.Scores[j]
			if !(math.Abs(now.Step-was.Step) <= slackScore && math.Abs(now.Value-was.Value) <= slackScore) {
				return fmt.Errorf("%w: step %d of trial %d scores %.4f and %.4f, and %.4f and %.4f where it was saved: train it again with this build, or take the build that saved it",
					ErrSelfTest, j+1, i+1, now.Step, now.Value, was.Step, was.Value)
			}
		}
	}
	return nil
}
