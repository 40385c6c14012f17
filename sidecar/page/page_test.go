package page

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aprm/prm"
)

// asTraining in the environment has the test binary be a training: it begins a run in the folder named behind --run,
// and goes on until it is interrupted.
const asTraining = "PAGE_TEST_AS_TRAINING"

func TestMain(m *testing.M) {
	if how := os.Getenv(asTraining); how != "" {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		folder := os.Args[slices.Index(os.Args, "--run")+1]
		if err := os.WriteFile(filepath.Join(folder, "settings.json"), []byte(`{"model":"m"}`), 0o600); err != nil || how == "fail" {
			fmt.Fprintln(os.Stderr, "something before\nsidecar: the endpoint is down\n  what to do: start it", err)
			os.Exit(1)
		}
		<-interrupted
		os.Exit(130)
	}
	os.Exit(m.Run())
}

// board is one over a folder of runs; how is what its trainings do.
func board(t *testing.T, how string) (b *Board, runs string) {
	t.Helper()
	runs = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b = New(Config{Runs: runs, Serving: func() Serving { return Serving{Model: "m"} }, Gate: gatePath, Log: slog.New(slog.DiscardHandler),
		Train: func(args ...string) *exec.Cmd {
			cmd := exec.Command(self, args...)
			cmd.Env = append(os.Environ(), asTraining+"="+how)
			return cmd
		}})
	t.Cleanup(b.Close)
	return b, runs
}

func gatePath(checkpoint string) string { return checkpoint + ".gate.json" }

// ask asks a board; body "" is a GET.
func ask(t *testing.T, b *Board, path, body string) (status int, said map[string]any) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
		t.Fatalf("%s: %v: %s", path, err, w.Body)
	}
	return w.Code, said
}

// message is an error's.
func message(said map[string]any) string {
	e, _ := said["error"].(map[string]any)
	m, _ := e["message"].(string)
	return m
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const start = `{"name":"mine","problems":"p.jsonl","rounds":2,"per_round":3,"samples":2,"attacks":4,"epochs":1,"seed":7}`

// TestARunIsBegunPausedAndGoneOnWith in a process of its own; no two work in one folder, and closing the board stops
// it.
func TestARunIsBegunPausedAndGoneOnWith(t *testing.T) {
	b, runs := board(t, "wait")
	put(t, filepath.Join(runs, "p.jsonl"), "{}\n")
	status := func() string {
		_, said := ask(t, b, "/run?name=mine", "")
		s, _ := said["status"].(string)
		return s
	}
	if code, said := ask(t, b, "/run/start", start); code != 200 || said["status"] != statusRunning {
		t.Fatalf("start: %d %v", code, said)
	}
	if code, said := ask(t, b, "/run/start", start); code != 400 || !strings.Contains(message(said), "another name") {
		t.Errorf("the same name again: %d %v", code, said)
	}
	if code, said := ask(t, b, "/run/resume", `{"name":"mine"}`); code != 400 || !strings.Contains(message(said), "under way") {
		t.Errorf("resumed while it runs: %d %v", code, said)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) { // until it heeds interrupts
		if _, err := os.Stat(filepath.Join(runs, "mine", "settings.json")); err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("the training never began")
		}
	}
	if code, said := ask(t, b, "/run/pause", `{"name":"mine"}`); code != 200 || said["status"] != statusPaused {
		t.Errorf("pause: %d %v", code, said)
	}
	if code, _ := ask(t, b, "/run/pause", `{"name":"mine"}`); code != 400 {
		t.Errorf("paused twice: %d", code)
	}
	if code, said := ask(t, b, "/run/resume", `{"name":"mine"}`); code != 200 || said["status"] != statusRunning {
		t.Errorf("resume: %d %v", code, said)
	}
	b.Close()
	if got := status(); got != statusPaused {
		t.Errorf("closed: %s", got)
	}
	if code, _ := ask(t, b, "/run/resume", `{"name":"mine"}`); code == 200 {
		t.Error("a closed board begins trainings")
	}
	put(t, filepath.Join(runs, "mine", "report.json"), "{}")
	if got := status(); got != statusFinished {
		t.Errorf("with its report: %s", got)
	}
}

