package infer

import (
	"sync"
)

// sharedKey tells loaded models apart: equal keys compute the same.
type sharedKey struct {
	sha256, backend, library, plans string
	threads                         int
}

// sharedEngine is one loaded model and the number of its users.
type sharedEngine struct {
	load   sync.Once
	engine Engine
	err    error
	users  int
}

var (
	sharedMu sync.Mutex
	shared   = map[sharedKey]*sharedEngine{}
)

// OpenShared is Open, but a model that this process has open with the same options is used again: many streams then hold its
// weights, and its threads, once. Each caller closes its own Engine; the last one releases the model. A model that failed to
// load is tried anew. Several goroutines may call it.
func OpenShared(m Manifest, model []byte, o Options) (Engine, error) {
	if err := m.Verify(model); err != nil {
		return nil, err
	}
	key := sharedKey{m.SHA256, o.Backend, o.Library, o.PlanDir, o.Threads}
	sharedMu.Lock()
	s := shared[key]
	if s == nil {
		s = &sharedEngine{}
		shared[key] = s
	}
	s.users++
	sharedMu.Unlock()
	s.load.Do(func() { s.engine, s.err = openVerified(m, model, o) }) // not under the lock: a plan may take minutes to build
	if s.err != nil {
		release(key, s)
		return nil, s.err
	}
	return &lease{Engine: s.engine, back: sync.OnceValue(func() error {
		if last := release(key, s); !last {
			return nil
		}
		return s.engine.Close()
	})}, nil
}

// release counts a user of s out, and says whether it was the last one. Nobody gets s afterwards.
func release(key sharedKey, s *sharedEngine) (last bool) {
	sharedMu.Lock()
	defer sharedMu.Unlock()
	s.users--
	if (s.users == 0 || s.err != nil) && shared[key] == s {
		delete(shared, key)
	}
	return s.users == 0
}

// lease is one user's hold on a shared engine.
type lease struct {
	Engine
	back func() error
}

// Close is safe to call twice.
func (l *lease) Close() error { return l.back() }

// Foretell tells an engine that wants to know.
func (l *lease) Foretell(inputs, outputs map[string][]int64) {
	if f, ok := l.Engine.(Foreteller); ok {
		f.Foretell(inputs, outputs)
	}
}

// Metadata is the engine's own; nil when it reads none.
func (l *lease) Metadata() map[string]string {
	if r, ok := l.Engine.(MetadataReader); ok {
		return r.Metadata()
	}
	return nil
}
