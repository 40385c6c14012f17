//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package claim

import "os"

// File claims nothing: this system has no advisory locks that a file's own reader wouldn't run into.
func File(*os.File) error { return nil }
