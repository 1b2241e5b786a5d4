package ffcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// filterExample is the way out of most mistakes.
const filterExample = "ffmpeg -i INPUT -map 0 -c copy -c:v rawvideo -f nut - | ksamenet filter | ffmpeg -i - -map 0 -c copy -c:v libx264 OUTPUT.mkv"

// notLive are settings that need the whole file: a stream is seen once.
var notLive = []string{"mode", "rekey", "keep"}

func filterCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "format", Usage: "container of the output: " + strings.Join(av.PipeFormats, " or ") + " (default: the input's)"},
		&cli.StringFlag{Name: "input-format", Usage: "container of the input, by FFmpeg's name (default: told by its first bytes)"},
		&cli.StringFlag{Name: "codec", Usage: "video encoder (default: rawvideo in NUT, ffv1 in Matroska; neither changes a sample)"},
		&cli.Float64Flag{Name: "crf", Value: -1, Usage: "constant quality of x264, x265 and the like (default: 18)", DefaultText: "18"},
		&cli.StringSliceFlag{Name: "encoder-option", Usage: "`KEY=VALUE` for the encoder, by FFmpeg's names (may be repeated)"},
		&cli.StringSliceFlag{Name: "container-option", Usage: "`KEY=VALUE` for the container, by FFmpeg's names (may be repeated)"},
		&cli.IntSliceFlag{Name: "drop", Usage: "leave out this input `STREAM`, by its number (may be repeated)"},
		beforeFlag(),
		dropTagsFlag(),
		&cli.BoolFlag{Name: "drop-captions", Usage: "closed captions may be lost where the encoder cannot write them"},
		&cli.StringFlag{Name: "pace", Value: pipeline.PresetFile, Usage: "what the next three are if they are not said: file, or live, which does less work"},
		&cli.IntFlag{Name: "lookahead", DefaultText: "by pace: 25 or 12", Usage: "pictures held back: what they tell of a face holds for the earlier ones too"},
		&cli.IntFlag{Name: "detect-interval", DefaultText: "by pace: 1 or 3", Usage: "the detector looks at every so manieth picture; landmarks follow faces in between"},
		&cli.StringFlag{Name: "detail", DefaultText: "by pace: full or fast", Usage: "full, or fast: surrogates of fewer texels, a third of the work"},
		&cli.IntFlag{Name: "max-faces", Usage: "faces replaced in one picture, the others are covered; 0: all"},
		&cli.IntFlag{Name: "min-face-size", Usage: "faces less high than this many pixels are covered; 0: none"},
		&cli.StringFlag{Name: "report", Usage: "write a report `FILE` at the end, and a page for people beside it"},
		&cli.BoolFlag{Name: "overwrite", Usage: "replace an existing report"},
		&cli.BoolFlag{Name: "allow-truncated", Usage: "an input that ends early is no failure"},
	}
	live := slices.DeleteFunc(configFlags(), func(f cli.Flag) bool { return slices.Contains(notLive, f.Names()[0]) })
	return &cli.Command{
		Name: "filter", Usage: "replaces every face in a stream, from pipe to pipe, in one pass", ArgsUsage: " ",
		Description: filterExample,
		Flags:       slices.Concat(flags, live, registryFlags(), engineFlags(), outputFlags()),
		Action: func(c *cli.Context) (err error) {
			f, err := newFilterRun(c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, f.close()) }()
			return f.run(c.Context)
		},
	}
}

// filterRun is one run of `ksamenet filter`.
type filterRun struct {
	*session
	live   *pipeline.Live
	show   *progress
	sum    pipeline.LiveCount
	missed int // pictures that left before a face was found that they may show
}

