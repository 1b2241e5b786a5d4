package ffcli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

func registryCommand() *cli.Command {
	with := func(more ...[]cli.Flag) []cli.Flag {
		return slices.Concat(append([][]cli.Flag{registryFlags()}, more...)...)
	}
	return &cli.Command{
		Name: "registry", Usage: "the closed set of people",
		Subcommands: append([]*cli.Command{
			{Name: "init", Usage: "makes a registry and its key", Flags: with(engineFlags(), outputFlags()), Action: registryInit},
			{Name: "enroll", Usage: "adds people from pictures: a picture or a folder is one person, a folder of folders several", ArgsUsage: "PATH…",
				Flags: with(engineFlags(), outputFlags()), Action: registryEnroll},
			{Name: "list", Usage: "everybody, by id", Flags: with(), Action: registryList},
			{Name: "show", Usage: "one person", ArgsUsage: "ID", Flags: with(), Action: registryShow},
		}, registryAuditCommands(with())...),
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
	r, err := registry.Init(db, key, registry.Options{Recognizer: recognizerOf(s.stages)})
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
	if cl, ok := r.State().Cluster(p.Cluster); ok {
		_, err = fmt.Fprintf(w, "cluster   %d (%d people, %d of them surely distinct)\n", cl.ID, len(cl.Members), cl.Distinct)
	} else {
		_, err = fmt.Fprintln(w, "cluster   none yet")
	}
	return err
}

// entry is one person to be enrolled: a label and pictures.
type entry struct {
	label    string
	pictures []string
}

func registryEnroll(c *cli.Context) error {
	if c.NArg() == 0 {
		return usage("no pictures; ksamenet registry enroll PATH…")
	}
	var people []entry
	for _, p := range c.Args().Slice() {
		e, err := entries(p)
		if err != nil {
			return err
		}
		people = append(people, e...)
	}
	return withSession(c, func(s *session) error {
		tx, err := s.reg.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		enrolled, refused := 0, 0
		for _, e := range people {
			ok, err := s.enroll(c.Context, tx, e)
			if err != nil {
				return err
			}
			if ok {
				enrolled++
			} else {
				refused++
			}
		}
		if err := tx.Commit(c.Context); err != nil {
			return err
		}
		s.say("%d enrolled, %d refused", enrolled, refused)
		if refused > 0 {
			return &exitError{code: exitIncomplete, err: fmt.Errorf("%d of %d people were not enrolled; see above", refused, len(people))}
		}
		return nil
	})
}

// entries finds the people under path: a picture is one, a folder of pictures is one, other folders hold people.
func entries(path string) ([]entry, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	if !st.IsDir() {
		return []entry{{strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), []string{path}}}, nil
	}
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	own := entry{label: filepath.Base(path)}
	var out []entry
	for _, f := range list {
		full := filepath.Join(path, f.Name())
		switch {
		case strings.HasPrefix(f.Name(), "."):
		case f.IsDir():
			more, err := entries(full)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		case f.Type()&fs.ModeType == 0:
			own.pictures = append(own.pictures, full)
		}
	}
	if len(own.pictures) > 0 {
		out = append([]entry{own}, out...)
	}
	if len(out) == 0 {
		return nil, usage("%s holds no pictures", path)
	}
	return out, nil
}

// enroll adds one person from their usable pictures and says what it refused and why.
func (s *session) enroll(ctx context.Context, tx *registry.Tx, e entry) (bool, error) {
	var id ksame.PersonID
	for _, path := range e.pictures {
		emb, quality, err := s.portrait(ctx, path)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			s.warn("%s: %v", path, err)
			continue
		}
		m, err := tx.Match(emb)
		if err != nil {
			return false, err
		}
		if id != 0 {
			// A stranger's picture among a person's samples would join the two for good.
			if m.Person != id || !m.Maybe {
				s.warn("%s: does not look like the other pictures of %s; not used (a folder of pictures is one person)", path, e.label)
				continue
			}
			if _, err := tx.AddSample(id, emb, quality); err != nil {
				return false, err
			}
			continue
		}
		if m.Same {
			s.warn("%s: looks like person %d (similarity %.2f), who is enrolled already; the picture is added to them", path, m.Person, m.Similarity)
			id = m.Person
			if _, err := tx.AddSample(id, emb, quality); err != nil {
				return false, err
			}
			continue
		}
		if m.Maybe {
			s.warn("%s: may be person %d (similarity %.2f); both are counted as one", path, m.Person, m.Similarity)
		}
		if id, err = tx.Enrol(registry.Candidate{Embedding: emb, Quality: quality, Label: e.label}); err != nil {
			return false, err
		}
		s.say("person %d: %s", id, e.label)
	}
	if id == 0 {
		s.warn("%s: no usable picture; not enrolled", e.label)
	}
	return id != 0, nil
}

// portrait reads a picture file (its first frame) and takes the embedding of its face.
func (s *session) portrait(ctx context.Context, path string) (emb []float32, quality float64, err error) {
	done := errors.New("enough")
	_, derr := av.Decode(ctx, path, av.DecodeOptions{}, func(pic *frame.Picture) error {
		emb, quality, err = s.stages.Portrait(ctx, pic)
		return done
	})
	if derr != nil && !errors.Is(derr, done) {
		return nil, 0, derr
	}
	return emb, quality, err
}
