package step

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", " \n\t\n", nil},
		{"lines", "She sold 24.\n\n  That makes 72.  \r\n#### 72", []string{"She sold 24.", "That makes 72.", "#### 72"}},
		{"numbered, with sub-items", "1. Convert the hours.\n   - 50 minutes = 5/6 hours\n\n   That is all.\n2. Multiply.\n\n#### 10",
			[]string{"1. Convert the hours.\n   - 50 minutes = 5/6 hours\n\n   That is all.", "2. Multiply.", "#### 10"}},
		{"numbered, all indented", "  1. a = 1\n  2. b = 2\n", []string{"1. a = 1", "2. b = 2"}},
		{"numbered, with a formula", "1. In May:\n   \\[\n48/2 = 24\n\n   \\]\n2. So 72.", []string{"1. In May:\n   \\[\n48/2 = 24\n\n   \\]", "2. So 72."}},
		{"list with lead-in", "We know 2 things:\n\n- a = 1\n- b = 2\n  or so\nThus 3.", []string{"We know 2 things:\n\n- a = 1\n- b = 2\n  or so", "Thus 3."}},
		{"list without lead-in", "Thus.\n- a = 1\n- b = 2", []string{"Thus.", "- a = 1", "- b = 2"}},
		{"a bullet that ends with a colon", "- in 4 days:\n- b = 2", []string{"- in 4 days:", "- b = 2"}},
		{"a minus is no bullet", "Left after 2 days:\n-5 = 3 - 8", []string{"Left after 2 days:", "-5 = 3 - 8"}},
		{"fence", "Run:\n```python\nx = 1\n\nprint(x)\n```\nSo 1.", []string{"Run:\n```python\nx = 1\n\nprint(x)\n```", "So 1."}},
		{"longer fence", "````\n```\n````\nx", []string{"````\n```\n````", "x"}},
		{"inline code is no fence", "```x = 1```\nSo 1.", []string{"```x = 1```", "So 1."}},
		{"open fence", "a\n```\nx\n\ny\n", []string{"a", "```\nx\n\ny"}},
		{"formulas", "\\[ a = 1 \\]\n$$\nb\n$$\n\\begin{align}\nc \\\\[2pt]\n\\end{align}\nd is \\[\ne\n\\] x\nf",
			[]string{"\\[ a = 1 \\]", "$$\nb\n$$", "\\begin{align}\nc \\\\[2pt]\n\\end{align}", "d is \\[\ne\n\\] x", "f"}},
		{"formula with lead-in", "In 2 days:\n\\[\n4\n\\]\n- x", []string{"In 2 days:\n\\[\n4\n\\]", "- x"}},
		{"formulas that begin in a line", "d is \\[ e\n+ 1 \\] x\nso \\begin{a}\nf\n\\end{a}\ng", []string{"d is \\[ e\n+ 1 \\] x", "so \\begin{a}\nf\n\\end{a}", "g"}},
		{"money is no formula", "It costs $$5.\nOK", []string{"It costs $$5.", "OK"}},
		{"announcements", "### Solution\n\nStep 1:\nx = 1\n**Step 2**\ny = 2\n3.\nz = 3\n---\nSo:\n#### 6",
			[]string{"### Solution\n\nStep 1:\nx = 1", "**Step 2**\ny = 2", "3.\nz = 3", "---\nSo:\n#### 6"}},
		{"announcement of sub-items", "1. **Sold in May**:\n   - 24\n   - more\nx", []string{"1. **Sold in May**:\n   - 24\n   - more", "x"}},
		{"announcement at the end", "x\nStep 2:\n", []string{"x", "Step 2:"}},
		{"bold title", "2. **Multiply.**\n5 * 5 = 25\n3. **Add**\n   1 + 1 = 2\nx", []string{"2. **Multiply.**\n5 * 5 = 25", "3. **Add**\n   1 + 1 = 2", "x"}},
		{"bold statement", "**Step 1: Count the flowers.**\n5 + 5 = 10\n**So Bob wins.**\nYes.\n**7 of them**\nx",
			[]string{"**Step 1: Count the flowers.**\n5 + 5 = 10", "**So Bob wins.**", "Yes.", "**7 of them**", "x"}},
		{"answers are no headings", "#### 72\n### 3 = 3\n#### yes\nend", []string{"#### 72", "### 3 = 3", "#### yes", "end"}},
		{"think", "<think>a\nb</think>\n\nc<think>d", []string{"a", "b", "c", "d"}},
		{"think ends blocks and lists", "<think>\n1. a\n```\nx</think>```\n3. b\n   <think> c", []string{"1. a", "```\nx", "```\n3. b", "c"}},
		{"empty to the eye", "a\n\u00a0\n \u200b\ufeff\nb\n\u3000", []string{"a", "b"}},
		{"empty to the eye, in a list", "1. a\n\u00a0\n   - b\n\u00a0\n2. c", []string{"1. a\n\u00a0\n   - b", "2. c"}},
		{"table", "So:\n\n| day | sold |\n|:---|---:|\n| 1 | 2 |\n| 2 | 4 |\n\nThat makes 6.", []string{"So:\n\n| day | sold |\n|:---|---:|\n| 1 | 2 |\n| 2 | 4 |", "That makes 6."}},
		{"table without lead-in, rows without space", "We see.\n|a|b|\n|-|-|\n|1|2|\n6 in all", []string{"We see.", "|a|b|\n|-|-|\n|1|2|", "6 in all"}},
		{"table without a rule", "| a | 1 |\n| b | 2 |\nx", []string{"| a | 1 |\n| b | 2 |", "x"}},
		{"table of a terminal", "+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n+---+---+\nx", []string{"+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n+---+---+", "x"}},
		{"bars are no table", "|x| = 3\n|y| = 4\n|a| + |b|\n|c| + |d|\nP(A | B) = 1", []string{"|x| = 3", "|y| = 4", "|a| + |b|", "|c| + |d|", "P(A | B) = 1"}},
		{"a lead-in and no table", "In 2 days:\n|x| = 3\ny", []string{"In 2 days:", "|x| = 3", "y"}},
		{"rules", "───\na\n═══\n|---|\nb", []string{"───\na", "═══\n|---|\nb"}},
		{"box over lines", "So \\boxed{\n\\frac{1}\n{2}\n}.\nx\n\\boxed{5}\ny", []string{"So \\boxed{\n\\frac{1}\n{2}\n}.", "x", "\\boxed{5}", "y"}},
		{"box around a matrix", "$\\boxed{\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}\n}$\nx", []string{"$\\boxed{\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}\n}$", "x"}},
		{"box that nobody closed", "Thus \\boxed{5\n\nLet us check.\nOK", []string{"Thus \\boxed{5", "Let us check.", "OK"}},
		{"escaped braces", "\\boxed{\\{1\\}}\nx", []string{"\\boxed{\\{1\\}}", "x"}},
		{"formula between bare brackets", "So\n[\nx[1] = 3\n]\ny\n[\na\n\nb", []string{"So", "[\nx[1] = 3\n]", "y", "[\na", "b"}},
		{"formula between dollars", "$\nx = 3\n$\ny costs $5\nz costs $6", []string{"$\nx = 3\n$", "y costs $5", "z costs $6"}},
		{"formula that begins behind words", "So $$x = 3 +\n4$$\ny is $$ to spend\nz", []string{"So $$x = 3 +\n4$$", "y is $$ to spend", "z"}},
		{"a doubled dollar is no formula", "It is 4*15 = $$<<4*15=60>>60\nSo $$60 = 60\nx", []string{"It is 4*15 = $$<<4*15=60>>60", "So $$60 = 60", "x"}},
		{"two environments in a line", "\\begin{a}1\\end{a}\\begin{b}\n2\n\\end{b}\nx", []string{"\\begin{a}1\\end{a}\\begin{b}\n2\n\\end{b}", "x"}},
		{"tags of an answer", "a\n<answer>\n42\n</answer>\nb", []string{"a", "<answer>\n42\n</answer>", "b"}},
		{"tags in a line", "a\n<answer>42</answer>\nb", []string{"a", "<answer>42</answer>", "b"}},
		{"tags around steps", "<solution>\na\nb\n</solution>\n<answer>\n42\n\n</answer>", []string{"<solution>\na", "b", "</solution>\n<answer>\n42\n\n</answer>"}},
		{"other bullets", "We know:\n– a\n— b\n● c\nSo d", []string{"We know:\n– a\n— b\n● c", "So d"}},
		{"a wide colon", "已知：\n- a = 1\n- b = 2\n所以 3", []string{"已知：\n- a = 1\n- b = 2", "所以 3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Split(tt.text); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestNextIsEager holds the shortest prefix of a text at which its first step is known to be complete.
func TestNextIsEager(t *testing.T) {
	for _, tt := range []struct{ text, known string }{
		{"She sold 24.\nThen", "She sold 24.\n"},
		{"#### 72\n", "#### 72\n"},
		{"1. Multiply.\n\n2. Add", "1. Multiply.\n\n2"},
		{"1. Multiply.\n   - x\nSo", "1. Multiply.\n   - x\nS"},
		{"In 2 days:\n$5", "In 2 days:\n$5"},
		{"In 2 days:\n48/2", "In 2 days:\n4"},
		{"In 2 days:\n\\[ 4 \\]\n", "In 2 days:\n\\[ 4 \\]\n"},
		{"Step 1:\na = 1\nb", "Step 1:\na = 1\n"},
		{"a</think>", "a</think>"},
	} {
		for i := range len(tt.text) + 1 {
			_, _, complete := Next(tt.text[:i])
			if want := i >= len(tt.known); complete != want {
				t.Errorf("Next(%q): complete = %v", tt.text[:i], complete)
			}
		}
	}
}

// pieces builds texts in which everything the rules speak of meets everything else.
var pieces = rapid.SampledFrom([]string{
	"\n", "\n", "\n", "\r\n", " ", "   ", "\t", "a", "= 5", "x:", ":", ".", "**", "*", "- ", "-", "+ ", "• ", "\xe2", "1. ", "2)", "Step 3",
	"Step 4:", "#", "### ", "#### 7", "```", "`", "~~~", "py", `\[`, `\]`, `\`, "$$", "$", `\begin{a}`, `\end{a}`, `\beg`, "<think>", "</think>", "<", "think>", "\u00a0", "\u200b", "\xc2",
	"| a | 1 |\n", "|", " | ", "|---|\n", "+--+\n", "\\boxed{", "{", "}", "\n[\n", "\n]\n", "\n$\n", "<answer>\n", "</answer>", "<b>", "：",
})

func TestNextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkNext(t, strings.Join(rapid.SliceOfN(pieces, 0, 14).Draw(t, "pieces"), ""))
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("\xde\n\xb10")
	f.Add("1. Convert.\n   - 50 minutes\n\n2. So:\n\\[\nx\n\\]\n\n<think>#### 10")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1000 {
			checkNext(t, text)
		}
	})
}

// checkNext holds what Next and Split promise for any text.
func checkNext(t interface{ Fatalf(string, ...any) }, text string) {
	s, n, complete := Next(text)
	if !complete && n != len(text) || n == 0 && text != "" {
		t.Fatalf("Next(%q) = %q, %d, %v", text, s, n, complete)
	}
	for i := range text {
		if s1, n1, known := Next(text[:i]); known && (s1 != s || n1 != n || !complete) {
			t.Fatalf("Next(%q) = %q, %d; Next(%q) = %q, %d, %v", text[:i], s1, n1, text, s, n, complete)
		}
	}
	// Bytes that are no character by themselves stay apart, though a step's last and the next one's first would make
	// one.
	valid := func(s string) string { return strings.Map(func(r rune) rune { return r }, s) }
	var kept strings.Builder
	for _, s := range Split(text) {
		if s == "" || s != trim(s) {
			t.Fatalf("Split(%q) has the step %q", text, s)
		}
		kept.WriteString(valid(s))
	}
	dense := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unseen(r) {
				return -1
			}
			return r
		}, s)
	}
	want := dense(strings.NewReplacer("<think>", "", "</think>", "").Replace(valid(text)))
	if got := dense(kept.String()); got != want {
		t.Fatalf("Split(%q) kept %q", text, got)
	}
}

// TestSplitIsLinear would run into go test's time limit if a rule looked at the same text again and again.
func TestSplitIsLinear(t *testing.T) {
	for _, unit := range []string{"a", "\n", "a\n", "a:\n", "1. a\n", "- a\n", "```\n", "\\[\n", "x:\n  a\n", "### a\n", "1.\n\n", "<", "<think>", "1. a\n<think>", " ",
		"| a |\n", "|\n", "\\boxed{\n", "{", "\\boxed{", "<a>\n", "<a>\n\n\n", "</a>\n", "\u00a0\n", "[\n", "$\n", "x:\n| a |\n", "1.\n\n\n\n\n", "\\begin{a}", "$$", "+-+\n"} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		total := 0
		for _, s := range Split(text) {
			total += len(s)
		}
		if total > len(text) {
			t.Errorf("%q: steps of %d bytes from %d", unit, total, len(text))
		}
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"Step 2: He has 16-1=<<16-1=15>>15 apples": "He has 16-1=15 apples",
		"Step 1:  We know  that.  ":                "We know that.",
		"**Step 1: Count.**\n5 + 5 = 10":           "Count.\n5 + 5 = 10",
		"1. **Sold**: 48":                          "Sold: 48",
		"2) - **48**\n   - 24":                     "48\n24",
		"Step 4: #### 2.8":                         "2.8",
		"### Total\n\n\\[\n5\\times 2\n\\]":        "Total\n5\\times 2",
		`It is \( \frac{1}{2} \) cups, \(5\) kg.`:  `It is \frac{1}{2} cups, 5 kg.`,
		"$$ x = 5 $$":                              "x = 5",
		"2**3**4 = 2 ** 81 - 5":                    "2**3**4 = 2 ** 81 - 5",
		"3.5 + 2. 5":                               "3.5 + 2. 5",
		"72.":                                      "72.",
		"-5 + 3 = -2":                              "-5 + 3 = -2",
		"<<a<<b>>c>>d <<e":                         "d <<e",
		"Step 2 is to add.":                        "Step 2 is to add.",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestNormalizeIsNotQuadratic would run into go test's time limit if marks were stripped one a pass.
func TestNormalizeIsNotQuadratic(t *testing.T) {
	for _, unit := range []string{"$$", "- $$ ", "# ", "1. ", "**", "**a** ", "**1. ", "<<", "<<a>>", "\\)", "\\( - ", "Step 1: ", "\n", "- \n"} {
		text := strings.Repeat(unit, 1<<18/len(unit))
		if got := Normalize(text); len(got) > len(text) {
			t.Errorf("%q: grew to %d bytes", unit, len(got))
		}
	}
	nested := strings.Repeat("<<", 1<<17) + strings.Repeat(">>", 1<<17)
	if got := Normalize(nested); got != "" {
		t.Errorf("nested marks left %d bytes", len(got))
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("Step 2: **He** has 16-1=<<16-1=15>>15\n- \\( x \\)\n#### 15")
	f.Fuzz(func(t *testing.T, s string) { checkNormalize(t, s) })
}

func TestNormalizeIsIdempotent(t *testing.T) {
	marks := rapid.SampledFrom([]string{"\n", " ", "a", "5", "**", "*", "- ", "1. ", "Step 3:", "Step 4\n", "# ", "<<", "<", ">>", ">", `\(`, `\`, ")", "[", "$$", "$"})
	rapid.Check(t, func(t *rapid.T) {
		checkNormalize(t, strings.Join(rapid.SliceOfN(marks, 0, 14).Draw(t, "marks"), ""))
	})
}

func checkNormalize(t interface{ Fatalf(string, ...any) }, s string) {
	once := Normalize(s)
	if twice := Normalize(once); twice != once {
		t.Fatalf("Normalize(%q) = %q, again: %q", s, once, twice)
	}
	if IsAnswer(s) != IsAnswer(once) {
		t.Fatalf("IsAnswer(%q) differs from that of %q", s, once)
	}
}

func TestIsAnswer(t *testing.T) {
	for _, s := range []string{"#### 72", "#### $1,080.50", "The answer is 72.", "Step 4: #### 2.8", "**Final Answer:**\n72 clips", "So the final answer is: $\\boxed{72}$.",
		"Therefore, the answer is -5%", "\\boxed{\\frac{1}{2}}", "The answer is Bob."} {
		if !IsAnswer(s) {
			t.Errorf("IsAnswer(%q) = false", s)
		}
	}
	for _, s := range []string{"", "So she sold 72 clips.", "#### $50 + $15 = $65", "The answer is 5 + 3 = 8", "24 clips were sold in May by her friend", "To answer this, we add.", "5 apples were left", "48/2 = 24"} {
		if IsAnswer(s) {
			t.Errorf("IsAnswer(%q) = true", s)
		}
	}
}
