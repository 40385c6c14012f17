// Package pooling asks a process reward model (PRM) that another server hosts, by vLLM's POST /pooling: that is how
// Qwen2.5-Math-PRM, Math-Shepherd and their like are served. Its tests hold it to what vLLM 0.32 answered for a small
// model of the first one's kind.
package pooling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"aprm/adapters"
	"aprm/adapters/internal/draw"
	"aprm/prm/step"
)

// Format says how a solution is laid out for the PRM.
type Format string

const (
	// Messages sends a conversation whose last turn is "step<token>step<token>": Qwen2.5-Math-PRM's.
	Messages Format = "messages"
	// Shepherd sends one text, "question Step 1: step <token>\nStep 2: step <token>": Math-Shepherd's (arXiv
	// 2312.08935).
	Shepherd Format = "shepherd"
)

// Config of a Client. Only URL and Model are needed.
type Config struct {
	URL       string            // of the server, with or without /v1
	Model     string            // as the server calls it
	System    string            // system message, "" for none; Format Messages only
	StepToken string            // stands behind each step and is where the PRM scores it; "" means <extra_0>
	Column    int               // of the class "good" in a row of scores: 1 for Qwen, 0 for Math-Shepherd. A row of one needs none
	Format    Format            // "" means Messages
	Key       string            // bearer token; "" sends none. A client's own Authorization is never sent here
	Tries     int               // of a request; 0 means 3
	Timeout   time.Duration     // of a whole call, its tries included; 0 means a minute
	Transport http.RoundTripper // nil means http.DefaultTransport
}

// StepToken is what stands behind each step where nothing else is configured.
const StepToken = "<extra_0>"

const (
	concurrent = 8       // calls at a time
	largest    = 8 << 20 // bytes of an answer
)

// Client is a PRM behind /pooling. It is safe for concurrent use.
type Client struct {
	cfg    Config
	url    string
	http   *http.Client
	slots  *semaphore.Weighted
	budget *adapters.Budget
}

// New checks the configuration; it asks nothing of the server yet.
func New(cfg Config) (*Client, error) {
	root := strings.TrimSuffix(strings.TrimRight(cfg.URL, "/"), "/v1")
	if u, err := url.Parse(root); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("pooling: %q is no URL of a server (want http://host:port)", cfg.URL)
	}
	if cfg.Model == "" {
		return nil, errors.New("pooling: no model is named")
	}
	if cfg.Column < 0 {
		return nil, fmt.Errorf("pooling: there is no column %d", cfg.Column)
	}
	switch cfg.Format {
	case "":
		cfg.Format = Messages
	case Messages:
	case Shepherd:
		if cfg.System != "" {
			return nil, fmt.Errorf("pooling: the format %s has no place for a system message", Shepherd)
		}
	default:
		return nil, fmt.Errorf("pooling: format %q is neither %s nor %s", cfg.Format, Messages, Shepherd)
	}
	if cfg.StepToken == "" {
		cfg.StepToken = StepToken
	}
	if cfg.Tries <= 0 {
		cfg.Tries = 3
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	return &Client{cfg: cfg, url: root + "/pooling", http: draw.Client(cfg.Transport, cfg.Key, true), slots: semaphore.NewWeighted(concurrent), budget: adapters.NewBudget(64, 256)}, nil
}

// ID names the PRM.
func (c *Client) ID() string { return c.cfg.Model }

// Score returns the probability that each step of a trace is correct, in order. Every failure but the end of ctx is an
// adapters.UpstreamError. What may pass (no answer, 408, 429, 5xx, a body that is cut off) has been tried again before;
// an answer that makes no sense has not.
func (c *Client) Score(ctx context.Context, t step.Trace) ([]float64, error) {
	if len(t.Steps) == 0 {
		return nil, nil
	}
	body, err := json.Marshal(c.request(t))
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	answer, err := c.post(within, body)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
		return parse(answer, len(t.Steps), c.cfg.Column)
	case within.Err() != nil: // it was this call's own time that ran out
		return nil, &adapters.UpstreamError{Op: adapters.OpPRM, Message: fmt.Sprintf("no answer from the PRM within %v", c.cfg.Timeout), Err: context.DeadlineExceeded}
	}
	return nil, err
}

// request is what is asked about a trace. The step token never comes from the texts themselves, so that there are as
// many of it as there are steps.
func (c *Client) request(t step.Trace) any {
	clean := func(text string) string { return without(text, c.cfg.StepToken) }
	type common struct {
		Model string `json:"model"`
		Task  string `json:"task"`
	}
	head := common{Model: c.cfg.Model, Task: "token_classify"}
	var b strings.Builder
	if c.cfg.Format == Shepherd {
		b.WriteString(clean(t.Problem.Question))
		for i, s := range t.Steps {
			b.WriteByte(" \n"[min(i, 1)])
			fmt.Fprintf(&b, "Step %d: %s %s", i+1, clean(s), c.cfg.StepToken)
		}
		return struct {
			common
			Input string `json:"input"`
		}{head, b.String()}
	}
	for _, s := range t.Steps {
		b.WriteString(clean(s) + c.cfg.StepToken)
	}
	var messages []adapters.Message
	if c.cfg.System != "" {
		messages = append(messages, adapters.Message{Role: adapters.System, Content: clean(c.cfg.System)})
	}
	return struct {
		common
		Messages []adapters.Message `json:"messages"`
	}{head, append(messages, adapters.Message{Role: adapters.User, Content: clean(t.Problem.Question)},
		adapters.Message{Role: adapters.Assistant, Content: b.String()})}
}