// TestARunThatCannotBeginLeavesNothing: no folder that looks like a run, so that the name can be taken once a model is
// known.
func TestARunThatCannotBeginLeavesNothing(t *testing.T) {
	b, runs := board(t, "wait")
	put(t, filepath.Join(runs, "p.jsonl"), "{}\n")
	train := b.cfg.Train
	for name, none := range map[string]func(...string) *exec.Cmd{"none": nil, "no model yet": func(...string) *exec.Cmd { return nil }} {
		b.cfg.Train = none
		if _, said := ask(t, b, "/state", ""); said["train"] != false {
			t.Errorf("%s: the page offers trainings", name)
		}
		if code, said := ask(t, b, "/run/start", start); code != 400 || !strings.Contains(message(said), "no training") {
			t.Errorf("%s: %d %v", name, code, said)
		}
		if _, err := os.Stat(filepath.Join(runs, "mine")); err == nil {
			t.Errorf("%s: a folder is left", name)
		}
	}
	b.cfg.Train = train
	if _, said := ask(t, b, "/state", ""); said["train"] != true {
		t.Error("the page offers no trainings once it can start some")
	}
	if code, said := ask(t, b, "/run/start", start); code != 200 {
		t.Errorf("the same name once it can be: %d %v", code, said)
	}
}

// TestARunThatCannotBeReadIsListed with what is wrong with it; folders of something else are not.
func TestARunThatCannotBeReadIsListed(t *testing.T) {
	b, runs := board(t, "wait")
	put(t, filepath.Join(runs, "torn", "settings.json"), `{"model":"m"}`)
	put(t, filepath.Join(runs, "torn", "state.json"), `{"reports":[`)
	put(t, filepath.Join(runs, "planned", planFile), `{"rounds":`)
	put(t, filepath.Join(runs, "whole", "settings.json"), `{"model":"m"}`)
	put(t, filepath.Join(runs, "else", "notes.txt"), "")
	_, said := ask(t, b, "/runs", "")
	got := map[string]string{}
	for _, r := range said["runs"].([]any) {
		r := r.(map[string]any)
		failed, _ := r["failed"].(string)
		got[r["name"].(string)] = fmt.Sprint(r["status"], " ", strings.Contains(failed, ".json"))
	}
	want := map[string]string{"torn": "failed true", "planned": "failed true", "whole": "begun elsewhere false"}
	if !maps.Equal(got, want) {
		t.Errorf("listed: %v, want %v", got, want)
	}
}

// TestATrainingThatFailsSaysWhy: the last line of its log that is an error's.
func TestATrainingThatFailsSaysWhy(t *testing.T) {
	b, runs := board(t, "fail")
	put(t, filepath.Join(runs, "p.jsonl"), "{}\n")
	if code, said := ask(t, b, "/run/start", start); code != 200 {
		t.Fatalf("start: %d %v", code, said)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		_, said := ask(t, b, "/run?name=mine", "")
		if said["status"] == statusFailed {
			if why, _ := said["failed"].(string); !strings.Contains(why, "the endpoint is down") || strings.Contains(why, "before") || strings.Contains(why, "what to do") {
				t.Errorf("why: %q", why)
			}
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("it never failed: %v", said)
		}
	}
}

