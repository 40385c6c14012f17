package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"aprm/prm"
	"aprm/prm/step"
)

// Setting is an option of a search that people may choose. This is the one place for its name, its default, its range
// and what it means: flags, the prm object of requests, the check of files of settings, and traces read it.
type Setting struct {
	Name    string // in snake_case
	Help    string
	Default string // as a flag would be given it
	Range   Span
	field   func(*Options) any // a pointer to it
}

// Settings are all there are.
func Settings() []Setting {
	return []Setting{
		{"n", "Candidates: answers or, in searches step by step, next steps.", "8", Whole(1, 0), func(o *Options) any { return &o.N }},
		{"kinds", "What whole answers are: prose, programs (short ones in Python, which are run here, with no files or network, for their value), mixed (half and half), or measured: what the PRM's gate found best for auto, else prose.",
			"measured", Words(string(step.OnlyProse), string(step.OnlyPrograms), string(step.Mixed), string(AsMeasured)), func(o *Options) any { return &o.Kinds }},
		{"show_program", "Put the program that came to the answer before it, as a block of code.", "false", Truth, func(o *Options) any { return &o.ShowProgram }},
		{"explain", "Most tokens of an explanation in prose that the LLM is asked for where only programs came to the answer: it is shown where it comes to the same and holds no false equation, else the program's steps are told. 0 for none.",
			"0", Whole(0, 0), func(o *Options) any { return &o.Explain }},
		{"temperature", "Temperature of sampling.", "0.7", above(0, 2), func(o *Options) any { return &o.Temperature }},
		{"top_p", "Nucleus of sampling: the share of probability drawn from.", "0.95", above(0, 1), func(o *Options) any { return &o.TopP }},
		{"max_tokens", "Most tokens of one answer.", "1024", Whole(1, 0), func(o *Options) any { return &o.MaxTokens }},
		{"max_steps", "Most steps of an answer that is built step by step.", "32", Whole(1, 0), func(o *Options) any { return &o.MaxSteps }},
		{"token_budget", "Most tokens generated in a whole search; 0 for no limit but those above.", "0", Whole(0, 0), func(o *Options) any { return &o.TokenBudget }},
		{"threshold", "guided: sample a step again when no candidate scores at least this.", "0", Span{Type: "number", Most: 1}, func(o *Options) any { return &o.Threshold }},
		{"aggregate", "How the scores of an answer's steps become one: min, product or last.", "min", Words(string(prm.Min), string(prm.Product), string(prm.Last)), func(o *Options) any { return &o.Aggregate }},
		{"expansion", "beam, dvts: next steps of each path that is kept; n/expansion are kept.", "4", Whole(1, 0), func(o *Options) any { return &o.Expansion }},
		{"ess_threshold", "particle: resample when the effective sample size is below this share of n.", "0.5", above(0, 1), func(o *Options) any { return &o.ESSThreshold }},
		{"entropic", "particle: resample the more evenly, the earlier.", "false", Truth, func(o *Options) any { return &o.Entropic }},
		{"rebase_temperature", "rebase: temperature of the softmax of scores by which next steps are dealt out.", "0.2", above(0, 100), func(o *Options) any { return &o.RebaseTemperature }},
	}
}

// Span is what a setting may be: words, a number, or true or false.
type Span struct {
	Type        string   // of JSON: string, integer, number or boolean
	Words       []string // of a string: it is one of these
	Least, Most float64  // of a number; Most 0 for none
	Above       bool     // Least itself isn't one
}

// Truth is true or false.
var Truth = Span{Type: "boolean"}

// Words are those of which it is one.
func Words(words ...string) Span { return Span{Type: "string", Words: words} }

// Whole is a whole number from least to most; most 0 for no end.
func Whole(least, most int) Span {
	return Span{Type: "integer", Least: float64(least), Most: float64(most)}
}

func above(least, most float64) Span {
	return Span{Type: "number", Least: least, Most: most, Above: true}
}

// String says it in words that follow "must be".
func (s Span) String() string {
	switch {
	case s.Type == "boolean":
		return "true or false"
	case s.Type == "string":
		last := len(s.Words) - 1
		return strings.Join(s.Words[:last], ", ") + " or " + s.Words[last]
	case s.Above:
		return fmt.Sprintf("a number above %v, at most %v", s.Least, s.Most)
	case s.Type == "number":
		return fmt.Sprintf("a number from %v to %v", s.Least, s.Most)
	case s.Most > 0:
		return fmt.Sprintf("a whole number from %.0f to %.0f", s.Least, s.Most)
	case s.Least > 0:
		return fmt.Sprintf("a whole number above %v", s.Least-1)
	}
	return fmt.Sprintf("a whole number, %v or above", s.Least)
}

// holds reports whether a value of the type is in it; NaN is in none.
func (s Span) holds(v reflect.Value) bool {
	var x float64
	switch s.Type {
	case "boolean":
		return true
	case "string":
		return slices.Contains(s.Words, v.String())
	case "integer":
		x = float64(v.Int())
	default:
		x = v.Float()
	}
	return (x > s.Least || x == s.Least && !s.Above) && (x <= s.Most || s.Most == 0)
}

// Parse reads a value of the type from JSON; whether it is in the range isn't looked at.
func (s Span) Parse(value json.RawMessage, into any) error {
	if s.Type == "integer" { // which 8.0 is too, as some clients write it
		if x, err := strconv.ParseFloat(string(value), 64); err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			value = strconv.AppendInt(nil, int64(x), 10)
		}
	}
	return json.Unmarshal(value, into)
}

// Flag is its name as a flag and in files of settings.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Name, "_", "-") }

// Value is what it is in o.
func (s Setting) Value(o Options) any { return reflect.ValueOf(s.field(&o)).Elem().Interface() }

// within reports whether it is in its range.
func (s Setting) within(o Options) bool { return s.Range.holds(reflect.ValueOf(s.field(&o)).Elem()) }

// Set reads its value from JSON into o; the error says what is wanted.
func (s Setting) Set(o *Options, value json.RawMessage) error {
	if s.Range.Parse(value, s.field(o)) != nil || !s.within(*o) {
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

// Check names, as name gives them, all settings in o that are out of their range. Where Options take a zero for the
// default, this doesn't: it is for what somebody has set.
func Check(o Options, name func(Setting) string) error {
	var errs []error
	for _, s := range Settings() {
		if !s.within(o) {
			errs = append(errs, fmt.Errorf("%s must be %s, is %v", name(s), s.Range, s.Value(o)))
		}
	}
	return errors.Join(errs...)
}
