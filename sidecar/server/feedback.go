package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"aprm/adapters"
	"aprm/sidecar/decode"
	"aprm/sidecar/server/dialect"
)

// Experience keeps what searches come to, for a PRM to learn from. It is safe for concurrent use.
type Experience interface {
	// Keep keeps a search's answers. They can be spoken of when it returns.
	Keep(ctx context.Context, s Searched) error

	// Owner is whose search that was, "" where there were no keys; ErrNotKept where nothing is known of it.
	Owner(id string) (string, error)

	// Say keeps what a client said of an answer: whether it is right and, unless it is "", what is. What can't be kept
	// for its own sake is a *dialect.Problem.
	Say(id string, right bool, answer string) error
}

// Searched is a search of a single question that has come to an answer.
type Searched struct {
	ID       string // as its trace's
	Owner    string // the name of the key that it came with
	Model    string // the upstream's name of it, "" for the configured one
	Question string
	Options  decode.Options
	Result   decode.Result
}

// ErrNotKept is the error of an answer that isn't kept.
var ErrNotKept = errors.New("the answer isn't kept")

// keep keeps a search where that was asked for. One whose question needs what was said before teaches nothing by
// itself. The client has its answer, kept or not.
func (s *Server) keep(g *gin.Context, c *call, h dialect.Head, r decode.Result) {
	if !s.keeps(g) || !single(c.ask.Messages) {
		return
	}
	err := s.cfg.Experience.Keep(g.Request.Context(), Searched{ID: h.ID, Owner: ownerOf(g), Model: c.model, Question: adapters.LastQuestion(c.ask.Messages), Options: c.opts, Result: r})
	if err != nil && g.Request.Context().Err() == nil {
		s.log.Error("an answer is not kept to learn from", "err", err)
	}
}

// keeps reports whether what comes of a request is to be kept.
func (s *Server) keeps(g *gin.Context) bool {
	key := keyOf(g)
	return s.cfg.Experience != nil && (key == nil || key.Experience)
}

// single reports whether a conversation is one question.
func single(messages []adapters.Message) bool {
	asked := 0
	for _, m := range messages {
		switch m.Role {
		case adapters.System:
		case adapters.User:
			asked++
		default:
			return false
		}
	}
	return asked == 1
}

// feedback serves POST /v1/prm/feedback: {"id":"chatcmpl-…","right":false,"answer":"36"}.
func (s *Server) feedback(g *gin.Context) {
	if err := s.say(g); err != nil {
		s.fail(g, dialect.OpenAI, err)
	}
}

func (s *Server) say(g *gin.Context) error {
	body, err := readBody(g.Request, s.cfg.MaxBody)
	if err != nil {
		return err
	}
	o, err := dialect.Parse(body)
	if err != nil {
		return err
	}
	if !s.keeps(g) {
		why := "answers to this key are not kept: say experience: true of it in the file of keys"
		if s.cfg.Experience == nil {
			why = "no answers are kept here: serve with --experience FOLDER"
		}
		p := dialect.BadRequest("", "%s", why)
		p.Code = "no_experience"
		return p
	}
	var id string
	if err := o.Read("id", &id, "a string: the answer's id, of Ollama's its prm.trace_id"); err != nil {
		return err
	}
	if id == "" {
		return dialect.BadRequest("id", "id is missing: send the answer's id, of Ollama's its prm.trace_id")
	}
	var right *bool
	if err := o.Read("right", &right, "true or false"); err != nil {
		return err
	}
	if right == nil {
		return dialect.BadRequest("right", "right is missing: send true or false")
	}
	answer, err := finalAnswer(o)
	if err != nil {
		return err
	}
	owner, err := s.cfg.Experience.Owner(id)
	if err == nil && !mine(g)(owner) {
		err = ErrNotKept
	}
	if err == nil {
		err = s.cfg.Experience.Say(id, *right, answer)
	}
	if errors.Is(err, ErrNotKept) {
		return &dialect.Problem{Status: http.StatusNotFound, Kind: dialect.NotFound, Param: "id", Code: "answer_not_kept",
			Message: "no answer of that id is kept: raw answers, follow-ups and answers of another model than the configured one never are, and old ones go"}
	}
	if err != nil {
		return err
	}
	g.JSON(http.StatusOK, gin.H{"id": id, "right": *right, "kept": true})
	return nil
}

// longestAnswer bounds a final answer, in bytes.
const longestAnswer = 4096

// finalAnswer is what a client says is right, "" where it doesn't.
func finalAnswer(o dialect.Object) (string, error) {
	value, ok := o.Get("answer")
	if !ok {
		return "", nil
	}
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(value, &text) == nil:
	case json.Unmarshal(value, &number) == nil:
		text = number.String()
	default:
		return "", dialect.BadRequest("answer", "answer must be a number or a string: the final answer alone")
	}
	if text == "" || len(text) > longestAnswer {
		return "", dialect.BadRequest("answer", "answer must have 1 to %d bytes: the final answer alone; leave it out where it isn't known", longestAnswer)
	}
	return text, nil
}
