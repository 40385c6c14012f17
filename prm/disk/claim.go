package disk

import "errors"

// ErrInUse is returned for a file that is open for appending already: two processes would each write where the other does, and both would lose lines.
var ErrInUse = errors.New("in use by another process: wait until that one is done, or name another")
