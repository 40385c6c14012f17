package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"aprm/sidecar/dataset"
)

type datasetCommand struct {
	Stats   datasetStatsCommand   `cmd:"" help:"Count what files of record hold, and print the hash of what they say, whatever the order of their lines."`
	Verify  datasetVerifyCommand  `cmd:"" help:"Say whether every line of files of record is as it was written, and none stands there twice."`
	Dedupe  datasetDedupeCommand  `cmd:"" help:"Write a file of record without the lines that stand there more than once."`
	Merge   datasetMergeCommand   `cmd:"" help:"Write several files of record into one, each line once."`
	Convert datasetConvertCommand `cmd:"" help:"Write a file of labelled solutions, or of problems, in another published format."`
}

type datasetConvertCommand struct {
	File string `arg:"" help:"What to convert: JSON lines or a JSON array, gzipped or not." type:"existingfile"`
	To   string `help:"Format to write: ${enum}. gsm8k is of problems, the others of labelled solutions." enum:"${formats},gsm8k" required:""`
}

// gsm8k is the format that problems are written in.
const gsm8k = "gsm8k"

func (c *datasetConvertCommand) Help() string {
	return `Reads any file of labelled solutions, told by its fields, and writes each as one line of JSON to standard output:

  sidecar dataset convert math-shepherd.jsonl --to trl > trl.jsonl
  sidecar dataset convert phase2_test.jsonl.gz --to processbench | sidecar prm eval --checkpoint my.prm
  sidecar dataset convert SVAMP.json --to gsm8k > svamp.jsonl

Labelled solutions have ` + dataset.SolutionFields + `. A line of PRM800K is one solution for the labeller's path and one more for each rated step beside it.
What a format has no place for is lost: only ProcessBench has ids, and whether the answer is right (PRM800K knows of right ones alone). trl and math-shepherd need a label for each
step, so they get the steps before the first unlabelled one; math-shepherd numbers the steps itself. What can't be written at all is left out and counted.

Problems (--to gsm8k) have ` + dataset.ProblemFields + `.`
}

func (c *datasetConvertCommand) Run(std streams) error {
	out := bufio.NewWriter(std.out)
	convert := c.solutions
	if c.To == gsm8k {
		convert = c.problems
	}
	return errors.Join(convert(out), out.Flush())
}

func (c *datasetConvertCommand) problems(out *bufio.Writer) error {
	problems, err := readProblems(c.File)
	if err != nil {
		return err
	}
	return dataset.WriteProblems(out, problems)
}

func (c *datasetConvertCommand) solutions(out *bufio.Writer) error {
	in, err := given(os.Open(c.File))
	if err != nil {
		return err
	}
	defer in.Close()
	w := dataset.NewWriter(out, dataset.Format(c.To))
	written, unfit := 0, 0
	var why error
	for s, err := range dataset.Solutions(in, c.File) {
		if err != nil {
			return badInput{err}
		}
		err := w.Write(s)
		switch {
		case err == nil:
			written++
		case errors.As(err, &dataset.Unfit{}):
			unfit, why = unfit+1, err
		default:
			return err
		}
	}
	if written == 0 && unfit > 0 {
		return badInput{fmt.Errorf("%s: none of %d solutions can be written as %s: %w", c.File, unfit, c.To, why)}
	}
	if written == 0 {
		return badInput{fmt.Errorf("%s: no labelled solution", c.File)}
	}
	if unfit > 0 {
		slog.Warn("left out solutions that the format has no place for", "left_out", unfit, "written", written, "the_last", why)
	}
	if w.Dropped > 0 {
		slog.Warn("left out steps from the first without a label on, which the format has no place for", "steps", w.Dropped, "of_solutions", written)
	}
	return nil
}
