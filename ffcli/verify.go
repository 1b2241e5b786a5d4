package ffcli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/core/verify"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

func verifyCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "decisions", Usage: "decision list `FILE` that the output was rendered from; without it the pictures are compared"},
		&cli.BoolFlag{Name: "thorough", Usage: "both detectors, at the whole scale of the picture too"},
		&cli.Int64Flag{Name: "every", Value: 1, Usage: "look at one picture in `N`"},
		&cli.Float64Flag{Name: "least", Usage: "`HEIGHT` in pixels of the smallest face that is looked at; 0 looks at all"},
	}
	return &cli.Command{
		Name: "verify", Usage: "looks for faces of the original that an output still shows", ArgsUsage: "ORIGINAL OUTPUT",
		Flags: slices.Concat(flags, engineFlags(), outputFlags()),
		Action: func(c *cli.Context) (err error) {
			if c.NArg() != 2 {
				return usage("two files, please: ksamenet verify ORIGINAL OUTPUT")
			}
			if c.Int64("every") < 1 {
				return usage("every is %d; 1 or more", c.Int64("every"))
			}
			original, output := c.Args().Get(0), c.Args().Get(1)
			s, err := newSession(c)
			if err != nil {
				return err
			}
			var list *decisions.List
			if path := c.String("decisions"); path != "" {
				if list, err = readDecisions(path); err != nil {
					return err
				}
				if err := checkSource(c.Context, original, list); err != nil {
					return err
				}
			}
			w, err := pipeline.OpenWatcher(c.Context, s.cfg, c.Bool("thorough"), c.Float64("least"))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			var found []verify.Finding
			var frames int64
			if list != nil {
				found, frames, _, err = s.watch(c.Context, w, output, list, nil, c.Int64("every"))
				if err == nil && frames != list.Source.Frames {
					err = fmt.Errorf("%s has %d frames, the list %d", output, frames, list.Source.Frames)
				}
			} else {
				found, frames, err = s.compare(c.Context, w.Lanes[0].Watcher, original, output, c.Int64("every"))
			}
			if err != nil {
				return err
			}
			return s.tellFindings(found, frames, w.Seen())
		},
	}
}

// checkSource refuses a list of another file.
func checkSource(ctx context.Context, in string, list *decisions.List) error {
	sum, err := fileSHA256(ctx, in)
	if err != nil {
		return err
	}
	if sum != list.Source.SHA256 {
		return withHint(fmt.Errorf("%s is not the file that was analysed (sha256 %.12s…, the list says %.12s…)", in, sum, list.Source.SHA256),
			"analyse this file: ksamenet analyze "+in+" -o cast.json")
	}
	return nil
}

// tellFindings prints one line a face, as JSON when asked for, and fails when there are any.
func (s *session) tellFindings(found []verify.Finding, frames, seen int64) error {
	for _, f := range found {
		var err error
		if s.show == progressJSON {
			err = s.event("exposed", map[string]any{"frame": f.Frame, "box": [4]int{int(f.Box.X0), int(f.Box.Y0), int(f.Box.X1), int(f.Box.Y1)}, "score": f.Score, "hidden": f.Hidden})
		} else {
			_, err = fmt.Fprintf(s.out, "frame %d: face at %.0f,%.0f to %.0f,%.0f (score %.2f), %.0f %% hidden\n", f.Frame, f.Box.X0, f.Box.Y0, f.Box.X1, f.Box.Y1, f.Score, 100*f.Hidden)
		}
		if err != nil {
			return err
		}
	}
	n := framesOf(found)
	if err := s.event("verified", map[string]any{"frames": frames, "seen": seen, "exposed": len(found), "exposed_frames": n}); err != nil {
		return err
	}
	if len(found) > 0 {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("%d faces are exposed, in %d of %d frames", len(found), n, frames)}
	}
	s.say("%d frames, %d faces looked at, none exposed", frames, seen)
	return nil
}

// framesOf counts the pictures that findings lie in.
func framesOf(found []verify.Finding) int {
	frames := map[int64]bool{}
	for _, f := range found {
		frames[f.Frame] = true
	}
	return len(frames)
}

// verified is what the second detector said about an output.
type verified struct {
	renderings int
	report.Watch
	models []report.Model
}

// rendersMost is how often a file is rendered before what is still exposed is left to the user.
const rendersMost = 3

