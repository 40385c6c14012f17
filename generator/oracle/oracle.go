// Package oracle says whether a step is truly wrong. It is made of layers, the cheapest first; the first that is sure
// rules, and a layer that would have to guess says nothing. What no layer is sure of stays unknown and is never trained
// on.
package oracle

import (
	"context"
	"fmt"

	"aprm/prm/step"
)

// Case is a step in question.
type Case struct {
	Prefix    step.Trace // the problem and the correct steps before
	Reference string     // the correct step at this place, "" where unknown
	Step      string     // the step in question
}

// Ruling is a verdict with the layer that was sure and its reason.
type Ruling struct {
	Verdict step.Verdict
	Layer   string
	Reason  string
}

// Layer rules on a case, or says Unknown.
type Layer interface {
	Name() string
	Rule(ctx context.Context, c Case) (Ruling, error)
}

// Oracle asks its layers in order.
type Oracle struct{ layers []Layer }

// New returns an oracle of these layers; without any, of Arithmetic and Equivalence.
func New(layers ...Layer) *Oracle {
	if len(layers) == 0 {
		layers = []Layer{Arithmetic{}, Equivalence{}}
	}
	return &Oracle{layers: layers}
}

// Judge returns the ruling of the first layer that is sure. When none is, the reasons of the last one stand.
func (o *Oracle) Judge(ctx context.Context, c Case) (Ruling, error) {
	var ruling Ruling
	for _, layer := range o.layers {
		r, err := layer.Rule(ctx, c)
		if err != nil {
			return Ruling{}, fmt.Errorf("oracle, %s: %w", layer.Name(), err)
		}
		if ruling = r; r.Verdict != step.Unknown {
			ruling.Layer = layer.Name()
			break
		}
	}
	return ruling, nil
}
