package decisions

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ksamenet/ksamenet/core/frame"
)

// ErrInvalid says that a list cannot be obeyed as it stands.
var ErrInvalid = errors.New("decisions: invalid list")

// Fault is one thing that is wrong with a list. It is an ErrInvalid.
type Fault struct {
	Line   int    // of the document, from 1; 0 when the list was not read from one
	Reason string // begins with what it is about: "track 3, frame 17: …"
	path   []any  // keys and indices that lead to it
}

func (f *Fault) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("%v: line %d: %s", ErrInvalid, f.Line, f.Reason)
	}
	return fmt.Sprintf("%v: %s", ErrInvalid, f.Reason)
}

// Is makes every Fault an ErrInvalid.
func (f *Fault) Is(target error) bool { return target == ErrInvalid }

// faultsMost bounds how many faults of one list are told.
const faultsMost = 20

// Validate checks everything a renderer relies on and returns all faults at once, the first twenty of them.
func (l *List) Validate() error {
	var errs []error
	for _, f := range l.faults() {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// checker gathers faults.
type checker struct{ found []*Fault }

func (c *checker) bad(path []any, format string, a ...any) {
	if len(c.found) < faultsMost {
		c.found = append(c.found, &Fault{Reason: fmt.Sprintf(format, a...), path: path})
	}
}

func (l *List) faults() []*Fault {
	c := &checker{}
	switch {
	case l.Format != Format:
		c.bad([]any{"format"}, "format %q, want %q", l.Format, Format)
		return c.found
	case l.Version < 1 || l.Version > Version:
		c.bad([]any{"version"}, "version %d; this program reads 1 to %d", l.Version, Version)
		return c.found
	}
	if s := l.Source; s.Frames < 0 || s.Frames > framesMost || s.Width <= 0 || s.Height <= 0 {
		c.bad([]any{"source"}, "source of %d frames, %dx%d", s.Frames, s.Width, s.Height)
		return c.found
	}
	surrogates := c.surrogates(l)
	persons := map[int]Person{}
	for i, p := range l.Persons {
		at := []any{"persons", i}
		if _, dup := persons[p.ID]; dup || p.ID <= 0 {
			c.bad(at, "person %d: ids are positive and unique", p.ID)
		}
		if !p.Action.Valid() {
			c.bad(at, "person %d: action %q; use %s", p.ID, p.Action, actionNames)
		}
		if p.Slot < 0 || p.Action == Replace && !surrogates[SurrogateID(p.Cluster, p.Slot)] {
			c.bad(at, "person %d: cluster %d, slot %d is not in the list", p.ID, p.Cluster, p.Slot)
		}
		persons[p.ID] = p
	}
	ids := map[int]bool{}
	for i := range l.Tracks {
		t, at := &l.Tracks[i], []any{"tracks", i}
		if ids[t.ID] || t.ID <= 0 {
			c.bad(at, "track %d: ids are positive and unique", t.ID)
		}
		ids[t.ID] = true
		if len(t.Keys) > 0 {
			c.drawn(l, t, at, persons)
		} else {
			c.track(l, t, at, persons, surrogates)
		}
	}
	c.zones(l)
	return c.found
}

// surrogates are those that faces may wear, by SurrogateID: one of each cluster, or in mode distinct its slots.
func (c *checker) surrogates(l *List) map[uint64]bool {
	clusters, worn := map[uint64]bool{}, map[uint64]bool{}
	for i, k := range l.Clusters {
		at := []any{"clusters", i}
		if k.ID == 0 || k.ID>>slotShift != 0 || clusters[k.ID] || (len(k.Donors) == 0) == (len(k.Slots) == 0) {
			c.bad(at, "cluster %d: ids are positive and unique, donors are not empty", k.ID)
		}
		clusters[k.ID] = true
		if len(k.Donors) > 0 {
			worn[k.ID] = true
		}
		for _, s := range k.Slots {
			if s.Slot < 1 || s.Slot >= 1<<16 || worn[SurrogateID(k.ID, s.Slot)] || len(s.Donors) == 0 {
				c.bad(at, "cluster %d, slot %d: slots are positive and unique, donors are not empty", k.ID, s.Slot)
			}
			worn[SurrogateID(k.ID, s.Slot)] = true
		}
	}
	return worn
}

// framesMost is ten days at 60 frames a second: beyond, a number is a slip, and indexing a zone that long would not end.
const framesMost = 60 * 60 * 60 * 24 * 10

const actionNames = "replace, cover, blur or keep"

func (c *checker) track(l *List, t *Track, at []any, persons map[int]Person, surrogates map[uint64]bool) {
	p, ok := persons[t.Person]
	if !ok && t.Person != 0 {
		c.bad(at, "track %d: person %d is not in the list", t.ID, t.Person)
	} else if !ok && t.Action == "" {
		c.bad(at, "track %d: a track of nobody needs an action", t.ID)
	}
	if !t.Light.Valid() {
		c.bad(at, "track %d: a light outside the declared grid", t.ID)
	}
	if t.Action != "" && !t.Action.Valid() {
		c.bad(at, "track %d: action %q; use %s", t.ID, t.Action, actionNames)
	}
	if t.Action == Replace && !surrogates[SurrogateID(p.Cluster, p.Slot)] {
		c.bad(at, "track %d: person %d has no cluster to be replaced with", t.ID, t.Person)
	}
	c.spans(t, at, func(a Action) bool { return a.Valid() && (a != Replace || surrogates[SurrogateID(p.Cluster, p.Slot)]) })
	last := int64(-1)
	for i, f := range t.Faces {
		where := append(at[:2:2], "faces", i)
		if f.Frame <= last || f.Frame >= l.Source.Frames {
			c.bad(where, "track %d: frame %d is out of order or beyond the video", t.ID, f.Frame)
		}
		last = f.Frame
		if !sound(f.Box) {
			c.bad(where, "track %d, frame %d: box %v", t.ID, f.Frame, f.Box)
		}
		if f.Place != nil && !f.Place.Finite() {
			c.bad(where, "track %d, frame %d: placement %+v", t.ID, f.Frame, *f.Place)
		}
		for _, q := range f.Oval {
			if !finite(q[:]...) {
				c.bad(where, "track %d, frame %d: outline point %v", t.ID, f.Frame, q)
			}
		}
		if f.Look != nil && !f.Look.Valid() {
			c.bad(where, "track %d, frame %d: appearance outside the declared grid", t.ID, f.Frame)
		}
	}
}

// spans checks the parts of a track that have an action of their own.
func (c *checker) spans(t *Track, at []any, able func(Action) bool) {
	first, last := t.Span()
	next := first
	for i, s := range t.Spans {
		where := append(at[:2:2], "spans", i)
		if s.First < next || s.Last < s.First || s.Last > last {
			c.bad(where, "track %d: span %d to %d; spans are in order, apart, and within the track's frames %d to %d", t.ID, s.First, s.Last, first, last)
		}
		next = s.Last + 1
		if !able(s.Action) {
			c.bad(where, "track %d: span %d to %d: action %q cannot be done to this track", t.ID, s.First, s.Last, s.Action)
		}
	}
}

// drawn checks a track that consists of keys.
func (c *checker) drawn(l *List, t *Track, at []any, persons map[int]Person) {
	act := t.Action
	if p, ok := persons[t.Person]; ok && act == "" {
		act = p.Action
	} else if !ok && t.Person != 0 {
		c.bad(at, "track %d: person %d is not in the list", t.ID, t.Person)
	}
	if act != Cover && act != Blur && act != Keep {
		c.bad(at, "track %d: a track of keys needs the action cover, blur or keep, not %q: there is no face to be rendered", t.ID, act)
	}
	c.spans(t, at, func(a Action) bool { return a == Cover || a == Blur || a == Keep })
	if len(t.Faces) > 0 {
		c.bad(at, "track %d: it has both keys and faces", t.ID)
	}
	last := int64(-1)
	for i, k := range t.Keys {
		where := append(at[:2:2], "keys", i)
		if k.Frame <= last || k.Frame >= l.Source.Frames {
			c.bad(where, "track %d: key frame %d is out of order or beyond the video", t.ID, k.Frame)
		}
		last = k.Frame
		if !sound(k.Box) {
			c.bad(where, "track %d, key frame %d: box %v", t.ID, k.Frame, k.Box)
		}
	}
}

func (c *checker) zones(l *List) {
	ids := map[int]bool{}
	for i, z := range l.Zones {
		at := []any{"zones", i}
		if ids[z.ID] || z.ID <= 0 {
			c.bad(at, "zone %d: ids are positive and unique", z.ID)
		}
		ids[z.ID] = true
		if z.First < 0 || z.Last < z.First || z.Last >= l.Source.Frames {
			c.bad(at, "zone %d: frames %d to %d of %d", z.ID, z.First, z.Last, l.Source.Frames)
		}
		if z.Box != nil && !sound(*z.Box) {
			c.bad(at, "zone %d: box %v", z.ID, *z.Box)
		}
		if z.Action != Cover && z.Action != Blur && z.Action != Keep {
			c.bad(at, "zone %d: action %q; use cover, blur or keep", z.ID, z.Action)
		}
	}
}

// boxMost bounds coordinates: beyond, arithmetic on boxes loses its meaning.
const boxMost = 1e6

func sound(b [4]float64) bool {
	r := frame.Rect{X0: b[0], Y0: b[1], X1: b[2], Y1: b[3]}
	return !r.Empty() && finite(b[:]...) && max(-r.X0, -r.Y0, r.X1, r.Y1) <= boxMost
}

func finite(v ...float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// Lines are the messages of an error of Read, one a fault, without the package's name: for a user who sees the file's.
func Lines(err error) []string {
	var out []string
	for _, s := range strings.Split(err.Error(), "\n") {
		out = append(out, strings.TrimPrefix(s, ErrInvalid.Error()+": "))
	}
	return out
}
