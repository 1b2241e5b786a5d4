package trt

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testmodel"
	"github.com/ksamenet/ksamenet/internal/trtdouble"
)

// life is everything that can be done with TensorRT, once, from opening to closing.
func life(dir string) (err error) {
	l, err := find(Options{})
	if err != nil {
		return err
	}
	defer l.shim.close(l.native)
	for range 2 { // a new plan, then the one on disk
		e, err := Cache{Dir: dir}.Open(l, "toy", testmodel.Toy, batches())
		if err != nil {
			return err
		}
		defer e.Close()
		s, err := e.NewSession(toyShapes(1))
		if err != nil {
			return err
		}
		defer s.Close()
		if err := errors.Join(s.Run(context.Background()), s.Reshape(toyShapes(12)), s.Run(context.Background())); err != nil {
			return err
		}
		addresses := map[string]uint64{}
		for _, t := range e.Tensors() {
			addresses[t.Name] = s.Device(t.Name)
		}
		if err := s.RunDevice(context.Background(), addresses, 0); err != nil {
			return err
		}
	}
	return nil
}

// Each call of driver and library fails in turn. Every failure becomes an error of a known kind, or costs only time; nothing
// leaks, and the next life is a full one.
func TestEveryCallFails(t *testing.T) {
	// Failures that cost time, or that nobody can be told of because things are being released anyway.
	harmless := []string{"createTimingCache", "cuCtxPushCurrent", "cuStreamSynchronize", "deserializeCudaEngine", "getIOTensorName"}
	eachGeneration(t, func(t *testing.T, d *trtdouble.Double) {
		for name, half := range map[string]trtdouble.Half{"driver": d.CUDA, "library": d.TensorRT} {
			injected := 0
			for n := int64(1); ; n++ {
				dir, err := os.MkdirTemp(t.TempDir(), "plans")
				if err != nil {
					t.Fatal(err)
				}
				before := d.Live()
				half.Arm(n)
				err = life(dir)
				reached, failed := half.Calls() >= n, half.Failed()
				half.Arm(0)
				if leaked := d.Live() - before; leaked != 0 {
					t.Errorf("%s call %d (%s): %d objects leaked", name, n, failed, leaked)
				}
				if !reached {
					if err != nil {
						t.Errorf("nothing failed, yet: %v", err)
					}
					break
				}
				injected++
				var native *Error
				if err == nil && !slices.Contains(harmless, failed) || err != nil && !errors.As(err, &native) {
					t.Errorf("%s call %d (%s) failed: %v", name, n, failed, err)
				}
			}
			if injected < 30 {
				t.Errorf("%s: %d failures injected, the double is not in use", name, injected)
			}
		}
	})
}
