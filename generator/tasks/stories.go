package tasks

import (
	"slices"
	"strconv"
	"strings"
)

// story tells of one kind of problem: it adds facts and steps to the teller and returns the question.
type story func(b *teller, depth int) string

var stories = map[string]story{
	"stock": stock, "comparison": comparison, "ages": ages, "shop": shop, "work": work, "sharing": sharing,
	"crowd": crowd, "time": times, "trip": trip, "measure": measure,
	"harvest": harvest, "market": market,
}

// held lists the families that are never trained on.
var held = []string{"harvest", "market"}

// familyNames lists the families that are held out of training, or the others, in a fixed order.
func familyNames(heldOut bool) []string {
	var names []string
	for name := range stories {
		if slices.Contains(held, name) == heldOut {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// stock follows what somebody has through gains and losses.
func stock(b *teller, depth int) string {
	now := b.start()
	for b.left(depth) > 0 {
		if b.left(depth) == 1 && b.chance(4) {
			k := b.divisor(now, 12)
			b.fact([]int{k}, "{a} puts the {things} into bags of %d.", "Then {a} packs all the {things} in bags of %d.")
			b.step(calc(now, "/", k), "{a} fills %s bags.", "That makes %s bags.", "So %s bags are needed.")
			return b.words("How many bags are there?")
		}
		now = b.change(now)
	}
	return b.words(b.pick("How many {things} does {a} have now?", "How many {things} are left for {a} at the end?", "How many {things} does {a} have in the end?"))
}

// start says what {a} has at first: counted, or in boxes.
func (b *teller) start() int {
	if b.chance(2) {
		n := b.in(10, 90)
		b.fact([]int{n}, "{a} has %d {things}.", "At first {a} has %d {things}.", "{a} starts with %d {things}.")
		return n
	}
	boxes, each := b.in(2, 9), b.in(3, 20)
	b.fact([]int{boxes, each}, "{a} has %d boxes with %d {things} in each.", "{a} buys %d boxes of %d {things}.", "There are %d boxes at the home of {a}, and each holds %d {things}.")
	return b.step(calc(boxes, "*", each), "The boxes hold %s {things}.", "At first {a} has %s {things}.", "In all boxes there are %s {things}.")
}

// change lets {a} win or lose things, in one step or two.
func (b *teller) change(now int) int {
	has := []string{"{a} now has %s {things}.", "Then there are %s {things}.", "That leaves {a} with %s {things}."}
	switch b.in(1, 8) {
	case 1, 2:
		n := b.in(3, 60)
		b.fact([]int{n}, "{a} gets %d more {things}.", "Then {a} finds %d {things}.", "{b} gives {a} %d {things}.", "{a} buys %d more.")
		return b.step(calc(now, "+", n), has...)
	case 3:
		n := b.in(2, 60)
		b.fact([]int{n}, "{a} gives %d {things} to {b}.", "Then {a} loses %d {things}.", "{a} sells %d of them.", "%d of the {things} are broken.")
		return b.step(calc(now, "-", n), has...)
	case 4:
		m, k := b.in(2, 8), b.in(2, 9)
		b.fact([]int{m, k}, "{a} gives each of %d friends %d {things}.", "To each of %d children {a} gives %d {things}.")
		x := b.step(calc(m, "*", k), "The friends get %s {things}.", "{a} gives away %s {things}.", "Together they receive %s {things}.")
		return b.step(calc(now, "-", x), has...)
	case 5:
		m, k := b.in(2, 8), b.in(2, 12)
		b.fact([]int{m, k}, "Then {a} buys %d bags of %d {things}.", "{b} brings %d bags with %d {things} each.")
		x := b.step(calc(m, "*", k), "The bags hold %s {things}.", "In the bags there are %s {things}.", "That is %s more {things}.")
		return b.step(calc(now, "+", x), has...)
	case 6:
		b.fact(nil, "{a} gives half of the {things} to {b}.", "Then {a} sells half of them.", "Half of the {things} get lost.")
		return b.step(calc(now, "/", 2), "Half of them are left: %s {things}.", "{a} keeps half, %s {things}.", "That leaves {a} with %s {things}.")
	case 7:
		f := b.in(3, 5)
		b.fact(nil, "{a} gives a "+fractions[f]+" of the {things} to {b}.", "A "+fractions[f]+" of the {things} are broken.")
		x := b.step(calc(now, "/", f), "A "+fractions[f]+" of them is %s {things}.", "{a} loses %s {things}.", "That takes away %s {things}.")
		return b.step(calc(now, "-", x), has...)
	default:
		k := b.in(2, 3)
		b.fact(nil, "Then {b} makes the number of {things} "+timesWords[k]+" as large.", "In a game {a} ends up with "+timesWords[k]+" as many {things} as before.")
		return b.step(calc(now, "*", k), has...)
	}
}

var (
	fractions  = map[int]string{2: "half", 3: "third", 4: "quarter", 5: "fifth"}
	timesWords = map[int]string{2: "twice", 3: "three times", 4: "four times", 5: "five times"}
)

// relation is somebody's amount, told as a number or by another's.
type relation struct {
	of    int // index of the other, −1 for none
	value int
	expr  expr
	fact  string
}

// comparison asks for amounts that are told by one another, in any order; some may not matter.
func comparison(b *teller, depth int) string {
	return b.web(depth, wordsOfWeb{
		base: "{x} has %d {things}.", more: "{x} has %d more {things} than {y}.", less: "{x} has %d fewer {things} than {y}.",
		times: "{x} has {times} as many {things} as {y}.", half: "{x} has half as many {things} as {y}.",
		one: "How many {things} does {x} have?", all: "How many {things} do {x} have together?", gap: "How many more {things} does {x} have than {y}?",
		has: []string{"{x} has %s {things}.", "So {x} has %s {things}.", "For {x} that makes %s {things}."}, together: []string{"Together they have %s {things}.", "In total there are %s {things}."},
		apart: []string{"The difference is %s {things}.", "That is %s more {things}."},
		low:   4, high: 60,
	})
}

// ages does the same with years.
func ages(b *teller, depth int) string {
	return b.web(depth, wordsOfWeb{
		base: "{x} is %d years old.", more: "{x} is %d years older than {y}.", less: "{x} is %d years younger than {y}.",
		times: "{x} is {times} as old as {y}.", half: "{x} is half as old as {y}.",
		one: "How old is {x}?", all: "How old are {x} together?", gap: "How many years older is {x} than {y}?",
		has: []string{"{x} is %s years old.", "So {x} is %s years old.", "The age of {x} is %s."}, together: []string{"Together they are %s years old.", "The sum of the ages is %s."},
		apart: []string{"The difference is %s years.", "That is %s years more."},
		low:   4, high: 30,
		later: true,
	})
}

// wordsOfWeb are the sentences of a web: {x} and {y} are people, {times} is how many times.
type wordsOfWeb struct {
	base, more, less, times, half string
	one, all, gap                 string
	has, together, apart          []string
	low, high                     int
	later                         bool // time may pass
}

// of fills in {x}, and the pairs of placeholder and text that follow.
func of(sentence, x string, pairs ...string) string {
	return strings.NewReplacer(append([]string{"{x}", x}, pairs...)...).Replace(sentence)
}

func (b *teller) web(depth int, w wordsOfWeb) string {
	n := min(max(depth+b.in(0, 1), 2), max(depth, 6))
	rel := make([]relation, n)
	for i := range rel {
		who := b.people[i]
		if i == 0 {
			v := b.in(w.low, w.high)
			rel[i] = relation{of: -1, value: v, fact: b.sentence([]int{v}, of(w.base, who))}
			continue
		}
		j := b.in(max(0, i-2), i-1)
		other, v := b.people[j], rel[j].value
		r := relation{of: j}
		switch b.in(1, 6) {
		case 1, 2:
			k := b.in(2, 20)
			r.expr, r.fact = calc(v, "+", k), b.sentence([]int{k}, of(w.more, who, "{y}", other))
		case 3, 4:
			k := b.in(2, 20)
			r.expr, r.fact = calc(v, "-", k), b.sentence([]int{k}, of(w.less, who, "{y}", other))
		case 5:
			k := b.in(2, 4)
			r.expr, r.fact = calc(v, "*", k), b.words(of(w.times, who, "{y}", other, "{times}", timesWords[k]))
		default:
			r.expr, r.fact = calc(v, "/", 2), b.words(of(w.half, who, "{y}", other))
		}
		var ok bool
		if r.value, ok = r.expr.value(); !ok || r.value > 300 {
			b.failed = true
			return ""
		}
		rel[i] = r
	}
	for _, r := range rel {
		b.facts = append(b.facts, r.fact)
	}
	if b.chance(2) {
		b.rng.Shuffle(len(b.facts), func(i, j int) { b.facts[i], b.facts[j] = b.facts[j], b.facts[i] })
	}
	var done []int
	var work func(i int)
	work = func(i int) {
		if rel[i].of < 0 || slices.Contains(done, i) {
			return
		}
		work(rel[i].of)
		done = append(done, i)
		ways := make([]string, len(w.has))
		for k, h := range w.has {
			ways[k] = of(h, b.people[i])
		}
		b.step(rel[i].expr, ways...)
	}
	last := n - 1
	switch b.in(1, 4) {
	case 1:
		who := []int{last, b.in(0, n-2)}
		if n > 2 && b.chance(2) {
			who = append(who, b.in(0, n-2))
			slices.Sort(who)
			who = slices.Compact(who)
		}
		slices.Sort(who)
		var values []int
		names := ""
		for i, k := range who {
			work(k)
			values = append(values, rel[k].value)
			switch {
			case i == 0:
			case i == len(who)-1:
				names += " and "
			default:
				names += ", "
			}
			names += b.people[k]
		}
		b.step(sum(values), w.together...)
		return b.words(of(w.all, names))
	case 2:
		x, y := last, b.in(0, n-2)
		if rel[x].value < rel[y].value {
			x, y = y, x
		}
		work(min(x, y))
		work(max(x, y))
		b.step(calc(rel[x].value, "-", rel[y].value), w.apart...)
		return b.words(of(w.gap, b.people[x], "{y}", b.people[y]))
	case 3:
		if w.later {
			work(last)
			k := b.in(2, 15)
			b.step(calc(rel[last].value, "+", k), "In "+strconv.Itoa(k)+" years "+b.people[last]+" will be %s.", "Later "+b.people[last]+" is %s years old.")
			return b.sentence([]int{k}, "How old will "+b.people[last]+" be in %d years?")
		}
	}
	work(last)
	return b.words(of(w.one, b.people[last]))
}

// shop adds up what is bought, and what is paid.
func shop(b *teller, depth int) string {
	goods := b.rng.Perm(len(things))
	var parts []int
	kinds := min(b.in(1, 3), depth)
	for i := range kinds {
		n, price := b.in(2, 12), b.in(2, 15)
		item := things[goods[i]]
		b.fact([]int{n, price}, "{a} buys %d "+item+" for %d dollars each.", "{a} takes %d "+item+" that cost %d dollars each.", "{a} pays for %d "+item+" at %d dollars apiece.")
		parts = append(parts, b.step(calc(n, "*", price), "The "+item+" cost %s dollars.", "For the "+item+" {a} pays %s dollars.", "The price of the "+item+" is %s dollars."))
	}
	total := parts[0]
	if len(parts) > 1 {
		total = b.step(sum(parts), "Together that is %s dollars.", "In total it costs %s dollars.", "The sum is %s dollars.")
	}
	ask := b.pick("How many dollars does {a} pay?", "How much does {a} spend in dollars?", "What is the total cost in dollars?")
	for b.left(depth) > 0 {
		switch b.in(1, 5) {
		case 1:
			off := b.in(2, 20)
			b.fact([]int{off}, "A coupon takes %d dollars off.", "{a} gets %d dollars off the price.")
			total = b.step(calc(total, "-", off), "With the coupon it is %s dollars.", "After that {a} pays %s dollars.", "The price falls to %s dollars.")
		case 2:
			p := []int{10, 20, 25, 50}[b.rng.IntN(4)]
			b.fact([]int{p}, "Today everything is %d %% cheaper.", "{a} gets a discount of %d %% on all that.")
			off := b.step(calc(total, "*", p, "/", 100), "The discount is %s dollars.", "{a} saves %s dollars.", "That takes off %s dollars.")
			total = b.step(calc(total, "-", off), "After that {a} pays %s dollars.", "The price falls to %s dollars.", "So it costs %s dollars.")
		case 3:
			k := b.in(2, 15)
			b.fact([]int{k}, "The delivery costs %d dollars more.", "{a} also pays %d dollars for a bag.")
			total = b.step(calc(total, "+", k), "With that it is %s dollars.", "Then {a} pays %s dollars.", "So it costs %s dollars.")
		case 4:
			if b.left(depth) > 1 {
				continue
			}
			paid := total + b.in(2, 60)
			b.fact([]int{paid}, "{a} pays with %d dollars.", "{a} had %d dollars at first.")
			b.step(calc(paid, "-", total), "{a} has %s dollars left.", "There are %s dollars left.", "{a} gets back %s dollars.")
			return b.words("How many dollars are left for {a}?")
		default:
			if b.left(depth) > 1 {
				continue
			}
			k := b.divisor(total, 9)
			b.fact([]int{k}, "%d friends share the cost equally.", "The cost is shared equally by %d people.")
			b.step(calc(total, "/", k), "Each pays %s dollars.", "So each of them pays %s dollars.", "That is %s dollars for each.")
			return b.words("How many dollars does each of them pay?")
		}
	}
	return b.words(ask)
}

// work earns money by the hour.
func work(b *teller, depth int) string {
	hours, days := b.in(2, 9), b.in(2, 7)
	b.fact([]int{hours, days}, "{a} works %d hours a day for %d days.", "For %[2]d days, {a} works %[1]d hours every day.")
	now := b.step(calc(hours, "*", days), "{a} works %s hours.", "That makes %s hours.", "In all days there are %s hours of work.")
	if b.chance(2) {
		k := b.in(2, 9)
		b.fact([]int{k}, "Then {a} works %d hours more.", "On the last day {a} works %d extra hours.")
		now = b.step(calc(now, "+", k), "In total {a} works %s hours.", "With the extra hours it is %s hours.")
	}
	rate := b.in(3, 15)
	b.fact([]int{rate}, "Each hour {a} earns %d dollars.", "{a} is paid %d dollars an hour.", "For an hour {a} gets %d dollars.")
	now = b.step(calc(now, "*", rate), "{a} earns %s dollars.", "The pay is %s dollars.", "For that {a} gets %s dollars.")
	return b.money(now, depth)
}

// money lets {a} win or spend dollars until the story is long enough.
func (b *teller) money(now, depth int) string {
	has := []string{"{a} has %s dollars left.", "Then {a} has %s dollars.", "That leaves %s dollars."}
	for b.left(depth) > 0 {
		switch b.in(1, 5) {
		case 1:
			k := b.in(5, 80)
			b.fact([]int{k}, "{a} spends %d dollars on food.", "{a} gives %d dollars to {b}.", "A new coat costs {a} %d dollars.")
			now = b.step(calc(now, "-", k), has...)
		case 2:
			k := b.in(5, 80)
			b.fact([]int{k}, "{a} also gets %d dollars from {b}.", "{a} wins %d dollars.", "{b} gives {a} %d dollars.")
			now = b.step(calc(now, "+", k), has...)
		case 3:
			b.fact(nil, "{a} spends half of the money.", "Half of the money goes to {b}.")
			now = b.step(calc(now, "/", 2), "{a} keeps half, %s dollars.", "Half of it is left: %s dollars.", "That leaves %s dollars.")
		case 4:
			p := []int{10, 20, 25, 50}[b.rng.IntN(4)]
			b.fact([]int{p}, "{a} saves %d %% of the money and spends the rest.", "{a} keeps %d %% of the money.")
			now = b.step(calc(now, "*", p, "/", 100), "{a} keeps %s dollars.", "{a} saves %s dollars.", "That part is %s dollars.")
		default:
			n, k := b.in(2, 6), b.in(2, 12)
			item := things[b.rng.IntN(len(things))]
			b.fact([]int{n, k}, "{a} buys %d "+item+" for %d dollars each.", "Then {a} pays for %d "+item+" at %d dollars apiece.")
			x := b.step(calc(n, "*", k), "The "+item+" cost %s dollars.", "For the "+item+" {a} pays %s dollars.")
			now = b.step(calc(now, "-", x), has...)
		}
	}
	return b.words(b.pick("How many dollars does {a} have at the end?", "How many dollars are left for {a}?", "How many dollars does {a} have now?"))
}

// sharing divides among friends.
func sharing(b *teller, depth int) string {
	now := b.start()
	for b.left(depth) > 3 || b.left(depth) > 1 && b.chance(3) {
		now = b.change(now)
	}
	n := b.divisor(now, 12)
	b.fact([]int{n}, "The {things} are shared equally by %d friends.", "{a} shares all the {things} equally among %d children.", "%d people get the same number of the {things}.")
	now = b.step(calc(now, "/", n), "Each gets %s {things}.", "So everyone has %s {things}.", "That is %s {things} for each.")
	everybody := b.left(depth) == 0
	for b.left(depth) > 0 {
		switch b.in(1, 3) {
		case 1:
			k := b.in(1, 9)
			b.fact([]int{k}, "One of them, {b}, gives %d away.", "{b} is one of them and loses %d of the {things}.")
			now = b.step(calc(now, "-", k), "{b} has %s {things} left.", "That leaves {b} with %s {things}.")
		case 2:
			k := b.in(2, 20)
			b.fact([]int{k}, "One of them, {b}, had %d {things} before.", "{b} is one of them and finds %d more.")
			now = b.step(calc(now, "+", k), "{b} has %s {things}.", "With that {b} has %s {things}.")
		default:
			k := b.in(2, 4)
			b.fact(nil, "One of them, {b}, then wins and has "+timesWords[k]+" as many.")
			now = b.step(calc(now, "*", k), "{b} has %s {things}.", "Then {b} has %s {things}.")
		}
	}
	if everybody {
		return b.words(b.pick("How many {things} does each of them get?", "How many {things} are there for each?"))
	}
	return b.words("How many {things} does {b} have at the end?")
}

// crowd takes parts of a number of people.
func crowd(b *teller, depth int) string {
	place := b.pick("school", "town", "theater", "club", "park", "house")
	now := b.in(2, 9) * []int{10, 20, 40, 100}[b.rng.IntN(4)]
	if b.chance(2) {
		rows := b.in(3, 12)
		each := b.in(2, 6) * 5
		now = rows * each
		b.fact([]int{rows, each}, "In the "+place+" there are %d rows of %d people.", "%d groups of %d people come to the "+place+".")
		b.step(calc(rows, "*", each), "In the "+place+" there are %s people.", "That makes %s people.", "Together they are %s people.")
	} else {
		b.fact([]int{now}, "There are %d people in the "+place+".", "%d people come to the "+place+".")
	}
	kinds := []string{"children", "women", "teachers", "students", "visitors", "dancers", "singers"}
	order := b.rng.Perm(len(kinds))
	who, at := "people", 0
	for b.left(depth) > 0 {
		next := kinds[order[at%len(order)]]
		switch b.in(1, 6) {
		case 1, 2:
			p := []int{10, 20, 25, 30, 40, 50, 60, 75}[b.rng.IntN(8)]
			b.fact([]int{p}, "%d %% of the "+who+" are "+next+".", "Of the "+who+", %d %% are "+next+".")
			now = b.step(calc(now, "*", p, "/", 100), "There are %s "+next+".", "The number of "+next+" is %s.", "So %s are "+next+".")
			who, at = next, at+1
		case 3:
			f := b.in(2, 5)
			word := "A " + fractions[f]
			if f == 2 {
				word = "Half"
			}
			b.fact(nil, word+" of the "+who+" are "+next+".")
			now = b.step(calc(now, "/", f), "There are %s "+next+".", "The number of "+next+" is %s.", "So %s are "+next+".")
			who, at = next, at+1
		case 4:
			p := []int{10, 20, 25, 30, 40, 50, 60, 75}[b.rng.IntN(8)]
			b.fact([]int{p}, "%d %% of the "+who+" are "+next+", and the rest go home.", "%d %% of the "+who+" are "+next+"; only the others leave.")
			now = b.step(calc(now, "*", p, "/", 100), "There are %s "+next+".", "The number of "+next+" is %s.")
			who, at = next, at+1
		case 5:
			k := b.in(2, 40)
			b.fact([]int{k}, "Then %d of the "+who+" leave.", "%d of these "+who+" go home.")
			now = b.step(calc(now, "-", k), "Then there are %s "+who+".", "That leaves %s "+who+".")
		default:
			k := b.in(2, 40)
			b.fact([]int{k}, "Then %d more "+who+" come.", "After that %d more "+who+" come in.")
			now = b.step(calc(now, "+", k), "Then there are %s "+who+".", "With them there are %s "+who+".")
		}
	}
	return "How many " + who + " are there at the end?"
}

// times adds up minutes and hours.
func times(b *teller, depth int) string {
	hours, minutes := b.in(2, 9), b.in(2, 58)
	what := b.pick("film", "concert", "game", "class", "party")
	b.fact([]int{hours, minutes}, "The "+what+" takes %d hours and %d minutes.", "A "+what+" of %d hours and %d minutes begins.")
	now := b.step(calc(hours, "*", 60), "The hours are %s minutes.", "In minutes the hours are %s.", "That is %s minutes for the hours.")
	now = b.step(calc(now, "+", minutes), "The "+what+" takes %s minutes.", "In all that is %s minutes.", "So it takes %s minutes.")
	for b.left(depth) > 0 {
		switch b.in(1, 4) {
		case 1:
			n, k := b.in(2, 4), b.in(2, 10)
			b.fact([]int{n, k}, "There are %d breaks of %d minutes besides.", "It is stopped %d times for %d minutes more.")
			x := b.step(calc(n, "*", k), "The breaks take %s minutes.", "That adds %s minutes.")
			now = b.step(calc(now, "+", x), "In total it is %s minutes.", "With that it takes %s minutes.")
		case 2:
			k := b.in(2, 12) * 5
			b.fact([]int{k}, "{a} comes %d minutes late.", "{a} misses the first %d minutes.")
			now = b.step(calc(now, "-", k), "{a} sees %s minutes.", "That leaves %s minutes.")
		case 3:
			k := b.in(2, 12) * 5
			b.fact([]int{k}, "The way there takes {a} %d minutes more.", "After that {a} waits for %d minutes.")
			now = b.step(calc(now, "+", k), "With that it is %s minutes.", "In total {a} needs %s minutes.")
		default:
			k := b.in(2, 4)
			b.fact(nil, "Then {a} does it all "+timesWords[k]+" over.", "In all, {a} does this "+timesWords[k]+".")
			now = b.step(calc(now, "*", k), "All of it takes %s minutes.", "Together that is %s minutes.")
		}
	}
	return b.words(b.pick("How many minutes is that for {a}?", "How many minutes does it take {a} in all?"))
}

// trip travels.
func trip(b *teller, depth int) string {
	var legs []int
	for range min(b.in(1, 2), depth) {
		speed, hours := b.in(3, 60), b.in(2, 6)
		how := b.pick("drives", "rides", "goes", "sails")
		b.fact([]int{hours, speed}, "{a} "+how+" for %d hours at %d miles an hour.", "For %d hours {a} "+how+" %d miles every hour.")
		legs = append(legs, b.step(calc(speed, "*", hours), "{a} "+how+" %s miles.", "In that time {a} "+how+" %s miles.", "That is %s miles."))
	}
	now := legs[0]
	if len(legs) > 1 {
		now = b.step(sum(legs), "Together that is %s miles.", "In total it is %s miles.", "Both parts are %s miles.")
	}
	for b.left(depth) > 0 {
		switch b.in(1, 5) {
		case 1:
			k := b.in(3, 40)
			b.fact([]int{k}, "Then {a} walks %d miles.", "After that there are %d miles more.")
			now = b.step(calc(now, "+", k), "In total it is %s miles.", "With that {a} makes %s miles.")
		case 2:
			b.fact(nil, "{a} goes back the same way.", "Then {a} takes the same way home.")
			now = b.step(calc(now, "*", 2), "There and back it is %s miles.", "Both ways are %s miles.")
		case 3:
			if b.left(depth) > 1 {
				continue
			}
			all := now + b.in(5, 90)
			b.fact([]int{all}, "The whole way is %d miles.", "{a} wants to go %d miles in all.")
			b.step(calc(all, "-", now), "There are %s miles left.", "{a} still has to go %s miles.")
			return b.words("How many miles are left for {a}?")
		case 4:
			if b.left(depth) > 1 {
				continue
			}
			k := b.divisor(now, 12)
			b.fact([]int{k}, "The car needs a gallon for %d miles.", "With one gallon the car goes %d miles.")
			b.step(calc(now, "/", k), "The car needs %s gallons.", "That takes %s gallons.")
			return "How many gallons does the car need?"
		default:
			k := b.in(2, 4)
			b.fact(nil, "{b} goes "+timesWords[k]+" as far as {a}.")
			now = b.step(calc(now, "*", k), "{b} makes %s miles.", "For {b} it is %s miles.")
			if b.left(depth) > 0 {
				m := b.in(2, 30)
				b.fact([]int{m}, "{c} goes %d miles less than {b}.")
				b.step(calc(now, "-", m), "{c} makes %s miles.", "For {c} it is %s miles.")
				if b.left(depth) > 0 {
					b.failed = true
				}
				return b.words("How many miles does {c} go?")
			}
			return b.words("How many miles does {b} go?")
		}
	}
	return b.words(b.pick("How many miles does {a} go in all?", "How many miles does {a} make?"))
}

// measure converts units.
func measure(b *teller, depth int) string {
	u := []struct {
		big, small string
		each       int
	}{{"feet", "inches", 12}, {"dozens", "pieces", 12}, {"weeks", "days", 7}, {"days", "hours", 24}, {"yards", "feet", 3}, {"gallons", "cups", 16}}[b.rng.IntN(6)]
	n := b.in(2, 12)
	switch u.big {
	case "weeks", "days":
		b.fact([]int{n}, "A job takes {a} %d "+u.big+".", "{a} is away for %d "+u.big+".")
	case "dozens":
		b.fact([]int{n}, "{a} has %d dozens of buttons.", "{a} orders %d dozens of beads.")
	case "gallons":
		b.fact([]int{n}, "A barrel of {a} holds %d gallons of water.", "{a} carries %d gallons of juice.")
	default:
		b.fact([]int{n}, "A rope of {a} is %d "+u.big+" long.", "{a} has a board of %d "+u.big+".")
	}
	now := b.step(calc(n, "*", u.each), "That is %s "+u.small+".", "In "+u.small+" it is %s.", "It makes %s "+u.small+".")
	for b.left(depth) > 0 {
		switch b.in(1, 5) {
		case 1:
			k := b.in(2, 30)
			b.fact([]int{k}, "Then %d "+u.small+" are added.", "{b} adds %d "+u.small+".")
			now = b.step(calc(now, "+", k), "With that it is %s "+u.small+".", "Then there are %s "+u.small+".")
		case 2:
			k := b.in(2, 30)
			b.fact([]int{k}, "Then %d "+u.small+" are taken away.", "{b} takes %d "+u.small+" of it.")
			now = b.step(calc(now, "-", k), "That leaves %s "+u.small+".", "Then there are %s "+u.small+".")
		case 3:
			k := b.in(2, 6)
			b.fact([]int{k}, "{b} takes %d "+u.big+" of it away.", "Then %d "+u.big+" of it are lost.")
			x := b.step(calc(k, "*", u.each), "The lost part is %s "+u.small+".", "What is gone is %s "+u.small+".")
			now = b.step(calc(now, "-", x), "That leaves %s "+u.small+".", "Then there are %s "+u.small+".")
		case 4:
			k := b.in(2, 4)
			b.fact(nil, "{b} has "+timesWords[k]+" as much, and only that counts now.")
			now = b.step(calc(now, "*", k), "For {b} it is %s "+u.small+".", "{b} has %s "+u.small+".")
		default:
			if b.left(depth) > 1 {
				continue
			}
			k := b.divisor(now, 12)
			b.fact([]int{k}, "It is cut into %d equal parts.", "It is shared equally in %d parts.")
			b.step(calc(now, "/", k), "Each part has %s "+u.small+".", "One part is %s "+u.small+".")
			return "How many " + u.small + " has each part?"
		}
	}
	return "How many " + u.small + " is that in the end?"
}

// harvest is held out of training: things as in stock, of which parts are kept by percent as money is.
func harvest(b *teller, depth int) string {
	now := b.start()
	percent := false
	for b.left(depth) > 0 {
		if !percent && b.left(depth) == 1 || b.chance(3) {
			p := []int{10, 20, 25, 50, 75}[b.rng.IntN(5)]
			b.fact([]int{p}, "{a} keeps %d %% of the {things}.", "{a} saves %d %% of the {things}.")
			now = b.step(calc(now, "*", p, "/", 100), "{a} keeps %s {things}.", "That leaves {a} with %s {things}.")
			percent = true
			continue
		}
		now = b.change(now)
	}
	b.failed = b.failed || !percent // or it would be one of stock's
	return b.words(b.pick("How many {things} does {a} have now?", "How many {things} are left for {a} at the end?"))
}

// market is held out of training: things are sold as others are bought in a shop, and the money goes as wages do.
func market(b *teller, depth int) string {
	goods := b.rng.Perm(len(things))
	var parts []int
	for i := range min(b.in(1, 2), depth) {
		n, price := b.in(2, 12), b.in(2, 15)
		item := things[goods[i]]
		b.fact([]int{n, price}, "{a} sells %d "+item+" for %d dollars each.", "{a} sells %d "+item+" at %d dollars apiece.")
		parts = append(parts, b.step(calc(n, "*", price), "For the "+item+" {a} gets %s dollars.", "The price of the "+item+" is %s dollars."))
	}
	now := parts[0]
	if len(parts) > 1 {
		now = b.step(sum(parts), "Together that is %s dollars.", "In total {a} earns %s dollars.")
	}
	return b.money(now, depth)
}
