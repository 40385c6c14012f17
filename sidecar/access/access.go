// Package access says who may do what: keys with scopes, rates and budgets, read from a file that holds none of them.
package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/time/rate"
)

// Scope is a part of the sidecar that a key opens.
type Scope string

// The scopes.
const (
	Chat    Scope = "chat"    // ask the model, whatever the route, and what the endpoint itself serves
	Score   Scope = "score"   // ask the PRM
	Traces  Scope = "traces"  // see what one's own searches did
	Metrics Scope = "metrics" // see the figures
	Admin   Scope = "admin"   // all of these, and everybody's traces
)

// Scopes are all there are.
func Scopes() []Scope { return []Scope{Chat, Score, Traces, Metrics, Admin} }

// Entry is a key as a file has it.
type Entry struct {
	Name     string  `yaml:"name"`
	Hash     string  `yaml:"hash"`                         // sha256:… of the key
	Scopes   []Scope `yaml:"scopes,flow"`                  // without any: chat, score and traces
	Requests int     `yaml:"requests,omitempty"`           // a minute; 0 for as many as it likes, as below
	Tokens   int     `yaml:"tokens,omitempty"`             // a minute, prompts included
	Daily    int     `yaml:"tokens-a-day,omitempty"`       // by UTC
	Searches int     `yaml:"searches-at-a-time,omitempty"` // of --max-searches

	Experience bool `yaml:"experience,omitempty"` // what its searches come to may be kept to learn from, where any is
}

// hashed is what Entry.Hash begins with. Keys are random and long, so one round of it is enough.
const hashed = "sha256:"

// New makes a key up, and what a file holds of it.
func New(name string, scopes []Scope) (key string, e Entry) {
	key = "sk-sidecar-" + strings.ToLower(rand.Text())
	return key, Entry{Name: name, Hash: hashOf(key), Scopes: scopes}
}

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hashed + hex.EncodeToString(sum[:])
}

// Key is one that is known, with what was spent of its limits. It is safe for concurrent use.
type Key struct {
	Entry
	sum      []byte
	requests *rate.Limiter // nil for no limit
	tokens   *rate.Limiter
	*account
}

// account is what a name has had: it is the same for every reading of the file, as requests that began by one may end
// by another.
type account struct {
	mu      sync.Mutex
	day     time.Time // that spent is of
	spent   int
	running int
}

// Keys are those of a file.
type Keys struct{ keys []*Key }

// largest bounds a file of keys, in bytes.
const largest = 1 << 20

// Parse reads a file of keys: {"keys":[…]} in YAML. All that is wrong with it is the error, which names the key at
// fault.
func Parse(text []byte) (*Keys, error) {
	if len(text) > largest {
		return nil, fmt.Errorf("keys: more than %d bytes", largest)
	}
	var file struct {
		Keys []Entry `yaml:"keys"`
	}
	in := yaml.NewDecoder(bytes.NewReader(text))
	in.KnownFields(true)
	if err := in.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if err := in.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("keys: more than one document: what stands behind --- would not be read")
	}
	if len(file.Keys) == 0 {
		return nil, errors.New("keys: there is none")
	}
	t := &Keys{}
	var errs []error
	names, hashes := map[string]bool{}, map[string]bool{}
	for i, e := range file.Keys {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("keys[%d] %q: %s", i, e.Name, fmt.Sprintf(format, args...)))
		}
		sum, err := hex.DecodeString(strings.TrimPrefix(e.Hash, hashed))
		switch {
		case e.Name == "":
			bad("it has no name")
		case names[e.Name]:
			bad("the name is there twice")
		case !strings.HasPrefix(e.Hash, hashed) || err != nil || len(sum) != sha256.Size:
			bad("hash must be %s and %d hexadecimal digits: the key itself has no place here", hashed, 2*sha256.Size)
		case hashes[e.Hash]:
			bad("the key is there twice")
		case e.Requests < 0 || e.Tokens < 0 || e.Daily < 0 || e.Searches < 0:
			bad("a limit is below 0")
		}
		for _, s := range e.Scopes {
			if !slices.Contains(Scopes(), s) {
				bad("%q is no scope: there are %v", s, Scopes())
			}
		}
		if len(e.Scopes) == 0 {
			e.Scopes = []Scope{Chat, Score, Traces}
		}
		names[e.Name], hashes[e.Hash] = true, true
		t.keys = append(t.keys, newKey(e, sum))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// One is the table of a single key that opens everything.
