package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"aprm/sidecar/trace"
)

type traceCommand struct {
	ID     string `arg:"" optional:"" help:"The answer's id (prm.trace_id for Ollama clients), or last. Without one: a list of the last searches."`
	URL    string `name:"url" help:"Address of the sidecar." default:"http://127.0.0.1:8484"`
	APIKey string `help:"The sidecar's bearer token." env:"SIDECAR_API_KEY"`
	Limit  int    `help:"Searches in the list." default:"20"`
	JSON   bool   `name:"json" help:"Print what the sidecar answers as it is."`
}

// Validate is called before Run.
func (c *traceCommand) Validate() error { return atLeast(1, "--limit", c.Limit) }

func (c *traceCommand) Run(ctx context.Context, std streams) error {
	look := lookOf(std.out)
	if c.ID == "" {
		list, raw, err := c.list(ctx, c.Limit)
		switch {
		case err != nil:
			return err
		case c.JSON:
			_, err = fmt.Fprintf(std.out, "%s\n", raw)
		case len(list) == 0:
			_, err = fmt.Fprintf(std.out, "%s has made no search yet, or keeps no traces (serve --traces 0)\n", c.URL)
		default:
			_, err = fmt.Fprint(std.out, look.Table(list))
		}
		return err
	}
	id := c.ID
	if id == "last" {
		list, _, err := c.list(ctx, 1)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("%s has made no search yet, or keeps no traces (serve --traces 0)", c.URL)
		}
		id = list[0].ID
	}
	var t trace.Trace
	raw, err := c.get(ctx, "/v1/prm/traces/"+url.PathEscape(id), &t)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(std.out, "%s\n", raw)
		return err
	}
	_, err = fmt.Fprint(std.out, look.Tree(t))
	return err
}

func (c *traceCommand) list(ctx context.Context, limit int) ([]trace.Summary, []byte, error) {
	var answer struct {
		Data []trace.Summary `json:"data"`
	}
	raw, err := c.get(ctx, "/v1/prm/traces?limit="+strconv.Itoa(limit), &answer)
	return answer.Data, raw, err
}

// largestTrace bounds what is read of an answer, in bytes.
const largestTrace = 4 * trace.RingBytes

// get reads what a sidecar answers at path into v, and returns it as it came.
func (c *traceCommand) get(ctx context.Context, path string, v any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	base := strings.TrimSuffix(strings.TrimRight(c.URL, "/"), "/v1")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil || req.URL.Host == "" {
		return nil, badInput{fmt.Errorf("--url: %q is no URL (want http://HOST:PORT)", c.URL)}
	}
	if c.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.APIKey)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("no sidecar answers at %s: %w (start one with `sidecar serve`, or name yours with --url)", c.URL, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, largestTrace))
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", c.URL, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		if err := json.Unmarshal(raw, v); err != nil {
			return nil, fmt.Errorf("%s answers no trace: is it a sidecar?", c.URL)
		}
		return raw, nil
	case http.StatusUnauthorized:
		return nil, badInput{fmt.Errorf("%s wants its API key: give it with --api-key or SIDECAR_API_KEY", c.URL)}
	}
	var said struct {
		Error struct {
			Message string `json:"message"`
			Code    string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &said) != nil || said.Error.Code != "trace_not_found" {
		return nil, fmt.Errorf("%s answers %s and has no traces: is it a sidecar, and a new one?", c.URL, resp.Status)
	}
	return nil, badInput{fmt.Errorf("%s; `sidecar trace` lists them", said.Error.Message)}
}

// lookOf is how traces are shown there: in colour and cut to the width on a terminal only.
func lookOf(out io.Writer) trace.Look {
	width := widthOf(out)
	if width == 0 {
		return trace.Look{}
	}
	return trace.Look{Width: width, Color: os.Getenv("NO_COLOR") == ""}
}