// TestWhatTheBoardRefuses, in words that say what to do.
func TestWhatTheBoardRefuses(t *testing.T) {
	b, runs := board(t, "wait")
	put(t, filepath.Join(runs, "p.jsonl"), "{}\n")
	put(t, filepath.Join(filepath.Dir(runs), "secret", "settings.json"), `{"model":"secret"}`)
	put(t, filepath.Join(runs, "theirs", "settings.json"), `{"model":"m"}`)
	change := func(from, to string) string { return strings.Replace(start, from, to, 1) }
	for _, c := range []struct{ name, path, body, want string }{
		{"a name that leaves the folder", "/run/start", change(`"mine"`, `"../mine"`), "letters, digits"},
		{"no name", "/run/start", change(`"mine"`, `""`), "letters, digits"},
		{"no such problems", "/run/start", change(`"p.jsonl"`, `"../p.jsonl"`), "sidecar tasks"},
		{"no rounds", "/run/start", change(`"rounds":2`, `"rounds":0`), "rounds must be from 1 to 100"},
		{"too many attacks", "/run/start", change(`"attacks":4`, `"attacks":10001`), "attacks must be"},
		{"another field", "/run/start", change(`"seed":7`, `"seed":7,"out":"/etc/passwd"`), "out"},
		{"no JSON", "/run/start", `name=mine`, "not what the page sends"},
		{"two objects", "/run/start", start + start, "behind the object"},
		{"a run outside", "/run?name=../secret", "", "no name of a run"},
		{"an absolute one", "/run?name=/etc", "", "no name of a run"},
		{"none of that name", "/run?name=none", "", "no run"},
		{"one of another command's", "/run/resume", `{"name":"theirs"}`, "the command that began it"},
		{"what isn't under way", "/run/pause", `{"name":"theirs"}`, "stop it where it was started"},
		{"no report of that name", "/report?file=../p.jsonl", "", "load the list again"},
		{"nothing to promote to", "/checkpoints/promote", `{"file":"runs/x.prm"}`, "--checkpoint FILE"},
		{"another question", "/nothing", "", "of another build"},
	} {
		if code, said := ask(t, b, c.path, c.body); code < 400 || code >= 500 || !strings.Contains(message(said), c.want) {
			t.Errorf("%s: %d %v, want %q", c.name, code, said, c.want)
		}
	}
	none := New(Config{Serving: func() Serving { return Serving{} }, Gate: gatePath})
	for _, path := range []string{"/runs", "/reports"} {
		if code, said := ask(t, none, path, ""); code != 400 || !strings.Contains(message(said), "--runs FOLDER") {
			t.Errorf("%s without runs: %d %v", path, code, said)
		}
	}
}

// TestPromoteAndRollBack: the file that is served is replaced together with its gate, and what stood there before comes
// back.
func TestPromoteAndRollBack(t *testing.T) {
	b, runs := board(t, "wait")
	served := filepath.Join(t.TempDir(), "my.prm")
	b.cfg.Serving = func() Serving {
		s := Serving{File: served}
		if m, err := prm.Load(served); err == nil {
			s.Checkpoint = m.ID()
		}
		return s
	}
	copyTo := func(from, to string) (id string) {
		t.Helper()
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		put(t, to, string(data))
		m, err := prm.Load(to)
		if err != nil {
			t.Fatal(err)
		}
		return m.ID()
	}
	first := copyTo("../builtin.prm", served)
	gateOf := func() string {
		data, _ := os.ReadFile(gatePath(served))
		return string(data)
	}
	second := copyTo("../../configs/experiments/votes/0.5b.prm", filepath.Join(runs, "real", "a.prm"))
	gate, err := os.ReadFile("../../configs/experiments/votes/0.5b.prm.gate.json")
	if err != nil {
		t.Fatal(err)
	}
	put(t, gatePath(filepath.Join(runs, "real", "a.prm")), string(gate))
	put(t, filepath.Join(runs, "broken.prm"), "not a checkpoint")
	is := func(what, want, gate string) {
		t.Helper()
		if got := b.cfg.Serving().Checkpoint; got != want {
			t.Errorf("%s: %s is served, want %s", what, got, want)
		}
		if got := gateOf(); got != gate {
			t.Errorf("%s: the gate is %.80q, want %.80q", what, got, gate)
		}
	}
	if code, said := ask(t, b, "/checkpoints/rollback", "{}"); code != 400 || !strings.Contains(message(said), "nothing to go back to") {
		t.Errorf("nothing was promoted yet: %d %v", code, said)
	}
	if code, said := ask(t, b, "/checkpoints/promote", `{"file":"runs/broken.prm"}`); code != 400 || !strings.Contains(message(said), "can't be served") {
		t.Errorf("a broken one: %d %v", code, said)
	}
	is("before", first, "")
	if code, said := ask(t, b, "/checkpoints/promote", `{"file":"runs/real/a.prm"}`); code != 200 || said["id"] != second || said["was"] != first {
		t.Errorf("promote: %d %v", code, said)
	}
	is("promoted", second, string(gate))
	if code, said := ask(t, b, "/checkpoints/promote", `{"file":"runs/real/a.prm"}`); code != 400 || !strings.Contains(message(said), "already") {
		t.Errorf("promoted twice: %d %v", code, said)
	}
	if code, said := ask(t, b, "/checkpoints/rollback", "{}"); code != 200 || said["id"] != first {
		t.Errorf("roll back: %d %v", code, said)
	}
	is("rolled back", first, "")
	if code, said := ask(t, b, "/checkpoints/rollback", "{}"); code != 200 || said["id"] != second {
		t.Errorf("and back again: %d %v", code, said)
	}
	is("rolled back twice", second, string(gate))

	_, said := ask(t, b, "/checkpoints", "")
	var seen []string
	for _, c := range said["checkpoints"].([]any) {
		c := c.(map[string]any)
		seen = append(seen, fmt.Sprint(c["where"], " ", c["id"], " ", c["serving"], " ", c["gate"] != nil))
	}
	want := []string{"the file that is served " + second + " true true", "served before " + first + " false false"}
	if !slices.Equal(seen[:2], want) || len(seen) != 5 {
		t.Errorf("listed: %q", seen)
	}
}

