//go:build !unix

package page

import "os/exec"

// apart does nothing: this system has no groups of processes that a terminal interrupts.
func apart(*exec.Cmd) {}
