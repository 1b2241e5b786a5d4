package ffcli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
)

func registryCommand() *cli.Command {
	with := func(more ...[]cli.Flag) []cli.Flag {
		return slices.Concat(append([][]cli.Flag{registryFlags()}, more...)...)
	}
	return &cli.Command{
		Name: "registry", Usage: "the closed set of people",
		Subcommands: append([]*cli.Command{
			{Name: "init", Usage: "makes a registry and its key", Flags: with([]cli.Flag{
				&cli.BoolFlag{Name: "strata", Usage: "group people within an attribute that you give them when they are enrolled; clusters publish it"},
			}, engineFlags(), outputFlags()), Action: registryInit},
			{Name: "enroll", Usage: "adds people: a picture or a folder of pictures is one person, a folder of folders several, a video all whom it shows", ArgsUsage: "PATH…",
				Flags: with(enrollFlags(), engineFlags(), outputFlags()), Action: registryEnroll},
			{Name: "list", Usage: "everybody, by id", Flags: with(), Action: registryList},
			{Name: "show", Usage: "one person", ArgsUsage: "ID", Flags: with(), Action: registryShow},
		}, append(registryPeopleCommands(with()), registryAuditCommands(with())...)...),
	}
}

func registryInit(c *cli.Context) error {
	db, key, err := registryPaths(c)
	if err != nil {
		return err
	}
	s, err := newSession(c)
	if err != nil {
		return err
	}
	// The networks say which recogniser the embeddings will be of.
	if s.stages, err = pipeline.OpenStages(c.Context, s.cfg); err != nil {
		return err
	}
	defer s.stages.Close()
	r, err := registry.Init(db, key, registry.Options{Recognizer: recognizerOf(s.stages), Strata: c.Bool("strata")})
	if errors.Is(err, registry.ErrExists) {
		return withHint(err, "it is left as it is; name another: --registry FILE")
	}
	if err != nil {
		return err
	}
	s.say("made %s; its key is %s: keep it apart from the registry, and keep a copy", db, key)
	return r.Close()
}

// openForReading opens the registry for list and show.
func openForReading(c *cli.Context) (*registry.Registry, error) {
	db, key, err := registryPaths(c)
	if err != nil {
		return nil, err
	}
	r, err := registry.Open(db, key, registry.Options{ReadOnly: true})
	if errors.Is(err, registry.ErrNoRegistry) {
		return nil, withHint(err, "ksamenet registry init")
	}
	return r, err
}

// openPeople opens the registry and lists everybody.
func openPeople(c *cli.Context) (*registry.Registry, []registry.Person, error) {
	r, err := openForReading(c)
	if err != nil {
		return nil, nil, err
	}
	people, err := r.Persons(c.Context)
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, people, nil
}

func registryList(c *cli.Context) error {
	r, people, err := openPeople(c)
	if err != nil {
		return err
	}
	defer r.Close()
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tCLUSTER\tSAMPLES\tENROLLED\tLABEL")
	for _, p := range people {
		fmt.Fprintln(w, personRow(p))
	}
	return w.Flush()
}

func personRow(p registry.Person) string {
	cluster, label := "-", p.Label
	if p.Cluster != 0 {
		cluster = strconv.FormatInt(int64(p.Cluster), 10)
	}
	if p.Tombstone {
		label = "(forgotten)"
	}
	return fmt.Sprintf("%d\t%s\t%d\t%s\t%s", p.ID, cluster, p.Samples, p.Created.Local().Format("2006-01-02 15:04"), label)
}

func registryShow(c *cli.Context) error {
	id, err := strconv.ParseInt(c.Args().First(), 10, 64)
	if err != nil || c.NArg() != 1 {
		return usage("one person's id, please: ksamenet registry show ID")
	}
	r, people, err := openPeople(c)
	if err != nil {
		return err
	}
	defer r.Close()
	i := slices.IndexFunc(people, func(p registry.Person) bool { return int64(p.ID) == id })
	if i < 0 {
		return usage("the registry has no person %d", id)
	}
	p := people[i]
	w := c.App.Writer
	fmt.Fprintf(w, "person    %d\nlabel     %s\nenrolled  %s\nsamples   %d\n", p.ID, p.Label, p.Created.Local().Format("2006-01-02 15:04"), p.Samples)
	if p.Stratum != "" {
		fmt.Fprintf(w, "stratum   %s\n", p.Stratum)
	}
	for i, sample := range r.Samples(p.ID) {
		fmt.Fprintf(w, "sample %d  quality %.2f, similarity to the others %.2f\n", i+1, sample.Quality, sample.Fit)
	}
	if cl, ok := r.State().Cluster(p.Cluster); ok {
		_, err = fmt.Fprintf(w, "cluster   %d (%d people, %d of them surely distinct)\n", cl.ID, len(cl.Members), cl.Distinct)
	} else {
		_, err = fmt.Fprintln(w, "cluster   none yet")
	}
	return err
}