// copied puts a checkpoint, and its gate where it has one, at another path, and returns its id.
func copied(t *testing.T, from, to, gate string) (id string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	put(t, to, string(data))
	if verdict, err := os.ReadFile(gatePath(from)); err == nil && gate != "" {
		put(t, gate, string(verdict))
	}
	m, err := prm.Load(to)
	if err != nil {
		t.Fatal(err)
	}
	return m.ID()
}

const (
	builtinPRM = "../builtin.prm"
	votesPRM   = "../../configs/experiments/votes/0.5b.prm"
)

// TestWhatTheServerRefusesIsUndone: a checkpoint with a gate that can't be read is not put in place, and where the
// server refused one that is, what it still serves comes back.
func TestWhatTheServerRefusesIsUndone(t *testing.T) {
	b, runs := board(t, "wait")
	served, next := filepath.Join(t.TempDir(), "my.prm"), filepath.Join(runs, "a.prm")
	first, second := copied(t, builtinPRM, served, ""), copied(t, votesPRM, next, "")
	b.cfg.Serving = func() Serving { return Serving{File: served, Checkpoint: first} } // whatever becomes of the file
	holds := func(what, want string) {
		t.Helper()
		if m, err := prm.Load(served); err != nil || m.ID() != want {
			t.Errorf("%s: the file holds another than %s (%v)", what, want, err)
		}
	}
	put(t, gatePath(next), `{"format":99}`)
	if code, said := ask(t, b, "/checkpoints/promote", `{"file":"runs/a.prm"}`); code != 400 || !strings.Contains(message(said), "format") {
		t.Errorf("with a gate of another format: %d %v", code, said)
	}
	holds("refused", first)
	if _, err := os.Stat(beforeFolder(served)); err == nil {
		t.Error("what was refused has something kept")
	}
	if err := os.Remove(gatePath(next)); err != nil {
		t.Fatal(err)
	}
	if code, said := ask(t, b, "/checkpoints/promote", `{"file":"runs/a.prm"}`); code != 200 {
		t.Fatalf("promote: %d %v", code, said)
	}
	holds("promoted", second)
	if code, said := ask(t, b, "/checkpoints/rollback", `{}`); code != 200 || said["id"] != first {
		t.Errorf("back to what is still served: %d %v", code, said)
	}
	holds("rolled back", first)
}

