// Package page is what a browser shows of the sidecar: files that are embedded as they are (HTML, CSS and ES modules,
// no build), and the board that answers what they ask. It reads what is there already, folders of runs, reports,
// checkpoints, and starts trainings as processes of their own. Who may ask is the server's business.
package page

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os/exec"
	"sync"

	"aprm/sidecar/decode"
)

//go:embed static
var static embed.FS

// Files are the page and what it loads, flat; page.html is the page.
func Files() fs.FS {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the name is no name
	}
	return files
}

// Serving is what the sidecar serves at the moment.
type Serving struct {
	Version    string `json:"version"`
	Upstream   string `json:"upstream"` // for people
	Model      string `json:"model"`
	Strategy   string `json:"strategy"` // of a bare name
	N          int    `json:"n"`
	Checkpoint string `json:"checkpoint,omitempty"` // id, "" for none
	File       string `json:"file,omitempty"`       // that it was read from and is read from again when it changes; "" for none
	Gate       string `json:"gate,omitempty"`       // what auto makes of it
}

// Config of a Board.
type Config struct {
	Runs    string                         // folder of runs, recordings and reports; "" for none
	Serving func() Serving                 // safe for concurrent use
	Gate    func(checkpoint string) string // where a checkpoint's gate is kept
	Train   func(args ...string) *exec.Cmd // the command `sidecar train` before the endpoint that is served now, with these further arguments; nil, or one that returns nil, for none
	Log     *slog.Logger                   // nil for slog.Default()
}

// Board answers what the page asks. It is safe for concurrent use.
type Board struct {
	cfg     Config
	mux     *http.ServeMux
	known   cache[*checkpoint]
	reports cache[*report]

	promoting sync.Mutex
	trainings trainings
}

// New makes a Board. It starts nothing; Close ends what was started by it.
func New(cfg Config) *Board {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	b := &Board{cfg: cfg, mux: http.NewServeMux()}
	b.trainings.log = cfg.Log
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"GET /state":                 b.state,
		"GET /runs":                  b.listRuns,
		"GET /run":                   b.showRun,
		"POST /run/start":            b.startRun,
		"POST /run/pause":            b.pauseRun,
		"POST /run/resume":           b.resumeRun,
		"GET /checkpoints":           b.listCheckpoints,
		"POST /checkpoints/promote":  b.promote,
		"POST /checkpoints/rollback": b.rollBack,
		"GET /reports":               b.listReports,
		"GET /report":                b.showReport,
	} {
		b.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			value, err := answer(r)
			if err != nil {
				b.fail(w, r, err)
				return
			}
			write(w, http.StatusOK, value)
		})
	}
	b.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		b.fail(w, r, &problem{http.StatusNotFound, fmt.Sprintf("the page asks for no %s %s: is it of another build? Load it again", r.Method, r.URL.Path)})
	})
	return b
}

// ServeHTTP implements http.Handler.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// unknown marks requests of those of whom nobody knows who they are.
type unknown struct{}

// ReadOnly is the board for those of whom nobody knows who they are: it shows all and changes nothing, which it says.
func (b *Board) ReadOnly() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), unknown{}, true))
		if r.Method != http.MethodGet {
			b.fail(w, r, &problem{http.StatusForbidden, cannot(r)})
			return
		}
		b.ServeHTTP(w, r)
	})
}

// cannot says why whoever asks changes nothing, "" for who may.
func cannot(r *http.Request) string {
	if r.Context().Value(unknown{}) == nil {
		return ""
	}
	return "whoever reaches this sidecar is let in, so that its page changes nothing: have clients send a key (--api-key, --keys), or listen at 127.0.0.1"
}

// Close pauses the trainings that were started here, and waits for their end.
func (b *Board) Close() { b.trainings.close() }

// problem is an error that whoever asked can do something about.
type problem struct {
	status  int
	message string
}

func (p *problem) Error() string { return p.message }

func bad(format string, args ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func (b *Board) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := &problem{http.StatusInternalServerError, err.Error()}
	if !errors.As(err, &p) {
		b.cfg.Log.Warn("the page", "asked", r.Method+" "+r.URL.Path, "err", err)
	}
	write(w, p.status, map[string]any{"error": map[string]string{"message": p.message}})
}

func write(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil { // a figure that is no number
		status, text = http.StatusInternalServerError, []byte(`{"error":{"message":"the answer can't be written as JSON"}}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever is gone needs none
}

// read reads a request's body, a JSON object with no members but those of into.
func read(r *http.Request, into any) error {
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return bad("the request is not what the page sends: %v", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return bad("the request is not what the page sends: there is something behind the object")
	}
	return nil
}

// strategy is a way to answer, as the page offers it.
type strategy struct {
	Name     string `json:"name"`
	Help     string `json:"help"`
	NeedsPRM bool   `json:"needs_prm"`
}

func (b *Board) state(r *http.Request) (any, error) {
	var all []strategy
	for _, d := range decode.Strategies() {
		all = append(all, strategy{d.Name, d.Help, d.NeedsPRM})
	}
	none := cannot(r)
	if none == "" && b.cfg.Runs != "" && b.train() == nil {
		none = errNoTraining.Error()
	}
	return struct {
		Serving
		Strategies []strategy `json:"strategies"`
		Runs       bool       `json:"runs"`             // there is a folder of them
		Train      bool       `json:"train"`            // and trainings can be started
		Cannot     string     `json:"cannot,omitempty"` // why they can't, where there is a folder of them
	}{b.cfg.Serving(), all, b.cfg.Runs != "", b.cfg.Runs != "" && none == "", none}, nil
}
