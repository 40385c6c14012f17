package dialect

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
)

// Object is a JSON object that remembers its bytes, so that a member can be changed and the rest left as it came:
// order, spacing, duplicate keys, number spelling.
type Object struct {
	raw     []byte
	open    int // just behind the opening brace
	members []member
}

// member is one key with its value, raw[start:end]. What separates it from the member before begins at from.
type member struct {
	key              string
	from, start, end int
}

// Parse notes where the members of a JSON object are. It looks no deeper than it must to find their ends: bodies are
// long, a raw request must not wait, and what is wrong within a value is found by whoever reads it, here or upstream.
func Parse(body []byte) (o Object, err error) {
	o.raw = body
	at := skipSpace(body, 0)
	switch {
	case at == len(body):
		return o, BadRequest("", "the body is empty: send a JSON object")
	case body[at] != '{':
		return o, BadRequest("", "the body is not a JSON object")
	}
	o.open = at + 1
	o.members = make([]member, 0, 8) // as most have
	from := o.open
	for {
		at = skipSpace(body, from)
		if is(body, at, '}') {
			if end := skipSpace(body, at+1); end < len(body) {
				return o, notJSON(body, end)
			}
			return o, nil
		}
		if len(o.members) > 0 {
			if !is(body, at, ',') {
				return o, notJSON(body, at)
			}
			at = skipSpace(body, at+1)
		}
		key := at
		if at = skipString(body, at); at < 0 {
			return o, notJSON(body, key)
		}
		m := member{from: from}
		if m.key, err = readKey(body[key:at]); err != nil {
			return o, notJSON(body, key)
		}
		if at = skipSpace(body, at); !is(body, at, ':') {
			return o, notJSON(body, at)
		}
		m.start = skipSpace(body, at+1)
		if m.end = skipValue(body, m.start); m.end < 0 {
			return o, notJSON(body, m.start)
		}
		o.members = append(o.members, m)
		from = m.end
	}
}

// readKey reads a quoted key. Most are plain words, which json.Unmarshal takes its time for.
func readKey(quoted []byte) (key string, err error) {
	inner := quoted[1 : len(quoted)-1]
	if plainWord(inner) {
		return string(inner), nil
	}
	err = json.Unmarshal(quoted, &key)
	return key, err
}

// plainWord reports whether a text stands for itself between JSON's quotes, and is ASCII.
func plainWord(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// notJSON is the problem of a body that goes wrong at that place.
func notJSON(body []byte, at int) error {
	if at >= len(body) {
		return BadRequest("", "the body is not valid JSON: it ends too early")
	}
	return BadRequest("", "the body is not valid JSON at byte %d", at)
}

func is(text []byte, at int, b byte) bool { return at < len(text) && text[at] == b }

// skipSpace returns where the white space that begins at that place ends.
func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// skipString returns where the string that begins at that place ends, -1 when none does.
func skipString(text []byte, at int) int {
	if !is(text, at, '"') {
		return -1
	}
	for end := at + 1; ; end++ {
		i := bytes.IndexByte(text[end:], '"')
		if i < 0 {
			return -1
		}
		end += i
		escapes := 0
		for text[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end + 1
		}
	}
}

// skipValue returns where the value that begins at that place ends, -1 when none does.
func skipValue(text []byte, at int) int {
	for depth := 0; at < len(text); {
		switch c := text[at]; {
		case c == '"':
			if at = skipString(text, at); at < 0 {
				return -1
			}
		case c == '{' || c == '[':
			depth++
			at++
		case c == '}' || c == ']':
			depth--
			at++
		case depth > 0:
			at++ // a number, a word, or what is between values
			continue
		default:
			end := at
			for end < len(text) && !bytes.ContainsRune([]byte(" \t\r\n,}]:"), rune(text[end])) {
				end++
			}
			if end == at {
				return -1
			}
			return end
		}
		if depth <= 0 {
			if depth < 0 {
				return -1
			}
			return at
		}
	}
	return -1
}

// Is reports whether there is one: the zero value is none.
func (o Object) Is() bool { return o.raw != nil }

// Get returns the value of a key: of the last one where the key is repeated, as JSON readers do. null is as good as
// absent.
func (o Object) Get(key string) (value json.RawMessage, ok bool) {
	for i := len(o.members) - 1; i >= 0; i-- {
		if m := o.members[i]; m.key == key {
			value = o.raw[m.start:m.end]
			return value, string(value) != "null"
		}
	}
	return nil, false
}

// All goes over the members in their order.
func (o Object) All() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, m := range o.members {
			if !yield(m.key, o.raw[m.start:m.end]) {
				return
			}
		}
	}
}

// Read decodes the value of a key into v, which stays as it is where the key is absent. want says what is wanted.
func (o Object) Read(key string, v any, want string) error {
	value, ok := o.Get(key)
	if !ok {
		return nil
	}
	if text, ok := v.(*string); ok && len(value) > 1 && value[0] == '"' && plainWord(value[1:len(value)-1]) {
		*text = string(value[1 : len(value)-1])
		return nil
	}
	if err := json.Unmarshal(value, v); err != nil {
		return BadRequest(key, "%s must be %s", key, want)
	}
	return nil
}

// Edit returns the bytes with some values replaced and some members dropped. replace returns the new value of a member,
// or nil to leave it. Nothing to change gives the very bytes that came in.
func (o Object) Edit(replace func(key string, value json.RawMessage) json.RawMessage, drop string) []byte {
	changes := o.changes(replace, drop)
	if len(changes) == 0 {
		return o.raw
	}
	return o.with(changes, make([]byte, 0, len(o.raw)+64)) // names and settings are short
}

// Spend is Edit for bytes that nobody needs afterwards, those of the object included: they are written over where there
// is room.
func (o Object) Spend(replace func(key string, value json.RawMessage) json.RawMessage, drop string) []byte {
	changes := o.changes(replace, drop)
	switch {
	case len(changes) == 0:
		return o.raw
	case slices.ContainsFunc(changes, func(c change) bool { return len(c.value) > c.end-c.start }):
		return o.with(changes, make([]byte, 0, len(o.raw)+64))
	}
	return o.with(changes, o.raw[:0])
}

// change puts a value in place of raw[start:end].
type change struct {
	start, end int
	value      []byte
}

// changes are those of an Edit, in their order.
func (o Object) changes(replace func(key string, value json.RawMessage) json.RawMessage, drop string) (out []change) {
	leading := false // what came first was dropped: so must be the comma before the next
	for i, m := range o.members {
		if m.key == drop {
			out = append(out, change{m.from, m.end, nil})
			leading = leading || i == 0
			continue
		}
		if leading {
			out = append(out, change{m.from, m.from + bytes.IndexByte(o.raw[m.from:m.start], ',') + 1, nil})
			leading = false
		}
		if value := replace(m.key, o.raw[m.start:m.end]); value != nil {
			out = append(out, change{m.start, m.end, value})
		}
	}
	return out
}

// with appends the bytes with these changes to into, which may begin where raw does if none of them is longer than what
// it replaces.
func (o Object) with(changes []change, into []byte) []byte {
	copied := 0
	for _, c := range changes {
		into = append(into, o.raw[copied:c.start]...)
		into = append(into, c.value...)
		copied = c.end
	}
	return append(into, o.raw[copied:]...)
}