// lookOver is the watch over a rendered file. What it finds exposed is added to the list as covers, and again says that
// the file must be rendered once more; not so when that did not help.
func (s *session) lookOver(ctx context.Context, path string, a *analysis, v *verified) (again bool, err error) {
	if s.c.Bool("no-verify") {
		return false, nil
	}
	w, err := pipeline.OpenWatcher(ctx, s.cfg, s.c.Bool("thorough"), 0)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	l, assured := a.list, a.assured
	if s.c.Bool("thorough") {
		assured = nil
	}
	var found []verify.Finding
	if assured.Rests(l) {
		v.Carried = l.Source.Frames
	} else if found, _, v.Carried, err = s.watch(ctx, w, path, l, assured, 1); err != nil {
		return false, err
	}
	v.models, v.Seen = w.Models(), w.Seen()
	if v.Detector = v.models[0].Name; v.renderings == 0 {
		v.Found = int64(len(found))
	}
	v.renderings++
	if len(found) > 0 && v.renderings < rendersMost {
		if err := assured.Hide(s.cfg, l, found); err != nil {
			return false, err
		}
		s.say("the second detector found %d faces exposed, in %d frames; they are covered, and the file is rendered again", len(found), framesOf(found))
		return true, nil
	}
	v.Exposed = int64(len(found))
	for _, f := range found {
		if n := len(v.Frames); n == 0 || v.Frames[n-1] != f.Frame {
			v.Frames = append(v.Frames, f.Frame)
		}
	}
	return false, nil
}

// tell puts the outcome into a report.
func (v *verified) tell(r *report.Report) {
	if v.renderings > 0 {
		r.Watch = &v.Watch
		r.Models = append(r.Models, v.models...)
	}
}

// watch looks at every picture of a rendered file for faces that its list did not hide, save for what pass 1 assures: carried
// counts the pictures that needed no look. before may be nil.
func (s *session) watch(ctx context.Context, w *pipeline.Watcher, path string, list *decisions.List, before *pipeline.Assured, every int64) (found []verify.Finding, frames, carried int64, err error) {
	jobs := list.ByFrame()
	p := s.progress("verify", list.Source.Frames)
	defer p.finish()
	var mu sync.Mutex // guards found and p
	var lanes []func(*frame.Picture) error
	for _, lane := range w.Lanes {
		lanes = append(lanes, func(pic *frame.Picture) (err error) {
			var f []verify.Finding
			rests := false
			if pic.Index%every == 0 {
				f, rests, err = lane.Again(ctx, pic, verify.Regions(jobs[pic.Index]), before)
			}
			mu.Lock()
			defer mu.Unlock()
			if found = append(found, f...); rests {
				carried++
			}
			p.step(len(f))
			return err
		})
	}
	r, err := av.DecodeAmong(ctx, path, av.DecodeOptions{}, lanes...)
	slices.SortStableFunc(found, func(a, b verify.Finding) int { return cmp.Compare(a.Frame, b.Frame) })
	return found, r.Frames, carried, err
}

// compare looks at every picture of a file for faces that it shows as the original does.
func (s *session) compare(ctx context.Context, w *verify.Watcher, original, output string, every int64) (found []verify.Finding, frames int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Two copies go round between the decoders: one is being filled while the other is looked at.
	free, filled := make(chan *verify.Luma, 2), make(chan *verify.Luma, 2)
	free <- &verify.Luma{}
	free <- &verify.Luma{}
	var first av.DecodeResult
	var failed error
	go func() {
		defer close(filled)
		first, failed = av.Decode(ctx, original, av.DecodeOptions{}, func(pic *frame.Picture) error {
			select {
			case l := <-free:
				err := l.Read(pic)
				filled <- l
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	p := s.progress("verify", -1)
	defer p.finish()
	var now verify.Luma
	second, err := av.Decode(ctx, output, av.DecodeOptions{}, func(pic *frame.Picture) error {
		was, ok := <-filled
		if !ok {
			return errShorter
		}
		defer func() { free <- was }()
		if pic.Index%every != 0 {
			p.step(0)
			return nil
		}
		if err := now.Read(pic); err != nil {
			return err
		}
		f, err := w.Picture(ctx, pic, nil)
		p.step(len(f))
		for _, x := range f {
			if verify.Exposed(was, &now, x.Box) {
				found = append(found, x)
			}
		}
		return err
	})
	_, more := <-filled // the original goes on: the channel closes after its last picture
	cancel(nil)
	for range filled {
	}
	switch {
	case err != nil && !errors.Is(err, errShorter):
		return nil, 0, err
	case failed != nil && !errors.Is(failed, context.Canceled):
		return nil, 0, failed
	case err != nil:
		return nil, 0, fmt.Errorf("%s ends after %d frames, %s goes on", original, first.Frames, output)
	case more:
		return nil, 0, fmt.Errorf("%s ends after %d frames, %s goes on", output, second.Frames, original)
	}
	return found, second.Frames, nil
}

var errShorter = errors.New("the original ends before the output")
