package ffcli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
)

// sweep is a run of `ksamenet attack --k`: originals only, which it redacts itself for each k.
type sweep struct {
	c      *cli.Context
	cfg    pipeline.Config
	eyes   *attack.Eyes
	stages *pipeline.Stages
	dir    string // of registries that live as long as the run
	id     []byte // of all of them
	ks     []int
	all    []*recording
	people []string // with usable faces on both sides, sorted
	enrol  map[string]attack.Enrolment
	trails [2]map[string]attack.Trail
	doc    attack.Sweep
}

// Roles of pictures in an attack. They stand in for sessions.
const (
	gallery = iota
	probe
)

func runSweep(c *cli.Context) (err error) {
	s := &sweep{c: c}
	if s.ks, err = sweepKs(c.String("k")); err != nil {
		return err
	}
	if s.all, err = planSweep(c); err != nil {
		return err
	}
	if err := s.checkResults(); err != nil {
		return err
	}
	if s.cfg, err = config(c); err != nil {
		return err
	}
	// With as many clusters as k = 1 makes of a data set every draw of donors may resemble a surrogate that is worn: the first
	// free draw is worn then, as in a run that needs no certificate.
	s.cfg.Uncertified, s.cfg.K = true, 1
	if s.stages, err = pipeline.OpenStages(c.Context, s.cfg); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stages.Close()) }()
	s.eyes, err = attack.Open(c.Context, s.cfg.ModelsDir, infer.Options{Backend: s.cfg.Engine, Library: s.cfg.Library, Threads: s.cfg.Threads, Log: s.cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.eyes.Close()) }()
	if s.dir, err = os.MkdirTemp("", "ksamenet-attack-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if err := s.keys(c.Uint64("seed")); err != nil {
		return err
	}
	info := s.eyes.Engine()
	s.doc = attack.Sweep{Format: attack.SweepFormat, Version: attack.SweepVersion, Tool: s.cfg.Tool, Engine: info.Backend + " " + info.Version + " " + info.Device,
		Models: s.eyes.Models(), Donors: s.cfg.Donors, Recordings: len(s.all)}
	if err := s.run(c.Context); err != nil {
		return err
	}
	return s.deliver()
}

// keyName is the file of the key that all registries of a run share.
const keyName = "key"

// keys makes id and key of the run's registries: random, or of a seed, so that a published run can be repeated.
func (s *sweep) keys(seed uint64) error {
	s.id = make([]byte, 16)
	if seed == 0 {
		rand.Read(s.id) // never fails (crypto/rand); Init draws the key
		return nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "ksamenet attack: seed %d", seed))
	copy(s.id, sum[:])
	key := sha256.Sum256(sum[:])
	return os.WriteFile(filepath.Join(s.dir, keyName), key[:], 0o600)
}