func newFilterRun(c *cli.Context) (*filterRun, error) {
	if c.NArg() > 1 || c.NArg() == 1 && c.Args().First() != "-" {
		return nil, &exitError{code: exitUsage, err: errors.New("filter reads standard input and writes standard output"),
			hints: []string{filterExample, "for files: ksamenet redact INPUT -o OUTPUT, which looks twice and finds more"}}
	}
	if isTerminal(c.App.Reader) {
		return nil, &exitError{code: exitUsage, err: errors.New("standard input is a terminal: no stream comes from there"), hints: []string{filterExample}}
	}
	if isTerminal(c.App.Writer) {
		return nil, &exitError{code: exitUsage, err: errors.New("standard output is a terminal, the stream is no text"), hints: []string{filterExample}}
	}
	if f := c.String("format"); f != "" && !slices.Contains(av.PipeFormats, f) {
		return nil, usage("format %q; %s", f, strings.Join(av.PipeFormats, " or "))
	}
	s, err := newSession(c)
	if err != nil {
		return nil, err
	}
	if !c.IsSet("lookahead") {
		s.cfg.Lookahead = max(s.cfg.Lookahead, s.cfg.Extend)
	}
	// Standard output is the stream's; and a bar would draw over those of the other programs.
	if s.out = s.err; s.show == progressBar {
		s.show = progressLines
	}
	f := &filterRun{session: s}
	if path := c.String("report"); path != "" {
		again := c.Bool("overwrite")
		if err := errors.Join(checkPlain("", path, again), checkPlain("", job{report: path}.page(), again)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// openLive opens registry and networks. A registry that lacks clusters or donors is prepared first, which is the only time that it is
// written to: nobody is enrolled from a stream.
func (f *filterRun) openLive(ctx context.Context) error {
	db, key, err := registryPaths(f.c)
	if err != nil {
		return err
	}
	read := registry.Options{ReadOnly: true, Log: f.cfg.Log}
	f.reg, err = registry.Open(db, key, read)
	if errors.Is(err, registry.ErrNoRegistry) && f.cfg.Uncertified && !f.c.IsSet("registry") {
		err = nil // everybody wears one shared surrogate
	}
	if errors.Is(err, registry.ErrNoRegistry) {
		err = fmt.Errorf("there is no registry at %s", db) // not the registry's own way out: this one has another
	}
	if err != nil {
		return withHint(err, "enrol people first: ksamenet registry init; ksamenet registry enroll PICTURES…",
			"or --uncertified: everyone shares one surrogate, and nothing is claimed")
	}
	f.live, err = pipeline.OpenLive(ctx, f.cfg, f.reg)
	if !errors.Is(err, pipeline.ErrNotReady) {
		return err
	}
	if err := f.reg.Close(); err != nil {
		return err
	}
	if f.reg, err = registry.Open(db, key, registry.Options{Log: f.cfg.Log}); err != nil {
		return err
	}
	if err := errors.Join(pipeline.PrepareRegistry(ctx, f.cfg, f.reg), f.reg.Close()); err != nil {
		f.reg = nil
		var few *ksame.TooFewError
		if errors.As(err, &few) {
			return &exitError{code: exitTooFew, err: fmt.Errorf("%d distinct people are enrolled, k = %d are needed; nothing was written", few.Have, few.Need), hints: []string{
				"enrol more people: ksamenet registry enroll PICTURES…", fmt.Sprintf("or ask for less: --k %d", max(few.Have, 1)),
				"or --uncertified: people who are not enrolled share one surrogate, and nothing is claimed",
			}}
		}
		return err
	}
	if f.reg, err = registry.Open(db, key, read); err != nil {
		return err
	}
	f.live, err = pipeline.OpenLive(ctx, f.cfg, f.reg)
	return err
}

func (f *filterRun) close() error {
	var err error
	if f.live != nil {
		err = f.live.Close()
	}
	return errors.Join(err, f.session.close())
}

// Examine and Paint make filterRun an av.Editor.
func (f *filterRun) Examine(pic *frame.Picture) error {
	// Not the command's context: after an interruption what was read is still brought to its end.
	if err := f.live.Examine(context.Background(), pic); err != nil {
		return err
	}
	for _, m := range f.live.Missed() {
		f.missed += m.Pictures
	}
	return nil
}

// Paint counts what was done.
func (f *filterRun) Paint(pic *frame.Picture) error {
	n, err := f.live.Paint(context.Background(), pic)
	f.sum.Faces, f.sum.Replaced, f.sum.Covered = f.sum.Faces+n.Faces, f.sum.Replaced+n.Replaced, f.sum.Covered+n.Covered
	f.show.step(n.Faces)
	return err
}

func (f *filterRun) run(ctx context.Context) error {
	// A reader that goes away is told as an error of writing, not by a signal that ends the program in the middle.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	if err := f.openLive(ctx); err != nil {
		return err
	}
	// The first signal ends the stream in order; the next one is not held up by a reader that never reads.
	defer context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })()
	f.show = newProgress(f.err, f.session.show, "filter", -1)
	opt := av.FilterOptions{
		TranscodeOptions: f.transcoding(), InputFormat: f.c.String("input-format"), Format: f.c.String("format"),
		Ahead: f.cfg.Lookahead, Digests: f.c.String("report") != "",
	}
	opt.View.Filter = f.c.String("vf-before")
	res, err := av.Filter(ctx, f.c.App.Reader, f.c.App.Writer, opt, f)
	fps := f.show.finish()
	if res.Encoder != "" {
		f.tell(&res, fps, err)
	}
	switch {
	case err != nil:
		return f.wayOut(err)
	case res.Truncated && !f.c.Bool("allow-truncated"):
		err = withHint(fmt.Errorf("the input ended early: %s; the %d pictures that came are written", res.Reason, res.Written), "--allow-truncated makes this no failure")
	case f.missed > 0:
		err = &exitError{code: exitIncomplete, err: fmt.Errorf("done, but faces were found when %d pictures had left that may show them", f.missed),
			hints: []string{fmt.Sprintf("--lookahead %d holds pictures back for as long as that takes", f.cfg.Extend)}}
	}
	if path := f.c.String("report"); path != "" {
		if rerr := f.report(path, &res); rerr != nil {
			err = errors.Join(rerr, err)
		}
	}
	return err
}

