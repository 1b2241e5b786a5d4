package ffcli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// recording is one original of a sweep.
type recording struct {
	path       string
	person     string // whom it is about; "": everybody in it
	expression string // that it ends in; "": not known
	role       int    // gallery or probe; -1: its first half is the gallery, its second one the probe
	list       *decisions.List
	names      map[int]string // of the list's persons who are attacked
	original   [2]*attack.Watcher
}

// stillPictures is how often a still is shown to pass 1, which trusts no face that it saw once.
const stillPictures = 6

// anybody is more people than any registry of a sweep holds: pass 1 then deals no surrogates.
const anybody = 100

// roleOf says what a picture is to the attacker.
func (r *recording) roleOf(index int64) int {
	switch {
	case r.role >= 0:
		return r.role
	case 2*index < r.list.Source.Frames:
		return gallery
	}
	return probe
}

// shows says that the recording shows a person.
func (r *recording) shows(name string) bool {
	for _, n := range r.names {
		if n == name {
			return true
		}
	}
	return false
}

// scan is pass 1 of every recording, and the evidence of the originals.
func (s *sweep) scan(ctx context.Context) error {
	reg, err := registry.Init(filepath.Join(s.dir, "scan.db"), filepath.Join(s.dir, "scan.key"), registry.Options{Recognizer: recognizerOf(s.stages), Log: s.cfg.Log})
	if err != nil {
		return err
	}
	defer reg.Close()
	p := newProgress(s.c.App.ErrWriter, progressModeFor(s.c.App.ErrWriter, s.c.Bool("quiet"), false), "originals", int64(len(s.all)))
	halved := 0
	for _, r := range s.all {
		if r.role < 0 {
			halved++
		}
		if err := s.analyze(ctx, r, reg); err != nil {
			return fmt.Errorf("%s: %w", r.path, err)
		}
		if err := s.look(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.path, err)
		}
		p.step(len(r.names))
	}
	p.finish()
	switch halved {
	case 0:
		s.doc.Sessions = "two sessions"
	case len(s.all):
		s.doc.Sessions = "halves of each recording"
	default:
		s.doc.Sessions = "two sessions, and halves of the recordings that have none"
	}
	s.gather()
	return nil
}

// analyze is pass 1 of one recording.
func (s *sweep) analyze(ctx context.Context, r *recording, reg *registry.Registry) error {
	cfg := s.cfg
	if r.person != "" {
		cfg.K = anybody // who it is is known: nobody need be enrolled
	}
	an, err := pipeline.NewAnalyzer(cfg, s.stages)
	if err != nil {
		return err
	}
	sum, err := fileSHA256(ctx, r.path)
	if err != nil {
		return err
	}
	var still *frame.Picture
	n := 0
	if err := s.decode(ctx, r.path, func(pic *frame.Picture) error {
		if n++; n == 1 {
			still = copied(pic)
		}
		_, err := an.Picture(ctx, pic)
		return err
	}); err != nil {
		return err
	}
	for i := 1; n == 1 && i < stillPictures; i++ {
		still.Index = int64(i)
		if _, err := an.Picture(ctx, still); err != nil {
			return err
		}
	}
	if r.list, err = an.Decide(ctx, reg, decisions.Source{SHA256: sum}); err != nil {
		return err
	}
	r.names = map[int]string{}
	if r.person != "" {
		if len(r.list.Tracks) > 0 {
			r.names[leading(r.list)] = r.person
		}
		return nil
	}
	for _, p := range r.list.Persons {
		if p.Registry != 0 {
			r.names[p.ID] = fmt.Sprintf("person %d", p.Registry)
		}
	}
	return nil
}

// faces are the faces of the named people in a picture; group says what cluster the output shows them as.
func (r *recording) faces(jobs []decisions.Job, group map[string]uint64) (out []attack.Face) {
	for _, j := range jobs {
		if name := r.names[j.Track.Person]; name != "" && j.Action == decisions.Replace {
			out = append(out, attack.Face{Track: j.Track.ID, Person: name, Group: group[name], Box: j.Face.Rect(), Mask: maskOf(&j), Expression: r.expression})
		}
	}
	return out
}

// decode lends fn every --step-th picture of a recording, numbered anew.
func (s *sweep) decode(ctx context.Context, path string, fn func(*frame.Picture) error) error {
	step := int64(s.c.Int("step"))
	_, err := av.Decode(ctx, path, av.DecodeOptions{Threads: 1}, func(pic *frame.Picture) error {
		if pic.Index%step != 0 {
			return nil
		}
		taken := *pic
		taken.Index /= step
		return fn(&taken)
	})
	return err
}

