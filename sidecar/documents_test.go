package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"aprm/sidecar/decode"
	"aprm/sidecar/server"
)

var update = flag.Bool("update", false, "write what is generated in the documents anew")

// documents are the texts of this repository that people read, by their paths from its root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel("..", file)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "runs", "bin", "shared", "node_modules"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".md" {
			text, err := os.ReadFile(file)
			out[filepath.ToSlash(name)] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(out) < 5 {
		t.Fatalf("%d documents: %v", len(out), err)
	}
	return out
}

// TestReadme keeps it short.
func TestReadme(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(documents(t)["README.md"], "\n"), "\n")
	if len(lines) > 130 {
		t.Errorf("README.md has %d lines, want 130 at most: what is about a room stands in the room's own", len(lines))
	}
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n > 120 {
			t.Errorf("README.md:%d: %d columns, want 120 at most", i+1, n)
		}
	}
}

var (
	fenced  = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	coded   = regexp.MustCompile("`([^`\n]+)`")
)

// TestLinks: every link to a file of this repository leads to one, and to a heading that it has.
func TestLinks(t *testing.T) {
	texts := documents(t)
	for name, text := range texts {
		for _, found := range link.FindAllStringSubmatch(coded.ReplaceAllString(fenced.ReplaceAllString(text, ""), ""), -1) {
			to, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %s: %v", name, found[1], err)
				continue
			}
			if to.Scheme != "" {
				continue
			}
			file := name
			if to.Path != "" {
				file = path.Join(path.Dir(name), to.Path)
			}
			if _, err := os.Stat(filepath.Join("..", file)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, found[1])
			} else if to.Fragment != "" && !slices.Contains(anchors(texts[file]), to.Fragment) {
				t.Errorf("%s: %s: there is no such heading", name, found[1])
			}
		}
	}
}

// anchors are the names that GitHub gives to a document's headings.
func anchors(text string) (out []string) {
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, h[1]))
	}
	return out
}

// TestCommandsShown: every command of this program that a document or its own help shows is one that it takes. Nothing is run.
func TestCommandsShown(t *testing.T) {
	texts := documents(t)
	t.Chdir("..") // they name files from there
	parser, err := kong.New(new(commands), kong.Vars(defaults()), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}), kong.Bind(new(commandLine)),
		kong.NamedMapper("existingfile", kong.MapperFunc(anyFile)), kong.Configuration(func(io.Reader) (kong.Resolver, error) { return config{}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	check := func(where string, words []string, whole bool) {
		args, ours := arguments(words)
		if !ours || len(args) == 0 {
			return
		}
		shown++
		args = slices.Clone(args)
		for i, arg := range args { // a checkpoint has to be there
			if strings.HasSuffix(arg, ".prm") {
				args[i] = string(general)
			}
		}
		_, err := parser.Parse(args)
		var wrong *kong.ParseError
		if err != nil && (whole || errors.As(err, &wrong) && (strings.HasPrefix(err.Error(), "unknown flag") || strings.HasPrefix(err.Error(), "unexpected argument"))) {
			t.Errorf("%s: sidecar %s: %v", where, strings.Join(args, " "), err)
		}
	}
	for name, text := range texts {
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			if block[1] == "sh" {
				for _, words := range simpleCommands(block[2]) {
					check(name, words, true)
				}
			}
		}
		for _, code := range coded.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.HasPrefix(code[1], "sidecar ") && !strings.Contains(code[1], "COMMAND") {
				for _, words := range simpleCommands(code[1]) {
					check(name, words, false) // a sentence may leave out what is needed besides
				}
			}
		}
	}
	for _, node := range append(parser.Model.Leaves(false), parser.Model.Node) {
		text := node.Detail
		if node == parser.Model.Node {
			text = node.Help
		}
		for line := range strings.Lines(text) {
			if line, example := strings.CutPrefix(line, "  "); example {
				line, _, _ = strings.Cut(strings.TrimSpace(line), "   ") // what is said of it
				for _, words := range simpleCommands(line) {
					check("sidecar "+node.Path()+" --help", words, true)
				}
			}
		}
	}
	if shown < 50 {
		t.Errorf("found only %d commands", shown)
	}
}

// anyFile takes a file's name whether there is such a file or not.
func anyFile(ctx *kong.DecodeContext, target reflect.Value) error {
	var name string
	if err := ctx.Scan.PopValueInto("file", &name); err != nil {
		return err
	}
	if target.Kind() == reflect.Slice {
		target.Set(reflect.Append(target, reflect.ValueOf(name)))
		if ctx.Value.Flag == nil { // arguments: all that follow
			for _, more := range ctx.Scan.PopWhile(func(t kong.Token) bool { return t.IsValue() }) {
				target.Set(reflect.Append(target, reflect.ValueOf(more.String())))
			}
		}
		return nil
	}
	target.SetString(name)
	return nil
}

