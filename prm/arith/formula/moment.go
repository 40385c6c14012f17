package formula

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// moment is a time of day or a date; what isn't known of it is −1.
type moment struct {
	hour, minute, second int
	half                 bool // it is known which half of the day an hour up to 12 is in
	year, month, day     int
	either               bool // day and month may be the other way round: 10/5/2020
}

var nowhere = moment{hour: -1, minute: -1, second: -1, year: -1, month: -1, day: -1}

func (m *moment) String() string {
	if m.hour >= 0 {
		half := "?"
		if m.half {
			half = ""
		}
		return fmt.Sprintf("%02d:%02d%s", m.hour, max(m.minute, 0), half)
	}
	return fmt.Sprintf("%d-%d-%d", m.year, m.month, m.day)
}

var (
	clockTime = regexp.MustCompile(`^(\d{1,2})(?::([0-5]\d))?(?::([0-5]\d))? ?(?:(a|p)\.? ?m\.?|(o'?clock)|(noon|midnight))?(?: in the (morning|afternoon|evening)| at (night))?$`)
	isoDate   = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$`)
	someDate  = regexp.MustCompile(`^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$`)
	// typeset is what LaTeX puts around the parts of a time.
	typeset = regexp.MustCompile(`\\(?:text|mathrm|textrm|mbox|textbf)\s*\{([^{}]*)\}|\\[!,;: ]|[~$]`)
	dateish = regexp.MustCompile(`[a-z]+|\d+`)
)

var months = func() map[string]int {
	out := map[string]int{"sept": 9}
	for i, m := range strings.Fields("january february march april may june july august september october november december") {
		out[m], out[m[:3]] = i+1, i+1
	}
	return out
}()

// readMoment reads a time of day that can be nothing else, or a date; nil for other texts.
func readMoment(text string) *moment {
	if len(text) > 80 || strings.ContainsAny(text, "=^_<>+*()[]") {
		return nil
	}
	if m := readSpoken(text); m != nil {
		return m
	}
	letters, figures, signs := 0, 0, 0
	for i := range len(text) {
		switch c := text[i] | 0x20; {
		case c >= 'a' && c <= 'z':
			letters++
		case digit(text[i]):
			figures++
		case c == ':' || c == '-' || c == '/' || c == '.':
			signs++
		}
	}
	if letters == 0 && signs < 2 || figures == 0 && len(text) > len("midnight.") || figures > 0 && letters == 1 || strings.Contains(text, `\frac`) || strings.Contains(text, `\sqrt`) {
		return nil
	}
	if strings.ContainsAny(text, `\~$`) {
		text = untypeset(text)
	}
	text = strings.Join(strings.Fields(strings.ToLower(strings.Trim(text, " .,"))), " ")
	text = strings.NewReplacer(" : ", ":", " :", ":", ": ", ":").Replace(text)
	for _, before := range []string{"it is ", "is ", "at ", "on ", "by ", "around ", "about ", "the "} {
		text = strings.TrimPrefix(text, before)
	}
	if m := readClock(text); m != nil {
		return m
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	if !strings.ContainsAny(text, "-/. ") {
		return nil
	}
	if m := isoDate.FindStringSubmatch(text); m != nil {
		return dated(number(m[1]), number(m[2]), number(m[3]), false)
	}
	if m := someDate.FindStringSubmatch(text); m != nil {
		a, b := number(m[1]), number(m[2])
		if a > 12 {
			a, b = b, a
		}
		return dated(number(m[3]), a, b, a <= 12 && b <= 12 && a != b)
	}
	return readDate(text)
}

// untypeset takes off what LaTeX puts around the parts of a time.
func untypeset(text string) string {
	return typeset.ReplaceAllStringFunc(text, func(s string) string {
		if m := typeset.FindStringSubmatch(s); m[1] != "" {
			return m[1]
		}
		return " "
	})
}

var spokenTime = regexp.MustCompile(`^(?i)(?:it is |it's |at )?(?:a )?(half|quarter|[a-z]+|\d{1,2})(?: minutes?)? (past|to|after) ([a-z]+|\d{1,2})(?: o'?clock)?\.?$`)

// readSpoken reads a time of day as it is said: "half past three", "quarter to 5".
func readSpoken(text string) *moment {
	if !strings.Contains(text, "alf past") && !strings.Contains(text, "uarter ") && !strings.Contains(text, "minutes ") {
		return nil
	}
	c := spokenTime.FindStringSubmatch(text)
	if c == nil {
		return nil
	}
	count := func(s string) int {
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
		return int(cardinals[strings.ToLower(s)])
	}
	minutes, hour := count(c[1]), count(c[3])
	switch strings.ToLower(c[1]) {
	case "half":
		minutes = 30
	case "quarter":
		minutes = 15
	}
	if minutes < 1 || minutes > 30 || hour < 1 || hour > 12 {
		return nil
	}
	if strings.EqualFold(c[2], "to") {
		minutes, hour = 60-minutes, (hour+10)%12+1
	}
	m := nowhere
	m.hour, m.minute, m.second = hour, minutes, 0
	return &m
}

func readClock(text string) *moment {
	switch text {
	case "noon":
		text = "12 noon"
	case "midnight":
		text = "12 midnight"
	}
	if text == "" || !digit(text[0]) {
		return nil
	}
	c := clockTime.FindStringSubmatch(text)
	if c == nil || c[4]+c[5]+c[6]+c[7]+c[8] == "" && c[3] == "" {
		return nil // "2:30" may be a ratio
	}
	m := nowhere
	m.hour, _ = strconv.Atoi(c[1])
	m.minute, m.second = 0, 0
	if c[2] != "" {
		m.minute, _ = strconv.Atoi(c[2])
	}
	if c[3] != "" {
		m.second, _ = strconv.Atoi(c[3])
	}
	if m.hour > 24 || c[4]+c[6] != "" && m.hour > 12 {
		return nil
	}
	late := c[4] == "p" || c[6] == "noon" || c[7] == "afternoon" || c[7] == "evening" || c[8] != "" && m.hour > 5 && m.hour < 12
	early := c[4] == "a" || c[6] == "midnight" || c[7] == "morning" || c[8] != "" && !late
	m.half = late || early || m.hour > 12 || m.hour == 0
	switch {
	case late && m.hour < 12:
		m.hour += 12
	case early && m.hour == 12:
		m.hour = 0
	}
	return &m
}

func dated(year, month, day int, either bool) *moment {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return nil
	}
	m := nowhere
	m.year, m.month, m.day, m.either = year, month, day, either
	return &m
}

// readDate reads a date with the name of a month: "March 5", "the 5th of March, 2020", "Friday, July 4".
func readDate(text string) *moment {
	m := nowhere
	named := false
	for short := range months {
		named = named || strings.Contains(text, short)
	}
	if !named {
		return nil
	}
	for _, w := range dateish.FindAllString(text, -1) {
		switch n, err := strconv.Atoi(w); {
		case months[w] > 0 && m.month < 0:
			m.month = months[w]
		case err == nil && len(w) == 4 && m.year < 0:
			m.year = n
		case err == nil && len(w) <= 2 && n >= 1 && n <= 31 && m.day < 0:
			m.day = n
		case w == "the" || w == "of" || w == "in" || w == "on" || w == "st" || w == "nd" || w == "rd" || w == "th" || strings.HasSuffix(w, "day") && len(w) >= 6 && len(w) <= 9:
		default:
			return nil
		}
	}
	if m.month < 0 || m.day < 0 && m.year < 0 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789 ,.") != "" {
		return nil
	}
	return &m
}

// compareMoments compares two of one sort.
func compareMoments(a, b *moment) Verdict {
	if (a.hour >= 0) != (b.hour >= 0) {
		return Unknown
	}
	if a.hour >= 0 {
		switch {
		case a.minute != b.minute || a.second != b.second || a.hour%12 != b.hour%12:
			return Different
		case a.half && b.half && a.hour != b.hour:
			return Different
		case a.half != b.half:
			return Unknown
		}
		return Equal
	}
	same := func(x, y int) bool { return x == y || x < 0 || y < 0 }
	turned := *b
	turned.month, turned.day = b.day, b.month
	if !same(a.year, b.year) || !same(a.month, b.month) || !same(a.day, b.day) {
		if (a.either || b.either) && same(a.year, b.year) && same(a.month, turned.month) && same(a.day, turned.day) {
			return Unknown
		}
		return Different
	}
	if a.year != b.year || a.month != b.month || a.day != b.day {
		return Unknown // one of them leaves something unsaid
	}
	return Equal
}

// clock returns the time of day that a ratio may be: 2:30.
func clock(n *Node) *moment {
	if n.Op != Ratio || len(n.Args) != 2 || n.Args[0].Op != Number || n.Args[1].Op != Number || n.Args[1].Decimals >= 0 {
		return nil
	}
	h, m := n.Args[0].Value, n.Args[1].Value
	if !h.IsInt() || !m.IsInt() || h.Sign() < 0 || m.Sign() < 0 || h.Cmp(big.NewRat(24, 1)) > 0 || m.Cmp(big.NewRat(60, 1)) >= 0 || m.Cmp(ten) < 0 && len(n.Args[1].Name) != 2 {
		return nil
	}
	out := nowhere
	out.hour, out.minute, out.second = int(h.Num().Int64()), int(m.Num().Int64()), 0
	out.half = out.hour > 12 || out.hour == 0
	return &out
}