// sweepKs reads --k: numbers of people per cluster.
func sweepKs(text string) ([]int, error) {
	var ks []int
	for _, f := range strings.Split(text, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || k < 1 || k > 100 {
			return nil, usage("--k %s: numbers from 1 to 100 with commas between, please, as 1,2,3,5,10", text)
		}
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return slices.Compact(ks), nil
}

// run looks at the originals, then runs every k in every fold.
func (s *sweep) run(ctx context.Context) error {
	if err := s.scan(ctx); err != nil {
		return err
	}
	if len(s.people) < 2 {
		return withHint(fmt.Errorf("%w: %d people are recognisable in both sessions, two are needed", attack.ErrEvidence, len(s.people)),
			"sessions pair by the names in the column person of pairs.csv (docs/attack.md)")
	}
	folds, err := foldsOf(s.people, s.c.Int("folds"), s.c.Int("people"), s.c.Uint64("seed"))
	if err != nil {
		return err
	}
	leaks, err := s.isolate(ctx)
	if err != nil {
		return err
	}
	for _, k := range s.ks {
		for i, people := range folds {
			if k > len(people) {
				s.say("k = %d: fold %d has %d people; left out", k, i+1, len(people))
				continue
			}
			if err := s.fold(ctx, k, i+1, people, leaks); err != nil {
				return err
			}
			s.doc.Finish()
		}
	}
	if len(s.doc.Runs) == 0 {
		return usage("--k %s: there are %d people", s.c.String("k"), len(folds[0]))
	}
	return nil
}

// fold is one k with the people of one fold.
func (s *sweep) fold(ctx context.Context, k, fold int, people []string, leaks []leak) (err error) {
	r := attack.Run{K: k, Fold: fold, People: len(people), Smallest: len(people), Intersection: len(people)}
	reg, ids, err := s.register(ctx, people, fmt.Sprintf("%d-%d.db", k, fold))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	cfg := s.cfg
	cfg.K = k
	outputs := make([]*release, 1, 2)
	if k > 1 {
		outputs = outputs[:2]
	}
	var before *ksame.State
	for i := range outputs { // between the first and the second one the clusters are rekeyed
		cfg.Rekey = i == 1
		if err := s.stages.Prepare(ctx, cfg, reg); err != nil {
			return err
		}
		if outputs[i], err = s.open(ctx, cfg, reg.State(), people, ids); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, outputs[i].gen.Close()) }()
		if i == 0 {
			before = reg.State()
		}
	}
	state := reg.State()
	for _, c := range state.Clusters() {
		r.Clusters, r.Smallest = r.Clusters+1, min(r.Smallest, c.Distinct)
	}
	for _, id := range ids {
		r.Intersection = min(r.Intersection, shared(before, state, id))
	}
	s.say("k = %d: %d people in %d clusters", k, len(people), r.Clusters)
	for _, rec := range s.all {
		if !slices.ContainsFunc(people, rec.shows) {
			continue
		}
		if err := s.redact(ctx, rec, outputs); err != nil {
			return err
		}
	}
	// The originals' evidence counts for whom the fold holds; outputs are of nobody else.
	a := outputs[0]
	var originals [2][]*attack.Watcher
	for _, rec := range s.all {
		for role, w := range rec.original {
			originals[role] = append(originals[role], w)
		}
	}
	if r.Attacks, err = attack.Identify(append(originals[gallery], a.watched[gallery]...), append(originals[probe], a.watched[probe]...)); err != nil {
		return err
	}
	if k > 1 { // of a cluster of one nothing is claimed
		b := outputs[1]
		r.Attacks = append(r.Attacks, attack.Compose(a.watched[gallery], a.watched[probe], b.watched[gallery], b.watched[probe])...)
		r.Attacks = append(r.Attacks, attack.Leak("", a.watched[gallery], a.watched[probe], a.cluster)...)
		for _, l := range leaks {
			r.Attacks = append(r.Attacks, attack.Leak(l.signal, l.watched[gallery], l.watched[probe], a.cluster)...)
		}
		r.Attacks = append(r.Attacks, attack.LeakSignals(s.trails[gallery], s.trails[probe], a.cluster)...)
	}
	attack.MarkOneRecording(r.Attacks, s.doc.OneRecording)
	s.doc.Runs = append(s.doc.Runs, r)
	for _, x := range r.Attacks {
		s.cfg.Log.Info("attacked", "k", k, "fold", fold, "attack", x.Attack, "recognizer", x.Recognizer, "channel", x.Channel, "hits", x.Hits, "people", x.People, "claim", x.Claim)
	}
	if s.c.Bool("utility") && s.doc.Utility == nil && (k > 1 || k == s.ks[len(s.ks)-1]) {
		u, err := s.utility(ctx, a)
		if err != nil {
			return err
		}
		s.doc.Utility, s.doc.UtilityK = u, k
	}
	return nil
}

// shared is how many people are in the clusters of one person in both states.
func shared(before, after *ksame.State, id ksame.PersonID) int {
	a, _ := before.Cluster(before.Of(id))
	b, _ := after.Cluster(after.Of(id))
	n := 0
	for _, m := range a.Members {
		if slices.Contains(b.Members, m) {
			n++
		}
	}
	return n
}

// knownApart is a similarity that two people never reach: who is who is said by the data set, and synthetic people look more
// alike than the thresholds of registries allow for.
const knownApart = .9999

