// Package ffcli is the command line: a transcoder that replaces faces and leaves the rest of a file alone.
package ffcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
	"github.com/ksamenet/ksamenet/internal/userdirs"
)

// Version is set by the build (-ldflags -X).
var Version = "0.1.0-dev"

// Main runs the command line and returns the exit code. SIGINT and SIGTERM end the run in order: nothing is left under
// the final name.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGXFSZ) // a file beyond the user's limit is then a failed write, told and cleaned up like a full disk
	return Run(ctx, args, stdin, stdout, stderr)
}

// Run is Main with the caller's context.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "error: internal error: %v\n%s", r, debug.Stack())
			code = exitFailed
		}
	}()
	frugal()
	app := newApp(stdin, stdout, stderr)
	if err := app.RunContext(ctx, flagsFirst(app, args)); err != nil {
		if told := (*interruption)(nil); ctx.Err() != nil && !errors.As(err, &told) {
			err = errors.New("interrupted; nothing was left under the final name")
		}
		return reportError(stderr, err)
	}
	return exitDone
}

// frugal makes the program small rather than a little faster: the encoder takes most of the memory, and Go's heap, which holds
// no pictures, may be collected four times as often as by default. GOGC in the environment wins.
func frugal() {
	av.FrugalMemory()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:      "ksamenet",
		Usage:     "replaces every face in a video with a synthetic surrogate that k people share",
		UsageText: "ksamenet COMMAND [flags] [arguments]\n\nExample: ksamenet redact interview.mov -o interview.cleared.mov --k 3",
		Description: "What is claimed of a certified output, and of no other:\n" + report.ClaimSentence +
			"\nWhat is not claimed, and how to check it: docs/guarantee.md.",
		Version: Version,
		Reader:  stdin, Writer: stdout, ErrWriter: stderr,
		HideVersion:            true,
		UseShortOptionHandling: false,
		Commands: []*cli.Command{
			redactCommand(), analyzeCommand(), renderCommand(), verifyCommand(), decisionsCommand(), reviewCommand(), compareCommand(), registryCommand(), modelsCommand(), doctorCommand(), versionCommand(),
			attackCommand(), filterCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usage("unknown command %q", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usage("%w", err) },
		// Errors are printed by Run, once, with their exit code.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	for _, c := range app.Commands {
		strictly(c, "ksamenet "+c.Name)
	}
	return app
}

// strictly has a command say in one line what is wrong with a mistyped flag, where urfave/cli prints the whole help, and refuse
// arguments that it has no use for, where urfave/cli ignores them.
func strictly(c *cli.Command, name string) {
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usage("%w", err) }
	for _, s := range c.Subcommands {
		strictly(s, name+" "+s.Name)
	}
	run, group := c.Action, len(c.Subcommands) > 0
	if !group && c.ArgsUsage != "" {
		return
	}
	c.Action = func(ctx *cli.Context) error {
		switch {
		case ctx.NArg() > 0 && group:
			return usage("unknown command %q", name+" "+ctx.Args().First())
		case ctx.NArg() > 0:
			return usage("%s takes no arguments, but %q was given", name, ctx.Args().First())
		case group:
			return cli.ShowSubcommandHelp(ctx)
		}
		return run(ctx)
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{Name: "version", Usage: "prints the version", Action: func(c *cli.Context) error {
		_, err := fmt.Fprintf(c.App.Writer, "ksamenet %s\n", Version)
		return err
	}}
}

const (
	haloUsage = "a soft bright rim around every replaced face, which tells viewers that it is synthetic"
	tagUsage  = "do not write into the output's metadata that its faces are synthetic"
)

