//go:build unix

package bounds

import (
	"syscall"
	"time"
)

// spent is the processor's time that the process has taken.
func spent() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
