package ffcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

func attackCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "decisions", Usage: "decision list `FILE` of the pair, or folder of lists: who is where (default: faces are followed, and every track is a person)"},
		&cli.StringFlag{Name: "dataset", Usage: "`DIR` with a pairs.csv instead of two arguments (docs/attack.md)"},
		&cli.BoolFlag{Name: "utility", Usage: "measure what is left of the performance too: speech, blinks, pose, detection, flicker"},
		&cli.IntFlag{Name: "every", Value: 5, Usage: "pictures of a track from one embedding to the next"},
		&cli.StringFlag{Name: "k", Usage: "originals alone are given: redact them for each of these `NUMBERS` of people per cluster (1,2,3,5,10) and attack that"},
		&cli.IntFlag{Name: "donors", Value: pipeline.DefaultConfig().Donors, Usage: "with --k: synthetic donor faces mixed into one surrogate"},
		&cli.IntFlag{Name: "folds", Value: 1, Usage: "with --k: how often people are drawn, each time for registries of their own"},
		&cli.IntFlag{Name: "people", Usage: "with --k: people in a fold (default: all)"},
		&cli.Uint64Flag{Name: "seed", Usage: "with --k: draw folds and donors by this number, so that the run can be repeated (default: at random)"},
		&cli.IntFlag{Name: "step", Value: 1, Usage: "with --k: take every n-th picture of each recording alone"},
		&cli.BoolFlag{Name: "no-signals", Usage: "with --k: leave out the renderings of single signals"},
		&cli.StringFlag{Name: "html", Usage: "with --k: write a page with the curves to `FILE`"},
		&cli.StringFlag{Name: "json", Usage: "write the whole result to `FILE`"},
		&cli.StringFlag{Name: "csv", Usage: "write one line per person and attack to `FILE`"},
		&cli.BoolFlag{Name: "overwrite", Usage: "replace existing results"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress and no table"},
		&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "debug, info, warn or error"},
	}
	return &cli.Command{
		Name: "attack", Usage: "tries to recognise people in an output, and measures what is left of them",
		ArgsUsage: "ORIGINAL OUTPUT | ORIGINALS_DIR OUTPUTS_DIR | --k 1,2,5 ORIGINAL… | [--k 1,2,5] --dataset DIR", Flags: slices.Concat(flags, engineFlags()),
		Action: runAttack,
	}
}

// duel is one original, its output, and what is known of the two.
type duel struct {
	original, output, decisions string
	person, session             string
	expression                  string // that the recording ends in
}

func runAttack(c *cli.Context) (err error) {
	for _, name := range []string{"every", "step"} {
		if c.Int(name) < 1 {
			return usage("%s is %d; at least 1", name, c.Int(name))
		}
	}
	if c.IsSet("k") {
		return runSweep(c)
	}
	for _, name := range []string{"donors", "folds", "people", "seed", "step", "no-signals", "html"} {
		if c.IsSet(name) {
			return usage("--%s is for sweeps, with --k and originals alone", name)
		}
	}
	duels, err := planDuels(c)
	if err != nil {
		return err
	}
	for _, out := range []string{c.String("json"), c.String("csv")} {
		if out == "" {
			continue
		}
		for _, d := range duels {
			for _, in := range []string{d.original, d.output, d.decisions} {
				if err := checkPlain(in, out, c.Bool("overwrite")); err != nil {
					return err
				}
			}
		}
	}
	cfg, err := config(c)
	if err != nil {
		return err
	}
	eyes, err := attack.Open(c.Context, cfg.ModelsDir, infer.Options{Backend: cfg.Engine, Library: cfg.Library, Threads: cfg.Threads, Log: cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eyes.Close()) }()
	info := eyes.Engine()
	r := &attack.Result{Format: attack.Format, Version: attack.Version, Tool: cfg.Tool, Engine: info.Backend + " " + info.Version + " " + info.Device, Models: eyes.Models()}
	sessions := map[string][]*attack.Watcher{}
	var order []string
	var all []*attack.Watcher
	for _, d := range duels {
		w, err := fight(c, eyes, d)
		if err != nil {
			return err
		}
		if sessions[d.session] == nil {
			order = append(order, d.session)
		}
		sessions[d.session], all = append(sessions[d.session], w), append(all, w)
		frames, tracks := w.Seen()
		r.Pairs = append(r.Pairs, attack.Pair{Original: filepath.Base(d.original), Output: filepath.Base(d.output), Session: d.session, Frames: frames, Tracks: tracks})
	}
	gallery, probe := all, all
	if len(order) == 2 {
		gallery, probe = sessions[order[0]], sessions[order[1]]
	}
	r.Attacks, err = attack.Identify(gallery, probe)
	switch {
	case errors.Is(err, attack.ErrEvidence) && c.Bool("utility"):
		r.Why = err.Error()
	case errors.Is(err, attack.ErrEvidence):
		return withHint(err, "attack several people: a clip with two or more, a folder of pairs, or --dataset DIR", "or measure utility alone: --utility")
	case err != nil:
		return err
	case len(order) < 2 && !c.Bool("quiet"):
		fmt.Fprintln(c.App.ErrWriter, "ksamenet: the attacker holds the very recording that was redacted, as nobody should: pose, light and expression are the same on both sides; the claim is about recordings of other sittings (docs/guarantee.md)")
	}
	if c.Bool("utility") {
		u, err := attack.Measure(c.Context, all...)
		if err != nil {
			return err
		}
		r.Utility = &u
	}
	return deliver(c, r)
}

