// Package train teaches a prm.Model, with gorgonia's graph and our own optimistic step. It is the only importer of
// gorgonia; what it returns is a plain prm.Model.
package train

import (
	"time"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/metric"
	"aprm/prm/step"
)

// Example is one step to learn from.
type Example struct {
	Input   feature.Input
	Step    step.Verdict // of the step head; only what is sure
	Value   step.Verdict // of the value head; by outcomes
	Problem string       // splits are made by it, and AUC is taken within it
	Pair    string       // same for a step and its corruption (and paraphrase), "" for a lone step; masks are drawn once a Pair
	Spare   bool         // the step is for calibration alone: one of the right ones left over when as many are trained on as wrong ones
	Weight  float32      // in training and in calibration, ≥ 0; 0 counts as 1
}

// AfterFirstError returns labels with everything behind the first Wrong made Unknown: whether a step that builds on an
// error is right has no good answer. labels belong to the steps of one trace, in order; the argument is left as it is.
func AfterFirstError(labels []step.Verdict) []step.Verdict {
	out := append([]step.Verdict(nil), labels...)
	for i, l := range labels {
		if l == step.Wrong {
			for j := i + 1; j < len(out); j++ {
				out[j] = step.Unknown
			}
			break
		}
	}
	return out
}

// Options are the knobs of Fit. The zero value of a field means its default, given in brackets; a negative share or
// decay means 0.
type Options struct {
	// What a fresh model is; unused when a start model is given.
	Model      string          // the LLM whose hidden states the examples hold
	Normalised bool            // whether its endpoint gave them at unit length
	Shape      prm.Shape       // sizes of the network
	Without    []feature.Block // inputs that it is not to read

	Seed    int64     // of initial weights, split, order, dropout
	Round   int       // of the game. A start model with an optimiser state of the same round goes on where it stopped
	Created time.Time `json:"-"` // put into the header [now]

	Epochs      int                                 // at most, in this round [60]
	Patience    int                                 // epochs without a better held-out loss before stopping; negative: never stop early [10]
	Batch       int                                 // examples a step [128]
	Rate        float64                             // of the optimiser [0.002]
	Plain       bool                                // Adam along the gradient itself instead of the optimistic one
	Decay       float64                             // L2 penalty on the weights, decoupled from Adam's scaling [0.1]
	Dropout     float64                             // share of the dense layer's inputs dropped [0.3]
	Mask        float64                             // chance that a pair's hidden states, and separately its log-probabilities, are masked in an epoch [0.25]
	Adversarial float64                             // share of the step head's weight that members of pairs have in each batch, beside the LLM's own steps, in [0,1]; 0: as many as there are [0]
	HeldOut     float64                             // share of problems held out, half of them for stopping, half for calibration [0.2]
	KL          float64                             // τ, the weight of KL(R ‖ R_ref) [0]
	Entropy     float64                             // c, the weight of H(R) [0]
	Progress    func(done, total int, loss float64) `json:"-"` // called after each epoch with its mean training loss; nil for none
}

// Report says how a Fit went. "Held-out" is over problems no step of which was trained on; figures that could not be
// measured are NaN.
type Report struct {
	Epochs      int           `json:"epochs"`         // run in this round
	Best        int           `json:"best_epoch"`     // whose weights were kept, counted from 1
	Train       int           `json:"train_steps"`    // examples trained on
	HeldOut     int           `json:"held_out_steps"` // examples held out
	TrainLoss   metric.Figure `json:"train_loss"`     // cross-entropy of the step head, nats
	HeldOutLoss metric.Figure `json:"held_out_loss"`
	AUC         metric.Figure `json:"auc"` // held-out, step head, as are all below
	ProblemAUC  metric.Figure `json:"auc_within_problem"`
	PairAUC     metric.Figure `json:"auc_within_pair"`                   // paired accuracy: the right step above its own corruption
	BlindAUC    metric.Figure `json:"auc_within_problem_without_hidden"` // ProblemAUC with hidden states masked
	ValueAUC    metric.Figure `json:"value_auc_within_problem"`
	ECEBefore   metric.Figure `json:"ece_before"` // before calibration, on the steps that calibration is fitted to, crosswise
	ECE         metric.Figure `json:"ece"`
	MaskAUC     metric.Figure `json:"auc_mask_only"` // a probe that sees only which blocks are masked
	Elapsed     time.Duration `json:"elapsed_ns"`
}
