package infer_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
)

// countedEngine counts what is open.
type countedEngine struct{ closed func() }

func (countedEngine) Info() infer.Info        { return infer.Info{Backend: "counted"} }
func (countedEngine) Tensors() []infer.Tensor { return nil }
func (countedEngine) NewSession(map[string][]int64) (infer.Session, error) {
	return nil, errors.New("not needed")
}
func (e countedEngine) Close() error { e.closed(); return nil }

func TestSharedModelsAreLoadedOnce(t *testing.T) {
	var mu sync.Mutex
	opened, open, fail := 0, 0, false
	remove, err := infer.Register("counted", func(infer.Manifest, []byte, infer.Options) (infer.Engine, error) {
		mu.Lock()
		defer mu.Unlock()
		if opened++; fail {
			return nil, infer.ErrDevice
		}
		open++
		return countedEngine{func() { mu.Lock(); open--; mu.Unlock() }}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	model := []byte("weights")
	m := infer.Manifest{Format: 1, Name: "m", Bytes: int64(len(model)), SHA256: fmt.Sprintf("%x", sha256.Sum256(model))}
	o := infer.Options{Backend: "counted"}

	all := make([]infer.Engine, 16)
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			e, err := infer.OpenShared(m, model, o)
			if err != nil {
				t.Error(err)
			}
			all[i] = e
		})
	}
	wait.Wait()
	other, err := infer.OpenShared(m, model, infer.Options{Backend: "counted", Threads: 3})
	if err != nil || opened != 2 || open != 2 {
		t.Fatalf("%v; %d models were opened for 16 users of one and one of another", err, opened)
	}
	for i, e := range all {
		if i == len(all)-1 && open != 2 {
			t.Errorf("the model was closed under its last user")
		}
		if err := errors.Join(e.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := other.Close(); err != nil || open != 0 {
		t.Errorf("%d models stay open, %v", open, err)
	}
	if _, err := infer.OpenShared(m, []byte("others"), o); !errors.Is(err, infer.ErrManifest) {
		t.Errorf("bytes of another model: %v", err)
	}
	fail = true
	if _, err := infer.OpenShared(m, model, o); !errors.Is(err, infer.ErrDevice) {
		t.Errorf("%v, want ErrDevice", err)
	}
	fail = false
	e, err := infer.OpenShared(m, model, o)
	if err != nil {
		t.Fatalf("after a failure: %v", err)
	}
	if err := e.Close(); err != nil || open != 0 {
		t.Errorf("%d open, %v", open, err)
	}
}
