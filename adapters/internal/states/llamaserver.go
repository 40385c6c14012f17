package states

import (
	"context"
	"encoding/json"
)

// llamaRows returns what llama-server's POST /embedding answers for one text: a state for every token.
func (s *Server) llamaRows(ctx context.Context, text string) ([][]float32, error) {
	var answer []struct {
		Embedding json.RawMessage `json:"embedding"`
	}
	if err := s.post(ctx, "/embedding", int64(len(text)+spareTokens)*widest*perFloat, map[string]any{"content": text}, &answer); err != nil {
		return nil, err
	}
	malformed := unfit("/embedding answered something else than states")
	if len(answer) != 1 {
		return nil, malformed
	}
	var rows [][]float32
	if json.Unmarshal(answer[0].Embedding, &rows) != nil {
		var row []float32 // older servers give a pooled state bare
		if json.Unmarshal(answer[0].Embedding, &row) != nil {
			return nil, malformed
		}
		rows = [][]float32{row}
	}
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, malformed
	}
	for _, row := range rows {
		if len(row) != len(rows[0]) {
			return nil, malformed
		}
	}
	return rows, nil
}

// llamaEnds returns the byte offset at which each token of the text ends, by llama-server's POST /tokenize.
func (s *Server) llamaEnds(ctx context.Context, text string) ([]int, error) {
	var answer struct {
		Tokens []struct {
			Piece json.RawMessage `json:"piece"`
		} `json:"tokens"`
	}
	ask := map[string]any{"content": text, "with_pieces": true, "add_special": true}
	if err := s.post(ctx, "/tokenize", int64(len(text)+spareTokens)*perToken, ask, &answer); err != nil {
		return nil, err
	}
	pieces := make([]string, len(answer.Tokens))
	for i, token := range answer.Tokens {
		if json.Unmarshal(token.Piece, &pieces[i]) == nil {
			continue
		}
		var raw []int // part of a character comes as bytes
		if json.Unmarshal(token.Piece, &raw) != nil {
			return nil, unfit("/tokenize answered a piece that is neither text nor bytes")
		}
		b := make([]byte, len(raw))
		for j, x := range raw {
			b[j] = byte(x) // #nosec G115 -- what is no byte spells another text, which is found later
		}
		pieces[i] = string(b)
	}
	return spelt(text, pieces, func(piece string) []string { return []string{piece} })
}