func One(key string) *Keys {
	sum := sha256.Sum256([]byte(key))
	return &Keys{keys: []*Key{newKey(Entry{Name: "default", Hash: hashOf(key), Scopes: []Scope{Admin}, Experience: true}, sum[:])}}
}

func newKey(e Entry, sum []byte) *Key {
	k := &Key{Entry: e, sum: sum, account: &account{}}
	perMinute := func(n int) *rate.Limiter {
		if n == 0 {
			return nil
		}
		return rate.NewLimiter(rate.Limit(float64(n)/60), n)
	}
	k.requests, k.tokens = perMinute(e.Requests), perMinute(e.Tokens)
	return k
}

// Find returns the key that is this one, nil for none. It takes as long whichever it is.
func (t *Keys) Find(key string) *Key {
	sum := sha256.Sum256([]byte(key))
	var found *Key
	for _, k := range t.keys {
		if subtle.ConstantTimeCompare(sum[:], k.sum) == 1 {
			found = k
		}
	}
	return found
}

// After has the keys go on from where those of an earlier reading of the file stand: what was spent stays spent, and
// what is under way counts. It is for keys that nobody uses yet.
func (t *Keys) After(before *Keys) {
	for _, k := range t.keys {
		for _, was := range before.keys {
			if was.Name != k.Name {
				continue
			}
			k.account = was.account
			if was.Requests == k.Requests {
				k.requests = was.requests
			}
			if was.Tokens == k.Tokens {
				k.tokens = was.tokens
			}
		}
	}
}

// May reports whether the key opens that.
func (k *Key) May(s Scope) bool {
	return slices.Contains(k.Scopes, s) || slices.Contains(k.Scopes, Admin)
}

// Limit is a limit that a key has come to.
type Limit struct {
	What  string        // in words
	Again time.Duration // until then it holds
}

func (l *Limit) Error() string { return l.What }

// Begin counts a request, and is a *Limit where there is to be none now.
func (k *Key) Begin(now time.Time) error {
	if k.tokens != nil {
		if left := k.tokens.TokensAt(now); left < 1 {
			return &Limit{fmt.Sprintf("this key may spend %d tokens a minute", k.Tokens), seconds((1 - left) / float64(k.tokens.Limit()))}
		}
	}
	k.mu.Lock()
	k.today(now)
	over := k.Daily > 0 && k.spent >= k.Daily
	k.mu.Unlock()
	if over {
		return &Limit{fmt.Sprintf("this key may spend %d tokens a day, by UTC", k.Daily), now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)}
	}
	if k.requests != nil && !k.requests.AllowN(now, 1) {
		return &Limit{fmt.Sprintf("this key may ask %d times a minute", k.Requests), seconds((1 - k.requests.TokensAt(now)) / float64(k.requests.Limit()))}
	}
	return nil
}

func seconds(s float64) time.Duration { return max(time.Second, time.Duration(s*float64(time.Second))) }

// Spend counts tokens that a request came to, also beyond what is left: later requests wait for that.
func (k *Key) Spend(now time.Time, tokens int) {
	if tokens <= 0 {
		return
	}
	k.mu.Lock()
	k.today(now)
	k.spent += tokens
	k.mu.Unlock()
	if k.tokens == nil {
		return
	}
	for left := tokens; left > 0; left -= k.Tokens { // a limiter takes no more at once than it holds
		k.tokens.ReserveN(now, min(left, k.Tokens))
	}
}

// today begins a new day, if it is one.
func (k *Key) today(now time.Time) {
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(k.day) {
		k.day, k.spent = day, 0
	}
}

// Search takes one of the key's searches at a time, and reports whether there was one; done gives it back.
func (k *Key) Search() (done func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Searches > 0 && k.running >= k.Searches {
		return nil, false
	}
	k.running++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.running--
	}, true
}
