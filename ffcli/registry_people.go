package ffcli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// registryPeopleCommands change who is who, without a network.
func registryPeopleCommands(paths []cli.Flag) []*cli.Command {
	with := func(f ...cli.Flag) []cli.Flag { return append(f, paths...) }
	return []*cli.Command{
		{Name: "partition", Usage: "gives everybody who waits a cluster, and unites those below k", Flags: with(
			&cli.IntFlag{Name: "k", Value: 5, Usage: "people per cluster"}), Action: registryPartition},
		{Name: "merge", Usage: "says that two or more ids are one person, the first; their clusters are united", ArgsUsage: "KEEP ID…", Flags: with(), Action: registryMerge},
		{Name: "split", Usage: "makes a new person of some samples of another (show lists them)", ArgsUsage: "ID", Flags: with(
			&cli.IntSliceFlag{Name: "sample", Usage: "`NUMBER` of a sample that is somebody else's (may be repeated)"}), Action: registrySplit},
		{Name: "forget", Usage: "erases people for good: embeddings, labels and the keys that could read older copies", ArgsUsage: "ID…", Flags: with(
			&cli.BoolFlag{Name: "yes", Usage: "there is no way back: say that you know"}), Action: registryForget},
	}
}

// changeRegistry opens the registry for writing, plans and commits.
func changeRegistry(c *cli.Context, plan func(*registry.Tx) error) (err error) {
	db, key, err := registryPaths(c)
	if err != nil {
		return err
	}
	r, err := registry.Open(db, key, registry.Options{})
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tx, err := r.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := plan(tx); err != nil {
		return err
	}
	return tx.Commit(c.Context)
}

// explain adds the way out to what opening a registry may say.
func explain(err error) error {
	switch {
	case errors.Is(err, registry.ErrNoRegistry):
		return withHint(err, "ksamenet registry init")
	case errors.Is(err, registry.ErrNoKey), errors.Is(err, registry.ErrWrongKey):
		return withHint(err, "name the key that was made with this registry: --key-file FILE")
	case errors.Is(err, ksame.ErrTampered):
		return withHint(err, "the file was damaged or changed by another program: put back a copy")
	}
	return err
}

// personArgs are ids of people, each once.
func personArgs(c *cli.Context, least int) ([]ksame.PersonID, error) {
	var ids []ksame.PersonID
	for _, a := range c.Args().Slice() {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil || id <= 0 || slices.Contains(ids, ksame.PersonID(id)) {
			return nil, usage("%q is no id, or is named twice; ksamenet registry list shows them", a)
		}
		ids = append(ids, ksame.PersonID(id))
	}
	if len(ids) < least {
		return nil, usage("%d ids, at least %d are needed: ksamenet registry %s %s", len(ids), least, c.Command.Name, c.Command.ArgsUsage)
	}
	return ids, nil
}

func registryPartition(c *cli.Context) error {
	var done registry.Outcome
	err := changeRegistry(c, func(tx *registry.Tx) (err error) {
		done, err = tx.Ensure(registry.Request{K: c.Int("k"), Growth: registry.GrowPartition})
		return err
	})
	var few *ksame.TooFewError
	if errors.As(err, &few) {
		return &exitError{code: exitTooFew, err: fmt.Errorf("%d distinct people are enrolled, k = %d are needed", few.Have, few.Need),
			hints: []string{"enrol more people: ksamenet registry enroll PICTURES…"}}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d clusters made, %d people appended, %d unions\n", done.Partitioned, done.Appended, done.United)
	return err
}

func registryMerge(c *cli.Context) error {
	ids, err := personArgs(c, 2)
	if err != nil {
		return err
	}
	err = changeRegistry(c, func(tx *registry.Tx) error {
		for _, gone := range ids[1:] {
			if err := tx.Merge(ids[0], gone); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, registry.ErrTogether) {
		return withHint(err, "if the picture showed a mirror or a screen, forget one of them and enrol anew")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d ids are person %d now\n", len(ids)-1, ids[0])
	return err
}

func registrySplit(c *cli.Context) error {
	ids, err := personArgs(c, 1)
	if err != nil {
		return err
	}
	var samples []int
	for _, n := range c.IntSlice("sample") {
		samples = append(samples, n-1)
	}
	if len(ids) != 1 || len(samples) == 0 {
		return usage("one person and their samples, please: ksamenet registry split ID --sample N; ksamenet registry show ID lists them")
	}
	var other ksame.PersonID
	err = changeRegistry(c, func(tx *registry.Tx) (err error) {
		other, err = tx.Split(ids[0], samples)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "person %d is a person of their own now, in the cluster of person %d: earlier releases showed both as it\n", other, ids[0])
	return err
}

func registryForget(c *cli.Context) error {
	ids, err := personArgs(c, 1)
	if err != nil {
		return err
	}
	if !c.Bool("yes") {
		return &exitError{code: exitUsage, err: fmt.Errorf("%d people would be erased for good", len(ids)), hints: []string{"say --yes"}}
	}
	err = changeRegistry(c, func(tx *registry.Tx) error {
		for _, id := range ids {
			if err := tx.Forget(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d forgotten; their ids stay in the ledger. Copies of the file that were made before can still be read with its key\n", len(ids))
	return err
}
