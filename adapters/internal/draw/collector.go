// Package draw holds what drawing completions needs whatever the endpoint's dialect: gathering a stream into a
// completion, asking several times where one request can't, retrying, and asking in words for what the endpoint can't
// continue.
package draw

import (
	"strings"

	"aprm/adapters"
	"aprm/prm/step"
)

// Collector gathers the stream of one completion.
type Collector struct {
	oneStep bool
	most    int    // tokens, 0 for as many as longestText has
	echo    string // the prefill, until it is clear whether the endpoint repeats it

	text     strings.Builder
	tokens   []step.Token
	chunks   int
	prompt   int    // estimated tokens of the prompt
	step     string // the whole first step, once it is complete
	thinking bool   // thoughts are open
	cut      bool
	over     bool // more came than was asked for
}

// What an answer may have, in bytes: whatever the endpoint does, and for each of the tokens that were asked for.
const (
	longestText = 512 << 10
	longToken   = 64
)

// NewCollector returns a collector for one completion of req. When the endpoint repeats the prefill before what is new,
// or may do so because it was asked in words to go on, echoed says so and the repetition is left out.
func NewCollector(req adapters.Request, echoed bool) *Collector {
	c := &Collector{oneStep: req.OneStep, most: req.MaxTokens}
	for _, m := range req.Messages {
		c.prompt += len(m.Content)/bytesPerToken + 4 // and the template's own tokens around a message
	}
	if echoed {
		c.echo = Prefill(req.Messages)
	}
	return c
}

// bytesPerToken of plain English, roughly.
const bytesPerToken = 4

// Prefill returns the trailing assistant message to be continued, "" when there is none.
func Prefill(messages []adapters.Message) string {
	if n := len(messages); n > 0 && messages[n-1].Role == adapters.Assistant {
		return messages[n-1].Content
	}
	return ""
}

// Marks of thoughts within a text, as reasoning models set them themselves.
const (
	thinkOpen  = "<think>\n"
	thinkClose = "\n</think>\n\n"
)

// Think takes thoughts that an endpoint gives apart from the text. They stand before it, between the marks that models
// set whose endpoint doesn't, so that thoughts are the same to whoever reads on. Thoughts behind the first word of the
// text are dropped.
func (c *Collector) Think(thoughts string) (enough bool) {
	switch {
	case thoughts == "" || c.cut || c.over:
		return c.cut || c.over
	case c.thinking:
		return c.add(thoughts, nil)
	case c.text.Len() > 0:
		return false
	}
	c.thinking = true
	return c.add(thinkOpen+thoughts, nil)
}

// Add takes the next piece of the stream and reports whether enough has come: then the stream should be closed.
func (c *Collector) Add(text string, tokens []step.Token) (enough bool) {
	if text != "" && c.thinking {
		c.thinking, text = false, thinkClose+text
	}
	return c.add(text, tokens)
}

func (c *Collector) add(text string, tokens []step.Token) (enough bool) {
	if c.cut || c.over {
		return true
	}
	if c.over = c.full(text); c.over {
		return true
	}
	c.text.WriteString(text)
	if text != "" && c.fresh() != "" {
		c.chunks++
	}
	c.tokens = append(c.tokens, tokens...)
	if !c.oneStep {
		return false
	}
	if first, _, complete := step.Next(c.fresh()); complete {
		c.step, c.cut = first, true
	}
	return c.cut
}

// full reports whether text would be more than was asked for: endpoints that don't keep to max_tokens go on for ever.
// Without log-probabilities each piece of the stream is taken for a token, as Spent does; those of an echo are none
// that were asked for.
func (c *Collector) full(text string) bool {
	spent, longest := c.chunks, longestText
	if c.echo == "" {
		spent = c.Spent()
	}
	if c.most > 0 {
		longest = min(longest, c.most*longToken+len(c.echo)+len(thinkOpen)+len(thinkClose))
	}
	return c.text.Len()+len(text) > longest || c.most > 0 && spent >= c.most && text != ""
}

// Ended is why enough has come.
func (c *Collector) Ended() adapters.FinishReason {
	if c.over {
		return adapters.FinishLength
	}
	return adapters.FinishCut
}

// fresh is the text so far without an echoed prefill; "" while what has come could still be the beginning of one.
func (c *Collector) fresh() string {
	text := c.text.String()
	if c.echo == "" {
		return text
	}
	if rest, found := strings.CutPrefix(text, c.echo); found {
		return rest
	}
	if strings.HasPrefix(c.echo, text) {
		return ""
	}
	// Some templates trim the message before it is continued.
	if rest, found := strings.CutPrefix(text, strings.TrimRight(c.echo, " \n")); found {
		return strings.TrimLeft(rest, "\n")
	}
	return text
}

// Spent counts the tokens generated so far: those that came with log-probabilities or, without any, the pieces of the
// stream after an echoed prefill, which are a token each on every server known. It is what is left to go by once a
// stream is cut off.
func (c *Collector) Spent() int { return max(len(c.tokens), c.chunks) }

// Prompt is the size of the prompt in tokens, estimated from its bytes.
func (c *Collector) Prompt() int { return c.prompt }

// Completion returns what was gathered. usage is the endpoint's own count; its CompletionTokens are used where it gives
// any, else Spent. A stream that was cut may never have told the size of its prompt: that is then estimated from its
// bytes. err marks the completion as failed.
func (c *Collector) Completion(finish adapters.FinishReason, usage adapters.Usage, err error) adapters.Completion {
	text := c.fresh()
	if c.oneStep {
		text = c.step
		if !c.cut {
			text, _, _ = step.Next(c.fresh())
		}
	}
	if c.cut || c.over {
		finish = c.Ended()
		if usage.PromptTokens <= 0 {
			usage.PromptTokens = c.prompt
		}
	}
	if usage.CompletionTokens <= 0 { // less than none is what some endpoints say of what they don't count, and would make room in a budget
		usage.CompletionTokens = c.Spent()
	}
	usage.PromptTokens = max(0, usage.PromptTokens)
	return adapters.Completion{Text: text, Finish: finish, Tokens: c.spelling(text), Usage: usage, Err: err}
}

// spelling returns the tokens from the end of an echo to the end of text; all of them when they don't spell it.
func (c *Collector) spelling(text string) []step.Token {
	var all strings.Builder
	for _, t := range c.tokens {
		all.WriteString(t.Text)
	}
	// An echo comes with log-probabilities of its own where the model wrote it, and without where the server put it
	// there.
	begin := 0
	if whole := c.text.String(); strings.HasPrefix(all.String(), whole) {
		begin = len(whole) - len(c.fresh())
	}
	at := strings.Index(all.String()[begin:], text)
	if at < 0 || text == "" {
		return c.tokens
	}
	end, n := begin+at+len(text), 0
	first, last := 0, 0
	for last < len(c.tokens) && n < end {
		n += len(c.tokens[last].Text)
		last++
		if n <= begin {
			first = last
		}
	}
	return c.tokens[first:last:last]
}
