package oracle

import (
	"context"
	"strings"

	"aprm/prm/step"
)

// Agreement is a layer made of others: it rules only what all of them rule alike. The first that is not sure, or that
// disagrees, ends the matter, so the cheaper ones come first.
type Agreement []Layer

// Name implements Layer.
func (a Agreement) Name() string {
	var names []string
	for _, layer := range a {
		names = append(names, layer.Name())
	}
	return strings.Join(names, " and ")
}

// Rule implements Layer.
func (a Agreement) Rule(ctx context.Context, c Case) (Ruling, error) {
	var out Ruling
	var reasons []string
	for i, layer := range a {
		r, err := layer.Rule(ctx, c)
		if err != nil {
			return Ruling{}, err
		}
		reasons = append(reasons, r.Reason)
		if r.Verdict == step.Unknown || i > 0 && r.Verdict != out.Verdict {
			return unknown(strings.Join(reasons, "; but ")), nil
		}
		out = r
	}
	out.Reason = strings.Join(reasons, "; ")
	return out, nil
}