// arguments are what a simple command gives to this program; ours is false for another program's.
func arguments(words []string) (args []string, ours bool) {
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) > 2 && slices.Equal(words[:3], []string{"go", "run", "./sidecar"}):
		return words[3:], true
	case len(words) > 0 && path.Base(words[0]) == "sidecar":
		return words[1:], true
	}
	return nil, false
}

// simpleCommands takes a piece of a shell script apart, as far as documents go: words, quotes, comments, pipes, lists and redirections.
func simpleCommands(script string) (out [][]string) {
	var words []string
	var word strings.Builder
	begun, redirected := false, false
	endWord := func() {
		if begun && !redirected {
			words = append(words, word.String())
		}
		if begun {
			redirected = false
		}
		word.Reset()
		begun = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			out = append(out, words)
		}
		words, redirected = nil, false
	}
	script = strings.ReplaceAll(script, "\\\n", " ")
	for i := 0; i < len(script); i++ {
		switch c := script[i]; {
		case c == '\'' || c == '"':
			n := strings.IndexByte(script[i+1:], c)
			if n < 0 {
				n = len(script) - i - 1
			}
			word.WriteString(script[i+1 : i+1+n])
			begun, i = true, i+n+1
		case c == '#' && !begun:
			n := strings.IndexByte(script[i:], '\n')
			if n < 0 {
				n = len(script) - i
			}
			i += n - 1
		case c == '\n' || c == ';' || c == '|' || c == '&':
			endCommand()
		case c == '<' || c == '>':
			if begun && strings.Trim(word.String(), "0123456789") == "" { // a descriptor
				word.Reset()
				begun = false
			}
			endWord()
			redirected = true
		case c == ' ' || c == '\t':
			endWord()
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	endCommand()
	return out
}

func TestSimpleCommands(t *testing.T) {
	got := fmt.Sprintf("%q", simpleCommands("A=1 sidecar x --a 'b c' \\\n  --d \"e\" < in > out 2> err # why\ngo run ./sidecar y | sidecar z && cd q; # none\n"))
	want := fmt.Sprintf("%q", [][]string{{"A=1", "sidecar", "x", "--a", "b c", "--d", "e"}, {"go", "run", "./sidecar", "y"}, {"sidecar", "z"}, {"cd", "q"}})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestMetricsAreDocumented: what /metrics has of this program's own is told of, and nothing else.
func TestMetricsAreDocumented(t *testing.T) {
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(sidecar_[a-z_]+)` \\|").FindAllStringSubmatch(documents(t)["configs/README.md"], -1) {
		told[row[1]] = true
	}
	used := map[string]bool{}
	for _, pattern := range []string{"*.go", filepath.Join("server", "*.go")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, name := range regexp.MustCompile(`"(sidecar_[a-z_]+)"`).FindAllStringSubmatch(string(text), -1) {
				used[name[1]] = true
			}
		}
	}
	if !maps.Equal(told, used) || len(used) == 0 {
		t.Errorf("configs/README.md tells of %v\nthere are %v", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(used)))
	}
}

// generated are the parts of documents that follow from the program, by the name that stands in their mark.
var generated = map[string]func(*kong.Application) string{
	"settings":   settingsPage,
	"routes":     func(*kong.Application) string { return routesTable() },
	"strategies": func(*kong.Application) string { return strategiesTable() },
	"prm":        func(*kong.Application) string { return prmTables() },
	"arrows":     func(*kong.Application) string { return arrowsTable() },
}

var mark = regexp.MustCompile(`(?s)(<!-- generated: ([a-z]+)[^>]*-->\n).*?(<!-- end -->)`)

// TestDocuments holds what documents say of flags, routes and settings of a search against the program. It is written anew by
//
//	go test ./sidecar -run TestDocuments -update
func TestDocuments(t *testing.T) {
	parser, err := kong.New(new(commands), kong.Vars(defaults()))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for name, text := range documents(t) {
		fresh := mark.ReplaceAllStringFunc(text, func(old string) string {
			parts := mark.FindStringSubmatch(old)
			page := generated[parts[2]]
			if page == nil {
				t.Errorf("%s: nothing is called %q", name, parts[2])
				return old
			}
			known[parts[2]] = true
			return parts[1] + "\n" + page(parser.Model) + "\n" + parts[3]
		})
		if fresh == text {
			continue
		}
		if !*update {
			t.Errorf("%s isn't what the program says any more: go test ./sidecar -run TestDocuments -update", name)
			continue
		}
		if err := os.WriteFile(filepath.Join("..", name), []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range generated {
		if !known[name] {
			t.Errorf("no document has the mark of %q", name)
		}
	}
}

// plain is a text in a cell of a table.
func plain(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`, "\n", " ").Replace(text)
}

// arrowsTable is what the test of imports goes by.
func arrowsTable() string {
	var b strings.Builder
	b.WriteString("| room | may import |\n|---|---|\n")
	for _, room := range slices.Sorted(maps.Keys(arrows)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", room, cmp.Or(strings.Join(strings.Fields(arrows[room]), ", "), "nothing of ours"))
	}
	return b.String()
}

func routesTable() string {
	var b strings.Builder
	b.WriteString("| route | what it is | scope of a key | where |\n|---|---|---|---|\n")
	for _, r := range server.Routes() {
		where := "always"
		if r.Translated {
			where = "before an OpenAI-compatible endpoint"
		}
		fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s |\n", strings.Join(r.Methods, ", "), r.Path, plain(r.Help), cmp.Or(string(r.Scope), "none"), where)
	}
	return b.String()
}

func strategiesTable() string {
	var b strings.Builder
	b.WriteString("| strategy | suffix | needs a PRM | what it does |\n|---|---|---|---|\n")
	b.WriteString("| `raw` | `@raw` | no | no search: the endpoint's own answer, byte for byte |\n")
	for _, d := range decode.Strategies() {
		needs := "no"
		if d.NeedsPRM {
			needs = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | `@%s` | %s | %s |\n", d.Name, server.Suffix(d.Name), needs, plain(d.Help))
	}
	return b.String()
}

func prmTables() string {
	var b strings.Builder
	b.WriteString("| member | must be | what it means |\n|---|---|---|\n")
	for _, f := range server.Fields() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, plain(f.Want.String()), plain(f.Help))
	}
	for _, s := range decode.Settings() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, plain(s.Range.String()), plain(s.Help))
	}
	return b.String()
}