// deliver writes the results and says by the exit code whether the claim stands.
func deliver(c *cli.Context, r *attack.Result) error {
	for _, o := range []struct {
		path  string
		write func(io.Writer) error
	}{{c.String("json"), r.WriteJSON}, {c.String("csv"), r.WriteCSV}} {
		if o.path != "" {
			if err := writeAtomic(o.path, o.write); err != nil {
				return err
			}
		}
	}
	if !c.Bool("quiet") {
		if err := r.WriteTable(c.App.Writer); err != nil {
			return err
		}
	}
	if !r.Holds() {
		return &exitError{code: exitIncomplete, err: errors.New("an attack recognises more faces than the claim allows"), hints: []string{
			"faces that were kept or never replaced are recognised, of course: see --csv for who it is",
			"recordings of one sitting share how somebody stood and acted, which passes by design; the claim is about other sittings: docs/guarantee.md, scope",
		}}
	}
	return nil
}

// fight watches one pair from the first picture to the last.
func fight(c *cli.Context, eyes *attack.Eyes, d duel) (*attack.Watcher, error) {
	w, err := attack.NewWatcher(eyes, attack.Config{Utility: c.Bool("utility"), Every: c.Int("every")})
	if err != nil {
		return nil, err
	}
	faces, err := facesOf(eyes, d)
	if err != nil {
		return nil, err
	}
	src, err := av.Open(d.original)
	if err != nil {
		return nil, err
	}
	total := src.Info().FrameEstimate
	src.Close()
	var seen av.View
	if d.decisions != "" { // the output may be of a part of the original
		list, err := readDecisions(d.decisions)
		if err != nil {
			return nil, err
		}
		seen = viewOfList(list)
	}
	p := newProgress(c.App.ErrWriter, progressModeFor(c.App.ErrWriter, c.Bool("quiet"), false), filepath.Base(d.original), total)
	err = decodePair(c.Context, d.original, d.output, seen, func(original, output *frame.Picture) error {
		f, err := faces(c.Context, original)
		if err != nil {
			return err
		}
		p.step(len(f))
		return w.Pair(c.Context, original, output, f)
	})
	p.finish()
	return w, err
}

