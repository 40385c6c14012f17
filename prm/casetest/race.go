//go:build race

package casetest

// raced: the race detector leaves pools of memory out at random, so that what is made tells nothing.
const raced = true

// Slowed is how many times as long code may take: the race detector has it take up to twenty times.
const Slowed = 20
