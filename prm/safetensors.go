package prm

import (
	"encoding/binary"
	"encoding/json"
)

// Safetensors returns the model's weights in that format of Hugging Face's: the length of a header as uint64, the
// header in JSON (of each tensor its type, its rows and columns, and where its numbers begin and end behind the
// header), float32 numbers row by row, all little-endian. metadata stands in the header as __metadata__. Tensors
// without numbers, those of inputs that the model doesn't read, are left out.
func (m *Model) Safetensors(metadata map[string]string) ([]byte, error) {
	type tensor struct {
		Type    string `json:"dtype"`
		Shape   [2]int `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header := map[string]any{"__metadata__": metadata}
	var numbers []byte
	for _, t := range m.tensors() {
		if len(t.Data) == 0 {
			continue
		}
		begin := len(numbers)
		numbers = appendFloats(numbers, t.Data)
		header[t.Name] = tensor{"F32", [2]int{t.Rows, t.Cols}, [2]int{begin, len(numbers)}}
	}
	head, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	for len(head)%8 != 0 { // so that the numbers lie where a processor likes them
		head = append(head, ' ')
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(head))) // #nosec G115 -- a length is not below 0
	return append(append(out, head...), numbers...), nil
}