// TestAPromotionThatFailsChangesNothing: neither the checkpoint nor its gate, whichever of them can't be written, here
// for a name that is too long for what is written beside it first.
func TestAPromotionThatFailsChangesNothing(t *testing.T) {
	long := strings.Repeat("n", 236)
	for _, c := range []struct{ name, checkpoint, gate string }{{"the checkpoint", long + ".prm", "gate"}, {"the gate", "my.prm", long + ".json"}} {
		t.Run(c.name, func(t *testing.T) {
			b, runs := board(t, "wait")
			folder := t.TempDir()
			served, verdict := filepath.Join(folder, c.checkpoint), filepath.Join(folder, c.gate)
			b.cfg.Gate = func(checkpoint string) string {
				if checkpoint == served {
					return verdict
				}
				return gatePath(checkpoint)
			}
			b.cfg.Serving = func() Serving { return Serving{File: served} }
			next := filepath.Join(runs, "a.prm")
			first := copied(t, builtinPRM, served, "")
			copied(t, votesPRM, next, gatePath(next))
			was := []byte(`{"format":1}`)
			put(t, verdict, string(was))
			if code, said := ask(t, b, "/checkpoints/promote", `{"file":"runs/a.prm"}`); code != 400 || !strings.Contains(message(said), "nothing was promoted") {
				t.Errorf("%d %v", code, said)
			}
			if m, err := prm.Load(served); err != nil || m.ID() != first {
				t.Errorf("the checkpoint is another (%v)", err)
			}
			if now, err := os.ReadFile(verdict); err != nil || string(now) != string(was) {
				t.Errorf("the gate is %.80q (%v)", now, err)
			}
		})
	}
}

// TestReports: what eval and experiments write is told from other JSON.
func TestReports(t *testing.T) {
	b, runs := board(t, "wait")
	report, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(runs, "dev.json"), string(report))
	put(t, filepath.Join(runs, "toy", "results.json"), `{"title":"A study","model":"m","sets":[{"name":"unseen","problems":3,"rows":[{"prm":"game","method":"best-of-4","n":4,"problems":3,"accuracy":{"mean":0.5,"low":0.4,"high":0.6},"vs_majority":{"mean":null,"low":null,"high":null},"untold":null,"tokens":9}]}]}`)
	for name, text := range map[string]string{"list.json": `[1]`, "torn.json": `{"rows":[`, "plan.json": `{"title":"x"}`, "rows.json": `{"rows":[{"a":1}],"problems":["p"]}`, "my.prm.gate.json": string(report)} {
		put(t, filepath.Join(runs, name), text)
	}
	_, said := ask(t, b, "/reports", "")
	var files []string
	for _, r := range said["reports"].([]any) {
		files = append(files, r.(map[string]any)["file"].(string))
	}
	slices.Sort(files)
	if !slices.Equal(files, []string{"dev.json", "toy/results.json"}) {
		t.Errorf("reports: %q", files)
	}
	for file, want := range map[string]string{"dev.json": "majority-8", "toy/results.json": "best-of-4"} {
		code, said := ask(t, b, "/report?file="+file, "")
		text, err := json.Marshal(said)
		if code != 200 || err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d %s", file, code, text)
		}
	}
}

// TestFiles: the page loads what there is and nothing else, and makes no markup of texts.
func TestFiles(t *testing.T) {
	refers := regexp.MustCompile(`(?:src|href)="sidecar/([^"]+)"|from "\./([^"]+)"`)
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|style="|<script>|\son\w+="|https?://`)
	size := int64(0)
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size += info.Size()
		text, err := fs.ReadFile(Files(), name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "uplot") {
			return nil
		}
		for _, found := range refers.FindAllStringSubmatch(string(text), -1) {
			if _, err := fs.Stat(Files(), found[1]+found[2]); err != nil {
				t.Errorf("%s refers to %s: %v", name, found[1]+found[2], err)
			}
		}
		for _, found := range forbidden.FindAllString(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""), -1) { // which is a name
			t.Errorf("%s has %q", name, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > 150<<10 {
		t.Errorf("the page has %d bytes", size)
	}
}
