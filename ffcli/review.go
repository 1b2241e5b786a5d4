package ffcli

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/review"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

func reviewCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "HTML `FILE`"},
		&cli.BoolFlag{Name: "overwrite", Usage: "replace an existing output"},
	}
	return &cli.Command{
		Name: "review", Usage: "writes a page with everybody's faces, what is in doubt first", ArgsUsage: "cast.json INPUT -o review.html",
		Flags: slices.Concat(flags, outputFlags()),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 || c.String("output") == "" {
				return usage("ksamenet review %s", c.Command.ArgsUsage)
			}
			list, in, out := c.Args().Get(0), c.Args().Get(1), c.String("output")
			l, err := readDecisions(list)
			if err != nil {
				return err
			}
			if err := checkPlain(list, out, c.Bool("overwrite")); err != nil {
				return err
			}
			s, err := newSession(c)
			if err != nil {
				return err
			}
			if err := checkSource(c.Context, in, l); err != nil {
				return err
			}
			page := review.New(l)
			p := s.progress("review", l.Source.Frames)
			_, err = av.Decode(c.Context, in, av.DecodeOptions{View: viewOfList(l)}, func(pic *frame.Picture) error {
				p.step(0)
				return page.Picture(pic)
			})
			p.finish()
			if err != nil {
				return err
			}
			if err := writeAtomic(out, page.Write); err != nil {
				return err
			}
			s.say("%s shows faces as they were filmed: keep it with the original", out)
			return nil
		},
	}
}
