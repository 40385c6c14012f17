package prm

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

// readSafetensors reads the format by its description.
func readSafetensors(t *testing.T, b []byte) (metadata map[string]string, tensors map[string]Tensor) {
	t.Helper()
	head := b[8 : 8+binary.LittleEndian.Uint64(b)]
	if len(head)%8 != 0 {
		t.Errorf("the numbers begin at byte %d", 8+len(head))
	}
	numbers := b[8+len(head):]
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(head, &entries); err != nil {
		t.Fatal(err)
	}
	tensors = map[string]Tensor{}
	covered := 0
	for name, entry := range entries {
		if name == "__metadata__" {
			if err := json.Unmarshal(entry, &metadata); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var of struct {
			Type    string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets []int  `json:"data_offsets"`
		}
		if err := json.Unmarshal(entry, &of); err != nil || of.Type != "F32" || len(of.Shape) != 2 || len(of.Offsets) != 2 || of.Offsets[1]-of.Offsets[0] != 4*of.Shape[0]*of.Shape[1] {
			t.Fatalf("%s: %s, %v", name, entry, err)
		}
		read := Tensor{Name: name, Rows: of.Shape[0], Cols: of.Shape[1]}
		for at := of.Offsets[0]; at < of.Offsets[1]; at += 4 {
			read.Data = append(read.Data, math.Float32frombits(binary.LittleEndian.Uint32(numbers[at:])))
		}
		covered += len(read.Data)
		tensors[name] = read
	}
	if 4*covered != len(numbers) {
		t.Errorf("%d numbers of %d bytes", covered, len(numbers))
	}
	return metadata, tensors
}

func TestSafetensors(t *testing.T) {
	head := NewSolutionHead(2)
	head.ReadPrograms()
	head.Linear.Data[3] = 0.25
	sighted := testModel(t, 8, smallShape, nil)
	judging, err := testModel(t, 0, smallShape, nil).Judging(head, SolutionHeader{Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*Model{"with hidden states": sighted, "with a solution head": judging} {
		said := map[string]string{"id": m.ID(), "words": "<é>"}
		b, err := m.Safetensors(said)
		if err != nil {
			t.Fatal(err)
		}
		metadata, tensors := readSafetensors(t, b)
		if !reflect.DeepEqual(metadata, said) {
			t.Errorf("%s: metadata %v", name, metadata)
		}
		kept := 0
		for _, want := range m.tensors() {
			if len(want.Data) == 0 {
				continue
			}
			kept++
			if !reflect.DeepEqual(tensors[want.Name], *want) {
				t.Errorf("%s: %s is not as it was", name, want.Name)
			}
		}
		if kept != len(tensors) {
			t.Errorf("%s: %d tensors under %d names", name, kept, len(tensors))
		}
	}
}
