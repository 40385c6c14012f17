package training

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// events are the rounds' figures as a file of TensorBoard's: records of TFRecord (length, its checksum, an Event, its
// checksum), with a scalar a figure, whose step is the round, from 1. All bear the time of the writing: look at them by
// step. Sources: tensorflow/core/util/event.proto, core/framework/summary.proto, core/lib/io/record_writer.
func events(rounds []Round, now time.Time) []byte {
	seconds := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(float64(now.Unix())))
	out := record(nil, protowire.AppendString(protowire.AppendTag(seconds, 3, protowire.BytesType), "brain.Event:2"))
	for k, r := range rounds {
		var summary []byte
		for _, f := range followed {
			v := f.of(r)
			if v != v {
				continue // nothing to measure it on
			}
			value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), f.tag)
			value = protowire.AppendFixed32(protowire.AppendTag(value, 2, protowire.Fixed32Type), math.Float32bits(float32(v)))
			summary = protowire.AppendBytes(protowire.AppendTag(summary, 1, protowire.BytesType), value)
		}
		event := protowire.AppendVarint(protowire.AppendTag(append([]byte(nil), seconds...), 2, protowire.VarintType), uint64(k+1))
		out = record(out, protowire.AppendBytes(protowire.AppendTag(event, 5, protowire.BytesType), summary))
	}
	return out
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is a checksum as TFRecord keeps it.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

func record(out, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out = binary.LittleEndian.AppendUint32(append(out, length...), masked(length))
	return binary.LittleEndian.AppendUint32(append(out, data...), masked(data))
}
