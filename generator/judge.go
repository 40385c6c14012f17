package generator

import (
	"context"

	"aprm/prm/step"
)

// Judge is the oracle that the rewards rest on.
type Judge interface {
	Judge(ctx context.Context, c Case) (Ruling, error)
}

// Case is a step in question.
type Case struct {
	Prefix    step.Trace // the problem and the correct steps before
	Reference string     // the correct step at this place
	Step      string     // the step in question
}

// Ruling is a verdict: Right, Wrong, or Unknown where no layer was sure.
type Ruling struct {
	Verdict Label
	Layer   string // the layer that was sure
	Reason  string
}
