package train

import (
	"context"
	"errors"

	"aprm/prm"
)

// Fit is being written.
func Fit(ctx context.Context, start, ref *prm.Model, examples []Example, opt Options) (*prm.Model, Report, error) {
	return nil, Report{}, errors.New("not written yet")
}
