package generator

import "slices"

// Arm is what the policy chooses between: a family of strategies, one of which is then drawn by chance, or a move of
// the solver's own. A few arms only: what a round of a hundred attacks says of each of fourteen is noise.
type Arm struct {
	Name   string   // short and stable: it stands in reports, and of own moves in data sets
	Tricks []string // names of Strategies; none for an own move

	Heat  float64 // of an own move: its temperature; 0 for the solver's
	Aside string  // of an own move: what the instruction is followed by
}

// Arms lists them, in a fixed order, the solver's own last. An own move leaves a right solution before one of its steps
// and has the solver go on as it will: what it then gets wrong is an error of its own, in its own words, that it finds
// likely, and the final answer says that it is one.
func Arms() []Arm {
	return []Arm{
		{Name: "result", Tricks: []string{"calculation", "count", "unit", "deception"}},
		{Name: "operand", Tricks: []string{"context", "previous", "missing", "foreign", "contradiction"}},
		{Name: "relation", Tricks: []string{"operator", "formula", "condition", "base", "subgoal"}},
		{Name: "branch"},
		{Name: "hot", Heat: 1.2},
		{Name: "hasty", Aside: " Be quick: skip what seems obvious, and don't check."},
	}
}

// Own reports whether the move is the solver's own.
func (a Arm) Own() bool { return len(a.Tricks) == 0 }

// branches is how many continuations an own move draws.
const branches = 4

// arms are those of a game. A model that knows no instructions can't be asked to be hasty.
func (c Config) arms() []Arm {
	var out []Arm
	for _, a := range Arms() {
		if a.Own() && (!c.Slip || slices.Contains(c.LeftOut, a.Name) || c.Compact && a.Aside != "") {
			continue
		}
		if !a.Own() {
			a.Tricks = slices.DeleteFunc(a.Tricks, func(name string) bool { return slices.Contains(c.LeftOut, name) })
			if len(a.Tricks) == 0 {
				continue
			}
		}
		out = append(out, a)
	}
	return out
}

// arm is the arm of that name, of the game's.
func (c Config) arm(name string) Arm {
	arms := c.arms()
	return arms[slices.IndexFunc(arms, func(a Arm) bool { return a.Name == name })]
}
