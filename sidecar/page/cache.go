package page

import (
	"io/fs"
	"sync"
	"time"
)

// cache holds what was read from files, for as long as they stay as they are. The zero value is ready.
type cache[T any] struct {
	mu   sync.Mutex
	held map[string]cached[T]
}

type cached[T any] struct {
	size  int64
	mod   time.Time
	value T
}

// mostCached bounds what is held; beyond it everything is read anew.
const mostCached = 512

// get returns what read made of the file at path, which is as info says. What failed is tried again.
func (c *cache[T]) get(path string, info fs.FileInfo, read func(path string) (T, error)) (T, error) {
	c.mu.Lock()
	old, ok := c.held[path]
	c.mu.Unlock()
	if ok && old.size == info.Size() && old.mod.Equal(info.ModTime()) {
		return old.value, nil
	}
	value, err := read(path)
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil || len(c.held) >= mostCached {
		c.held = map[string]cached[T]{}
	}
	c.held[path] = cached[T]{info.Size(), info.ModTime(), value}
	return value, nil
}
