//go:build unix

package disk

import (
	"errors"
	"syscall"
)

func unsyncable(err error) bool { return errors.Is(err, syscall.EINVAL) }
