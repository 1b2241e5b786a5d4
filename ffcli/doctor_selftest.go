package ffcli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/internal/selftest"
	"github.com/ksamenet/ksamenet/models"
)

// doctorTensorRT tells what there is of TensorRT. Its absence is no fault: most machines have no such GPU.
func doctorTensorRT(w io.Writer) {
	indent := func(s string) string { return strings.ReplaceAll(s, "\n", "\n           ") }
	lines, err := infer.DescribeTensorRT()
	if err != nil {
		lines = []string{"not usable: " + err.Error()}
	}
	fmt.Fprintf(w, "TensorRT   %s\n", indent(strings.Join(lines, "\n")))
	plans, err := infer.DescribePlans("")
	if err != nil {
		plans = err.Error()
	}
	fmt.Fprintf(w, "plans      %s\n", indent(plans))
}

// selfTestRuns is how often each network runs for its time.
const selfTestRuns = 10

// selfTest compares every engine with ONNX Runtime on the CPU. An engine that the user names is the only one compared, and
// its absence is then an error.
func selfTest(c *cli.Context, cfg pipeline.Config) error {
	var nets []selftest.Network
	for _, name := range models.Names() {
		m, b, err := models.DefaultStore(cfg.ModelsDir).Load(name)
		if err != nil {
			return err
		}
		nets = append(nets, selftest.Network{Manifest: m, Model: b})
	}
	others := []string{infer.TensorRT, infer.TensorRT + ":fp16", infer.ONNXRuntime + ":cuda"}
	if cfg.Engine != infer.Auto && cfg.Engine != infer.ONNXRuntime {
		others = []string{cfg.Engine}
		e, err := infer.Open(nets[0].Manifest, nets[0].Model, infer.Options{Backend: cfg.Engine, Library: cfg.Library, Log: cfg.Log})
		if err != nil {
			return err
		}
		if err := e.Close(); err != nil {
			return err
		}
	}
	fmt.Fprintln(c.App.Writer)
	return selftest.Table(c.Context, c.App.Writer, nets, infer.ONNXRuntime, others, infer.Options{Library: cfg.Library, Threads: cfg.Threads, Log: cfg.Log}, selfTestRuns)
}
