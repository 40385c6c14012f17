package arith

// Groups numbers answers so that equal ones share a number, from 0 in the order in which they first come; -1 for an
// empty one. 1/2 and 0.5 are equal; answers that can't be compared are not.
func Groups(answers []string) []int {
	out := make([]int, len(answers))
	var first []string
	for i, a := range answers {
		out[i] = -1
		for g, b := range first {
			if a != "" && Equal(b, a) == True {
				out[i] = g
				break
			}
		}
		if a != "" && out[i] < 0 {
			out[i] = len(first)
			first = append(first, a)
		}
	}
	return out
}
