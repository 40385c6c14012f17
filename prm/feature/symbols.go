package feature

import "aprm/prm/step"

const NumSymbols = 48

type reading struct{}

func read(t step.Trace, i int) *reading               { return &reading{} }
func (r *reading) symbols() (out [NumSymbols]float32) { return }
func (r *reading) words() []uint16                    { return nil }
func (r *reading) context() []uint16                  { return nil }
func (r *reading) roles() []uint16                    { return nil }
