package dataset

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// Vector is finite numbers that a file keeps as float16, base64 of their little-endian bytes; what is larger than
// float16 can be is cut off.
type Vector []float32

const largestFloat16 = 65504

func (v Vector) MarshalJSON() ([]byte, error) {
	data := make([]byte, 0, 2*len(v))
	for i, x := range v {
		if math.IsNaN(float64(x)) {
			return nil, fmt.Errorf("number %d of a vector is not finite", i)
		}
		x = max(min(x, largestFloat16), -largestFloat16)
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
