package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"aprm/prm"
	"aprm/prm/step"
)

// Setting is an option of a search that people may choose. This is the one place for its name, its default, its range and what it means: flags, the
// prm object of requests, the check of files of settings, and traces read it.
type Setting struct {
	Name    string // in snake_case
	Help    string
	Default string               // as a flag would be given it
	Range   string               // in words that follow "must be"
	field   func(*Options) any   // a pointer to it
	within  func(o Options) bool // whether it is in its range
}

// Settings are all there are.
func Settings() []Setting {
	whole := func(v, least int) bool { return v >= least }
	share := func(v float64) bool { return v > 0 && v <= 1 } // which NaN isn't
	return []Setting{
		{"n", "Candidates: answers or, in searches step by step, next steps.", "8", "a whole number above 0",
			func(o *Options) any { return &o.N }, func(o Options) bool { return whole(o.N, 1) }},
		{"kinds", "What whole answers are: prose, programs (short ones in Python, which are run here, with no files or network, for their value), mixed (half and half), or measured: what the PRM's gate found best for auto, else prose.",
			"measured", "prose, programs, mixed or measured",
			func(o *Options) any { return &o.Kinds }, func(o Options) bool {
				return o.Kinds == step.OnlyProse || o.Kinds == step.OnlyPrograms || o.Kinds == step.Mixed || o.Kinds == AsMeasured
			}},
		{"show_program", "Put the program that came to the answer before it, as a block of code.", "false", "true or false",
			func(o *Options) any { return &o.ShowProgram }, func(Options) bool { return true }},
		{"explain", "Most tokens of an explanation in prose that the LLM is asked for where only programs came to the answer: it is shown where it comes to the same and holds no false equation, else the program's steps are told. 0 for none.",
			"0", "a whole number, 0 or above", func(o *Options) any { return &o.Explain }, func(o Options) bool { return whole(o.Explain, 0) }},
		{"temperature", "Temperature of sampling.", "0.7", "a number above 0, at most 2",
			func(o *Options) any { return &o.Temperature }, func(o Options) bool { return o.Temperature > 0 && o.Temperature <= 2 }},
		{"top_p", "Nucleus of sampling: the share of probability drawn from.", "0.95", "a number above 0, at most 1",
			func(o *Options) any { return &o.TopP }, func(o Options) bool { return share(o.TopP) }},
		{"max_tokens", "Most tokens of one answer.", "1024", "a whole number above 0",
			func(o *Options) any { return &o.MaxTokens }, func(o Options) bool { return whole(o.MaxTokens, 1) }},
		{"max_steps", "Most steps of an answer that is built step by step.", "32", "a whole number above 0",
			func(o *Options) any { return &o.MaxSteps }, func(o Options) bool { return whole(o.MaxSteps, 1) }},
		{"token_budget", "Most tokens generated in a whole search; 0 for no limit but those above.", "0", "a whole number, 0 or above",
			func(o *Options) any { return &o.TokenBudget }, func(o Options) bool { return whole(o.TokenBudget, 0) }},
		{"threshold", "guided: sample a step again when no candidate scores at least this.", "0", "a number from 0 to 1",
			func(o *Options) any { return &o.Threshold }, func(o Options) bool { return o.Threshold >= 0 && o.Threshold <= 1 }},
		{"aggregate", "How the scores of an answer's steps become one: min, product or last.", "min", "min, product or last",
			func(o *Options) any { return &o.Aggregate }, func(o Options) bool {
				return o.Aggregate == prm.Min || o.Aggregate == prm.Product || o.Aggregate == prm.Last
			}},
		{"expansion", "beam, dvts: next steps of each path that is kept; n/expansion are kept.", "4", "a whole number above 0",
			func(o *Options) any { return &o.Expansion }, func(o Options) bool { return whole(o.Expansion, 1) }},
		{"ess_threshold", "particle: resample when the effective sample size is below this share of n.", "0.5", "a number above 0, at most 1",
			func(o *Options) any { return &o.ESSThreshold }, func(o Options) bool { return share(o.ESSThreshold) }},
		{"entropic", "particle: resample the more evenly, the earlier.", "false", "true or false",
			func(o *Options) any { return &o.Entropic }, func(Options) bool { return true }},
		{"rebase_temperature", "rebase: temperature of the softmax of scores by which next steps are dealt out.", "0.2", "a number above 0, at most 100",
			func(o *Options) any { return &o.RebaseTemperature }, func(o Options) bool { return o.RebaseTemperature > 0 && o.RebaseTemperature <= 100 }},
	}
}

// Flag is its name as a flag and in files of settings.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Name, "_", "-") }

// Value is what it is in o.
func (s Setting) Value(o Options) any { return reflect.ValueOf(s.field(&o)).Elem().Interface() }

// Set reads its value from JSON into o; the error says what is wanted.
func (s Setting) Set(o *Options, value json.RawMessage) error {
	if json.Unmarshal(value, s.field(o)) != nil || !s.within(*o) {
		return fmt.Errorf("must be %s, not %s", s.Range, value)
	}
	return nil
}

// complete sets it to its default where it is zero.
func (s Setting) complete(o *Options) {
	field := s.field(o)
	if !reflect.ValueOf(field).Elem().IsZero() {
		return
	}
	if json.Unmarshal([]byte(s.Default), field) != nil { // a word
		reflect.ValueOf(field).Elem().SetString(s.Default)
	}
}

// Check names, as name gives them, all settings in o that are out of their range. Where Options take a zero for the default, this doesn't: it is for what
// somebody has set.
func Check(o Options, name func(Setting) string) error {
	var errs []error
	for _, s := range Settings() {
		if !s.within(o) {
			errs = append(errs, fmt.Errorf("%s must be %s, is %v", name(s), s.Range, s.Value(o)))
		}
	}
	return errors.Join(errs...)
}