// due says that a picture is looked at: every n-th one.
func due(index int64, n int) bool { return index%int64(n) == 0 }

// dueAlone says that a picture is rendered for single signals: every other one of those that are looked at, and not the first,
// with which many recordings come to rest.
func dueAlone(index, pictures int64, n int) bool {
	if pictures <= int64(n) {
		return index == 0
	}
	return index%int64(2*n) == int64(n)
}

// look takes the evidence of an original.
func (s *sweep) look(ctx context.Context, r *recording) error {
	for role := range r.original {
		w, err := attack.NewWatcher(s.eyes, attack.Config{Every: 1})
		if err != nil {
			return err
		}
		r.original[role] = w
	}
	jobs := r.list.ByFrame()
	return s.decode(ctx, r.path, func(pic *frame.Picture) error {
		if !due(pic.Index, s.c.Int("every")) {
			return nil
		}
		faces := r.faces(jobs[pic.Index], nil)
		s.doc.Pictures += len(faces)
		return r.original[r.roleOf(pic.Index)].One(ctx, attack.Original, pic, faces)
	})
}

// gather finds who is recognisable on both sides, and what passes of them.
func (s *sweep) gather() {
	var roles [2][]*attack.Watcher
	s.trails = [2]map[string]attack.Trail{{}, {}}
	var seen []string
	for _, r := range s.all {
		for role := range roles {
			roles[role] = append(roles[role], r.original[role])
			part := portion(r.list, func(f int64) bool { return r.roleOf(f) == role })
			for id, name := range r.names {
				trail := s.trails[role][name]
				if trail == nil {
					trail = attack.Trail{}
					s.trails[role][name] = trail
				}
				for signal, rows := range attack.TrailOf(part, id) {
					trail[signal] = append(trail[signal], rows...)
				}
				seen = append(seen, name)
			}
		}
	}
	s.enrol = attack.References(roles[gallery])
	sought := attack.References(roles[probe])
	slices.Sort(seen)
	for _, name := range slices.Compact(seen) {
		_, known := s.enrol[name]
		if _, again := sought[name]; known && again {
			s.people = append(s.people, name)
		} else {
			s.doc.Left = append(s.doc.Left, name)
		}
	}
	s.doc.People = len(s.people)
	for _, name := range s.people {
		if slices.ContainsFunc(s.all, func(r *recording) bool { return r.role < 0 && r.shows(name) }) {
			s.doc.OneRecording = append(s.doc.OneRecording, name)
		}
	}
	if n := len(s.doc.OneRecording); n > 0 {
		s.say("of %d of %d people gallery and probe are halves of one recording, in which not only the face is the same: of them parrot, composition and cluster-leak are measured and not judged", n, len(s.people))
	}
	if n := len(s.doc.Left); n > 0 {
		s.say("%d people are left out: no usable face in both sessions", n)
	}
}

// portion is the part of a list that keep says of its frames.
func portion(l *decisions.List, keep func(int64) bool) *decisions.List {
	out := *l
	out.Tracks = nil
	for _, t := range l.Tracks {
		t.Faces = slices.DeleteFunc(slices.Clone(t.Faces), func(f decisions.Face) bool { return !keep(f.Frame) })
		if len(t.Faces) > 0 {
			out.Tracks = append(out.Tracks, t)
		}
	}
	return &out
}

// copied is a picture of its own with the same content.
func copied(pic *frame.Picture) *frame.Picture {
	out := *pic
	out.Planes = slices.Clone(pic.Planes)
	for i := range out.Planes {
		out.Planes[i].Data = slices.Clone(out.Planes[i].Data)
	}
	return &out
}

// redact shows one recording as each release does, and looks at it.
func (s *sweep) redact(ctx context.Context, r *recording, outputs []*release) error {
	type output struct {
		*release
		paint *pipeline.Renderer
		watch [2]*attack.Watcher
		jobs  map[int64][]decisions.Job
	}
	var all []output
	for _, o := range outputs {
		list := r.dressed(o)
		out := output{release: o, paint: pipeline.NewRenderer(s.cfg, list, o.gen), jobs: list.ByFrame()}
		for role := range out.watch {
			w, err := attack.NewWatcher(s.eyes, attack.Config{Every: 1})
			if err != nil {
				return err
			}
			out.watch[role], o.watched[role] = w, append(o.watched[role], w)
		}
		all = append(all, out)
	}
	return s.decode(ctx, r.path, func(pic *frame.Picture) error {
		if !due(pic.Index, s.c.Int("every")) {
			return nil
		}
		for _, o := range all {
			shown := copied(pic)
			if _, err := o.paint.Picture(ctx, shown); err != nil {
				return err
			}
			if err := o.watch[r.roleOf(pic.Index)].One(ctx, attack.Output, shown, r.faces(o.jobs[pic.Index], o.cluster)); err != nil {
				return err
			}
		}
		return nil
	})
}

