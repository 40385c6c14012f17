//go:build !race

package casetest

const raced = false

// Slowed is how many times as long code may take.
const Slowed = 1
