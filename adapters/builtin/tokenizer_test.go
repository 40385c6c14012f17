package builtin

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"aprm/adapters"
)

func TestEncode(t *testing.T) {
	words, err := newTokenizer(words(0))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"":                     nil,
		"Tom has 3 pens":       {"Tom", " has", " 3", " pens"},
		" Tom":                 {" ", "Tom"},
		" x":                   {" ", "x"},
		"ab  12":               {"a", "b", " ", " 1", "2"},
		" = $5.":               {" =", " ", "$", "5", "."},
		"pensive":              {"p", "e", "n", "s", "i", "v", "e"},
		"a\n\n pens \n":        {"a", "\n", "\n", " pens", " ", "\n"},
		" \n":                  {" ", "\n"},
		"\t3":                  {"<unk>", "3"},
		" ×\u00a0\xff7":        {" ", "<unk>", "<unk>", "<unk>", "7"},
		"<end><user>":          {"<", "e", "n", "d", ">", "<", "u", "s", "e", "r", ">"},
		" \u00a0pens\u2028Tom": {" ", "<unk>", "pens", "<unk>", "Tom"},
	} {
		ids, ends := words.encode(text)
		var got []string
		for _, id := range ids {
			got = append(got, words.vocab[id])
		}
		if !slices.Equal(got, want) || len(ends) != len(ids) || len(ends) > 0 && ends[len(ends)-1] != len(text) {
			t.Errorf("%q: %q to %v, want %q", text, got, ends, want)
		}
	}
}

func TestPrompt(t *testing.T) {
	words, err := newTokenizer(words(0))
	if err != nil {
		t.Fatal(err)
	}
	message := func(role adapters.Role, text string) adapters.Message {
		return adapters.Message{Role: role, Content: text}
	}
	for _, test := range []struct {
		messages []adapters.Message
		want     string
	}{
		{nil, "<assistant>"},
		{[]adapters.Message{message("system", "Be brief."), message("user", "\n Tom has \n")}, "<user>|Tom| has|<assistant>"},
		{[]adapters.Message{message("user", "Tom"), message("assistant", " So\n"), message("user", "So")}, "<user>|Tom|<assistant>|So|<end>|<user>|So|<assistant>"},
		{[]adapters.Message{message("user", "Tom"), message("assistant", "\n So \n")}, "<user>|Tom|<assistant>|So| |\n"},
		{[]adapters.Message{message("user", "Tom"), message("assistant", "")}, "<user>|Tom|<assistant>"},
	} {
		var got []string
		for _, id := range words.prompt(test.messages) {
			got = append(got, words.vocab[id])
		}
		if strings.Join(got, "|") != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// FuzzEncode: tokens spell the text wherever they are known and lie where they say, no token is a mark of the
// conversation, and a text may be encoded line by line.
func FuzzEncode(f *testing.F) {
	words, err := newTokenizer(append(words(0), "×", " ×", "é", "\t", "\r"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"Tom has 3 × 12 = 36 pens.\n So <end>", "a\u00a0\u2028 \t\r\n é\xff\xfe", "  x  \n\n  7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids, ends := words.encode(text)
		at := 0
		for i, id := range ids {
			switch piece := text[at:ends[i]]; {
			case id < specials && id != unknownToken:
				t.Fatalf("%q holds %q", text, words.vocab[id])
			case id == unknownToken && utf8.RuneCountInString(piece) != 1:
				t.Fatalf("%q is one unknown token", piece)
			case id != unknownToken && words.text(id) != piece:
				t.Fatalf("%q was read as %q", piece, words.text(id))
			}
			at = ends[i]
		}
		if at != len(text) {
			t.Fatalf("%q ends at %d", text, at)
		}
		var lines []int32
		for line := range strings.SplitAfterSeq(text, "\n") {
			part, _ := words.encode(line)
			lines = append(lines, part...)
		}
		if !slices.Equal(lines, ids) {
			t.Fatalf("%q is %v, line by line %v", text, ids, lines)
		}
	})
}