// dressed is the recording's list with the clusters of a release. Who is not attacked is covered.
func (r *recording) dressed(o *release) *decisions.List {
	l := *r.list
	l.Clusters, l.Persons, l.Zones = o.clusters, slices.Clone(l.Persons), nil
	for i := range l.Persons {
		p := &l.Persons[i]
		cluster := o.cluster[r.names[p.ID]]
		if cluster == 0 {
			p.Action = decisions.Cover
			continue
		}
		p.Cluster = cluster
	}
	return &l
}

// leak are renderings of one signal.
type leak struct {
	signal  string
	watched [2][]*attack.Watcher
}

// isolate renders everybody with one surrogate, driven by one signal of theirs at a time, on grey. The surrogate is the
// same for each k, so that it is done once.
func (s *sweep) isolate(ctx context.Context) (leaks []leak, err error) {
	if s.c.Bool("no-signals") || s.ks[len(s.ks)-1] == 1 {
		return nil, nil
	}
	mix, err := ksame.SharedMix([]byte("ksamenet attack: the surrogate of the cluster-leak"), s.cfg.Donors, ksame.AllDonors(pipeline.Proxies))
	if err != nil {
		return nil, err
	}
	gen, err := pipeline.OpenSurrogates(ctx, s.cfg, &decisions.List{Clusters: []decisions.Cluster{{ID: 1, Donors: mix}}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gen.Close()) }()
	p := newProgress(s.c.App.ErrWriter, progressModeFor(s.c.App.ErrWriter, s.c.Bool("quiet"), false), "signals", int64(len(attack.Signals)*len(s.all)))
	for _, name := range attack.Signals {
		l := leak{signal: name}
		for _, r := range s.all {
			if err := s.isolateOne(ctx, r, mix, gen, &l); err != nil {
				return nil, fmt.Errorf("%s: %w", r.path, err)
			}
			p.step(len(r.names))
		}
		leaks = append(leaks, l)
	}
	p.finish()
	return leaks, nil
}

func (s *sweep) isolateOne(ctx context.Context, r *recording, mix []int, gen *pipeline.Surrogates, l *leak) error {
	var watch [2]*attack.Watcher
	for role := range watch {
		w, err := attack.NewWatcher(s.eyes, attack.Config{Every: 1, FaceOnly: true})
		if err != nil {
			return err
		}
		watch[role], l.watched[role] = w, append(l.watched[role], w)
	}
	for id := range r.names {
		list := attack.Isolate(r.list, id, l.signal, mix)
		paint, jobs := pipeline.NewRenderer(s.cfg, list, gen), list.ByFrame()
		for f := int64(0); f < list.Source.Frames; f++ {
			if !dueAlone(f, list.Source.Frames, s.c.Int("every")) || len(jobs[f]) == 0 {
				continue
			}
			shown := attack.Blank(f, list.Source.Width, list.Source.Height)
			if _, err := paint.Picture(ctx, shown); err != nil {
				return err
			}
			if err := watch[r.roleOf(f)].One(ctx, attack.Output, shown, r.faces(jobs[f], nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

// utility measures what is left of the performances in one release.
func (s *sweep) utility(ctx context.Context, o *release) (*attack.Utility, error) {
	var all []*attack.Watcher
	for _, r := range s.all {
		w, err := attack.NewWatcher(s.eyes, attack.Config{Utility: true, Every: 1 << 30})
		if err != nil {
			return nil, err
		}
		list := r.dressed(o)
		paint, jobs := pipeline.NewRenderer(s.cfg, list, o.gen), list.ByFrame()
		if err := s.decode(ctx, r.path, func(pic *frame.Picture) error {
			shown := copied(pic)
			if _, err := paint.Picture(ctx, shown); err != nil {
				return err
			}
			return w.Pair(ctx, pic, shown, r.faces(jobs[pic.Index], o.cluster))
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", r.path, err)
		}
		all = append(all, w)
	}
	u, err := attack.Measure(ctx, all...)
	return &u, err
}
