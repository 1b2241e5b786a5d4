//go:build trtrtx

package infer_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
	"github.com/ksamenet/ksamenet/internal/onnxfile"
	"github.com/ksamenet/ksamenet/internal/trtdouble"
	"github.com/ksamenet/ksamenet/models"
	"github.com/ksamenet/ksamenet/native/trt"
)

// target is the compute capability that the plans are built for: 8.6, GeForce RTX 30.
const target = 86

// realRTX is NVIDIA's TensorRT-RTX, without a GPU: it parses and builds. `make test-trt-rtx` names it in the environment.
func realRTX(t *testing.T) *trt.Library {
	t.Helper()
	t.Setenv(trt.EnvShim, trtdouble.Make(t, "shims"))
	l, err := trt.Load(trt.Options{Flavour: trt.RTX, Device: trt.BuildOnly})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every network, in float32 and in float16, becomes a plan, through Go, purego, the shim and NVIDIA's parser and builder.
func TestRTXBuildsEveryModel(t *testing.T) {
	l := realRTX(t)
	i := l.Info()
	t.Logf("%s %s, shim from %s, no GPU", i.Flavour, i.Version, i.Headers)
	for _, name := range models.Names() {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s half=%v", name, half), func(t *testing.T) {
				m, model, err := models.DefaultStore("").Load(name)
				if err != nil {
					t.Fatal(err)
				}
				if half {
					if model, err = onnxfile.Half(model); err != nil {
						t.Fatal(err)
					}
				}
				profiles, err := infer.Profiles(m)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				plan, timing, err := l.Build(model, trt.BuildOptions{Profiles: profiles, Target: target}, nil)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%d profiles, model %d bytes, plan %d bytes, %v", len(profiles), len(model), len(plan), time.Since(start).Round(time.Millisecond))
				for _, line := range l.Log() {
					t.Log(line)
				}
				if len(plan) < 1000 || timing != nil {
					t.Errorf("plan of %d bytes, timing cache %v", len(plan), timing != nil)
				}
				if e, err := l.Load(plan, nil); e != nil || !errors.Is(err, trt.ErrDevice) {
					t.Errorf("Load without a GPU: %v, %v, want ErrDevice", e, err)
				}
			})
		}
	}
}

// What NVIDIA's parser and builder refuse comes back as an error that says what is wrong.
func TestRTXErrors(t *testing.T) {
	l := realRTX(t)
	m, toy := infertest.Toy()
	profiles, err := infer.Profiles(m)
	if err != nil {
		t.Fatal(err)
	}
	generator, model, err := models.DefaultStore("").Load(models.ByRole("generator")[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	generatorProfiles, err := infer.Profiles(generator)
	if err != nil {
		t.Fatal(err)
	}
	unknown := bytes.ReplaceAll(model, []byte("Sigmoid"), []byte("Sigmoyd"))
	for _, c := range []struct {
		name string
		onnx []byte
		o    trt.BuildOptions
		kind error
	}{
		{"garbage", []byte(strings.Repeat("garbage ", 100)), trt.BuildOptions{Target: target}, trt.ErrModel},
		{"truncated in the middle", model[:len(model)/2], trt.BuildOptions{Profiles: generatorProfiles, Target: target}, trt.ErrModel},
		{"one byte missing", model[:len(model)-1], trt.BuildOptions{Profiles: generatorProfiles, Target: target}, trt.ErrModel},
		{"an operator that it does not know", unknown, trt.BuildOptions{Profiles: generatorProfiles, Target: target}, trt.ErrModel},
		{"no ranges", toy, trt.BuildOptions{Target: target}, trt.ErrShape},
		{"range of another rank", toy, trt.BuildOptions{Profiles: []trt.Profile{{"identity": {Min: []int64{1}, Opt: []int64{1}, Max: []int64{1}}}}, Target: target}, trt.ErrShape},
		{"no such compute capability", toy, trt.BuildOptions{Profiles: profiles, Target: 13}, nil},
	} {
		plan, _, err := l.Build(c.onnx, c.o, nil)
		var native *trt.Error
		if plan != nil || !errors.As(err, &native) || c.kind != nil && !errors.Is(err, c.kind) || native.Message == "no message" {
			t.Errorf("%s: %d bytes, %v, want %v", c.name, len(plan), err, c.kind)
		}
		t.Logf("%s: %v", c.name, err)
		l.Log()
	}
	if _, _, err := l.Build(toy, trt.BuildOptions{Profiles: profiles, Target: target}, nil); err != nil {
		t.Errorf("after all that, the toy: %v", err)
	}
	// With a GPU asked for, the missing driver is found before NVIDIA's library is.
	if e, err := trt.Load(trt.Options{Flavour: trt.RTX}); err == nil {
		t.Logf("there is a GPU here: %+v", e.Info())
	} else if !errors.Is(err, trt.ErrDevice) {
		t.Errorf("no driver: %v, want ErrDevice", err)
	}
}
