package dataset

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/x448/float16"
)

// Vector is numbers that a file keeps as float16, base64 of their little-endian bytes.
type Vector []float32

func (v Vector) MarshalJSON() ([]byte, error) {
	data := make([]byte, 0, 2*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint16(data, float16.Fromfloat32(x).Bits())
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(data))
}

func (v *Vector) UnmarshalJSON(text []byte) error {
	var said string
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	coded, err := base64.StdEncoding.DecodeString(said)
	if err != nil {
		return err
	}
	if len(coded)%2 != 0 {
		return fmt.Errorf("a vector of %d bytes is none of float16", len(coded))
	}
	*v = make(Vector, len(coded)/2)
	for i := range *v {
		x := float16.Frombits(binary.LittleEndian.Uint16(coded[2*i:]))
		if x.IsNaN() || x.IsInf(0) {
			return fmt.Errorf("number %d of a vector is not finite", i)
		}
		(*v)[i] = x.Float32()
	}
	return nil
}
