package page_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a headless one with one tab, spoken to over pipes in the DevTools protocol: a few calls, for which a
// client that knows them all would be large.
type chromium struct {
	t        *testing.T
	out      *os.File
	session  string
	patience time.Duration // how long the page may take for anything, on a busy machine

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	asked   []string // URLs that it requested
	faults  []string // exceptions, and errors that it logged
}

type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// startChromium skips the test where there is none.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	path := os.Getenv("SIDECAR_TEST_CHROMIUM")
	if path == "" {
		t.Skip("SIDECAR_TEST_CHROMIUM names no Chromium in which to try the page")
	}
	args := []string{"--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "about:blank"}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...)
	}
	cmd := exec.Command(path, args...)
	theirs, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{theirs, other}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &chromium{t: t, out: out, patience: 3 * time.Minute, waiting: map[int]chan answer{}}
	_, _ = theirs.Close(), other.Close()
	ended := make(chan struct{})
	go func() { defer close(ended); c.listen(bufio.NewReader(in)) }()
	t.Cleanup(func() {
		_ = out.Close() // which ends it
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
		_ = in.Close()
	})
	var target struct{ TargetID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	c.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		c.call(domain+".enable", nil, nil)
	}
	return c
}

// in has what goes wrong from now on be a subtest's.
func (c *chromium) in(t *testing.T) {
	before := c.t
	c.t = t
	t.Cleanup(func() { c.t = before })
}

func (c *chromium) listen(in *bufio.Reader) {
	for {
		line, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Params struct {
				Request          struct{ URL string }
				Entry            struct{ Level, Text, URL string }
				ExceptionDetails struct {
					Text      string
					Exception struct{ Description string }
				}
			}
			answer
		}
		if json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m) != nil {
			continue // of a shape that we don't look at
		}
		c.mu.Lock()
		switch m.Method {
		case "":
			if to := c.waiting[m.ID]; to != nil {
				to <- m.answer
			}
			delete(c.waiting, m.ID)
		case "Network.requestWillBeSent":
			c.asked = append(c.asked, m.Params.Request.URL)
		case "Runtime.exceptionThrown":
			c.faults = append(c.faults, m.Params.ExceptionDetails.Text+" "+m.Params.ExceptionDetails.Exception.Description)
		case "Log.entryAdded":
			if e := m.Params.Entry; e.Level == "error" {
				c.faults = append(c.faults, e.Text+" "+e.URL)
			}
		}
		c.mu.Unlock()
	}
}

// call calls a method of the protocol; result is a pointer, nil for none.
func (c *chromium) call(method string, params, result any) {
	c.t.Helper()
	got := make(chan answer, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.waiting[id] = got
	c.mu.Unlock()
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params, "sessionId": c.session})
	if c.session == "" {
		text, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.out.Write(append(text, 0)); err != nil {
		c.t.Fatalf("%s: Chromium is gone: %v", method, err)
	}
	select {
	case a := <-got:
		if a.Error != nil {
			c.t.Fatalf("%s: %s", method, a.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				c.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(c.patience):
		c.t.Fatalf("%s: no answer", method)
	}
}

// eval is the value of an expression in the page.
func eval[T any](c *chromium, expression string) (value T) {
	c.t.Helper()
	var got struct {
		Result           struct{ Value T }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	c.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &got)
	if e := got.ExceptionDetails; e != nil {
		c.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	return got.Result.Value
}

// until waits until an expression is true.
func (c *chromium) until(expression string) {
	c.t.Helper()
	for began := time.Now(); !eval[bool](c, "!!("+expression+")"); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > c.patience {
			c.t.Fatalf("never: %s\nthe page says:\n%s", expression, eval[string](c, "document.body.innerText"))
		}
	}
}

// do runs statements.
func (c *chromium) do(statements string) {
	c.t.Helper()
	eval[any](c, "(() => {"+statements+"})(), null")
}

// open opens a view anew.
func (c *chromium) open(url string) {
	c.t.Helper()
	c.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	c.call("Page.navigate", map[string]any{"url": url}, nil)
	c.until("document.readyState === 'complete' && document.querySelector('main h1')")
}

// press presses a key of the keyboard.
func (c *chromium) press(key string, code int, text string) {
	c.t.Helper()
	c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}, nil)
	c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
}

// look has the page be so wide, in one of the two colour schemes.
func (c *chromium) look(scheme string, width int) {
	c.t.Helper()
	c.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	c.do("dispatchEvent(new Event('resize'))")
	time.Sleep(300 * time.Millisecond) // what is drawn is drawn anew
}

// shoot writes a picture of the whole page.
func (c *chromium) shoot(path string, width int) {
	c.t.Helper()
	height := eval[float64](c, "document.documentElement.scrollHeight")
	var got struct{ Data string }
	c.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "clip": map[string]any{"x": 0, "y": 0, "width": width, "height": min(height, 4000), "scale": 1}}, &got)
	data, err := base64.StdEncoding.DecodeString(got.Data)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		c.t.Error(err)
	}
}

// clean fails the test where the page asked anybody else, or something went wrong in it. Statuses that the test
// provokes are told by it.
func (c *chromium) clean(base string, expected ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, url := range c.asked {
		if !strings.HasPrefix(url, base) && url != "about:blank" {
			c.t.Errorf("the page asked %s", url)
		}
	}
	for _, fault := range c.faults {
		known := false
		for _, e := range expected {
			known = known || strings.Contains(fault, e)
		}
		if !known {
			c.t.Errorf("in the page: %s", fault)
		}
	}
	if len(c.asked) == 0 {
		c.t.Error(fmt.Errorf("the page asked nothing"))
	}
}
