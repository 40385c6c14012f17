package main

import (
	"errors"
	"fmt"

	"aprm/adapters/recorded"
	"aprm/generator"
	"aprm/prm/disk"
	"aprm/sidecar/dataset"
)

type recordingCommand struct {
	Check recordingCheckCommand `cmd:"" help:"Say whether every line of a recording, of a file of answers or of labelled steps is as it was written."`
}

type recordingCheckCommand struct {
	File   string `arg:"" help:"What --record, sample --out or a run's folder has." type:"existingfile"`
	Repair bool   `help:"Leave only the good lines in the file; the broken ones go to FILE.broken, or FILE.broken-2 and so on where that is there."`
}

func (c *recordingCheckCommand) Run(std streams) error {
	format, found, err := disk.Examine(c.File, recorded.Format, dataset.AnswersFormat, generator.StepsFormat)
	if err != nil {
		return badInput{err}
	}
	fmt.Fprintf(std.out, "%s: %s of %d good lines\n", c.File, format.Kind, found.Lines)
	if len(found.Broken) == 0 && found.Torn == 0 {
		return nil
	}
	if len(found.Broken) > 0 {
		fmt.Fprintf(std.out, "broken lines: %v\n", found.Broken)
	}
	if found.Torn > 0 {
		fmt.Fprintf(std.out, "%d bytes at its end are of a line that was never finished\n", found.Torn)
	}
	if !c.Repair {
		if len(found.Broken) == 0 {
			return nil // as a crash leaves it: whoever writes on drops it
		}
		return badInput{errors.New("it is broken: mend it with --repair; what is lost is asked again")}
	}
	dropped, err := disk.Repair(c.File, format)
	if err == nil {
		_, err = fmt.Fprintf(std.out, "mended; what was broken is in %s\n", dropped)
	}
	return err
}
