//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package disk

import (
	"errors"
	"os"
	"syscall"
)

// claim claims an open file until it is closed or the process ends, however it ends. The error is ErrInUse where
// another has it; a file system without locks lets everybody have it, and nobody claim it.
func claim(f *os.File) (claimed bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, ErrInUse
	case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK):
		return false, nil
	}
	return err == nil, err
}
