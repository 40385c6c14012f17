package arith

import (
	"slices"
	"testing"
)

func TestGroups(t *testing.T) {
	for _, test := range []struct {
		answers []string
		want    []int
	}{
		{nil, []int{}},
		{[]string{"", ""}, []int{-1, -1}},
		{[]string{"5", "6", "5"}, []int{0, 1, 0}},
		{[]string{"1/2", "", "0.5", "50%", "2", "$2.00"}, []int{0, -1, 0, 0, 1, 1}},
		{[]string{"1,000", "1000", "1e3"}, []int{0, 0, 0}},
		{[]string{"blue", "red", "blue"}, []int{0, 1, 0}},
	} {
		if got := Groups(test.answers); !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, want %v", test.answers, got, test.want)
		}
	}
}
