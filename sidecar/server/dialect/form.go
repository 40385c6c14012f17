package dialect

import (
	"bytes"
	"mime"
	"strings"
)

// EditForm returns a multipart form with the text of one field replaced and another field dropped; every other byte is
// as it came. What is no form comes back as it is.
func EditForm(body []byte, boundary, field string, replace func(string) string, drop string) []byte {
	if boundary == "" {
		return body
	}
	mark := []byte("--" + boundary)
	var out []byte
	rest := body
	for {
		at := bytes.Index(rest, mark)
		if at < 0 {
			return append(out, rest...)
		}
		next := bytes.Index(rest[at+len(mark):], mark)
		if next < 0 {
			return append(out, rest...)
		}
		out = append(out, rest[:at]...)
		part := rest[at : at+len(mark)+next]
		rest = rest[at+len(mark)+next:]
		head, text, ok := bytes.Cut(part, []byte("\r\n\r\n"))
		switch name := fieldName(head); {
		case ok && name == drop:
			continue
		case ok && name == field:
			value := strings.TrimSuffix(string(text), "\r\n")
			out = append(append(append(out, head...), "\r\n\r\n"+replace(value)...), "\r\n"...)
		default:
			out = append(out, part...)
		}
	}
}

// fieldName is the name in a part's head, "" where it has none or holds a file.
func fieldName(head []byte) string {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "Content-Disposition") {
			continue
		}
		if _, params, err := mime.ParseMediaType(strings.TrimSpace(value)); err == nil && params["filename"] == "" {
			return params["name"]
		}
	}
	return ""
}
