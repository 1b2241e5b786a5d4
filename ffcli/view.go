package ffcli

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/timecode"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// beforeFlag is the chain of filters that the passes look through.
func beforeFlag() cli.Flag {
	return &cli.StringFlag{Name: "vf-before", Usage: "libavfilter `CHAIN` behind the decoder: deinterlacers, scalers, …; may change size, format and rate of pictures, not their times"}
}

// viewFlags say which part of a film is seen, and how.
func viewFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from", Usage: "first picture: `TIME` as timecode HH:MM:SS:FF, [[HH:]MM:]SS.mmm from the start, or 123f"},
		&cli.StringFlag{Name: "to", Usage: "the first picture that is left out again: `TIME` as for --from"},
		beforeFlag(),
	}
}

// checkView refuses what no film could be seen through.
func checkView(c *cli.Context) error {
	for _, name := range []string{"vf", "vf-before"} {
		if text := c.String(name); text != "" {
			if err := av.CheckFilter(text); err != nil {
				return usage("--%s: %w", name, err)
			}
		}
	}
	if c.Bool("smart") && (c.String("from") != "" || c.String("to") != "" || c.String("vf-before") != "") {
		return usage("--smart copies packets: leave --from, --to and --vf-before out, or --smart")
	}
	return nil
}

// viewOf is what the flags want to see of a film.
func viewOf(c *cli.Context, i av.Info) (v av.View, err error) {
	v.Filter = c.String("vf-before")
	for _, f := range []struct {
		flag string
		to   *av.Mark
	}{{"from", &v.From}, {"to", &v.To}} {
		if text := c.String(f.flag); text != "" {
			if *f.to, err = mark(i, text); err != nil {
				return v, usage("--%s: %w", f.flag, err)
			}
		}
	}
	from, to := v.From, v.To
	if to.Set && to.Timed == from.Timed && (to.Timed && to.Time <= from.Time || !to.Timed && to.Picture <= from.Picture) {
		return v, usage("--to %s lies at or before the first picture; it names the first one that is left out again", c.String("to"))
	}
	return v, nil
}

// viewOfFile is viewOf for a file that is not open.
func viewOfFile(c *cli.Context, path string) (av.View, error) {
	if c.String("from") == "" && c.String("to") == "" {
		return viewOf(c, av.Info{})
	}
	src, err := av.Open(path)
	if err != nil {
		return av.View{}, err
	}
	defer src.Close()
	return viewOf(c, src.Info())
}

// mark reads a place in a film, by the texts of decisions.Clock.
func mark(i av.Info, text string) (av.Mark, error) {
	source := sourceOf(i)
	source.ConstantRate, source.Frames = true, math.MaxInt64 // whether it is so shows when the film is read
	coded := strings.Contains(text, ";") || strings.Count(text, ":") == 3
	if !coded && !strings.HasSuffix(text, "f") {
		s, err := decisions.Seconds(text)
		return av.Mark{Set: true, Timed: true, Time: time.Duration(math.Round(s * float64(time.Second)))}, err
	}
	if !coded {
		source.Timecode = "" // a number needs none, nor a readable one
	}
	clock, err := source.Clock()
	if err != nil {
		return av.Mark{}, err
	}
	n, err := clock.Frame(text)
	return av.Mark{Set: true, Picture: n, Even: coded}, err
}

// viewOfList is what a decision list was made of.
func viewOfList(l *decisions.List) (v av.View) {
	v.Filter = l.Source.Filter
	if c := l.Source.Cut; c != nil {
		v.From = av.Mark{Set: c.First > 0, Picture: c.First}
		v.To = av.Mark{Set: c.End > 0, Picture: c.End}
	}
	return v
}

// tellView writes into a list's source what was seen of the film.
func tellView(s *decisions.Source, c *cli.Context, r av.Reading) error {
	if s.Filter = c.String("vf-before"); s.Filter != "" {
		if rate := (timecode.Rate{Num: int64(r.Rate.Num), Den: int64(r.Rate.Den)}); rate.Known() {
			s.Rate = rate.String()
		}
	}
	from, to := c.String("from"), c.String("to")
	if from == "" && to == "" {
		return nil
	}
	s.Cut = &decisions.Cut{From: from, To: to, First: r.Skipped}
	if to != "" {
		s.Cut.End = r.Skipped + r.Seen
	}
	if s.Timecode == "" || r.Skipped == 0 {
		return nil
	}
	rate, err := timecode.ParseRate(s.Rate)
	if err != nil {
		return err
	}
	code, err := timecode.Parse(s.Timecode)
	if err != nil {
		return err
	}
	n, err := code.Count(rate)
	if err != nil {
		return err
	}
	s.Timecode = timecode.At(n+r.Skipped, rate, code.Drop).String()
	return nil
}

// otherView says how a run saw its film otherwise than is asked for now.
func otherView(c *cli.Context, cut *decisions.Cut, filter string) string {
	if cut == nil {
		cut = &decisions.Cut{}
	}
	if cut.From != c.String("from") || cut.To != c.String("to") {
		return fmt.Sprintf("it was of another part (%q to %q)", cut.From, cut.To)
	}
	if filter != c.String("vf-before") {
		return fmt.Sprintf("it was seen through %q", filter)
	}
	return ""
}

// refused makes a film that cannot be seen so a mistake of usage.
func refused(err error) error {
	if !errors.Is(err, av.ErrView) {
		return err
	}
	return &exitError{code: exitUsage, err: err, hints: []string{"--from, --to and --vf-before say what is seen of the input"}}
}
