package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/prm/step"
	"aprm/sidecar/server/dialect"
)

// Names of the PRM at POST /pooling, beside its checkpoint's ID: one that always holds, and a suffix to the LLM's name.
const (
	prmName   = "sidecar-prm"
	prmSuffix = "@prm"
)

// pooling serves POST /pooling as vLLM serves a PRM there (task token_classify): one row [P(bad), P(good)] for each
// step token of the solution, in the order that Config says. A request is the PRM's when it names it (sidecar-prm, the
// LLM's name with @prm, the checkpoint's ID) or names no model; every other one goes to the upstream as it is, which
// may have a /pooling of its own.
//
// usage is there, as vLLM's clients read it, and zero, which is what vLLM's UsageInfo holds unless it is told: there is
// no honest number. The PRM has no tokenizer, it reads words and numbers; of the LLM's tokens that hidden states cost,
// most endpoints tell nothing, and a cache spares them.
func (s *Server) pooling(scorer StepScorer) gin.HandlerFunc {
	return func(g *gin.Context) {
		if g.GetHeader("Content-Encoding") != "" {
			s.pass(g, "content-encoding", nil)
			return
		}
		body, err := readBody(g.Request, s.cfg.MaxBody)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		o, err := dialect.Parse(body)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		var model string
		if err := o.Read("model", &model, "a string"); err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		id, ok := s.reasoner.Checkpoint()
		if !s.isPRM(model, id) && (model != "" || !ok) {
			s.pass(g, "another model's", body)
			return
		}
		if !ok {
			s.fail(g, dialect.OpenAI, noCheckpoint("model", "model "+model+" is the PRM"))
			return
		}
		traces, err := readPooling(o, s.cfg.StepToken)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		found, err := s.judge(g.Request, scorer, traces)
		if err != nil {
			s.fail(g, dialect.OpenAI, err)
			return
		}
		if model == "" {
			model = prmName
		}
		g.Data(http.StatusOK, "application/json; charset=utf-8", dialect.Compact(s.pooled(model, found)))
	}
}

// isPRM reports whether a model's name is one of the PRM's, whose checkpoint is id.
func (s *Server) isPRM(model, id string) bool {
	return model == prmName || s.cfg.Model != "" && model == s.cfg.Model+prmSuffix || id != "" && model == id
}

// pooledAnswer is vLLM's answer at /pooling.
type pooledAnswer struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Created int64          `json:"created"`
	Model   string         `json:"model"`
	Data    []pooledResult `json:"data"`
	Usage   struct {
		Prompt     int  `json:"prompt_tokens"`
		Total      int  `json:"total_tokens"`
		Completion int  `json:"completion_tokens"`
		Details    *int `json:"prompt_tokens_details"`
	} `json:"usage"`
}

type pooledResult struct {
	Index  int          `json:"index"`
	Object string       `json:"object"`
	Data   [][2]float64 `json:"data"`
}

func (s *Server) pooled(model string, found []scored) pooledAnswer {
	a := pooledAnswer{ID: "pool-" + s.newID(), Object: "list", Created: s.now().Unix(), Model: model}
	for i, f := range found {
		rows := make([][2]float64, len(f.scores))
		for j, score := range f.scores {
			rows[j] = [2]float64{1 - score.Step, score.Step}
			if s.cfg.GoodFirst {
				rows[j] = [2]float64{score.Step, 1 - score.Step}
			}
		}
		a.Data = append(a.Data, pooledResult{Index: i, Object: "pooling", Data: rows})
	}
	return a
}

// readPooling reads what is to be scored: a conversation in messages, or texts in input that hold question and solution
// in ChatML or in Math-Shepherd's format. Fields that ask for something else than probabilities as numbers are refused,
// those that only concern a tokenizer are not looked at.
func readPooling(o dialect.Object, token string) ([]step.Trace, error) {
	var task, encoding string
	activation := true
	var dimensions *int
	for _, field := range []struct {
		key  string
		into any
		want string
	}{
		{"task", &task, "a string"},
		{"encoding_format", &encoding, "a string"},
		{"use_activation", &activation, "true or false"},
		{"dimensions", &dimensions, "a whole number"},
	} {
		if err := o.Read(field.key, field.into, field.want); err != nil {
			return nil, err
		}
	}
	switch {
	case task != "" && task != "token_classify" && task != "encode": // the latter is its older name
		return nil, dialect.BadRequest("task", "task %q is not the PRM's, which is token_classify", task)
	case encoding != "" && encoding != "float":
		return nil, dialect.BadRequest("encoding_format", "encoding_format must be float, not %q", encoding)
	case !activation:
		return nil, dialect.BadRequest("use_activation", "use_activation must be true: the PRM's scores are probabilities")
	case dimensions != nil:
		return nil, dialect.BadRequest("dimensions", "dimensions is for embeddings: a PRM's rows have two columns")
	}
	input, isInput := o.Get("input")
	if _, isChat := o.Get("messages"); isChat == isInput {
		if isChat {
			return nil, dialect.BadRequest("input", "input stands beside messages: send one or the other")
		}
		return nil, dialect.BadRequest("messages", "messages is missing: send the question as user and the steps as assistant, each followed by %s", token)
	}
	if isInput {
		return readInput(input, token)
	}
	messages, err := dialect.ReadMessages(o)
	if err != nil {
		return nil, err
	}
	last := len(messages) - 1
	at := fmt.Sprintf("messages[%d]", last)
	if messages[last].Role != adapters.Assistant {
		return nil, dialect.BadRequest(at+".role", "%s.role must be assistant: the last message holds the steps", at)
	}
	question := ""
	for _, m := range messages[:last] {
		if m.Role == adapters.User {
			question = m.Content
		}
	}
	t, err := marked(question, messages[last].Content, token, "messages", at+".content")
	return []step.Trace{t}, err
}

