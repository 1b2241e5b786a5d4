package ffcli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// registryAuditCommands look at the registry as a whole: does it hold together, what can be shown of it, what does it promise.
func registryAuditCommands(paths []cli.Flag) []*cli.Command {
	return []*cli.Command{
		{Name: "check", Usage: "verifies the file: replays the ledger, decrypts every embedding, counts every cluster anew", Flags: paths, Action: registryCheck},
		{Name: "export", Usage: "writes the ledger as JSON lines, for ksame-audit: ids and counts, no face, name or time", Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "ledger `FILE` (default: stdout)"},
			&cli.BoolFlag{Name: "overwrite", Usage: "replace an existing output"},
		}, paths...), Action: registryExport},
		{Name: "stats", Usage: "how many people, in clusters of what size, certified for which k", Flags: paths, Action: registryStats},
	}
}

// withRegistry opens the registry for reading, runs and closes. Opening replays the ledger and decrypts every embedding.
func withRegistry(c *cli.Context, run func(*registry.Registry) error) (err error) {
	r, err := openForReading(c)
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return run(r)
}

func registryCheck(c *cli.Context) error {
	return withRegistry(c, func(r *registry.Registry) error {
		h, err := r.Check(c.Context)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.App.Writer, "ok: %d ledger rows replayed, %d people with %d samples decrypted, %d of them known to a second recogniser, %d clusters counted (smallest: %d distinct people)\nhead %s\n",
			h.Rows, h.Persons, h.Samples, h.Seconds, h.Clusters, h.Smallest, h.Head)
		return err
	})
}

func registryExport(c *cli.Context) error {
	out := c.String("output")
	if out != "" {
		db, key, err := registryPaths(c)
		if err != nil {
			return err
		}
		// Neither the registry nor its key may be replaced, whatever was said.
		for _, own := range []string{db, key} {
			if err := checkPlain(own, out, c.Bool("overwrite")); err != nil {
				return err
			}
		}
	}
	return withRegistry(c, func(r *registry.Registry) error {
		if out == "" {
			return r.ExportLedger(c.App.Writer)
		}
		return writeAtomic(out, r.ExportLedger)
	})
}

// size is the clusters of one number of distinct people.
type size struct{ distinct, clusters, members int }

func registryStats(c *cli.Context) error {
	return withRegistry(c, func(r *registry.Registry) error {
		people, err := r.Persons(c.Context)
		if err != nil {
			return err
		}
		enrolled, forgotten, alone := 0, 0, 0
		for _, p := range people {
			switch {
			case p.Tombstone:
				forgotten++
				continue
			case p.Cluster == 0:
				alone++
			}
			enrolled++
		}
		clusters := r.Clusters()
		sizes := sizesOf(clusters)
		w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "people\t%d (%d without a cluster, %d forgotten)\n", enrolled, alone, forgotten)
		fmt.Fprintf(w, "second recogniser\tknows %d of them: surrogates are kept from those under both\n", r.Seconds())
		fmt.Fprintf(w, "clusters\t%d\n", len(clusters))
		if len(sizes) > 0 {
			fmt.Fprintf(w, "certified\tevery cluster for k up to %d\n", sizes[0].distinct)
		} else {
			fmt.Fprintf(w, "certified\tnothing yet\n")
		}
		if err := w.Flush(); err != nil || len(sizes) == 0 {
			return err
		}
		w = tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nDISTINCT\tCLUSTERS\tPEOPLE\tCERTIFIED FOR")
		for _, s := range sizes {
			fmt.Fprintf(w, "%d\t%d\t%d\tk up to %d\n", s.distinct, s.clusters, s.members, s.distinct)
		}
		return w.Flush()
	})
}

// sizesOf counts clusters by their distinct people, smallest first.
func sizesOf(clusters []ksame.Cluster) []size {
	var sizes []size
	for _, c := range clusters {
		i, found := slices.BinarySearchFunc(sizes, c.Distinct, func(s size, n int) int { return cmp.Compare(s.distinct, n) })
		if !found {
			sizes = slices.Insert(sizes, i, size{distinct: c.Distinct})
		}
		sizes[i].clusters++
		sizes[i].members += len(c.Members)
	}
	return sizes
}
