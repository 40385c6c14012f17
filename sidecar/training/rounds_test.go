package training

import (
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"aprm/generator"
	"aprm/prm/metric"
)

func reportsOf(detect ...float64) (out []generator.Report) {
	for i, d := range detect {
		out = append(out, generator.Report{Round: i, Total: generator.StrategyReport{Usable: 4, Wrong: 3, Right: 1, Fooling: 0.25},
			HeldOut: generator.Measured{DetectNat: metric.Figure(d), DetectSyn: 0.5, FalseAlarm: 0.1, ECE: 0.05, AUC: 0.75}})
	}
	return out
}

// TestFollow: a run's folder has a line, a point and scalars for each round; of what wasn't measured there is none.
func TestFollow(t *testing.T) {
	folder := t.TempDir()
	if err := follow(folder, reportsOf(math.NaN(), 0.5, 0.75)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, roundsTable))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) != 4 || lines[0][1] != "held_out/detect_natural" || lines[1][1] != "" || lines[3][0] != "3" || lines[3][1] != "0.75" {
		t.Errorf("%v %q", err, lines)
	}
	svg, err := os.ReadFile(filepath.Join(folder, roundsCurves))
	if err != nil || !strings.Contains(string(svg), "finds the model&#39;s own errors") {
		t.Errorf("%v %s", err, svg)
	}
	data, err := os.ReadFile(filepath.Join(folder, roundsEvents))
	if err != nil {
		t.Fatal(err)
	}
	scalars := scalarsIn(t, data)
	if len(scalars) != 4 || len(scalars[0]) != 0 || len(scalars[1]) != len(followed)-1 || scalars[3]["held_out/detect_natural"] != 0.75 || scalars[2]["attacks/wrong"] != 0.75 {
		t.Errorf("%v", scalars)
	}
}

// scalarsIn reads an event file, by step; it checks every checksum.
func scalarsIn(t *testing.T, data []byte) map[uint64]map[string]float32 {
	t.Helper()
	out := map[uint64]map[string]float32{}
	for len(data) > 0 {
		n := binary.LittleEndian.Uint64(data)
		event := data[12 : 12+n]
		if binary.LittleEndian.Uint32(data[8:]) != masked(data[:8]) || binary.LittleEndian.Uint32(data[12+n:]) != masked(event) {
			t.Fatal("a checksum is wrong")
		}
		data = data[16+n:]
		step, scalars := uint64(0), map[string]float32{}
		fields(t, event, func(of protowire.Number, number uint64, bytes []byte) {
			switch of {
			case 2:
				step = number
			case 5:
				fields(t, bytes, func(_ protowire.Number, _ uint64, value []byte) {
					tag := ""
					fields(t, value, func(of protowire.Number, number uint64, bytes []byte) {
						if of == 1 {
							tag = string(bytes)
						} else {
							scalars[tag] = math.Float32frombits(uint32(number))
						}
					})
				})
			}
		})
		out[step] = scalars
	}
	return out
}

// fields calls f with each field of a message.
func fields(t *testing.T, message []byte, f func(of protowire.Number, number uint64, bytes []byte)) {
	t.Helper()
	for len(message) > 0 {
		of, kind, n := protowire.ConsumeTag(message)
		message = message[n:]
		var number uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			number = uint64(v)
		default:
			bytes, n = protowire.ConsumeBytes(message)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
		f(of, number, bytes)
	}
}

// TestEventsGolden: a file's first bytes are those that every writer of TensorBoard's begins with, checksums included,
// and what was written stays as it was when a round is added.
func TestEventsGolden(t *testing.T) {
	now := time.Unix(0, 0)
	one, two := events([]Round{{AUC: 0.5}}, now), events([]Round{{AUC: 0.5}, {AUC: 0.75}}, now)
	const begins = "1800000000000000a37f4b22" + "090000000000000000" + "1a0d" + "627261696e2e4576656e743a32" // brain.Event:2
	if got := hex.EncodeToString(one); !strings.HasPrefix(got, begins) {
		t.Errorf("%s\nwant %s…", got, begins)
	}
	if !strings.HasPrefix(string(two), string(one)) || len(two) <= len(one) {
		t.Error("a round more changed what was there")
	}
}
