package train

import (
	"regexp"
	"strings"
	"unicode"

	"aprm/prm/metric"
)

// The marks of a format: what a step looks like, whatever it says.
var formats = []*regexp.Regexp{
	regexp.MustCompile(`(?i)^\W*step\s*\d`),
	regexp.MustCompile(`^\s*\d+[.)]\s`),
	regexp.MustCompile(`^\s*[-*•]\s`),
	regexp.MustCompile(`<<.*>>`),
	regexp.MustCompile(`####`),
	regexp.MustCompile(`\*\*`),
	regexp.MustCompile(`\\[\[(]|\$\$`),
	regexp.MustCompile(`\\(frac|times|text|div|cdot)`),
	regexp.MustCompile(`\\boxed`),
	regexp.MustCompile("`"),
	regexp.MustCompile(`\$\d`),
	regexp.MustCompile(`\d,\d{3}`),
	regexp.MustCompile(`\d \* \d`),
	regexp.MustCompile(`\d\*\d`),
	regexp.MustCompile(`[×÷·]`),
	regexp.MustCompile(`\d x \d`),
	regexp.MustCompile(`\d\s+=\s+\S`),
	regexp.MustCompile(`\d=\S`),
	regexp.MustCompile(`\.\s*$`),
	regexp.MustCompile(`:`),
	regexp.MustCompile(`^\s*[A-Z]`),
	regexp.MustCompile(`^(So|Therefore|Thus|Then|Now|First|Next|Finally)\b`),
}

// FormatProbe is the AUC with which the mere look of steps tells positive from negative: marks, punctuation and spacing,
// length in bytes and words, share of digits. Give it texts as the network reads them (step.Normalize'd) to see what is
// left to leak, or raw to see what there was. group names each text's problem. NaN when a class is missing.
func FormatProbe(texts []string, positive []bool, group []string) metric.Figure {
	rows := make([][]float64, len(texts))
	for i, t := range texts {
		for _, re := range formats {
			rows[i] = append(rows[i], flag(re.MatchString(t)))
		}
		var digits, upper int
		for _, r := range t {
			if unicode.IsDigit(r) {
				digits++
			}
			if unicode.IsUpper(r) {
				upper++
			}
		}
		n := float64(max(len(t), 1))
		rows[i] = append(rows[i], n/100, float64(len(strings.Fields(t)))/20, float64(strings.Count(t, "\n")),
			float64(digits)/n, float64(upper)/n, float64(strings.Count(t, " "))/n)
	}
	return metric.Figure(Probe(rows, positive, group, nil))
}
