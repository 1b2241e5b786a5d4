package ffcli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/pipeline"
)

func redactCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "output `FILE`; a folder for several inputs"},
		&cli.StringFlag{Name: "output-dir", Usage: "`DIR` for the outputs, made if need be; they keep their names, and their places within an input folder"},
		&cli.IntFlag{Name: "jobs", Value: 1, Usage: "how many files are worked on at once"},
		&cli.StringFlag{Name: "log-dir", Usage: "`DIR` for a log of each file (default: several files have theirs beside the outputs)"},
		&cli.BoolFlag{Name: "resume", Usage: "take up a run that was stopped: skip what is done, proved by report and hash, and finished first passes"},
	}
	flags = slices.Concat(flags, configFlags(), registryFlags(), engineFlags(), decodeFlags(), viewFlags(), encodeFlags(), outputFlags())
	return &cli.Command{
		Name: "redact", Usage: "replaces every face in a video, in several, or in folders of them", ArgsUsage: "INPUT… -o OUTPUT|DIR", Flags: flags,
		Action: func(c *cli.Context) error {
			if c.String("hwaccel") == "list" {
				return listHardware(c.App.Writer)
			}
			p, err := planJobs(c)
			if err != nil {
				return err
			}
			if err := prepare(c, p); err != nil {
				return err
			}
			return withSession(c, func(s *session) error {
				if p.batch {
					return s.redactAll(c.Context, p)
				}
				return s.redactOne(c.Context, p.jobs[0])
			})
		},
	}
}

func analyzeCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "decision list `FILE`"},
		&cli.BoolFlag{Name: "overwrite", Usage: "replace an existing output"},
		&cli.BoolFlag{Name: "allow-truncated", Usage: "an input that ends early is no failure"},
	}
	return &cli.Command{
		Name: "analyze", Usage: "pass 1 alone: writes the decision list", ArgsUsage: "INPUT -o cast.json",
		Flags: slices.Concat(flags, configFlags(), registryFlags(), engineFlags(), decodeFlags(), viewFlags(), outputFlags()),
		Action: func(c *cli.Context) error {
			in, out, err := oneInput(c)
			if err != nil {
				return err
			}
			if err := errors.Join(checkPlain(in, out, c.Bool("overwrite")), writable(filepath.Dir(out), false)); err != nil {
				return err
			}
			return withSession(c, func(s *session) error {
				a, err := s.analyze(c.Context, in, true)
				if err != nil {
					return err
				}
				if err := writeAtomic(out, a.list.Write); err != nil {
					return err
				}
				s.say("%d persons, %d tracks, %d frames: %s", len(a.list.Persons), len(a.list.Tracks), a.list.Source.Frames, out)
				return a.truncation(c.Bool("allow-truncated"))
			})
		},
	}
}

func renderCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "output `FILE`"},
		&cli.StringFlag{Name: "decisions", Usage: "decision list `FILE` (of `ksamenet analyze`)"},
		&cli.StringFlag{Name: "fallback", Usage: "cover of faces that cannot be replaced (default: the list's)"},
		&cli.BoolFlag{Name: "halo", Usage: haloUsage},
		&cli.BoolFlag{Name: "no-disclosure-tag", Usage: tagUsage},
		&cli.StringFlag{Name: "expression", Usage: "keep or neutral (default: the list's)"},
		&cli.BoolFlag{Name: "uncertified", Usage: "render a list that no registry bears out; the report says NOT CERTIFIED"},
	}
	return &cli.Command{
		Name: "render", Usage: "pass 2 alone: obeys a decision list", ArgsUsage: "--decisions cast.json INPUT -o OUTPUT",
		Flags: slices.Concat(flags, registryFlags(), engineFlags(), decodeFlags(), encodeFlags(), outputFlags()),
		Action: func(c *cli.Context) (err error) {
			in, out, err := oneInput(c)
			if err != nil {
				return err
			}
			list, err := readDecisions(c.String("decisions"))
			if err != nil {
				return err
			}
			s, err := newSession(c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			s.cfg.K, s.cfg.Donors = list.Policy.K, list.Policy.Donors
			if s.cfg.Fallback = list.Policy.Fallback; c.IsSet("fallback") {
				s.cfg.Fallback = c.String("fallback")
			}
			if c.IsSet("expression") {
				list.Policy.Neutral = s.cfg.Expression == pipeline.ExpressionNeutral
			}
			if err := s.cfg.Validate(); err != nil {
				return usage("%w", err)
			}
			j := job{input: in, output: out, report: reportPath(c, out)}
			if err := checkSource(c.Context, in, list); err != nil {
				return err
			}
			if err := s.checkOutput(c.Context, j, viewOfList(list)); err != nil {
				return err
			}
			if err := s.confirm(c, list); err != nil {
				return err
			}
			a := &analysis{list: list}
			if s.reg != nil {
				a.ledger = ledgerOf(s.reg)
			}
			return s.render(c.Context, j, a)
		},
	}
}

func readDecisions(path string) (*decisions.List, error) {
	if path == "" {
		return nil, usage("--decisions FILE is required; `ksamenet analyze` makes it")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	defer f.Close()
	list, err := decisions.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.Join(decisions.Lines(err), "\n"+path+": "))
	}
	return list, nil
}

// job is one file to be redacted. log is empty when none is kept.
type job struct{ input, output, report, log string }

// page is the report as a page for people, beside the one for machines.
func (j job) page() string { return strings.TrimSuffix(j.report, ".json") + ".html" }

func reportPath(c *cli.Context, output string) string {
	if r := c.String("report"); r != "" {
		return r
	}
	return output + ".report.json"
}

func oneInput(c *cli.Context) (in, out string, err error) {
	if c.NArg() != 1 {
		return "", "", usage("one input, please: ksamenet %s %s", c.Command.Name, c.Command.ArgsUsage)
	}
	if out = c.String("output"); out == "" {
		return "", "", usage("no output; say -o FILE")
	}
	return c.Args().First(), out, nil
}

// checkPlain refuses to write a document over its input or, unasked, over an existing file.
func checkPlain(in, out string, overwrite bool) error {
	st, err := os.Stat(out)
	if err != nil {
		return nil // not there; a folder that is missing or closed shows when the file is made
	}
	if src, err := os.Stat(in); err == nil && os.SameFile(src, st) {
		return usage("input and output are the same file")
	}
	if !overwrite {
		return &exitError{code: exitUsage, err: fmt.Errorf("%s exists already", out), hints: []string{"say --overwrite, or another name"}}
	}
	return nil
}

// suffixed puts a mark before the extension: clip.mp4 → clip.partial.mp4.
func suffixed(path, mark string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "." + mark + ext
}

func codeOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	default:
		return exitFailed
	}
}

// graver is the worse of two outcomes: failed, then refused, then incomplete.
func graver(a, b error) error {
	rank := map[int]int{exitDone: 0, exitIncomplete: 1, exitTooFew: 2, exitUsage: 3, exitFailed: 4}
	if rank[codeOf(b)] > rank[codeOf(a)] {
		return b
	}
	return a
}

// withSession opens what a run needs and closes it.
func withSession(c *cli.Context, run func(*session) error) (err error) {
	s, err := newSession(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(c.Context, c); err != nil {
		return err
	}
	return run(s)
}
