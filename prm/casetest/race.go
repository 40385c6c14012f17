//go:build race

package casetest

// raced: the race detector leaves pools of memory out at random, so that what is made tells nothing.
const raced = true