// register makes a registry of people. All registries of a run have one id and one key: cluster 1 draws its donors in the same order in each.
func (s *sweep) register(ctx context.Context, people []string, name string) (*registry.Registry, map[string]ksame.PersonID, error) {
	reg, err := registry.Init(filepath.Join(s.dir, name), filepath.Join(s.dir, keyName), registry.Options{Recognizer: recognizerOf(s.stages), ID: s.id, TauLow: knownApart, TauLink: knownApart, Log: s.cfg.Log})
	if err != nil {
		return nil, nil, err
	}
	ids, err := enrolAll(ctx, reg, people, s.enrol)
	if err != nil {
		return nil, nil, errors.Join(err, reg.Close())
	}
	return reg, ids, nil
}

func enrolAll(ctx context.Context, reg *registry.Registry, people []string, of map[string]attack.Enrolment) (map[string]ksame.PersonID, error) {
	tx, err := reg.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	ids := map[string]ksame.PersonID{}
	for _, name := range people {
		id, err := tx.Enrol(registry.Candidate{Embedding: of[name].Embedding, Quality: of[name].Quality, Label: name})
		if err != nil {
			return nil, err
		}
		ids[name] = id
	}
	return ids, tx.Commit(ctx)
}

// release is what one production of a fold wears, and what was seen of it.
type release struct {
	clusters []decisions.Cluster
	cluster  map[string]uint64 // by person
	gen      *pipeline.Surrogates
	watched  [2][]*attack.Watcher
}

// open reads clusters and donors off a registry's state.
func (s *sweep) open(ctx context.Context, cfg pipeline.Config, state *ksame.State, people []string, ids map[string]ksame.PersonID) (*release, error) {
	r := &release{cluster: map[string]uint64{}}
	for _, c := range state.Clusters() {
		mix := c.Mix(cfg.Donors)
		if mix == nil {
			return nil, fmt.Errorf("cluster %d has no donors", c.ID)
		}
		r.clusters = append(r.clusters, decisions.Cluster{ID: uint64(c.ID), Members: c.Distinct, Donors: mix})
	}
	for _, name := range people {
		r.cluster[name] = uint64(state.Of(ids[name]))
	}
	gen, err := pipeline.OpenSurrogates(ctx, cfg, &decisions.List{Clusters: r.clusters})
	r.gen = gen
	return r, err
}

// checkResults refuses to write over an input or, unasked, over anything.
func (s *sweep) checkResults() error {
	for _, name := range []string{"json", "csv", "html"} {
		out := s.c.String(name)
		if out == "" {
			continue
		}
		for _, r := range s.all {
			if err := checkPlain(r.path, out, s.c.Bool("overwrite")); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver writes the results and says by the exit code whether the claims stand.
func (s *sweep) deliver() error {
	for _, o := range []struct {
		flag  string
		write func(io.Writer) error
	}{{"json", s.doc.WriteJSON}, {"csv", s.doc.WriteCSV}, {"html", s.doc.WriteHTML}} {
		if path := s.c.String(o.flag); path != "" {
			if err := writeAtomic(path, o.write); err != nil {
				return err
			}
		}
	}
	if !s.c.Bool("quiet") {
		if err := s.doc.WriteTable(s.c.App.Writer); err != nil {
			return err
		}
	}
	if beaten := s.doc.Beaten(); len(beaten) > 0 {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("%d attacks recognise more than the claim allows; the first: %s with %s through %s at k = %d",
			len(beaten), beaten[0].Attack, beaten[0].Recognizer, beaten[0].Channel, beaten[0].K), hints: []string{"--csv FILE says who it is; docs/attack.md says what the channels are",
			"recordings of one sitting share how somebody stood and acted, which passes by design; the claim is about other sittings: docs/guarantee.md, scope"}}
	}
	return nil
}

func (s *sweep) say(format string, a ...any) {
	if !s.c.Bool("quiet") {
		fmt.Fprintf(s.c.App.ErrWriter, "ksamenet: "+format+"\n", a...)
	}
}
