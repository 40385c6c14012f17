package server

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"aprm/prm/step"
)

func TestLook(t *testing.T) {
	for _, test := range []struct {
		text              string
		stops             []string
		whole             bool
		thinking, content string
		cut               bool
	}{
		{"all of it", nil, true, "", "all of it", false},
		{"all of it", nil, false, "", "all of it", false},
		{"pens.\n##", []string{"####"}, false, "", "pens.", false}, // as much as the longest stop string may yet need
		{"pens.\n####", []string{"####"}, false, "", "pens.\n", true},
		{"pens.\n####", []string{"####"}, true, "", "pens.\n", true},
		{"ab", []string{"b", "abc"}, false, "", "", false}, // "abc" would begin before the "b"
		{"abx", []string{"b", "abc"}, false, "", "a", true},
		{"abc", []string{"b", "abc"}, true, "", "", true},
		{"3 \xe2\x82", nil, false, "", "3 ", false}, // half of a €
		{"3 \xe2\x82\xac", nil, false, "", "3 €", false},
		{"\xe2\x82\xac€x", []string{"zzz"}, false, "", "€", false}, // holding back two bytes would cut a character
		{"<thi", nil, false, "", "", false},
		{"<thi", nil, true, "", "<thi", false},
		{"<thing> is no mark", nil, false, "", "<thing> is no mark", false},
		{"\n<think>\n3 of 4\nare 12 </thi", nil, false, "3 of 4\nare 12", "", false},
		{"<think>\n3 of 4\n</think>\n\n12 pens\n", nil, false, "3 of 4", "12 pens\n", false},
		{"<think></think>12", nil, true, "", "12", false},
		{"<think>cut off </th", nil, true, "cut off </th", "", false},
		{"12 <think>later</think>", nil, true, "", "12 <think>later</think>", false},
		{"<think>so: STOP</think>12", []string{"STOP"}, true, "so:", "", true}, // as a server that stops generating there
	} {
		v := look(test.text, test.stops, test.whole)
		if v.thinking != test.thinking || v.content != test.content || v.cut != test.cut {
			t.Errorf("%q, stops %q, whole %t: %+v, want %q and %q, cut %t", test.text, test.stops, test.whole, v, test.thinking, test.content, test.cut)
		}
	}
}

// FuzzTeller: however a text is settled, a client that joins the parts has what it would have had whole, and no part of
// a text of whole characters, with stop strings of such, has half a one.
func FuzzTeller(f *testing.F) {
	f.Add("3 boxes of 4 pens are 12 pens.\n#### 12", "####", "ns", 7)
	f.Add("<think>\n3 €\n</think>\n12 €", "\n\n", "", 3)
	f.Add(" <think> a </think", "</", "think", 1)
	f.Add("Ā", "\x80", "", 1) // half of the only character
	f.Fuzz(func(t *testing.T, text, stop1, stop2 string, size int) {
		stops := slices.DeleteFunc([]string{stop1, stop2}, func(s string) bool { return s == "" })
		size = 1 + size&15
		wholeCharacters := utf8.ValidString(text) && utf8.ValidString(stop1) && utf8.ValidString(stop2)
		teller := teller{stops: stops}
		var thinking, content strings.Builder
		tell := func(text string, whole bool) {
			parts, err := teller.next(text, whole, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parts {
				if wholeCharacters && !(utf8.ValidString(p.Text) && utf8.ValidString(p.Thinking)) {
					t.Errorf("%q or %q has half a character", p.Text, p.Thinking)
				}
				thinking.WriteString(p.Thinking)
				content.WriteString(p.Text)
			}
		}
		for at := size; at < len(text); at += size {
			tell(text[:at], false)
		}
		tell(text, true)
		if want := look(text, stops, true); thinking.String() != want.thinking || content.String() != want.content {
			t.Errorf("%q settled by %d with stops %q: %q and %q, want %q and %q", text, size, stops, thinking.String(), content.String(), want.thinking, want.content)
		}
	})
}

func TestTellerRefusesToTakeBack(t *testing.T) {
	var teller teller
	if _, err := teller.next("3 boxes", false, "", nil); err != nil {
		t.Fatal(err)
	}
	if parts, err := teller.next("4 boxes", true, "", nil); err == nil {
		t.Errorf("told %+v", parts)
	}
}

func TestNotesBeginTheirOwnLine(t *testing.T) {
	var teller teller
	var told strings.Builder
	for _, next := range []struct{ text, notes string }{{"", "a\n"}, {"<think>one", "b\n"}, {"<think>one two", ""}, {"<think>one two", "c\n"}} {
		parts, err := teller.next(next.text, false, next.notes, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			told.WriteString(p.Thinking)
		}
	}
	if want := "a\nb\none two\nc\n"; told.String() != want {
		t.Errorf("told %q, want %q", told.String(), want)
	}
}

func TestTokensOfTheContentAlone(t *testing.T) {
	tokens := []step.Token{{Text: "<think>"}, {Text: "a"}, {Text: "</think>\n"}, {Text: "12"}, {Text: "<end>"}}
	if got := tokensBehind(tokens, len("<think>a</think>\n")); len(got) != 2 || got[0].Text != "12" {
		t.Errorf("%+v", got)
	}
	if got := tokensBehind(tokens, 100); got != nil {
		t.Errorf("%+v", got)
	}
}
