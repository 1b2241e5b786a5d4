package infer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
	"github.com/ksamenet/ksamenet/internal/trtdouble"
)

func TestDescribe(t *testing.T) {
	d := trtdouble.Install(t, "rtx1")
	plans := func(want string) {
		t.Helper()
		if got, err := infer.DescribePlans(""); err != nil || !strings.HasPrefix(got, want+" in "+d.Plans) {
			t.Errorf("%q, %v; want %s plans in %s", got, err, want, d.Plans)
		}
	}
	plans("0")
	m, model := infertest.Toy()
	e, err := infer.Open(m, model, infer.Options{Backend: "tensorrt:rtx"})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	plans("1")
	lines, err := infer.DescribeTensorRT()
	text := strings.Join(lines, "\n")
	for _, part := range []string{"TensorRT-RTX 1.7.1 (" + d.Library, "shim for TensorRT-RTX 1.7.1 (", "Fake GPU, compute capability 8.6, 1024 MiB, driver for CUDA 13.2"} {
		if err != nil || !strings.Contains(text, part) {
			t.Errorf("%v; %q is not in\n%s", err, part, text)
		}
	}
	trtdouble.Install(t, "11") // another folder: the first library stays open
	t.Setenv("FAKE_CUDA_DEVICES", "0")
	if _, err := infer.DescribeTensorRT(); !errors.Is(err, infer.ErrDevice) {
		t.Errorf("no GPU: %v", err)
	}
}

func TestBackendNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "auto": true, "tensorrt": true, "tensorrt:rtx:fp16": true, "tensorrt:fp16:11": true, "onnxruntime:cuda": true, "auto:fp16": true,
		"tensorrt:cuda": false, "tensorrt:10:11": false, "tensorrt:fp16:fp16": false, "onnxruntime:": false, "gpu": false, "TensorRT": false,
	} {
		err := infer.CheckBackend(name)
		if (err == nil) != ok || err != nil && (!errors.Is(err, infer.ErrLibrary) || !strings.Contains(err.Error(), "there are auto, tensorrt")) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
