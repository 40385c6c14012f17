package formula

import (
	"slices"
	"strings"
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// fillers are words around an answer that say nothing of it.
var fillers = set(`the a an is are was were be been being it its it's that's there's he she they there there's here we you i so therefore thus hence then and also total totals altogether overall
all sum value values answer answers result results solution solutions final correct number numbers amount of to in at on by for with that this these those his her their him them
our my your us has have had having get gets got need needs needed will would must can could should equal equals equalling equaling exactly just only about approximately approx around
roughly nearly almost circa some same now would've i'd root roots x would cost costs take takes took make makes made earn earns earned pay pays paid spend spends spent`)

// opposites are pairs of words of which an answer can mean one only.
var oppositeWords = func() map[string][2]string { // word → the pair, and its side
	out := map[string][2]string{}
	for _, pair := range []string{
		"north|south", "east|west", "northeast northeastern|southwest southwestern", "northwest|southeast", "left|right", "am|pm", "more greater larger bigger higher|less fewer smaller lower",
		"gain gains gained profit profits surplus increase increased increases rise rose won win wins|loss losses lost lose loses decrease decreased decreases deficit debt fall fell drop dropped owe owes",
		"up upward upwards|down downward downwards", "above over|below under beneath", "before earlier ago early|after later late", "ahead|behind", "older|younger", "faster|slower",
		"hotter warmer|colder cooler", "heavier|lighter", "taller longer|shorter", "clockwise|counterclockwise anticlockwise", "even|odd", "first|last", "buy bought buys|sell sold sells", "maximum max most|minimum min least",
		"credit|debit", "deposit deposited|withdraw withdrawal withdrew", "deeper|shallower", "inside|outside", "bc bce|ad ce", "true|false", "yes|no", "positive|negative",
	} {
		one, other, _ := strings.Cut(pair, "|")
		for w := range set(one) {
			out[w] = [2]string{pair, "one"}
		}
		for w := range set(other) {
			out[w] = [2]string{pair, "other"}
		}
	}
	return out
}()

// turning are words without which a number isn't the same answer.
var turning = set(`not no never without except loss losses lost lose loses deficit debt owe owes below under beneath behind before after ago am pm bc bce north south east west northeast
northwest southeast southwest negative minus decrease decreased fall fell drop dropped plus almost th`)

// altered marks a label with words that make another number of the one they stand at: "twice 5", "the sum of 3 and 4".
const altered = "≠"

var (
	alters   = set("twice double doubled triple tripled thrice squared cubed factorial past score halved")
	altersOf = set("sum product difference average mean root square cube half third quarter ratio reciprocal logarithm remainder multiple factorial")
)

// Alters reports whether a text has words that make another number of one that stands in it.
func Alters(text string) bool {
	words := strings.Fields(strings.ToLower(text))
	for i, w := range words {
		w = strings.Trim(w, ".,:;!?()'\"*")
		if alters[w] || turning[w] || i+1 < len(words) && altersOf[w] && (words[i+1] == "of" || words[i+1] == "between") {
			return true
		}
	}
	return false
}

// withUnit gives a value the unit that begins the words behind it; the others are a label.
func withUnit(of *Node, words []string) *Node {
	if of.Op == Quantity { // $18 per day
		of, words = of.Args[0], append([]string{of.Name}, words...)
	}
	for k := len(words); k > 0; k-- {
		unit := strings.Join(words[:k], " ")
		if _, _, ok := measure(unit); ok {
			return labelled(&Node{Op: Quantity, Name: unit, Args: []*Node{of}}, words[k:])
		}
	}
	return labelled(of, words)
}

// labelled puts the words that say something on n.
func labelled(n *Node, words []string) *Node {
	if n == nil {
		return nil
	}
	var label []string
	for i, phrase := range words {
		if alters[phrase] || i+1 < len(words) && altersOf[phrase] && (words[i+1] == "of" || words[i+1] == "between") {
			label = append(label, altered)
		}
		for _, w := range strings.Fields(phrase) {
			if w = strings.Trim(w, ".,:;!?()'\"*"); w != "" && !fillers[w] {
				label = append(label, w)
			}
		}
	}
	if n.Op == Labelled {
		label = append(label, strings.Fields(n.Name)...)
		n = n.Args[0]
	}
	if len(label) == 0 {
		return n
	}
	return &Node{Op: Labelled, Name: strings.Join(label, " "), Args: []*Node{n}}
}

// unlabelled splits the words off an answer.
func unlabelled(n *Node) (inner *Node, label []string) {
	if n.Op == Labelled {
		return n.Args[0], strings.Fields(n.Name)
	}
	return n, nil
}

// contradict tells what the words around two answers make of them: Different where they can't both be meant, Unknown
// where they may mean different things, Equal where they take nothing away.
func contradict(a, b []string) Verdict {
	for _, x := range a {
		p, ok := oppositeWords[x]
		if !ok {
			continue
		}
		for _, y := range b {
			if q, ok := oppositeWords[y]; ok && p[0] == q[0] && p[1] != q[1] && !slices.Contains(a, y) && !slices.Contains(b, x) {
				return Different
			}
		}
	}
	stems := func(words []string) map[string]bool {
		out := map[string]bool{}
		for _, w := range words {
			if !generic[w] {
				out[Singular(w)] = true
			}
		}
		return out
	}
	x, y := stems(a), stems(b)
	within := func(x, y map[string]bool) bool {
		for w := range x {
			if !y[w] {
				return false
			}
		}
		return true
	}
	for w := range turning {
		if x[w] != y[w] && (w != ordinal || len(x) > 0 && len(y) > 0) {
			return Unknown
		}
	}
	if within(x, y) || within(y, x) {
		return Equal
	}
	return Unknown
}

// generic are words for what is counted that leave open what it is.
var generic = set("unit units square cubic per each every")

// Singular takes the ending of a plural off a word in lower case, so that "cookies" meets "cookie".
func Singular(w string) string {
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 4 && (strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "shes") || strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "sses")):
		return w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss"):
		return w[:len(w)-1]
	}
	return w
}
