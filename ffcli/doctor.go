package ffcli

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/asticode/go-astiav"
	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/models"
)

// encoders that the default settings choose from (docs/cli.md).
var wantedEncoders = []string{"libx264", "libx265", "prores_ks", "dnxhd", "ffv1", "mpeg2video", "libvpx-vp9", "libsvtav1", "mjpeg"}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "what was found where; paste its output into a bug report", Flags: append(append(engineFlags(), outputFlags()...),
			&cli.BoolFlag{Name: "selftest", Usage: "run every network on every engine there is, compare, and time; builds TensorRT's plans"}),
		Action: func(c *cli.Context) error {
			cfg, err := config(c)
			if err != nil {
				return err
			}
			w := c.App.Writer
			fmt.Fprintf(w, "ksamenet   %s, %s, %s/%s, %d CPUs\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
			var errs []error
			stages, err := pipeline.OpenStages(c.Context, cfg)
			if err != nil {
				errs = append(errs, err)
				fmt.Fprintf(w, "engine     not usable\n")
			} else {
				i := stages.Engine()
				fmt.Fprintf(w, "engine     %s %s on %s (%s)\n", i.Backend, i.Version, i.Device, i.Library)
				if i.Why != "" {
					fmt.Fprintf(w, "           not TensorRT: %s\n", i.Why)
				}
				errs = append(errs, stages.Close())
			}
			doctorTensorRT(w)
			for _, st := range models.DefaultStore(cfg.ModelsDir).Check() {
				state := "ok       " + where(st.Path)
				if st.Err != nil {
					state = "MISSING OR DAMAGED"
					errs = append(errs, st.Err)
				}
				fmt.Fprintf(w, "model      %-15s %s\n", st.Manifest.Name, state)
			}
			var have, lack []string
			for _, e := range wantedEncoders {
				if astiav.FindEncoderByName(e) != nil {
					have = append(have, e)
				} else {
					lack = append(lack, e)
				}
			}
			fmt.Fprintf(w, "encoders   %s\n", strings.Join(have, " "))
			if len(lack) > 0 {
				fmt.Fprintf(w, "           not in this FFmpeg: %s\n", strings.Join(lack, " "))
			}
			plugin := "not found (make plugin; only needed for gst-launch)"
			if err := exec.CommandContext(c.Context, "gst-inspect-1.0", "--exists", "ksamenet").Run(); err == nil {
				plugin = "found by GStreamer"
			}
			fmt.Fprintf(w, "GStreamer  element ksamenet: %s\n", plugin)
			if db, key, err := registryPaths(c); err == nil {
				fmt.Fprintf(w, "registry   %s (key %s)\n", db, key)
			}
			if c.Bool("selftest") {
				errs = append(errs, selfTest(c, cfg))
			}
			return errors.Join(errs...)
		},
	}
}