// configFlags are the settings of pipeline.Config that every command which runs the networks takes.
func configFlags() []cli.Flag {
	d := pipeline.DefaultConfig()
	return []cli.Flag{
		&cli.IntFlag{Name: "k", Value: d.K, Usage: "people per cluster; 1 makes no anonymity-set claim"},
		&cli.IntFlag{Name: "donors", Value: d.Donors, Usage: "synthetic donor faces mixed into one surrogate"},
		&cli.StringFlag{Name: "age", Value: d.Age, Usage: "donors that surrogates are mixed of: any, young, middle or old"},
		&cli.StringFlag{Name: "gender", Value: d.Gender, Usage: "likewise: any, female or male"},
		&cli.StringFlag{Name: "tone", Value: d.Tone, Usage: "likewise: any, light, tan or dark"},
		&cli.StringFlag{Name: "expression", Value: d.Expression, Usage: "keep, or neutral: surrogates turn their heads but move nothing else"},
		&cli.StringFlag{Name: "mode", Value: d.Mode, Usage: "same: a cluster shares one surrogate; distinct: one for each member, dealt in secret per file"},
		&cli.BoolFlag{Name: "rekey", Usage: "deal the clusters on screen surrogates that they never wore"},
		&cli.BoolFlag{Name: "uncertified", Usage: "render though fewer than k people are known; the report says NOT CERTIFIED"},
		&cli.Int64SliceFlag{Name: "keep", Usage: "leave this registry `PERSON` clear (may be repeated)"},
		&cli.Int64SliceFlag{Name: "cover", Usage: "cover this registry `PERSON` rather than replace (may be repeated)"},
		&cli.StringFlag{Name: "fallback", Value: d.Fallback, Usage: "cover of faces that cannot be replaced: blend, solid or pixelate"},
		&cli.BoolFlag{Name: "halo", Usage: haloUsage},
		&cli.BoolFlag{Name: "no-disclosure-tag", Usage: tagUsage},
		&cli.IntFlag{Name: "detect-side", Value: d.DetectSide, Usage: "long side of the detector's picture in pixels"},
		&cli.IntFlag{Name: "extend", Value: d.Extend, Usage: "frames that a track is carried on before and after it was seen"},
	}
}

// registryFlags name the registry.
func registryFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "registry", Usage: "registry `FILE` (default: in the user's data directory)"},
		&cli.StringFlag{Name: "key-file", Usage: "the registry's key `FILE` (default: in the user's configuration directory)"},
	}
}

// engineFlags choose and tune the engine.
func engineFlags() []cli.Flag {
	d := pipeline.DefaultConfig()
	return []cli.Flag{
		&cli.StringFlag{Name: "engine", Value: d.Engine, Usage: "auto, onnxruntime or tensorrt; with options, as tensorrt:rtx:fp16 or onnxruntime:cuda (docs/tensorrt.md)"},
		&cli.IntFlag{Name: "threads", Usage: "CPU threads per network; 0: one per core, at most 4"},
		&cli.StringFlag{Name: "models", Usage: "`DIR` of the model files (default: search)"},
		&cli.StringFlag{Name: "ort-lib", Usage: "ONNX Runtime library `FILE` (default: search)"},
	}
}

// decodeFlags say what decodes the input.
func decodeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "hwaccel", Usage: "decode on a `DEVICE`: cuda, vaapi, qsv, …, with a name as in vaapi:/dev/dri/renderD129; list shows what is there"},
	}
}

// outputFlags concern how the run talks.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress and no summary"},
		&cli.BoolFlag{Name: "json", Usage: "progress and summary as JSON lines on stdout"},
		&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "debug, info, warn or error"},
	}
}

// encodeFlags concern the written video.
func encodeFlags() []cli.Flag {
	return append(writingFlags(),
		&cli.StringFlag{Name: "codec", Usage: "video encoder (default: of the input's kind)"},
		&cli.Float64Flag{Name: "crf", Value: -1, Usage: "constant quality of x264, x265 and the like (default: 18)", DefaultText: "18"},
		&cli.IntSliceFlag{Name: "drop", Usage: "leave out this input `STREAM`, by its number (may be repeated)"},
		&cli.StringFlag{Name: "report", Usage: "report `FILE` (default: OUTPUT.report.json)"},
		&cli.BoolFlag{Name: "overwrite", Usage: "replace an existing output"},
		&cli.BoolFlag{Name: "allow-truncated", Usage: "an input that ends early is no failure"},
		&cli.BoolFlag{Name: "no-verify", Usage: "do not look over the output with the second detector"},
		&cli.BoolFlag{Name: "thorough", Usage: "look over the output with both detectors, at the whole scale of the picture too"},
		&cli.StringFlag{Name: "write-decisions", Usage: "write the decision list that the output was rendered from to `FILE`"},
		&cli.BoolFlag{Name: "no-space-check", Usage: "start though the output's disk has less room than the input takes"},
	)
}

