//go:build unix

package page

import (
	"os/exec"
	"syscall"
)

// apart has a process stand in a group of its own: a terminal's Ctrl-C is the sidecar's, which then interrupts its
// trainings once and not a second time.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
