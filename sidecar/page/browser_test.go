package page_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// program builds the sidecar.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sidecar")
	if out, err := exec.Command("go", "build", "-o", path, "aprm/sidecar").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

var listening = regexp.MustCompile(`OpenAI client at +(http://[^/\s]+)/v1`)

// serve starts it with what the arguments or the environment say, until the test ends, and returns its address.
func serve(t *testing.T, program, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("serve: %v\n%s", err, log.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return found[1]
		}
	}
	t.Fatalf("serve said no address:\n%s", log.String())
	return ""
}

// axe has axe-core look for what keeps people from using the page.
func axe(t *testing.T, c *chromium, what string) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "axe.min.js.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	source, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	if !eval[bool](c, "!!window.axe") {
		eval[any](c, string(source)+";null")
	}
	for _, v := range eval[[]string](c, `axe.run(document, {resultTypes: ["violations"]}).then((r) => {
		if (r.passes.length === 0) throw new Error("it looked at nothing");
		return r.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 200) + " " + n.failureSummary).join("; "));
	})`) {
		t.Errorf("%s: axe: %s", what, v)
	}
}

// views looks at what is shown in both colour schemes and two widths.
func views(t *testing.T, c *chromium, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{1280, 390} {
			what := fmt.Sprintf("%s-%s-%d", name, scheme, width)
			c.look(scheme, width)
			if got := eval[int](c, "document.documentElement.scrollWidth"); got > width {
				t.Errorf("%s: it is %d wide", what, got)
			}
			axe(t, c, what)
			shoot(c, what, width)
		}
	}
	c.look("light", 1280)
}

// shoot puts a picture of what is shown where SIDECAR_TEST_SHOTS says, if it does.
func shoot(c *chromium, what string, width int) {
	if folder := os.Getenv("SIDECAR_TEST_SHOTS"); folder != "" {
		c.shoot(filepath.Join(folder, what+".png"), width)
	}
}

const button, played = "[...document.querySelectorAll('button')].find((b) => b.textContent === '%s')", "document.querySelectorAll('main tbody tr').length"

// begin begins a training, and shows it.
func begin(c *chromium, base, name string, rounds, problems, attacks int) {
	c.t.Helper()
	c.open(base + "/#runs")
	c.until("document.querySelector('#run-name')")
	c.do(fmt.Sprintf(`document.querySelector('main details').open = true;
		for (const [id, value] of Object.entries({name: '%s', rounds: %d, per_round: %d, samples: 2, attacks: %d, epochs: 2})) document.querySelector('#run-' + id).value = value;
		document.querySelector('main form button').click();`, name, rounds, problems, attacks))
	c.until("location.hash === '#runs/" + name + "' && document.querySelector('.badge')")
}

// pause pauses the training that is shown.
func pause(c *chromium) {
	c.t.Helper()
	c.do(fmt.Sprintf(button, "Pause") + ".click(); document.querySelector('#sure button[value=yes]').click()")
	c.until("document.querySelector('.badge.paused')")
}

