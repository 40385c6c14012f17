package server

import (
	"bytes"
	"regexp"
	"strconv"
)

// usage looks through the bytes of an answer that goes by for what it says that it cost, which stands near its end.
type usage struct {
	tail  []byte
	bytes int
	lines int
}

// tailBytes is how much of an answer's end is kept for it.
const tailBytes = 4 << 10

// Write implements io.Writer, and never fails.
func (u *usage) Write(part []byte) (int, error) {
	u.bytes += len(part)
	u.lines += bytes.Count(part, []byte("\n"))
	if len(part) >= tailBytes {
		u.tail = append(u.tail[:0], part[len(part)-tailBytes:]...)
		return len(part), nil
	}
	if over := len(u.tail) + len(part) - tailBytes; over > 0 {
		u.tail = append(u.tail[:0], u.tail[over:]...)
	}
	u.tail = append(u.tail, part...)
	return len(part), nil
}

// As OpenAI, Anthropic and Ollama call them.
var (
	promptCount = regexp.MustCompile(`"(?:prompt_tokens|input_tokens|prompt_eval_count)"\s*:\s*(\d{1,9})`)
	answerCount = regexp.MustCompile(`"(?:completion_tokens|output_tokens|eval_count)"\s*:\s*(\d{1,9})`)
)

// bytesPerToken of plain English, roughly.
const bytesPerToken = 4

// tokens is what an exchange came to, whose request had so many bytes. Where the answer doesn't say it is guessed: a
// line of a stream is a token, and what is no stream has a token in four bytes.
func (u usage) tokens(request int) int {
	prompt, told := last(promptCount, u.tail)
	if !told {
		prompt = request / bytesPerToken
	}
	answer, told := last(answerCount, u.tail)
	switch {
	case told:
	case u.lines > 8:
		answer = u.lines / 2
	default:
		answer = u.bytes / bytesPerToken
	}
	return prompt + answer
}

func last(of *regexp.Regexp, in []byte) (int, bool) {
	all := of.FindAllSubmatch(in, -1)
	if len(all) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(all[len(all)-1][1]))
	return n, err == nil
}
