package ffcli

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// entry is one person to be enrolled: a label, pictures, and the attribute that is published of them (registries with strata).
type entry struct {
	label    string
	pictures []string
	stratum  string
}

// enrollBatch and enrollTime are how many people, or how much work, are committed at once: what an interrupted run loses.
const (
	enrollBatch = 50
	enrollTime  = 5 * time.Second
)

func enrollFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "csv", Usage: "`FILE` with the columns person, path and perhaps stratum, under a line that names them; paths start at its folder"},
		&cli.StringFlag{Name: "decisions", Usage: "decision list `FILE`: enrols its persons from the video it was made of"},
		&cli.StringFlag{Name: "stratum", Usage: "`NAME` of the attribute that everybody in this call has (registries made with --strata)"},
	}
}

func registryEnroll(c *cli.Context) error {
	args := c.Args().Slice()
	if c.IsSet("decisions") {
		if len(args) != 1 || c.IsSet("csv") {
			return usage("one video, please: ksamenet registry enroll --decisions cast.json VIDEO")
		}
		return withSession(c, func(s *session) error { return s.enrollList(c.Context, c.String("decisions"), args[0]) })
	}
	if len(args) == 0 && !c.IsSet("csv") {
		return usage("no pictures; ksamenet registry enroll PATH…")
	}
	var people []entry
	var videos []string
	if c.IsSet("csv") {
		listed, err := readPeople(c.String("csv"))
		if err != nil {
			return err
		}
		people = listed
	}
	for _, p := range args {
		if isVideo(p) {
			videos = append(videos, p)
			continue
		}
		e, err := entries(p)
		if err != nil {
			return err
		}
		people = append(people, e...)
	}
	for i := range people {
		people[i].stratum = cmp.Or(people[i].stratum, c.String("stratum"))
	}
	return withSession(c, func(s *session) error {
		n, err := s.enrollAll(c.Context, people)
		if err != nil {
			return err
		}
		for _, v := range videos {
			if err := s.enrollVideo(c.Context, v, &n); err != nil {
				return err
			}
		}
		return n.outcome(s)
	})
}

// enrolled counts people.
type enrolled struct{ added, known, refused, maybe int }

func (n *enrolled) add(more enrolled) {
	n.added, n.known, n.refused, n.maybe = n.added+more.added, n.known+more.known, n.refused+more.refused, n.maybe+more.maybe
}

func (n enrolled) outcome(s *session) error {
	s.say("%d enrolled, %d refused, %d were there already", n.added, n.refused, n.known)
	if n.maybe > 0 {
		s.say("%d may be somebody else who is enrolled: such a pair counts as one until a picture shows both; ksamenet registry merge joins them", n.maybe)
	}
	if err := s.event("enrolled", map[string]any{"enrolled": n.added, "refused": n.refused, "known": n.known, "maybe_the_same": n.maybe}); err != nil {
		return err
	}
	if n.refused > 0 {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("%d of %d people were not enrolled; see above", n.refused, n.added+n.known+n.refused)}
	}
	return nil
}

// isVideo says that a file holds moving pictures: more than one frame.
func isVideo(path string) bool {
	if st, err := os.Stat(path); err != nil || st.IsDir() {
		return false
	}
	src, err := av.Open(path)
	if err != nil {
		return false // not a file of pictures at all: enrolling it will say why
	}
	defer src.Close()
	return src.Info().FrameEstimate > 1
}

// readPeople reads a CSV list of people. Lines of one person need not stand together.
func readPeople(path string) ([]entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, usage("%s: %w", path, err)
	}
	person, file, stratum := slices.Index(head, "person"), slices.Index(head, "path"), slices.Index(head, "stratum")
	if person < 0 || file < 0 {
		return nil, usage("%s: the first line names the columns %q; person and path are needed", path, head)
	}
	var out []entry
	at := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, usage("%s: %w", path, err)
		}
		line, _ := r.FieldPos(0)
		name, picture := row[person], row[file]
		if name == "" || picture == "" {
			return nil, usage("%s, line %d: person and path must not be empty", path, line)
		}
		if !filepath.IsAbs(picture) {
			picture = filepath.Join(filepath.Dir(path), picture)
		}
		i, ok := at[name]
		if !ok {
			i, at[name] = len(out), len(out)
			out = append(out, entry{label: name})
		}
		if stratum >= 0 && row[stratum] != "" {
			if out[i].stratum != "" && out[i].stratum != row[stratum] {
				return nil, usage("%s, line %d: %s is of stratum %q here and %q above", path, line, name, row[stratum], out[i].stratum)
			}
			out[i].stratum = row[stratum]
		}
		out[i].pictures = append(out[i].pictures, picture)
	}
	if len(out) == 0 {
		return nil, usage("%s names nobody", path)
	}
	return out, nil
}