// problems makes a folder of runs with problems of the toy world.
func problems(t *testing.T, program, dir string) (runs string) {
	t.Helper()
	runs = filepath.Join(dir, "runs")
	made, err := exec.Command(program, "tasks", "--n", "40").Output()
	if err == nil {
		err = os.Mkdir(runs, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(runs, "problems.jsonl"), made, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// TestPage tries the page in a browser, on the embedded model: chat, the tree of a search, a training as it goes,
// promoting and rolling back.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program and trains")
	}
	c := startChromium(t)
	bin, dir := program(t), t.TempDir()
	runs := problems(t, bin, dir)
	shipped, err := os.ReadFile("../builtin.prm")
	if err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join("testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{filepath.Join(dir, "my.prm"): shipped, filepath.Join(runs, "dev.json"): report} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := serve(t, bin, dir, nil, "--upstream", "builtin", "--checkpoint", "my.prm")

	t.Run("chat", func(t *testing.T) {
		c.in(t)
		c.open(base + "/#chat")
		c.until("document.querySelector('form.ask')")
		c.do(`document.querySelector('#strategy').value = 'beam';
			document.querySelector('#strategy').dispatchEvent(new Event('change'));
			document.querySelector('#question').value = '<img src=x onerror=alert(1)> A farmer has 12 sheep and buys twice as many. Then he sells 7. How many sheep does he have?';
			window.seen = [];
			new MutationObserver(() => window.seen.push(document.querySelectorAll('ul.tree li').length)).observe(document.body, {childList: true, subtree: true});
			document.querySelector('#question').focus();`)
		c.press("Enter", 13, "\r")
		c.until("document.querySelector('ol.steps') && !document.querySelector('.busy')")
		if got := eval[int](c, "document.querySelectorAll('img').length"); got != 0 {
			t.Error("what was asked became a part of the page")
		}
		if got := eval[string](c, "document.querySelector('.sides .answer').textContent"); !strings.Contains(got, "####") {
			t.Errorf("raw: %q", got)
		}
		if got := eval[[]string](c, "[...document.querySelectorAll('ol.steps li')].map((s) => s.className + ' ' + s.querySelector('.score').textContent)"); len(got) < 2 || !regexp.MustCompile(`^s[0-4] [01]\.\d\d$`).MatchString(got[0]) {
			t.Errorf("steps and their colours: %q", got)
		}
		// The tree: next steps below the one that they continue, growing while the search runs; each that was dropped
		// says why.
		all, below := eval[int](c, "document.querySelectorAll('ul.tree li').length"), eval[int](c, "document.querySelectorAll('ul.tree li li').length")
		if all < 12 || below < 4 {
			t.Errorf("a tree of %d candidates, %d of them below others", all, below)
		}
		if got := eval[int](c, fmt.Sprintf("window.seen.filter((n) => n > 0 && n < %d).length", all)); got == 0 {
			t.Errorf("the tree came all at once: %v", eval[[]int](c, "window.seen"))
		}
		fates := eval[[]string](c, "[...document.querySelectorAll('ul.tree li.dropped > details > summary .fate')].map((f) => f.textContent)")
		for _, fate := range fates {
			if !regexp.MustCompile(`^– dropped: \w`).MatchString(fate) {
				t.Errorf("a candidate was dropped, and why? %q", fate)
			}
		}
		if chosen := eval[int](c, "document.querySelectorAll('ul.tree li.chosen').length"); len(fates) == 0 || chosen < 2 {
			t.Errorf("%d dropped, %d chosen", len(fates), chosen)
		}
		views(t, c, "chat")
	})

	// A training of more rounds than any machine plays while somebody looks is paused and gone on with; a short one is
	// played to its end.
	t.Run("training", func(t *testing.T) {
		c.in(t)
		begin(c, base, "long", 100, 8, 12)
		c.until("document.querySelector('.badge.running') && document.querySelector('progress')")
		c.until(played + " > 0") // with nothing loaded anew, as all that follows
		shoot(c, "run-live", 1280)
		pause(c)
		rounds := eval[int](c, played)
		c.do(fmt.Sprintf(button, "Resume") + ".click()")
		c.until("document.querySelector('.badge.running')")
		c.until(fmt.Sprintf("%s >= %d", played, max(rounds+1, 6)))
		pause(c)
		if got := eval[[]string](c, "[...document.querySelectorAll('figure')].map((f) => f.dataset.plot + (f.querySelector('canvas') ? '' : ' is missing'))"); len(got) != 6 || strings.Contains(strings.Join(got, ""), "missing") {
			t.Errorf("plots: %q", got)
		}
		views(t, c, "run")

		begin(c, base, "short", 2, 8, 12)
		c.until("document.querySelector('.badge.finished') && " + played + " === 2")
		if got := eval[int](c, "[...document.querySelectorAll('button')].filter((b) => ['Pause', 'Resume'].includes(b.textContent)).length"); got != 0 {
			t.Error("what is finished can be paused or gone on with")
		}
		c.open(base + "/#runs")
		c.until(played + " === 2")
		views(t, c, "runs")
	})

	t.Run("checkpoints", func(t *testing.T) {
		c.in(t)
		c.open(base + "/#checkpoints")
		c.until("document.querySelectorAll('table').length === 2")
		before := eval[string](c, "document.querySelector('#serving').textContent")
		id := eval[string](c, "[...document.querySelectorAll('button[aria-label^=Promote]')].at(0).getAttribute('aria-label').split(' ')[1]")
		act := func(button, then string) {
			t.Helper()
			c.do("document.querySelector(\"" + button + "\").click()")
			c.until("document.querySelector('#sure').open")
			c.do("document.querySelector('#sure button[value=yes]').click()")
			c.until("/ is served now/.test(document.querySelector('[role=status]').textContent) && document.querySelector('#serving').textContent.endsWith('" + then + "')")
		}
		act("button[aria-label^=Promote]", id)
		c.until("[...document.querySelectorAll('main button')].some((b) => b.textContent.startsWith('Roll back'))")
		views(t, c, "checkpoints")
		c.until("document.querySelector('main').innerText.includes('Served now: " + id + "')")
		act("main p button:not([aria-label])", strings.TrimPrefix(before[strings.LastIndex(before, "PRM "):], "PRM "))
		if got, err := os.ReadFile(filepath.Join(dir, "my.prm")); err != nil || !bytes.Equal(got, shipped) {
			t.Errorf("the file isn't the one from before: %v", err)
		}
	})

	t.Run("evaluation", func(t *testing.T) {
		c.in(t)
		c.open(base + "/#evaluation")
		c.until("document.querySelector('figure canvas')")
		c.do("document.querySelector('figure details').open = true")
		c.until("document.querySelector('figure table')")
		if got := eval[string](c, "document.querySelector('figure table').textContent"); !regexp.MustCompile(`\d+\.\d \[\d+\.\d, \d+\.\d\]`).MatchString(got) {
			t.Errorf("no intervals: %q", got)
		}
		views(t, c, "evaluation")
	})

	t.Run("health", func(t *testing.T) {
		c.in(t)
		c.open(base + "/#health")
		c.until("document.querySelectorAll('.u-wrap').length === 3")
		if got := eval[string](c, "document.querySelector('main').innerText"); !regexp.MustCompile(`Tokens generated by searches\s+[1-9]`).MatchString(got) || !strings.Contains(got, "beam") {
			t.Errorf("it shows\n%s", got)
		}
		views(t, c, "health")
	})
	c.clean(base)

	// Where there are keys the page asks for one, and keeps it in the tab.
	t.Run("a key", func(t *testing.T) {
		c := startChromium(t)
		base := serve(t, bin, t.TempDir(), []string{"SIDECAR_API_KEY=sk-of-the-page"}, "--upstream", "builtin")
		c.call("Page.navigate", map[string]any{"url": base + "/"}, nil)
		c.until("document.querySelector('#key')?.open")
		try := func(key string) {
			c.do("document.querySelector('#key-input').value = '" + key + "'; document.querySelector('#key-ok').click()")
		}
		try("sk-wrong")
		time.Sleep(200 * time.Millisecond)
		c.until("document.querySelector('#key').open")
		axe(t, c, "the key")
		if got := eval[string](c, "document.querySelector('main').innerText"); strings.Contains(got, "Question") {
			t.Error("the wrong key opens the page")
		}
		try("sk-of-the-page")
		c.until("document.querySelector('form.ask')")
		if got := eval[string](c, "JSON.stringify([document.cookie, localStorage.length, sessionStorage.length])"); got != `["",0,1]` {
			t.Errorf("cookie, localStorage, sessionStorage: %s", got)
		}
		c.clean(base, "401")
	})

	// Where whoever reaches it is let in, what would be refused isn't offered, and the page says why.
	t.Run("insecure", func(t *testing.T) {
		c := startChromium(t)
		base := serve(t, bin, dir, nil, "--upstream", "builtin", "--checkpoint", "my.prm", "--insecure", "--listen", "0.0.0.0:0")
		base = "http://127.0.0.1" + base[strings.LastIndex(base, ":"):]
		for _, view := range []string{"runs", "runs/long", "checkpoints"} {
			c.open(base + "/#" + view)
			c.until("document.querySelector('main table')")
			if got := eval[string](c, "document.querySelector('main').innerText"); !strings.Contains(got, "have clients send a key") {
				t.Errorf("%s: it doesn't say why nothing is offered:\n%s", view, got)
			}
			if got := eval[[]string](c, "[...document.querySelectorAll('main button, main form')].map((b) => b.textContent)"); len(got) != 0 {
				t.Errorf("%s: it offers %q", view, got)
			}
			axe(t, c, view)
		}
		c.clean(base)
	})
}

// TestPageReal shows every view before a real LLM (see .ci/real), with the PRM that comes with the program: an answer
// voted for, a training of one round, an evaluation. It takes minutes.
func TestPageReal(t *testing.T) {
	url, model := cmp.Or(os.Getenv("SIDECAR_TEST_OLLAMA_URL"), os.Getenv("SIDECAR_TEST_OPENAI_URL")), os.Getenv("SIDECAR_TEST_MODEL")
	if url == "" || model == "" {
		t.Skip("SIDECAR_TEST_OLLAMA_URL, or SIDECAR_TEST_OPENAI_URL, and SIDECAR_TEST_MODEL name no LLM")
	}
	llm := []string{"--upstream", url, "--upstream-model", model, "--checkpoint", "general"}
	c := startChromium(t)
	c.patience = 15 * time.Minute
	bin, dir := program(t), t.TempDir()
	runs := problems(t, bin, dir)
	cmd := exec.Command(bin, append([]string{"eval", "--json", "--problems", filepath.Join(runs, "problems.jsonl"), "--limit", "4", "--n", "2", "--strategies", "weighted_vote,confident_vote"}, llm...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	report, err := cmd.Output()
	if err == nil {
		err = os.WriteFile(filepath.Join(runs, "dev.json"), report, 0o644)
	}
	if err != nil {
		t.Fatalf("eval: %v", err)
	}
	base := serve(t, bin, dir, nil, llm...)

	c.open(base + "/#chat")
	c.until("document.querySelector('form.ask')")
	c.do(`document.querySelector('#strategy').value = 'weighted_vote';
		document.querySelector('#strategy').dispatchEvent(new Event('change'));
		document.querySelector('#n').value = '4';
		document.querySelector('form.ask button').click();`) // which asks the example
	c.until("document.querySelector('ol.steps') && !document.querySelector('.busy')")
	if got := eval[string](c, "document.querySelector('.sides .answer').textContent"); got == "" {
		t.Error("raw: nothing")
	}
	if got := eval[[]string](c, "[...document.querySelectorAll('ol.steps .score')].map((s) => s.textContent)"); len(got) == 0 || !regexp.MustCompile(`^[01]\.\d\d$`).MatchString(got[0]) {
		t.Errorf("scores of the steps: %q", got)
	}
	if got := eval[int](c, "document.querySelectorAll('ul.tree li').length"); got != 4 {
		t.Errorf("%d candidates", got)
	}
	views(t, c, "real-chat")

	for view, shown := range map[string]string{"evaluation": "document.querySelector('main table')", "health": "document.querySelectorAll('.u-wrap').length === 3"} {
		c.open(base + "/#" + view)
		c.until(shown)
		views(t, c, "real-"+view)
	}
	begin(c, base, "real", 1, 8, 4) // an LLM of this size is right in few of these problems, and learns of those
	c.until("document.querySelector('progress')")
	shoot(c, "real-run-live", 1280)
	c.until("document.querySelector('.badge.finished') && " + played + " === 1 || document.querySelector('.badge.failed')")
	if eval[bool](c, "!!document.querySelector('.badge.failed')") {
		t.Fatalf("the training: %s", eval[string](c, "document.querySelector('main').innerText"))
	}
	views(t, c, "real-run")
	c.open(base + "/#runs")
	c.until(played + " === 1")
	views(t, c, "real-runs")
	c.open(base + "/#checkpoints") // those of the run: what comes with the program is no file
	c.until("document.querySelector('main table')")
	views(t, c, "real-checkpoints")
	c.clean(base)
}
