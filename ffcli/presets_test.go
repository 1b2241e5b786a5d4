package ffcli

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// written parses the flags of the output's coding.
func written(t *testing.T, args ...string) (opt av.TranscodeOptions, err error) {
	t.Helper()
	app := &cli.App{Flags: encodeFlags(), Writer: io.Discard, ErrWriter: io.Discard, ExitErrHandler: func(*cli.Context, error) {}, Action: func(c *cli.Context) error {
		return writing(c, &opt)
	}}
	return opt, app.Run(append([]string{"ksamenet"}, args...))
}

// Every preset writes the file it promises.
func TestPresets(t *testing.T) {
	eight, ten := testvideo.Make(t, "plain.mp4"), testvideo.Make(t, "prores.mov")
	progressive := testvideo.MakeClip(t, "ten.mkv", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.2 -pix_fmt yuv422p10le -c:v ffv1"}})
	for _, c := range []struct{ preset, in, ext, codec, profile, format string }{
		{"review", eight, ".mp4", "h264", "High", "yuv420p"},
		{"review", ten, ".mov", "h264", "High 4:2:2", "yuv422p10le"},
		{"master", eight, ".mp4", "h264", "High", "yuv420p"},
		{"prores", eight, ".mov", "prores", "HQ", "yuv422p10le"},
		{"dnxhr", eight, ".mov", "dnxhd", "DNXHR HQ", "yuv422p"},
		{"dnxhr", progressive, ".mov", "dnxhd", "DNXHR HQX", "yuv422p10le"},
		{"ffv1", ten, ".mkv", "ffv1", "", "yuv422p10le"},
		{"xdcam", eight, ".mxf", "mpeg2video", "4:2:2", "yuv422p"},
	} {
		t.Run(c.preset+" "+filepath.Ext(c.in), func(t *testing.T) {
			opt, err := written(t, "--preset", c.preset)
			if err != nil {
				t.Fatal(err)
			}
			opt.DropUnmuxable, opt.ConstantRate = true, true
			r, err := av.Transcode(t.Context(), c.in, filepath.Join(t.TempDir(), "out"+c.ext), opt, func(*frame.Picture) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			src, err := av.Open(r.Output.Path())
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			if i := src.Info(); i.Codec != c.codec || i.Profile != c.profile || i.PixelFormat != c.format {
				t.Errorf("%s %q %s, want %s %q %s", i.Codec, i.Profile, i.PixelFormat, c.codec, c.profile, c.format)
			}
		})
	}
}

func TestWritingFlags(t *testing.T) {
	opt, err := written(t, "--preset", "review", "--encoder-option", "preset=slow", "--encoder-option", "tune=film", "--container-option", "movflags=+faststart", "--vf", "hqdn3d", "--drop-captions")
	if err != nil || opt.Codec != "libx264" || opt.Options["preset"] != "slow" || opt.Options["tune"] != "film" || opt.MuxOptions["movflags"] != "+faststart" || opt.Filter != "hqdn3d" || !opt.DropCaptions {
		t.Errorf("%+v %v", opt, err)
	}
	if presets["review"].options["preset"] != "veryfast" {
		t.Error("a run changed the preset")
	}
	for args, want := range map[string]string{
		"--preset best":                   "dnxhr, ffv1, master",
		"--preset prores --codec libx264": "leave --codec out",
		"--match-source --crf 20":         "leave --preset and --crf out",
		"--encoder-option slow":           "KEY=VALUE",
		"--container-option =1":           "KEY=VALUE",
		"--match-source --preset review":  "leave --preset",
	} {
		_, err := written(t, strings.Fields(args)...)
		var e *exitError
		if !errors.As(err, &e) || e.code != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
