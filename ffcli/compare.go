package ffcli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

func compareCommand() *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "tells what an output has otherwise than its original", ArgsUsage: "ORIGINAL OUTPUT",
		Flags: append(viewFlags(),
			&cli.StringFlag{Name: "decisions", Usage: "decision list `FILE`: pixels are compared inside and outside its masks"},
			&cli.BoolFlag{Name: "exact", Usage: "changed pixels outside the masks are a difference (lossless encoders)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress"},
			&cli.BoolFlag{Name: "json", Usage: "the result as one JSON line"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usage("two files, please: ksamenet compare ORIGINAL OUTPUT")
			}
			return compare(c, c.Args().Get(0), c.Args().Get(1))
		},
	}
}

func compare(c *cli.Context, a, b string) error {
	src, err := av.Open(a)
	if err != nil {
		return err
	}
	info := src.Info()
	if err := src.Close(); err != nil {
		return err
	}
	if err := checkView(c); err != nil {
		return err
	}
	view, err := viewOf(c, info)
	if err != nil {
		return err
	}
	show := progressModeFor(c.App.ErrWriter, c.Bool("quiet"), false)
	if c.Bool("json") {
		show = progressQuiet // one line on stdout, and nothing else
	}
	opts := av.CompareOptions{View: view}
	if name := c.String("decisions"); name != "" {
		list, err := readDecisions(name)
		if err != nil {
			return err
		}
		sum, err := fileSHA256(c.Context, a)
		if err != nil {
			return err
		}
		if sum != list.Source.SHA256 {
			return fmt.Errorf("%s is not the file that %s was made of", a, name)
		}
		cfg := pipeline.DefaultConfig()
		cfg.Fallback = list.Policy.Fallback
		m := pipeline.NewMasks(cfg, list)
		opts.Masks = m.Boxes
		if asked := viewOfList(list); view == (av.View{}) {
			opts.View = asked
		} else if view != asked {
			return usage("%s is of another part, or was seen through other filters; leave --from, --to and --vf-before out", name)
		}
	}
	p := newProgress(c.App.ErrWriter, show, "compare", opts.View.Estimate(info))
	opts.Step = func() { p.step(0) }
	r, err := av.Compare(c.Context, a, b, opts)
	p.finish()
	if err != nil {
		return refused(err)
	}
	if c.Bool("exact") && !r.Video.Outside.Exact() {
		r.Findings = append(r.Findings, av.Finding{Stream: r.A.Video, What: "pixels outside the masks", Is: fmt.Sprintf("%d of %d samples changed", r.Video.Outside.Changed, r.Video.Outside.Samples)})
	}
	if err := printComparison(c, r); err != nil {
		return err
	}
	if !r.Clean() {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("%s differs from %s in more than the coding of its pictures", b, a)}
	}
	return nil
}

func printComparison(c *cli.Context, r *av.Comparison) error {
	w := c.App.Writer
	if c.Bool("json") {
		v := r.Video
		return json.NewEncoder(w).Encode(map[string]any{
			"clean": r.Clean(), "streams": r.Streams, "video": v, "findings": slices.Concat([]av.Finding{}, r.Findings),
			"psnr_outside_db": decibels(v.Outside), "psnr_inside_db": decibels(v.Inside),
		})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Streams {
		fmt.Fprintf(t, "stream %s\t%s\n", s.Stream, became(r, s))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	v := r.Video
	if v.Copied > 0 {
		fmt.Fprintf(w, "  %d of its coded packets were copied\n", v.Copied)
	}
	if v.Pixels {
		printPixels(w, v)
	}
	for _, f := range r.Findings {
		mark, where := "differs", "file"
		if f.Expected {
			mark = "note"
		}
		if f.Stream >= 0 {
			where = fmt.Sprintf("stream %d", f.Stream)
		}
		fmt.Fprintf(w, "%s: %s: %s: %s → %s\n", mark, where, f.What, orNothing(f.Was), orNothing(f.Is))
	}
	verdict := "clean: nothing differs but what coding the pictures anew brings"
	if !r.Clean() {
		verdict = "not clean"
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}

func became(r *av.Comparison, s av.StreamMatch) string {
	switch {
	case s.To < 0:
		return "left out"
	case s.Index == r.A.Video:
		return fmt.Sprintf("%d pictures → %d", r.Video.Frames[0], r.Video.Frames[1])
	case s.Same:
		return fmt.Sprintf("%d packets, all the same", s.Packets)
	default:
		return fmt.Sprintf("%d packets, not the same", s.Packets)
	}
}

func printPixels(w io.Writer, v av.VideoMatch) {
	outside := "all pixels"
	if v.Inside.Samples > 0 {
		outside = "outside the masks"
	}
	say := func(where string, d av.PixelDifference) {
		if d.Exact() {
			fmt.Fprintf(w, "  %s: exact (%d samples)\n", where, d.Samples)
			return
		}
		fmt.Fprintf(w, "  %s: PSNR %.1f dB, largest difference %d, %.2f %% of samples changed\n", where, d.PSNR(), d.Largest, 100*float64(d.Changed)/float64(max(1, d.Samples)))
	}
	say(outside, v.Outside)
	if v.Inside.Samples > 0 {
		say("inside the masks", v.Inside)
	}
}

// decibels is a PSNR for JSON, which has no infinity: nil when nothing differs or nothing was compared.
func decibels(d av.PixelDifference) any {
	if p := d.PSNR(); d.Samples > 0 && !math.IsInf(p, 0) {
		return round1(p)
	}
	return nil
}

func orNothing(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}