// facesOf says who is where in each picture of the original: by the decision list, or by following faces.
func facesOf(eyes *attack.Eyes, d duel) (func(context.Context, *frame.Picture) ([]attack.Face, error), error) {
	if d.decisions == "" {
		f, err := attack.NewFollower(eyes)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, pic *frame.Picture) ([]attack.Face, error) {
			faces, err := f.Faces(ctx, pic)
			if d.person != "" { // a recording of one person: the largest face is theirs
				faces = largest(faces)
			}
			for i := range faces {
				faces[i].Person, faces[i].Expression = personName(d, faces[i].Person), d.expression
			}
			return faces, err
		}, nil
	}
	list, err := readDecisions(d.decisions)
	if err != nil {
		return nil, err
	}
	jobs := list.ByFrame()
	names := map[int]string{}
	for _, p := range list.Persons {
		names[p.ID] = personName(d, fmt.Sprintf("person %d", p.ID))
		if p.Registry != 0 && d.person == "" {
			names[p.ID] = fmt.Sprintf("registry %d", p.Registry)
		}
	}
	star := leading(list)
	return func(_ context.Context, pic *frame.Picture) (faces []attack.Face, err error) {
		if pic.Index >= list.Source.Frames || pic.W != list.Source.Width || pic.H != list.Source.Height {
			return nil, fmt.Errorf("%s is not of this original: it has %d pictures of %dx%d", d.decisions, list.Source.Frames, list.Source.Width, list.Source.Height)
		}
		for _, j := range jobs[pic.Index] {
			if d.person != "" && j.Track.Person != star {
				continue
			}
			faces = append(faces, attack.Face{Track: j.Track.ID, Person: names[j.Track.Person], Group: j.Cluster, Box: j.Face.Rect(), Mask: maskOf(&j),
				Expression: d.expression, Clear: j.Action != decisions.Replace})
		}
		return faces, nil
	}, nil
}

// maskOf is the part of a picture that a job's surrogate alone paints; nil where there is none.
func maskOf(j *decisions.Job) []frame.Point {
	if j.Action != decisions.Replace {
		return nil
	}
	out := make([]frame.Point, len(j.Face.Oval))
	for i, p := range j.Face.Oval {
		out[i] = frame.Point{X: p[0], Y: p[1]}
	}
	return out
}

// personName is the person whom the data set names, else somebody of this file alone.
func personName(d duel, local string) string {
	if d.person != "" {
		return d.person
	}
	return filepath.Base(d.original) + ", " + local
}

// leading is the person with the most and largest faces: whom a recording of one person is about. Boxes without landmarks, which
// are covered whatever they show, count where there is nothing else.
func leading(list *decisions.List) int {
	seen, boxes := map[int]float64{}, map[int]float64{}
	for i := range list.Tracks {
		t := &list.Tracks[i]
		for j := range t.Faces {
			f := &t.Faces[j]
			boxes[t.Person] += f.Rect().Area()
			if f.Renderable() {
				seen[t.Person] += f.Rect().Area()
			}
		}
	}
	if len(seen) == 0 {
		seen = boxes
	}
	best, most := 0, -1.
	for _, person := range slices.Sorted(maps.Keys(seen)) {
		if seen[person] > most {
			best, most = person, seen[person]
		}
	}
	return best
}

func largest(faces []attack.Face) []attack.Face {
	if len(faces) < 2 {
		return faces
	}
	return []attack.Face{slices.MaxFunc(faces, func(a, b attack.Face) int {
		switch x, y := a.Box.Area(), b.Box.Area(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})}
}

// decodePair decodes an original, as seen, and its output together and lends fn each pair of pictures. One that ends before the other
// is an error: what is missing was not examined.
func decodePair(ctx context.Context, original, output string, seen av.View, fn func(original, output *frame.Picture) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pictures, used := make(chan *frame.Picture), make(chan struct{})
	var failed error // written before pictures is closed
	go func() {
		defer close(pictures)
		_, failed = av.Decode(ctx, output, av.DecodeOptions{Threads: 1}, func(pic *frame.Picture) error {
			select {
			case pictures <- pic:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			<-used // the decoder takes the picture back when this returns
			return nil
		})
	}()
	n := 0
	_, err := av.Decode(ctx, original, av.DecodeOptions{Threads: 1, View: seen}, func(a *frame.Picture) error {
		b, ok := <-pictures
		if !ok {
			return errors.Join(failed, fmt.Errorf("%w: %s ends after %d pictures, %s goes on", attack.ErrPair, filepath.Base(output), n, filepath.Base(original)))
		}
		defer func() { used <- struct{}{} }()
		n++
		return fn(a, b)
	})
	if err == nil {
		if _, more := <-pictures; more {
			err = fmt.Errorf("%w: %s has more than the %d pictures of %s", attack.ErrPair, filepath.Base(output), n, filepath.Base(original))
			cancel(err)
			used <- struct{}{}
		} else {
			err = failed
		}
	}
	cancel(err)
	for range pictures { // waits for the other decoder's end
		used <- struct{}{}
	}
	return err
}

// isDir says that path is a folder.
func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
