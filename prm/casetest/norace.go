//go:build !race

package casetest

const raced = false
