package cluster

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"aprm/adapters"
)

// The operations of jobs.
const (
	opGenerate = "generate"
	opHidden   = "hidden"
)

// job is one call of an LLM: what it is asked, whole. Its key is the content's: who puts the same puts the same job.
type job struct {
	Op      string            `json:"op"`
	Request *adapters.Request `json:"request,omitempty"` // of opGenerate
	Text    string            `json:"text,omitempty"`    // of opHidden
	Spans   []adapters.Span   `json:"spans,omitempty"`   // of opHidden
	Draw    string            `json:"draw,omitempty"`    // sets apart what is drawn with no seed: equal requests are different draws
}

// result is what came of a job.
type result struct {
	Completions []completion `json:"completions,omitempty"`
	States      []state      `json:"states,omitempty"`
	Fault       *fault       `json:"fault,omitempty"`  // nothing came of it, or a completion failed: such a result is for those who wait for it, and not kept
	Object      string       `json:"object,omitempty"` // where it is in the object store, if it is too long for a message
	Worker      string       `json:"worker"`
}

// completion is one on the wire, where its error is a fault.
type completion struct {
	adapters.Completion
	Err *fault `json:",omitempty"`
}

// state is one on the wire.
type state struct {
	Last vector `json:"last,omitempty"`
	Mean vector `json:"mean,omitempty"`
}

// vector is float32, little-endian; JSON shows it in base64.
type vector []float32

func (v vector) MarshalJSON() ([]byte, error) {
	data, err := binary.Append(nil, binary.LittleEndian, []float32(v))
	if err != nil {
		return nil, err
	}
	return json.Marshal(data)
}

func (v *vector) UnmarshalJSON(text []byte) error {
	var data []byte
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	if len(data)%4 != 0 {
		return fmt.Errorf("a vector of float32 can't have %d bytes", len(data))
	}
	if *v = nil; len(data) == 0 {
		return nil
	}
	*v = make(vector, len(data)/4)
	_, err := binary.Decode(data, binary.LittleEndian, []float32(*v))
	return err
}

// fault is an error on the wire: of an endpoint, as its adapter told it, or another.
type fault struct {
	Said        *adapters.UpstreamError `json:"said,omitempty"` // without its cause
	Unsupported bool                    `json:"unsupported,omitempty"`
	Message     string                  `json:"message"`
}

// faultOf puts an error on the wire; nil for none.
func faultOf(err error) *fault {
	if err == nil {
		return nil
	}
	f := &fault{Unsupported: errors.Is(err, adapters.ErrUnsupported), Message: err.Error()}
	var up *adapters.UpstreamError
	if errors.As(err, &up) {
		said := *up
		if said.Message == "" && said.Err != nil {
			said.Message = said.Err.Error()
		}
		said.Err = nil
		f.Said = &said
	}
	return f
}

// err is the error that was put on the wire.
func (f *fault) err() error {
	switch {
	case f == nil:
		return nil
	case f.Said != nil:
		return f.Said
	case f.Unsupported:
		return fmt.Errorf("%w (%s)", adapters.ErrUnsupported, f.Message)
	default:
		return errors.New(f.Message)
	}
}

// passes reports whether another try may come to something better.
func (f *fault) passes() bool { return f != nil && f.Said != nil && f.Said.MayPass() }

// packed is a value as it is sent: JSON, gzipped, because log-probabilities shrink to a fifth.
func packed(value any) ([]byte, error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.NewEncoder(zip).Encode(value), zip.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// longest bounds what a message unpacks to, in bytes. Only a test changes it.
var longest = int64(256 << 20)

// unpacked reads what packed wrote.
func unpacked[T any](data []byte) (value T, err error) {
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return value, err
	}
	text, err := io.ReadAll(io.LimitReader(zip, longest+1))
	if err != nil {
		return value, err
	}
	if int64(len(text)) > longest {
		return value, fmt.Errorf("it is longer than %d bytes", longest)
	}
	return value, json.Unmarshal(text, &value)
}

// asJob reads a job, and says what it lacks.
func asJob(data []byte) (job, error) {
	j, err := unpacked[job](data)
	switch {
	case err != nil:
		return j, fmt.Errorf("it can't be read: %w", err)
	case j.Op == opGenerate && j.Request != nil, j.Op == opHidden:
		return j, nil
	}
	return j, fmt.Errorf("this build knows no operation %q", j.Op)
}

// weight is how many completions a job is.
func (j job) weight() int {
	if j.Request == nil {
		return 1
	}
	return max(1, j.Request.N)
}