// settingsPage lists every flag of every command: those that three or more commands share once, before the others.
func settingsPage(app *kong.Application) string {
	type row struct{ flag, value, help string }
	rowOf := func(f *kong.Flag) row {
		r := row{flag: "--" + f.Name, value: f.Default, help: f.Help}
		switch {
		case f.Tag.Negatable != "" && f.Default == "true":
			r.flag = "--[no-]" + f.Name
		case !f.IsBool():
			r.flag += " " + cmp.Or(f.PlaceHolder, kindOf(f.Target.Kind(), f.Target.Type().Name()))
		}
		if f.IsBool() {
			r.value = cmp.Or(f.Default, "false")
		}
		if strings.Contains(r.value, "\n") {
			r.value = "a text of its own"
		} else if r.value != "" {
			r.value = "`" + r.value + "`"
		}
		var values []string
		for _, v := range f.EnumSlice() {
			if f.Enum != "" && v != "" && !strings.Contains(f.Help, v) {
				values = f.EnumSlice()
			}
		}
		if len(values) > 0 {
			r.help += " One of " + strings.Join(slices.DeleteFunc(values, func(v string) bool { return v == "" }), ", ") + "."
		}
		if len(f.Envs) > 0 {
			r.help += " Environment: `" + strings.Join(f.Envs, "`, `") + "`."
		}
		if f.Required {
			r.help += " Needed."
		}
		return r
	}
	users := map[row][]string{}
	var order []row
	leaves := slices.DeleteFunc(app.Leaves(true), func(n *kong.Node) bool { return n.Hidden })
	for _, node := range leaves {
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				if f.Name == "help" {
					continue
				}
				r := rowOf(f)
				if users[r] == nil {
					order = append(order, r)
				}
				users[r] = append(users[r], strings.TrimPrefix(node.Path(), app.Name+" "))
			}
		}
	}
	const shared = 3
	var b strings.Builder
	line := func(r row) { fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.flag, r.value, plain(r.help)) }
	const head = "\n| setting | default | what it means |\n|---|---|---|\n"
	var sets []string // of commands that share settings
	for _, r := range order {
		if of := strings.Join(users[r], ", "); len(users[r]) >= shared && !slices.Contains(sets, of) {
			sets = append(sets, of)
		}
	}
	for _, set := range sets {
		title := set
		if strings.Count(set, ",")+1 == len(leaves) {
			title = "all commands"
		}
		fmt.Fprintf(&b, "\n## Of %s\n%s", title, head)
		for _, r := range order {
			if strings.Join(users[r], ", ") == set {
				line(r)
			}
		}
	}
	for _, node := range leaves {
		name := strings.TrimPrefix(node.Path(), app.Name+" ")
		var own []row
		for _, r := range order {
			if len(users[r]) < shared && slices.Contains(users[r], name) {
				own = append(own, r)
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", name, node.Help)
		if len(own) == 0 && len(node.Positional) == 0 {
			continue
		}
		b.WriteString(head)
		for _, p := range node.Positional {
			value := ""
			if p.Default != "" {
				value = "`" + p.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.ShortSummary(), value, plain(p.Help))
		}
		for _, r := range own {
			line(r)
		}
	}
	return strings.TrimLeft(b.String(), "\n")
}