// readInput reads input: a text, or a list of them.
func readInput(value json.RawMessage, token string) ([]step.Trace, error) {
	var texts []*string
	param := func(i int) string { return fmt.Sprintf("input[%d]", i) }
	if json.Unmarshal(value, &texts) != nil {
		var text string
		if json.Unmarshal(value, &text) != nil {
			return nil, dialect.BadRequest("input", "input must be a string or a list of strings: the PRM has no tokenizer that numbers could be of")
		}
		texts, param = []*string{&text}, func(int) string { return "input" }
	}
	if len(texts) == 0 || len(texts) > maxSolutions {
		return nil, dialect.BadRequest("input", "input must be 1 to %d texts, not %d", maxSolutions, len(texts))
	}
	traces := make([]step.Trace, len(texts))
	for i, text := range texts {
		if text == nil {
			return nil, dialect.BadRequest(param(i), "%s must be a string", param(i))
		}
		question, steps, ok := chatML(*text)
		shepherd := false
		if !ok {
			question, steps, shepherd = cutShepherd(*text, token)
		}
		if !ok && !shepherd {
			return nil, dialect.BadRequest(param(i), "%s: where the question ends can't be told: send messages, ChatML, or \"QUESTION Step 1: …\"", param(i))
		}
		var err error
		if traces[i], err = marked(question, steps, token, param(i), param(i)); err != nil {
			return nil, err
		}
		if !shepherd {
			continue
		}
		for j, s := range traces[i].Steps {
			traces[i].Steps[j] = stepNumber.ReplaceAllString(s, "")
		}
	}
	return traces, nil
}

var stepNumber = regexp.MustCompile(`^Step \d+: ?`)

// chatML finds the last turn of the assistant in a text as Qwen's template writes it, and the user's before it.
func chatML(text string) (question, steps string, ok bool) {
	const user, assistant, end = "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>"
	at := strings.LastIndex(text, assistant)
	if at < 0 {
		return "", "", false
	}
	steps, _, _ = strings.Cut(text[at+len(assistant):], end)
	before := text[:at]
	if at = strings.LastIndex(before, user); at < 0 {
		return "", steps, true
	}
	question, _, _ = strings.Cut(before[at+len(user):], end)
	return question, steps, true
}

// cutShepherd cuts a text as Math-Shepherd has it, "question Step 1: … ки\nStep 2: … ки", before its first step: at the
// last "Step 1:" before the first step token.
func cutShepherd(text, token string) (question, steps string, ok bool) {
	first, _, _ := strings.Cut(text, token)
	at := strings.LastIndex(first, "Step 1:")
	if at < 0 {
		return "", "", false
	}
	return text[:at], text[at:], true
}

// marked cuts a solution behind each step token. What follows the last one is no step yet and has no row, as at vLLM.
// The params name the fields at fault.
func marked(question, solution, token, questionParam, param string) (t step.Trace, err error) {
	if t.Problem.Question = strings.TrimSpace(question); t.Problem.Question == "" {
		return t, dialect.BadRequest(questionParam, "%s holds no question before the steps", questionParam)
	}
	switch n := strings.Count(solution, token); {
	case n == 0:
		return t, dialect.BadRequest(param, "%s holds no %s: each step must be followed by it", param, token)
	case n > maxSteps:
		return t, dialect.BadRequest(param, "%s holds %d steps, the most is %d", param, n, maxSteps)
	default:
		t.Steps = strings.Split(solution, token)[:n]
	}
	for i, s := range t.Steps {
		t.Steps[i] = strings.TrimSpace(s)
	}
	return t, nil
}
