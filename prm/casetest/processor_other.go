//go:build !unix

package casetest

import "time"

var began = time.Now()

// worked is the time that has passed, where the system isn't asked for more.
func worked() time.Duration { return time.Since(began) }
