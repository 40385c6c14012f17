// Package claim keeps two processes from appending to one file: each would write where the other does, and both would lose lines.
package claim

import "errors"

// ErrInUse is returned for a file that is open for appending already.
var ErrInUse = errors.New("in use by another process: wait until that one is done, or name another")
