package scope

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// reading is a message in words.
type reading struct {
	words      []item
	sentences  []span
	numbers    int // amounts; dates, versions, years, telephone numbers and parts of names are none
	proseWords int // words that are neither variables nor politeness
	letters    int // of any script
	strange    int // of another script than Latin
	english    int // words that only English has
	other      int // words that only other languages have
}

type kind uint8

const (
	word kind = 1 << iota
	number
	symbol
	variable // a single letter
	macro    // \frac
	name     // letters and digits, a date, a version, a link: says nothing
)

// item is a word in lower case, a number, or a symbol.
type item struct {
	text          string
	kind          kind
	before, after bool // space on that side
}

// span is a sentence: words[start:end].
type span struct {
	start, end, numbers int
	question            bool
	label               bool // ends with a colon
}

// at returns the i-th word, an empty one outside the text.
func (r reading) at(i int) item {
	if i < 0 || i >= len(r.words) {
		return item{}
	}
	return r.words[i]
}

// within reports whether a word of the set is in words[from:to].
func (r reading) within(from, to int, set map[string]bool) bool {
	return r.find(span{start: from, end: min(to, len(r.words))}, set) >= 0
}

// numbersIn counts the amounts in words[from:to].
func (r reading) numbersIn(from, to int) (n int) {
	for _, w := range r.words[from:to] {
		if w.kind == number {
			n++
		}
	}
	return n
}

// find returns where a word of the set is first in a sentence, -1 if it has none.
func (r reading) find(s span, set map[string]bool) int {
	for i := s.start; i < s.end; i++ {
		if set[r.words[i].text] {
			return i
		}
	}
	return -1
}

// order returns where a sentence's verb stands if it is an order: behind politeness, marks of a list and articles.
func (r reading) order(s span) int {
	i := s.start
	for i < s.end && (r.words[i].kind == symbol || fillers[r.words[i].text]) {
		i++
	}
	return i
}

// foreign reports whether the text is in another language than English, as far as its script and commonest words tell.
func (r reading) foreign() bool {
	return r.strange >= 4 && r.strange*4 > r.letters || r.other >= 2 && r.other > r.english
}

// formula reports whether there is an operator between two operands of which one is a number, and whether there is
// LaTeX.
func (r reading) formula() (plain, latex bool) {
	for i, w := range r.words {
		switch {
		case w.kind == macro:
			latex = latex || mathMacros[w.text]
		case w.kind == symbol && r.operator(i):
			plain = true
		}
	}
	return plain, latex
}

// operator reports whether the symbol at i stands between operands. A hyphen or slash without space may be a range, a
// date or "and/or", unless a letter or bracket is beside it.
func (r reading) operator(i int) bool {
	w := r.words[i]
	left, right := r.at(i-1), r.at(i+1)
	if right.text == "$" || right.text == "(" || right.text == "-" {
		right = r.at(i + 2)
	}
	if left.kind&(number|variable) == 0 && left.text != ")" && left.text != "}" && left.text != "%" || right.kind&(number|variable|macro) == 0 {
		return false
	}
	switch w.text {
	case "+", "*", "×", "÷", "^", "=", "·":
		return left.kind == number || right.kind == number || left.text == ")" || r.numbers > 0
	case "-", "−", "/":
		return w.before && w.after && (left.kind == number || right.kind == number || r.numbers > 0)
	}
	return false
}

// formulaSoon reports whether a formula begins within a few words behind the word at i: "what is the value of 2 + 3".
func (r reading) formulaSoon(i int) bool {
	for j := i + 1; j < min(i+8, len(r.words)); j++ {
		if r.words[j].kind == symbol && r.operator(j) {
			return true
		}
	}
	return false
}

