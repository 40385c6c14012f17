package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrInUse is returned for a file that is open for appending already: two processes would each write where the other
// does, and both would lose lines.
var ErrInUse = errors.New("in use by another process: wait until that one is done, or name another")

// openClaimed opens the file at path, and claims it. Whoever had it claimed before may have put another in its place
// meanwhile: then it is that one.
func openClaimed(path string, flag int, mode fs.FileMode) (*os.File, error) {
	for {
		f, err := open(path, flag, mode)
		if err != nil {
			return nil, err
		}
		if _, err := claim(f); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if now, err := os.Stat(path); err == nil && os.SameFile(mine, now) {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// InUse reports whether another has the file at path open to append to, as Lines does. It claims it for a moment to
// see; where there are no claims nobody has it.
func InUse(path string) bool {
	f, err := open(path, os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	_, err = claim(f)
	_ = f.Close() // nothing was written
	return errors.Is(err, ErrInUse)
}

// Claim makes the file at path where there is none, and has it until it is closed or the process ends. Where another
// has it the error is ErrInUse.
func Claim(path string) (*os.File, error) { return openClaimed(path, os.O_RDWR|os.O_CREATE, Private) }
