package states

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// vllmTokens returns the tokens of a text as vLLM's POST /tokenize gives them, and the byte offset at which each ends.
func (s *Server) vllmTokens(ctx context.Context, text string) (ids, ends []int, err error) {
	var answer struct {
		IDs   []int    `json:"tokens"`
		Names []string `json:"token_strs"`
	}
	ask := map[string]any{"prompt": text, "return_token_strs": true}
	if err := s.post(ctx, "/tokenize", int64(len(text)+spareTokens)*perToken, ask, &answer); err != nil {
		return nil, nil, err
	}
	if len(answer.IDs) == 0 || len(answer.IDs) != len(answer.Names) {
		return nil, nil, unfit("/tokenize answered something else than tokens and their names")
	}
	ends, err = spelt(text, answer.Names, named)
	return answer.IDs, ends, err
}

// vllmRows returns what vLLM's POST /pooling answers for tokens: a state for each, as the last layer left it, not
// brought to unit length. The task is named so that a server which would pool them refuses. In base64 an answer has
// three fifths of what it has in digits, and takes less time at both ends.
func (s *Server) vllmRows(ctx context.Context, ids []int) ([][]float32, error) {
	var answer struct {
		Data []struct {
			Data string `json:"data"`
		} `json:"data"`
	}
	ask := map[string]any{"input": ids, "task": "token_embed", "use_activation": false, "encoding_format": "base64", "embed_dtype": "float32", "endianness": "little"}
	if err := s.post(ctx, "/pooling", int64(len(ids)+spareTokens)*widest*perFloat, ask, &answer); err != nil {
		return nil, err
	}
	malformed := unfit("/pooling answered something else than a state for each token")
	if len(answer.Data) != 1 {
		return nil, malformed
	}
	raw, err := base64.StdEncoding.DecodeString(answer.Data[0].Data)
	if err != nil || len(raw) == 0 || len(raw)%(4*len(ids)) != 0 {
		return nil, malformed
	}
	width := len(raw) / 4 / len(ids)
	rows := make([][]float32, len(ids))
	for i := range rows {
		rows[i] = make([]float32, width)
		for j := range rows[i] {
			rows[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(i*width+j):]))
			if x := float64(rows[i][j]); math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, malformed
			}
		}
	}
	return rows, nil
}

// named is what a token may stand for that a vocabulary calls so: bytes in the alphabet of byte-level BPE (GPT-2's,
// Llama 3's, Qwen's), words in that of SentencePiece, whose spaces are ▁ and whose single bytes are <0x0A>, or what it
// says.
func named(name string) []string {
	var all []string
	if b, ok := byteLevel(name); ok {
		all = append(all, b)
	}
	if hex, ok := strings.CutPrefix(name, "<0x"); ok && strings.HasSuffix(hex, ">") {
		if x, err := strconv.ParseUint(strings.TrimSuffix(hex, ">"), 16, 8); err == nil {
			all = append(all, string([]byte{byte(x)}))
		}
	}
	words := strings.ReplaceAll(name, "▁", " ")
	all = append(all, words)
	if rest, spaced := strings.CutPrefix(words, " "); spaced && rest != "" { // the space that SentencePiece puts before a text
		all = append(all, rest)
	}
	return all
}

// byteLevel reads a name in the alphabet of byte-level BPE, in which every byte has a printable character of its own:
// those of Latin-1 that are printable and no space stand for themselves, the 68 others, in their order, for the
// characters from U+0100 on.
func byteLevel(name string) (string, bool) {
	b := make([]byte, 0, len(name))
	for _, r := range name {
		switch {
		case plain(r):
			b = append(b, byte(r)) // #nosec G115 -- plain are below 256
		case r >= 0x100 && int(r) < 0x100+len(others):
			b = append(b, others[r-0x100])
		default:
			return "", false
		}
	}
	return string(b), true
}

// plain reports whether a byte stands for itself in byte-level BPE.
func plain(r rune) bool { return r >= '!' && r <= '~' || r >= 0xA1 && r <= 0xFF && r != 0xAD }

// others are the bytes that don't.
var others = func() (all []byte) {
	for b := range 256 {
		if !plain(rune(b)) {
			all = append(all, byte(b)) // #nosec G115 -- below 256
		}
	}
	return all
}()
