package ffcli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/verify"
)

func decisionsCommand() *cli.Command {
	out := []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "decision list `FILE`"},
		&cli.BoolFlag{Name: "overwrite", Usage: "replace an existing output"},
	}
	return &cli.Command{
		Name: "decisions", Usage: "checks, shows and extends decision lists",
		Subcommands: []*cli.Command{
			{Name: "check", Usage: "says whether a list can be obeyed, or which line is wrong", ArgsUsage: "cast.json", Action: checkDecisions},
			{Name: "show", Usage: "who is where, and what happens to them", ArgsUsage: "cast.json", Action: showDecisions},
			{Name: "import", Usage: "adds another program's detections (JSON lines), or windows of time (CSV, EDL)", ArgsUsage: "cast.json DETECTIONS.jsonl|WINDOWS.csv|WINDOWS.edl -o merged.json",
				Flags: slices.Concat(out, windowFlags()), Action: importDecisions},
			{Name: "schema", Usage: "prints the JSON schema of lists", Action: func(c *cli.Context) error {
				_, err := c.App.Writer.Write(decisions.Schema())
				return err
			}},
		},
		Action: func(c *cli.Context) error {
			return usage("ksamenet decisions check|show|import|schema")
		},
	}
}

func oneList(c *cli.Context) (*decisions.List, error) {
	if c.NArg() != 1 {
		return nil, usage("one decision list, please: ksamenet decisions %s %s", c.Command.Name, c.Command.ArgsUsage)
	}
	return readDecisions(c.Args().First())
}

func checkDecisions(c *cli.Context) error {
	l, err := oneList(c)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d persons, %d tracks, %d zones, %d frames\n", c.Args().First(), len(l.Persons), len(l.Tracks), len(l.Zones), l.Source.Frames)
	if missing := l.Source.Faces - l.Faces(); missing > 0 {
		fmt.Fprintf(c.App.ErrWriter, "warning: %d of the %d faces that were analysed are not in the list; they will be shown\n", missing, l.Source.Faces)
	}
	return err
}

func showDecisions(c *cli.Context) error {
	l, err := oneList(c)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d frames of %dx%d in %d shots; k = %d, certified: %v\n\n", l.Source.Frames, l.Source.Width, l.Source.Height, len(l.Shots), l.Policy.K, l.Policy.Certified)
	fmt.Fprintln(w, "PERSON\tACTION\tREGISTRY\tCLUSTER\tTRACKS\tFRAMES")
	type sums struct{ tracks, frames int }
	by := map[int]sums{}
	for i := range l.Tracks {
		t := &l.Tracks[i]
		first, last := t.Span()
		s := by[t.Person]
		by[t.Person] = sums{s.tracks + 1, s.frames + int(last-first+1)}
	}
	for _, p := range l.Persons {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\n", p.ID, p.Action, orDash(p.Registry), orDash(int64(p.Cluster)), by[p.ID].tracks, by[p.ID].frames)
	}
	fmt.Fprintln(w, "\nTRACK\tPERSON\tACTION\tFRAMES\tWHY")
	for i := range l.Tracks {
		t := &l.Tracks[i]
		first, last := t.Span()
		fmt.Fprintf(w, "%d\t%s\t%s\t%d-%d\t%s\n", t.ID, orDash(int64(t.Person)), l.ActionOf(t), first, last, t.Why)
	}
	if len(l.Zones) > 0 {
		fmt.Fprintln(w, "\nZONE\tACTION\tFRAMES\tBOX\tWHY")
	}
	for _, z := range l.Zones {
		box := "the whole picture"
		if z.Box != nil {
			box = strings.Trim(fmt.Sprint(*z.Box), "[]")
		}
		fmt.Fprintf(w, "%d\t%s\t%d-%d\t%s\t%s\n", z.ID, z.Action, z.First, z.Last, box, z.Why)
	}
	return w.Flush()
}

func orDash(v int64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprint(v)
}

func importDecisions(c *cli.Context) error {
	if c.NArg() != 2 || c.String("output") == "" {
		return usage("ksamenet decisions import %s", c.Command.ArgsUsage)
	}
	l, err := readDecisions(c.Args().First())
	if err != nil {
		return err
	}
	out, path := c.String("output"), c.Args().Get(1)
	if err := checkPlain(path, out, c.Bool("overwrite")); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return usage("%w", err)
	}
	defer f.Close()
	if isWindows(path) {
		if err := addWindows(c, l, path, f); err != nil {
			return err
		}
		return writeAtomic(out, l.Write)
	}
	all, err := decisions.ReadForeign(f, l.Source)
	if err != nil {
		return fmt.Errorf("%s: %s", path, strings.Join(decisions.Lines(err), "\n"))
	}
	loose, err := l.AddForeign(all, pipeline.WhyImported)
	if err != nil {
		return err
	}
	found := make([]verify.Finding, len(loose))
	for i, d := range loose {
		found[i] = verify.Finding{Frame: d.Frame, Score: 1, Box: frame.Rect{X0: d.Box[0], Y0: d.Box[1], X1: d.Box[2], Y1: d.Box[3]}}
	}
	if err := pipeline.Hide(pipeline.DefaultConfig(), l, found, pipeline.WhyImported); err != nil {
		return err
	}
	return writeAtomic(out, l.Write)
}