func stemOf(w string) string {
	if len(w) > 4 && strings.HasSuffix(w, "ies") {
		return w[:len(w)-3]
	}
	if w = strings.TrimSuffix(w, "'s"); len(w) > 3 {
		w = strings.TrimSuffix(strings.TrimSuffix(w, "s"), "e")
	}
	if len(w) > 4 {
		w = strings.TrimSuffix(strings.TrimSuffix(w, "ing"), "ed")
	}
	return strings.TrimSuffix(w, "y")
}

// readWords reads a text once, from left to right.
func readWords(text string) reading {
	lower := strings.ToLower(text)
	r := reading{words: make([]item, 0, len(lower)/4+4)}
	start := 0
	end := func(by byte) { // of a sentence
		if start < len(r.words) {
			s := span{start: start, end: len(r.words), question: by == '?', label: by == ':'}
			for _, w := range r.words[start:] {
				if w.kind == number {
					s.numbers++
				}
			}
			r.sentences = append(r.sentences, s)
		}
		start = len(r.words)
	}
	space := true
	put := func(s string, k kind) {
		r.words = append(r.words, item{text: s, kind: k, before: space})
		space = false
	}
	for i := 0; i < len(lower); {
		c := lower[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if n := len(r.words); n > 0 {
				r.words[n-1].after = true
			}
			space = true
			if c == '\n' {
				end(c)
			}
			i++
		case c >= '0' && c <= '9':
			i = r.readNumber(lower, i, put)
		case c == '.' && len(r.words) > 0 && !space && abbreviations[r.words[len(r.words)-1].text]:
			i++
		case c == '.' || c == '!' || c == '?' || c == ':' || c == ';':
			i++
			end(c)
			space = false
		case c == '\\' && i+1 < len(lower) && isLetter(lower[i+1]):
			n := i + 1
			for n < len(lower) && isLetter(lower[n]) {
				n++
			}
			put(lower[i+1:n], macro)
			i = n
		case isLetter(c) || c >= utf8.RuneSelf:
			n := r.letterRun(lower, i)
			if n == i { // a symbol beyond ASCII
				ch, width := utf8.DecodeRuneInString(lower[i:])
				switch ch {
				case '’', '‘', '“', '”', '„':
				case '。', '!':
					end('.')
				case '?':
					end('?')
				default:
					put(lower[i:i+width], symbol)
				}
				i += width
				continue
			}
			i = r.readWord(lower, i, n, put)
		default:
			put(lower[i:i+1], symbol)
			i++
		}
	}
	end('.')
	return r
}

// letterRun returns where the letters and digits that begin at i end, apostrophes within words included.
func (r *reading) letterRun(s string, i int) int {
	for i < len(s) {
		c := s[i]
		if isLetter(c) || isDigit(c) {
			if isLetter(c) {
				r.letters++
			}
			i++
			continue
		}
		if c == '\'' && i+1 < len(s) && isLetter(s[i+1]) {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			return i
		}
		ch, width := utf8.DecodeRuneInString(s[i:])
		switch {
		case ch == '’' && i+width < len(s) && isLetter(s[i+width]):
		case unicode.IsLetter(ch) || unicode.IsMark(ch):
			r.letters++
			if !unicode.Is(unicode.Latin, ch) && !unicode.IsMark(ch) {
				r.strange++
			}
		default:
			return i
		}
		i += width
	}
	return i
}

// readWord puts the word s[i:n].
func (r *reading) readWord(s string, i, n int, put func(string, kind)) int {
	w := s[i:n]
	if strings.HasPrefix(w, "http") && strings.HasPrefix(s[n:], "://") || w == "www" && strings.HasPrefix(s[n:], ".") {
		for n < len(s) && s[n] > ' ' {
			n++
		}
		put("", name)
		return n
	}
	if strings.Contains(w, "’") {
		w = strings.ReplaceAll(w, "’", "'")
	}
	switch {
	case numberWords[w]:
		r.numbers++
		put(w, number)
	case len(w) == 1 && w != "a" && w != "i":
		put(w, variable)
	case strings.ContainsAny(w, "0123456789"):
		put(w, name)
	default:
		if !fillers[w] && !stopWords[w] {
			r.proseWords++
		}
		if stopWords[w] {
			r.english++
		}
		if foreignWords[w] {
			r.other++
		}
		put(w, word)
	}
	return n
}