// config gathers the settings of a command line and checks them.
func config(c *cli.Context) (pipeline.Config, error) {
	cfg := pipeline.DefaultConfig()
	if pace := c.String("pace"); pace != "" && !cfg.UseLivePreset(pace) {
		return cfg, usage("pace %q; %s or %s", pace, pipeline.PresetLive, pipeline.PresetFile)
	}
	for _, f := range []struct {
		name string
		set  func(string)
	}{
		{"k", func(n string) {
			if _, several := c.Value(n).(string); !several { // an attack takes a list of them
				cfg.K = c.Int(n)
			}
		}},
		{"donors", func(n string) { cfg.Donors = c.Int(n) }},
		{"age", func(n string) { cfg.Age = c.String(n) }},
		{"gender", func(n string) { cfg.Gender = c.String(n) }},
		{"tone", func(n string) { cfg.Tone = c.String(n) }},
		{"expression", func(n string) { cfg.Expression = c.String(n) }},
		{"mode", func(n string) { cfg.Mode = c.String(n) }},
		{"rekey", func(n string) { cfg.Rekey = c.Bool(n) }},
		{"uncertified", func(n string) { cfg.Uncertified = c.Bool(n) }},
		{"keep", func(n string) { cfg.Keep = c.Int64Slice(n) }},
		{"cover", func(n string) { cfg.Cover = c.Int64Slice(n) }},
		{"fallback", func(n string) { cfg.Fallback = c.String(n) }},
		{"halo", func(n string) { cfg.Halo = c.Bool(n) }},
		{"no-disclosure-tag", func(n string) { cfg.NoDisclosureTag = c.Bool(n) }},
		{"detect-side", func(n string) { cfg.DetectSide = c.Int(n) }},
		{"extend", func(n string) { cfg.Extend = c.Int(n) }},
		{"engine", func(n string) { cfg.Engine = c.String(n) }},
		{"threads", func(n string) { cfg.Threads = c.Int(n) }},
		{"models", func(n string) { cfg.ModelsDir = c.String(n) }},
		{"ort-lib", func(n string) { cfg.Library = c.String(n) }},
		{"lookahead", func(n string) { cfg.Lookahead = c.Int(n) }},
		{"detect-interval", func(n string) { cfg.DetectInterval = c.Int(n) }},
		{"detail", func(n string) { cfg.Detail = c.String(n) }},
		{"max-faces", func(n string) { cfg.MaxFaces = c.Int(n) }},
		{"min-face-size", func(n string) { cfg.MinFaceSize = c.Int(n) }},
	} {
		if c.IsSet(f.name) {
			f.set(f.name)
		}
	}
	cfg.Tool = "ksamenet " + Version
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return cfg, usage("log-level %q; debug, info, warn or error", c.String("log-level"))
	}
	cfg.Log = logTo(c, c.App.ErrWriter)
	if err := cfg.Validate(); err != nil {
		return cfg, usage("%w", err)
	}
	return cfg, nil
}

// registryPaths are the registry and its key file, as said or in the user's directories. The key lies apart from the
// registry, so that a copied data directory does not hold both.
func registryPaths(c *cli.Context) (db, key string, err error) {
	db, key = c.String("registry"), c.String("key-file")
	if db == "" {
		dir := userdirs.Data()
		if dir == "" {
			return "", "", withHint(errors.New("no home directory is known"), "say where the registry is: --registry FILE --key-file FILE")
		}
		db = filepath.Join(dir, "ksamenet", "registry.db")
	}
	if key == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", "", withHint(err, "say where the key is: --key-file FILE")
		}
		key = filepath.Join(dir, "ksamenet", "registry.key")
	}
	return db, key, nil
}