// without takes a token out of a text, also where taking one out makes another.
func without(text, token string) string {
	if !strings.Contains(text, token) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		if out = append(out, text[i]); bytes.HasSuffix(out, []byte(token)) {
			out = out[:len(out)-len(token)]
		}
	}
	return string(out)
}

// post asks until an answer is there whole.
func (c *Client) post(ctx context.Context, body []byte) (answer []byte, err error) {
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer c.slots.Release(1)
	err = draw.Retry(ctx, c.cfg.Tries, c.budget, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.http.Do(req)
		if err != nil {
			return broken(err)
		}
		defer resp.Body.Close()
		answer, err = io.ReadAll(io.LimitReader(resp.Body, largest+1))
		switch {
		case resp.StatusCode != http.StatusOK: // whatever could be read of its reason
			return &adapters.UpstreamError{Op: adapters.OpPRM, Status: resp.StatusCode, Message: reason(answer, resp.StatusCode),
				RetryAfter: adapters.RetryAfter(resp.Header, time.Now())}
		case err != nil:
			return broken(err)
		}
		return nil
	})
	return answer, err
}

// broken is the error of an exchange that the transport didn't bring to its end.
func broken(err error) error {
	if told := draw.Told(err); told != nil {
		told.Op = adapters.OpPRM
		return told
	}
	return &adapters.UpstreamError{Op: adapters.OpPRM, Message: "no answer from the PRM: " + adapters.PlainCause(err), Err: err}
}

// reason finds a server's own words for an error: in OpenAI's shape, vLLM's older one or FastAPI's.
func reason(body []byte, status int) string {
	var openAI struct {
		Error struct{ Message string }
	}
	var flat struct{ Error, Message, Detail string }
	said := ""
	if json.Unmarshal(body, &openAI) == nil && openAI.Error.Message != "" {
		said = openAI.Error.Message
	} else if json.Unmarshal(body, &flat) == nil {
		for _, s := range []string{flat.Message, flat.Error, flat.Detail} {
			if said == "" {
				said = s
			}
		}
	}
	if said == "" {
		return http.StatusText(status)
	}
	const most = 500
	if len(said) > most {
		said = strings.ToValidUTF8(said[:most], "") + "…"
	}
	return said
}

// parse reads the answer about n steps: {"data":[{"data":[[…],…]}]}, one row a step, or plain numbers.
func parse(body []byte, n, column int) ([]float64, error) {
	bad := func(format string, args ...any) error {
		return &adapters.UpstreamError{Op: adapters.OpPRM, Message: "the PRM's answer is of no use: " + fmt.Sprintf(format, args...)}
	}
	if len(body) > largest {
		return nil, bad("it is larger than %d bytes", largest)
	}
	var answer struct {
		Data []struct {
			Data json.RawMessage `json:"data"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, bad("it is no JSON of the shape {\"data\":[{\"data\":[…]}]} (%v)", err)
	}
	if len(answer.Data) != 1 {
		return nil, bad("data holds %d results for one solution", len(answer.Data))
	}
	rows, err := table(answer.Data[0].Data)
	if err != nil {
		return nil, bad("data[0].data %v", err)
	}
	if len(rows) != n {
		return nil, bad("data[0].data has %d rows for %d steps: is this the step token that the PRM was trained with?", len(rows), n)
	}
	scores := make([]float64, n)
	for i, row := range rows {
		at := column
		if len(row) == 1 {
			at = 0
		}
		if len(row) != len(rows[0]) {
			return nil, bad("data[0].data[%d] has %d columns, the first row has %d", i, len(row), len(rows[0]))
		}
		if at >= len(row) {
			return nil, bad("data[0].data[%d] has %d columns, none of which is number %d", i, len(row), column)
		}
		p := row[at]
		if p == nil {
			return nil, bad("data[0].data[%d] holds null", i)
		}
		const slack = 1e-6 // of a softmax in few bits
		if !(*p >= -slack && *p <= 1+slack) {
			return nil, bad("data[0].data[%d] is %g, which is no probability: is the PRM's activation switched off?", i, *p)
		}
		scores[i] = min(max(*p, 0), 1)
	}
	return scores, nil
}

// table reads rows of numbers, or plain numbers as rows of one.
func table(value json.RawMessage) (rows [][]*float64, err error) {
	if len(value) == 0 {
		return nil, errors.New("is missing")
	}
	var flat []*float64
	if json.Unmarshal(value, &flat) == nil {
		for i := range flat {
			rows = append(rows, flat[i:i+1])
		}
		return rows, nil
	}
	if json.Unmarshal(value, &rows) != nil {
		return nil, errors.New("is neither a list of numbers nor a list of rows of numbers")
	}
	return rows, nil
}
