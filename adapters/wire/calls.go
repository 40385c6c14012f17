package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Calls puts tool calls together from the fragments in which they come.
type Calls struct {
	list    []Fragment
	settled []bool // came as a value: nothing follows
}

// Add takes the next fragments. What tells calls apart is the id and the index, each where it is given: servers repeat
// ids and names in every fragment, leave the index out, or give all calls the same one.
func (c *Calls) Add(fragments []Fragment) {
	for _, f := range fragments {
		at := len(c.list) - 1
		for at >= 0 && !c.continues(at, f) {
			at--
		}
		if at < 0 {
			c.list, c.settled = append(c.list, f), append(c.settled, f.WholeParameters)
			continue
		}
		call := &c.list[at]
		if call.ID == "" {
			call.ID = f.ID
		}
		switch {
		case call.Name == "":
			call.Name = f.Name
		case f.Name != call.Name && f.ID == "" && call.Arguments == "": // a name in pieces
			call.Name += f.Name
		}
		if c.settled[at] || json.Valid([]byte(call.Arguments)) && f.Arguments == call.Arguments {
			continue // the same again
		}
		call.Arguments += f.Arguments
		c.settled[at] = f.WholeParameters
	}
}

// continues reports whether a fragment belongs to call i.
func (c *Calls) continues(i int, f Fragment) bool {
	call := c.list[i]
	if f.ID != "" && call.ID != "" && f.ID != call.ID || f.Index >= 0 && call.Index >= 0 && f.Index != call.Index {
		return false
	}
	if f.ID == "" && f.Index < 0 && i < len(c.list)-1 {
		return false // without either it goes on with the last
	}
	if f.Name == "" || !json.Valid([]byte(call.Arguments)) {
		return true
	}
	// A whole call, and a name after it: another call, unless it is the same again.
	return f.Name == call.Name && (f.Arguments == "" || f.ID != "" && f.Arguments == call.Arguments)
}

// Whole are the calls, in the order in which they began, each with a JSON object of arguments. Those that came without
// have {}.
func (c *Calls) Whole() ([]ToolCall, error) {
	var out []ToolCall
	for i, f := range c.list {
		call := ToolCall{Index: i, ID: f.ID, Type: "function", Function: Function{Name: f.Name, Arguments: f.Arguments}}
		if strings.TrimSpace(f.Arguments) == "" {
			call.Function.Arguments = "{}"
		}
		if json.Unmarshal([]byte(call.Function.Arguments), &map[string]json.RawMessage{}) != nil {
			return nil, fmt.Errorf("the arguments of tool call %s are no JSON object", f.Name)
		}
		out = append(out, call)
	}
	return out, nil
}
