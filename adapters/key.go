package adapters

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"aprm/prm/step"
)

// ContentKey is by what an answer of an LLM is known: the SHA-256, in hexadecimal, of the operation, the model's
// identity, the splitter's version and all that is asked. The same key is the same answer.
func ContentKey(op, identity string, ask any) (string, error) {
	data, err := json.Marshal(ask)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", op, identity, step.Version, data))
	return hex.EncodeToString(sum[:]), nil
}