// wayOut adds what the user can do.
func (f *filterRun) wayOut(err error) error {
	var stream *av.StreamError
	switch {
	case errors.Is(err, av.ErrStopped):
		return &interruption{err}
	case errors.As(err, &stream):
		return withHint(err, fmt.Sprintf("--drop %d leaves it out; --format matroska holds most", stream.Stream.Index))
	case errors.Is(err, av.ErrUnsaid):
		return withHint(err, "--format matroska says most; or --drop-tags lets go of it")
	case errors.Is(err, av.ErrView):
		return &exitError{code: exitUsage, err: err}
	case errors.Is(err, av.ErrEncoder):
		return &exitError{code: exitUsage, err: err, hints: []string{"--codec and --format choose another; or convert before: ffmpeg … -pix_fmt yuv420p …"}}
	case errors.Is(err, av.ErrOpen), errors.Is(err, av.ErrNoVideo):
		return withHint(err, filterExample)
	}
	return err
}

// tell says on standard error what was done.
func (f *filterRun) tell(res *av.FilterResult, fps float64, err error) {
	for _, d := range res.Dropped {
		if d.AttachedPicture || d.Type == "attachment" {
			f.warn("stream %s was left out: a picture beside the video may show a face", d)
		}
	}
	if n := res.DecodeErrors + res.CorruptPackets; n > 0 {
		f.warn("%d damaged packets, %d pictures with parts the decoder made up", n, res.ConcealedFrames)
	}
	f.say("%d pictures at %.1f fps, %d faces replaced, %d covered; %s in %s; patch cache hit rate %.0f %%", res.Written, fps, f.sum.Replaced, f.sum.Covered, res.Encoder, res.Format, 100*f.live.HitRate())
	if res.Retimed > 0 {
		f.warn("%d times were moved by a tick", res.Retimed)
	}
	if e := f.event("summary", map[string]any{
		"frames": res.Written, "faces": f.sum.Faces, "replaced": f.sum.Replaced, "covered": f.sum.Covered, "missed_pictures": f.missed,
		"fps": round1(fps), "codec": res.Encoder, "format": res.Format, "truncated": res.Truncated, "done": err == nil, "stage_ms": f.live.Times().ByName(), "cache_hit_rate": f.live.HitRate(),
	}); e != nil {
		f.warn("%v", e)
	}
}

// report writes the account of the stream.
func (f *filterRun) report(path string, res *av.FilterResult) error {
	rep := f.live.Report(pipeline.Lost{})
	rep.Input.SHA256, rep.Input.Truncated, rep.Output.SHA256, rep.Output.Truncated = res.In, res.Truncated, res.Out, res.Truncated
	var doc bytes.Buffer
	if err := rep.Write(&doc); err != nil {
		return err
	}
	return writeReports(job{report: path}, doc.Bytes(), func(w io.Writer) error { return rep.WriteHTML(w, doc.Bytes(), nil) })
}

// interruption is an end in order that was asked for by a signal: its text says what is there.
type interruption struct{ error }

func (i *interruption) Unwrap() error { return i.error }
