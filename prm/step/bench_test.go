package step

import (
	"strings"
	"testing"
)

func BenchmarkSplit(b *testing.B) {
	text := strings.Repeat("1. Convert the hours.\n   - 50 minutes = 5/6 hours\nSo she has 12 * 5/6 = 10 dollars.\n\n\\[\n10 + 2 = 12\n\\]\n", 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Split(text)
	}
}

func BenchmarkNormalize(b *testing.B) {
	for name, s := range map[string]string{
		"plain":  "He has 16-1=15 apples now, which is all that is left after lunch.",
		"marked": "Step 2: **He** has 16-1=<<16-1=15>>15 apples, \\( x \\).",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Normalize(s)
			}
		})
	}
}
