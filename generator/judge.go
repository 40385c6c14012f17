package generator

import (
	"context"

	"aprm/generator/oracle"
)

// Judge is the oracle that the rewards rest on; *oracle.Oracle is one.
type Judge interface {
	Judge(ctx context.Context, c oracle.Case) (oracle.Ruling, error)
}

// verdict is an oracle's verdict as a label.
func verdict(v oracle.Verdict) Label {
	switch v {
	case oracle.Correct:
		return Right
	case oracle.Wrong:
		return Wrong
	default:
		return Unknown
	}
}
