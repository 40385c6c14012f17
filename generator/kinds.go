package generator

// Kind is a coarse class of steps: the policy learns for each kind which attacks fool R.
type Kind string

const (
	Additive       Kind = "additive"       // adds or subtracts only
	Multiplicative Kind = "multiplicative" // multiplies or divides only, percentages among them
	Mixed          Kind = "mixed"          // both
	NoArithmetic   Kind = "none"           // neither
)

// Kinds lists all kinds, in a fixed order.
func Kinds() []Kind { return []Kind{Additive, Multiplicative, Mixed, NoArithmetic} }
