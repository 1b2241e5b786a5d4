package ffcli

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/models"
)

func modelsCommand() *cli.Command {
	dir := []cli.Flag{&cli.StringFlag{Name: "models", Usage: "`DIR` of the model files (default: search)"}}
	return &cli.Command{
		Name: "models", Usage: "the networks and their files",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "names, roles, licences, sources", Flags: dir, Action: func(c *cli.Context) error {
				w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tROLE\tLICENCE\tFILE\tSOURCE")
				for _, n := range models.Names() {
					m, err := models.Manifest(n)
					if err != nil {
						return err
					}
					src := m.Source.Package
					if src == "" {
						src = "ksamenet"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Role, m.Licence, m.File, src)
				}
				return w.Flush()
			}},
			{Name: "sums", Usage: "sha256 and name of every network, for ksame-audit --models", Action: func(c *cli.Context) error {
				for _, n := range models.Names() {
					m, err := models.Manifest(n)
					if err != nil {
						return err
					}
					if _, err := fmt.Fprintf(c.App.Writer, "%s  %s\n", m.SHA256, m.Name); err != nil {
						return err
					}
				}
				return nil
			}},
			{Name: "check", Usage: "reads every file and compares its sha256 with the manifest", Flags: dir, Action: func(c *cli.Context) error {
				var errs []error
				for _, st := range models.DefaultStore(c.String("models")).Check() {
					if st.Err != nil {
						errs = append(errs, st.Err)
						continue
					}
					if _, err := fmt.Fprintf(c.App.Writer, "ok  %s  %s\n", st.Manifest.Name, where(st.Path)); err != nil {
						return err
					}
				}
				return errors.Join(errs...)
			}},
		},
	}
}

func where(path string) string {
	if path == "" {
		return "(built in)"
	}
	return path
}