// readNumber puts the number that begins at i, with the letters that hang on it.
func (r *reading) readNumber(s string, i int, put func(string, kind)) int {
	n, dots, seps := i, 0, 0
	for n < len(s) && (isDigit(s[n]) || n+1 < len(s) && isDigit(s[n+1]) && strings.IndexByte(".,:", s[n]) >= 0) {
		if s[n] == '.' {
			dots++
		}
		n++
	}
	// 2024-05-01, 5/1/2024, 302-998123-77, 1.2.3, 24/7
	for m := n; m+1 < len(s) && (s[m] == '-' || s[m] == '/') && isDigit(s[m+1]); {
		for m++; m < len(s) && isDigit(s[m]); m++ {
		}
		seps++
		if seps >= 2 {
			n = m
			dots = 2
		} else if s[i:m] == "24/7" || s[i:m] == "50/50" {
			n, dots = m, 2
		}
	}
	text := s[i:n]
	if dots >= 2 || len(text) > 1 && text[0] == '0' && isDigit(text[1]) || len(text) >= 8 && !strings.ContainsAny(text, ".,") {
		put(text, name)
		return n
	}
	if n < len(s) && (isLetter(s[n]) || s[n] >= utf8.RuneSelf) {
		m := n
		for m < len(s) && (isLetter(s[m]) || isDigit(s[m])) {
			m++
		}
		tail := s[n:m]
		if m > n && !glued[tail] && !(len(tail) == 1 && strings.Contains("xyzabnk", tail)) {
			put(s[i:m], name) // 2nd, 5g, 10w
			return m
		}
	}
	if len(text) == 4 && (text[:2] == "20" || text[0] == '1' && text[1] >= '5') && len(r.words) > 0 && datePrepositions[r.words[len(r.words)-1].text] {
		put(text, name)
		return n
	}
	r.numbers++
	put(text, number)
	return n
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// reasons is a set of words for each reason.
func reasons(of map[string]string) map[string]string {
	out := map[string]string{}
	for why, words := range of {
		for _, w := range strings.Fields(words) {
			out[w] = why
		}
	}
	return out
}

var (
	numberWords = set("two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty " +
		"fifty sixty seventy eighty ninety hundred thousand million half twice thrice double triple dozen quarter third thirds quarters fourth fifth fifths sixth eighth tenth doubles triples")

	// glued are units that may follow a figure without space.
	glued = set("km m cm mm kg g mg l ml h hr hrs min mins s sec kmh mph lb lbs oz ft in am pm c f th k cents gb mb")

	abbreviations = set("mr mrs ms dr st vs approx")

	datePrepositions = set("in since of from to and until by the around before after between during year")

	// fillers are what may stand before an order, or before a follow-up.
	fillers = set("please pls now hey hi hello ok okay great thanks thank you you're can could would will i i'd like want need to help me so then also next well hmm cool nice kindly just let's lets us " +
		"the a an my this here is")

	stopWords = set("the a an is are was were do does did has have had of to in on at for with and or but if that this these those there he she it they we i you his her its their our my your me him them us " +
		"how many much what which who when where why not no as by from be been will would can could each every all than more less how's what's it's i'm if then so about into out up off over after before")

	// foreignWords are common in German, French, Spanish, Italian, Portuguese, Dutch, Swedish or Polish and rare in
	// English.
	foreignWords = set("der das und ist wie viele viel nicht ein eine einen einem hat für mit mir ich sie kostet sind zu auf von bitte dem im bis wir kannst schreib meinen dass hallo geht's haben kauft jeder zusammen wenn " +
		"le les des une est combien elle et pour avec dans qui je vous ses peux bonjour achète coûte du chaque reste sont nous " +
		"el los las una cuántos cuantos cuánto cuántas cuantas tiene que para con por cuesta cada si y del quedan compra me recomiendas días " +
		"il quanti quanto quante che di ha puoi gli sono mele ogni costa resta mi consigliare " +
		"quantos quantas tem uma com ele ela quais custa het een hoeveel van heeft zijn laat naar de trein vertrekt en op hur många och har att kostar ile ma jest jabłek kupił ona za")

	languages = set("german french spanish italian portuguese dutch polish russian chinese japanese korean arabic turkish swedish danish norwegian finnish czech greek hebrew hindi ukrainian " +
		"deutsch français español italiano")

	systemWords = reasons(map[string]string{
		"format":                 "json yaml xml csv html schema",
		"translation":            "translate translator translation translates",
		"a text to write":        "title titles tags rhyme rhymes rhymed summarize summarise summaries rewrite poet",
		"extraction":             "classify classifier classifies label labels extract extracts entities intent sentiment",
		"continuation":           "autocomplete autocompletion completes",
		"answers are not wanted": "socratic hints",
	})

	formatWords = reasons(map[string]string{
		"format": "json yaml xml csv html bullet",
		"code": "python javascript typescript golang rust java php sql regex bash powershell linux docker dockerfile kubernetes git github npm pip async api css div cron pandas numpy " +
			"indexerror exception segfault stacktrace compiler int64 int32 fibonacci fizzbuzz localhost const println printf arr len struct boolean",
	})

	crafts = reasons(map[string]string{
		"translation":     "translate translation",
		"summary":         "summarize summarise shorten condense",
		"a text to write": "rewrite rephrase paraphrase proofread draft compose brainstorm reply respond continue write implement refactor debug optimize redesign describe analyze analyse discuss",
		"extraction":      "classify extract parse tag",
	})

	// firstOrders are orders at the beginning of a message for what is no calculation; behind a problem they may be its
	// "Explain each step."
	firstOrders = set("explain list name suggest recommend compare define plan design book set turn put call remind search create generate play pretend attack continue finish rewrite")
	determiners = set("the a an my this")
	textNouns   = set("poem haiku sonnet limerick dialogue essay lyrics ideas")
	makers      = set("create generate make give list name suggest recommend tell come do find show get")
	made        = set("poem poems haiku story stories song joke jokes names ideas idea tips recipe recipes title titles slogans slogan playlist itinerary facts synonyms books movies films examples reasons code function " +
		"table quiz email mail text message formal friendlier shorter longer sadder readable points notes metaphors list summary script adjectives riddle toast letter sign")

	// orders are verbs that no sentence of a problem begins with; mayOrder are also names and nouns, and order where an
	// object follows.
	orders = set("assess examine inspect flag validate infer interpret comment generate write create translate summarize summarise classify categorize categorise rewrite rephrase paraphrase extract assign describe identify analyze analyse compose criticize critique reflect verify evaluate " +
		"provide produce suggest detect decide ignore imagine invent annotate transcribe reformulate decompose compress highlight proofread respond reply act pretend pick choose select cite quote spell define compare discuss brainstorm " +
		"recommend complete continue output print return read tag label rank grade judge critique parse convert implement refactor debug optimize design draft propose enumerate list repeat recite continue correct improve edit shorten expand " +
		"condense simplify rephrase replace insert highlight remove restate reword score visualize visualise illustrate sketch draw plot justify argue defend refute debate explain summarise introduce teach quiz ask interview roleplay reveal " +
		"forget disregard search retrieve fetch browse call invoke execute run format reformat reverse encode decode encrypt translate localize make change turn transform modify adapt")
	mayOrder = set("spot name title match rate mark check count cut fix guess look map move point report review save set sort split start study support talk test type use view vote watch break place order plan group bring take keep add " +
		"follow build form include say tell show read state mention send call try let open close play help")
	// directions are orders to solve, or how.
	directions = set("solve find calculate compute determine work figure think reason assume suppose consider note remember round express multiply divide subtract simplify evaluate answer end finish convert integrate differentiate factor " +
		"factorise factorize expand explain show")
	// jobs are what a prompt calls what the model is to do, ofTexts what can be asked of any text.
	jobs    = set("job task goal role mission assignment objective")
	ofTexts = set("intent sentiment topic topics language category tone subject keywords entities difficulty emotion title mistake mistakes theme genre")
	// manners are orders of a system prompt that say how to answer; outputs are those of them that may say with what.
	manners = set("respond reply act pretend return output print continue format introduce ask illustrate list repeat read cite compare define enumerate highlight provide present spell make change turn correct")
	outputs = set("respond reply return output print")
	// roles are verbs behind you in a system prompt that makes something else of the model than one who answers.
	roles = set("receive name title rate mark check count guess map report review sort split tag place plan group route moderate monitor watch see get")
	// objects are what follows an order.
	objects      = set("the a an this that these those my your our their his her its me us it them each every all any some both only exactly whether which what how who where when why if into in on for with as from to up out about no")
	problemNouns = set("problem problems question exercise puzzle riddle homework task q math maths solve help calculate find next else")
	solvings     = set("solve solution answer answers help work calculate compute find result steps step number value total figure explain how working")
	notSolved    = set("hint hints wrong without don't not similar list names title score opinion feedback")
	stating      = set("the a an my this here is i it's i'm let's")
	below        = set("below above here here's following")
	being        = set("is are here's was were")
	choosing     = set("which where why")
	advising     = set("can could should would")
	asking       = set("is are was were do does did has have had can could should would will may might who whose whom where why which what's what")

	personal = set("i you my your who where when come")
	subjects = set("i we you")
	you      = set("you")

	proofs      = set("prove show")
	numberForms = set("fraction decimal percent percentage equation expression simplest numeral")
	whatIs      = set("what what's whats find determine much compute calculate evaluate")
	calculus    = set("derivative integral root factorial factors factorization limit")
	divisions   = set("divided times plus minus multiplied mod modulo")
	howWord     = set("how")
	waysWord    = set("ways permutations combinations subsets arrangements")
	arranging   = set("arrange arranged choose chosen select selected seat seated order ordered pick picked distribute distributed divided split made formed")
	meaning     = set("mean means meaning why work works explain")
	mathMacros  = set("frac dfrac tfrac sqrt times int sum cdot div pi leq geq log sin cos tan begin binom pm infty lim prod")

	measures = set("many much long far old fast tall high heavy big large deep wide thick late likely")

	quantityNouns = set("sum product quotient remainder total average mean median area perimeter volume circumference radius diameter length width height weight hypotenuse value ratio cost price profit loss " +
		"interest discount speed distance probability percentage percent number age ages amount salary balance fraction proportion revenue temperature rate change time size score income earnings capacity money mass year allowance worth lifespan mileage footage odds chance discount population depth savings expenses bill premium thickness")
	whatWords    = set("what what's whats find determine calculate compute")
	spending     = set("cost pay earn weigh make owe spend save score")
	auxiliaries  = set("does do will did would are is")
	yesNo        = set("is are should can which who why do does did was has have would could")
	advised      = set("i we you my our one a")
	adviceWords  = set("recommend safe legal typically usually advisable reasonable ideal advance healthy roughly approximately")
	totals       = set("total altogether left")
	closed       = set("sum probability each every apiece total altogether % times divided equally if after left remaining with")
	refers       = set("he she they it him her his their them its each both left total altogether remaining remain more all together fewer less another rest change combined that pay owe spend earn revenue hypotenuse area perimeter profit everything everyone everybody really still original final new bill expenses")
	insteadWords = set("instead previous earlier again")

	bare   = set("number answer word letter result code label value yes digit figure")
	hidden = set("answer answers solution solutions")
)
