package generator

// Instruction asks a model for solutions in the form that this project reads best: short steps, one a line, an answer at
// the end that a program can find. The example's form is what small models copy.
const Instruction = "Solve the problem in short steps, one per line, each with its arithmetic. No headings, no LaTeX, no code. " +
	"The last line is #### and the final number. For example:\n" +
	"The 3 boxes hold 3 * 4 = 12 pens.\nShe has 12 - 5 = 7 pens left.\n#### 7"
