package ffcli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/timecode"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// windowFlags say what a list of windows means.
func windowFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "action", Usage: "of windows that name none, and of all events of an EDL: process, cover, blur or keep"},
		&cli.StringFlag{Name: "edl-side", Value: "record", Usage: "times of an EDL that count: record (the film is the programme) or source (it is a reel)"},
		&cli.StringFlag{Name: "reel", Usage: "only events of this `REEL` of an EDL"},
	}
}

// isWindows says that a file to be imported holds windows of time.
func isWindows(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".edl":
		return true
	}
	return false
}

// addWindows reads windows and adds them to a list.
func addWindows(c *cli.Context, l *decisions.List, path string, r io.Reader) error {
	clock, err := l.Source.Clock()
	if err != nil {
		return err
	}
	action := decisions.Action(c.String("action"))
	switch action {
	case "", decisions.Process, decisions.Cover, decisions.Blur, decisions.Keep:
	default:
		return usage("action %q; process, cover, blur or keep", action)
	}
	var all []decisions.Window
	if strings.EqualFold(filepath.Ext(path), ".edl") {
		side := c.String("edl-side")
		if side != "record" && side != "source" {
			return usage("edl-side %q; record or source", side)
		}
		if action == "" {
			return usage("an EDL does not say what happens in its windows: --action process (faces are replaced there alone), cover, blur or keep")
		}
		all, err = decisions.ReadEDL(r, clock, decisions.EDLOptions{Action: action, Source: side == "source", Reel: c.String("reel")})
	} else {
		all, err = decisions.ReadCSV(r, clock, action)
	}
	if err != nil {
		return fmt.Errorf("%s: %s", path, strings.Join(decisions.Lines(err), "\n"))
	}
	if len(all) == 0 {
		return fmt.Errorf("%s holds no window", path)
	}
	return l.AddWindows(all)
}

// sourceOf is what the container tells of a film's time.
func sourceOf(i av.Info) decisions.Source {
	s := decisions.Source{Timecode: i.Timecode}
	if r := (timecode.Rate{Num: int64(i.FrameRate.Num), Den: int64(i.FrameRate.Den)}); r.Known() {
		s.Rate = r.String()
	}
	return s
}