// entries finds the people under path: a picture is one, a folder of pictures is one, other folders hold people.
func entries(path string) ([]entry, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	if !st.IsDir() {
		return []entry{{label: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), pictures: []string{path}}}, nil
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

// enrollAll enrols people in batches. Interrupted, it keeps the batches that are done; run again, it goes on after them, for
// files that were taken are known by their content.
func (s *session) enrollAll(ctx context.Context, people []entry) (n enrolled, err error) {
	last := time.Now()
	for at := 0; at < len(people); {
		taken, done, err := s.enrollSome(ctx, people[at:min(at+enrollBatch, len(people))])
		if err != nil && ctx.Err() != nil {
			return n, withHint(fmt.Errorf("interrupted; %d people are enrolled", n.added), "the same command goes on where this one stopped")
		} else if err != nil {
			return n, err
		}
		n.add(done)
		if at += taken; at < len(people) && time.Since(last) >= lineEvery {
			last = time.Now()
			s.say("enrol: %d of %d people", at, len(people))
			if err := s.event("progress", map[string]any{"pass": "enrol", "people": at, "of": len(people)}); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// enrollSome enrols people, in one commit, until enrollTime is over. It returns how many it took.
func (s *session) enrollSome(ctx context.Context, people []entry) (taken int, n enrolled, err error) {
	tx, err := s.reg.Begin()
	if err != nil {
		return 0, n, err
	}
	defer tx.Rollback()
	for start := time.Now(); taken < len(people) && (taken == 0 || time.Since(start) < enrollTime); taken++ {
		if err := s.enroll(ctx, tx, people[taken], &n); err != nil {
			return 0, n, err
		}
	}
	return taken, n, tx.Commit(ctx)
}

// enroll adds one person from their usable pictures and says what it refused and why.
func (s *session) enroll(ctx context.Context, tx *registry.Tx, e entry, n *enrolled) error {
	f := face{tx: tx, n: n, entry: e}
	known := false // by a file that was taken before
	for _, path := range e.pictures {
		sum, err := fileSHA256(ctx, path)
		if ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			s.warn("%v", err)
			continue
		}
		if owner := tx.Source(sum); owner != 0 && (f.id == 0 || f.id == owner) {
			f.id, known = owner, true
			continue
		} else if owner != 0 {
			s.warn("%s: person %d was enrolled from the same file; not used for %s", path, owner, e.label)
			continue
		}
		p, err := s.portrait(ctx, path)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.warn("%s: %v", path, err)
			continue
		}
		if err := s.settle(&f, path, p); err != nil {
			return err
		}
		if f.id != 0 {
			if err := tx.AddSource(sum, f.id); err != nil {
				return err
			}
		}
	}
	switch {
	case f.added:
		n.added++
	case f.id != 0:
		n.known++
	default:
		n.refused++
		s.warn("%s: no usable picture; not enrolled", e.label)
		return nil
	}
	if !f.added && known && f.used == 0 {
		return nil // nothing is new
	}
	s.say("person %d: %s (%d of %d pictures used, quality %.2f to %.2f)", f.id, e.label, f.used, len(e.pictures), f.worst, f.best)
	return s.event("person", map[string]any{"id": f.id, "label": e.label, "new": f.added, "used": f.used, "pictures": len(e.pictures), "quality": round2(f.best)})
}

// face is somebody who is being enrolled.
type face struct {
	entry
	tx          *registry.Tx
	n           *enrolled
	id          ksame.PersonID // 0: nobody yet
	added       bool           // they are new
	used        int            // pictures
	worst, best float64        // quality of those
}

// settle says whose picture it is: of the person at hand, of somebody known, or of somebody new.
func (s *session) settle(f *face, what string, p pipeline.Portrait) error {
	m, err := f.tx.Match(p.Embedding)
	if err != nil {
		return err
	}
	switch {
	case f.id != 0 && (m.Person != f.id || !m.Maybe):
		// A stranger's picture among a person's samples would join the two for good.
		s.warn("%s: does not look like the other pictures of %s; not used (a folder of pictures is one person)", what, f.label)
		return nil
	case f.id == 0 && m.Same:
		s.warn("%s: looks like person %d (similarity %.2f), who is enrolled already; the picture is added to them", what, m.Person, m.Similarity)
		f.id = m.Person
	case f.id == 0:
		if m.Maybe {
			f.n.maybe++
			s.warn("%s: may be person %d (similarity %.2f); both are counted as one", what, m.Person, m.Similarity)
		}
		f.added = true
		if f.id, err = f.tx.Enrol(registry.Candidate{Embedding: p.Embedding, Quality: p.Quality, Label: f.label, Stratum: f.stratum}); err != nil {
			return err
		}
		return f.use(p)
	}
	if _, err := f.tx.AddSample(f.id, p.Embedding, p.Quality); err != nil {
		return err
	}
	return f.use(p)
}

// use counts a picture that was taken, and keeps what the second recogniser made of it.
func (f *face) use(p pipeline.Portrait) error {
	if f.used++; f.used == 1 {
		f.worst, f.best = p.Quality, p.Quality
	}
	f.worst, f.best = min(f.worst, p.Quality), max(f.best, p.Quality)
	if p.Second == nil {
		return nil
	}
	return f.tx.SetSecond(p.SecondModel, f.id, p.Second, p.Quality)
}

// portrait reads a picture file (its first frame) and takes the embedding of its face.
func (s *session) portrait(ctx context.Context, path string) (p pipeline.Portrait, err error) {
	done := errors.New("enough")
	_, derr := av.Decode(ctx, path, av.DecodeOptions{}, func(pic *frame.Picture) error {
		p, err = s.stages.Portrait(ctx, pic)
		return done
	})
	if derr != nil && !errors.Is(derr, done) {
		return p, derr
	}
	return p, err
}
