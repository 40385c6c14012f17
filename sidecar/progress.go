package main

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far long work has come: a bar on a terminal, a log line now and then elsewhere. Safe for
// concurrent use.
type progress struct {
	what string
	bar  *progressbar.ProgressBar // nil off a terminal

	mu   sync.Mutex
	last time.Time
}

// every is how often a log line is written off a terminal.
const every = 20 * time.Second

func newProgress(w io.Writer, what string) *progress {
	p := &progress{what: what, last: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// report says that done of total units are finished; detail is shown beside it.
func (p *progress) report(done, total int, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.ChangeMax(total)
		p.bar.Describe(p.what + " " + detail)
		if err := p.bar.Set(done); err != nil {
			slog.Debug("progress bar", "err", err)
		}
		return
	}
	if done == total || time.Since(p.last) >= every {
		p.last = time.Now()
		attrs := []any{"done", done, "of", total}
		if detail != "" {
			attrs = append(attrs, "now", detail)
		}
		slog.Info(p.what, attrs...)
	}
}
