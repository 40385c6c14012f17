package recorded

import (
	"encoding/binary"

	"github.com/x448/float16"

	"aprm/adapters"
)

// halfState is a State in float16, little-endian; JSON shows it in base64.
type halfState struct {
	Last []byte `json:"last,omitempty"`
	Mean []byte `json:"mean,omitempty"`
}

func toHalf(states []adapters.State) []halfState {
	out := make([]halfState, len(states))
	for i, s := range states {
		out[i] = halfState{Last: pack(s.Last), Mean: pack(s.Mean)}
	}
	return out
}

func fromHalf(states []halfState) []adapters.State {
	out := make([]adapters.State, len(states))
	for i, s := range states {
		out[i] = adapters.State{Last: unpack(s.Last), Mean: unpack(s.Mean)}
	}
	return out
}

func pack(v []float32) []byte {
	var out []byte
	for _, x := range v {
		out = binary.LittleEndian.AppendUint16(out, float16.Fromfloat32(x).Bits())
	}
	return out
}

func unpack(data []byte) []float32 {
	var out []float32
	for ; len(data) >= 2; data = data[2:] {
		out = append(out, float16.Frombits(binary.LittleEndian.Uint16(data)).Float32())
	}
	return out
}
