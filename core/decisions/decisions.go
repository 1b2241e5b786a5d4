// Package decisions is the decision list: what happens to every face of a video, frame by frame, as a versioned JSON
// document that people read, edit and diff between the two passes. It holds ids, boxes, placements and quantised
// appearances; no pixels, no embeddings, no names (docs/decisions.md).
package decisions

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Format and Version identify the document. Readers refuse other formats and newer versions.
const (
	Format  = "ksamenet-decisions"
	Version = 1
)

// Action says what happens to a face.
type Action string

// Actions. An edited list may use any of them for a whole person or a single track.
const (
	Replace Action = "replace" // render the cluster's surrogate
	Cover   Action = "cover"   // opaque cover
	Keep    Action = "keep"    // leave the face as it is: said by the user only
)

// Valid says that a is a known action.
func (a Action) Valid() bool { return a == Replace || a == Cover || a == Keep }

// List is one video's decisions.
type List struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Tool     string    `json:"tool"`
	Source   Source    `json:"source"`
	Policy   Policy    `json:"policy"`
	Shots    []Shot    `json:"shots"`
	Clusters []Cluster `json:"clusters"`
	Persons  []Person  `json:"persons"`
	Tracks   []Track   `json:"tracks"`
}

// Source identifies the analysed video.
type Source struct {
	SHA256    string `json:"sha256"`
	Frames    int64  `json:"frames"`
	Faces     int64  `json:"faces"` // entries of all tracks, as analysed: an edit that loses some is noticed
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Truncated bool   `json:"truncated,omitempty"` // the input ended early; Frames counts what could be decoded
	// ConstantRate says that all frames lasted equally long; an encoder can only be told before the first.
	ConstantRate bool `json:"constant_rate,omitempty"`
}

// Policy is what was asked for and what was reached.
type Policy struct {
	K         int    `json:"k"`
	Donors    int    `json:"donors"`
	Certified bool   `json:"certified"`
	Why       string `json:"why,omitempty"` // why not certified
	Fallback  string `json:"fallback"`
}

// Shot is a run of frames between two cuts; First and Last are inclusive.
type Shot struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Cluster is an equivalence class on screen: its id in the registry, its size there, and the donors of its surrogate.
type Cluster struct {
	ID      uint64 `json:"id"`
	Members int    `json:"members"` // distinct registry identities in it
	Donors  []int  `json:"donors"`
}

// Person is somebody the tracks were joined to. ID is local to the list; Registry is the id in the registry, 0 when the
// person was not enrolled (uncertified runs, faces too small to identify).
type Person struct {
	ID       int    `json:"id"`
	Registry int64  `json:"registry,omitempty"`
	Cluster  uint64 `json:"cluster"`
	Action   Action `json:"action"`
}

// Track is one face through one shot; First and Last are inclusive and equal the first and last entry of Faces.
type Track struct {
	ID     int              `json:"id"`
	Person int              `json:"person"`
	Action Action           `json:"action,omitempty"` // empty: the person's
	Why    string           `json:"why,omitempty"`    // why it is covered
	Tone   compositor.Tone  `json:"tone"`             // colour of the surroundings over the whole track
	Light  appearance.Light `json:"light,omitzero"`   // where the surroundings are lit from
	Faces  []Face           `json:"faces"`
}

// Face is a track in one frame.
type Face struct {
	Frame int64      `json:"f"`
	Box   [4]float64 `json:"b"` // x0 y0 x1 y1, px
	// Place, Oval and Look are set when the face can be rendered; otherwise it is covered.
	Place *align.Placement       `json:"pl,omitempty"`
	Oval  [][2]float64           `json:"ov,omitempty"` // face outline, px
	Look  *appearance.Appearance `json:"a,omitempty"`
}

// Rect is the face's box.
func (f Face) Rect() frame.Rect {
	return frame.Rect{X0: f.Box[0], Y0: f.Box[1], X1: f.Box[2], Y1: f.Box[3]}
}

// Renderable says that the face carries all that the generator and the compositor need.
func (f Face) Renderable() bool { return f.Place != nil && f.Look != nil && len(f.Oval) >= 3 }

// ErrInvalid says that a list cannot be obeyed as it stands.
var ErrInvalid = errors.New("decisions: invalid list")

// Validate checks everything a renderer relies on and returns all faults at once.
func (l *List) Validate() error {
	var errs []error
	bad := func(format string, a ...any) {
		if len(errs) < 20 {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, a...)...))
		}
	}
	if l.Format != Format {
		bad("format %q, want %q", l.Format, Format)
		return errors.Join(errs...)
	}
	if l.Version < 1 || l.Version > Version {
		bad("version %d; this program reads 1 to %d", l.Version, Version)
		return errors.Join(errs...)
	}
	if l.Source.Frames < 0 || l.Source.Width <= 0 || l.Source.Height <= 0 {
		bad("source of %d frames, %dx%d", l.Source.Frames, l.Source.Width, l.Source.Height)
	}
	clusters := map[uint64]bool{}
	for _, c := range l.Clusters {
		if c.ID == 0 || clusters[c.ID] || len(c.Donors) == 0 {
			bad("cluster %d: ids are positive and unique, donors are not empty", c.ID)
		}
		clusters[c.ID] = true
	}
	persons := map[int]Person{}
	for _, p := range l.Persons {
		if _, dup := persons[p.ID]; dup || p.ID <= 0 {
			bad("person %d: ids are positive and unique", p.ID)
		}
		if !p.Action.Valid() {
			bad("person %d: action %q; use replace, cover or keep", p.ID, p.Action)
		}
		if p.Action == Replace && !clusters[p.Cluster] {
			bad("person %d: cluster %d is not in the list", p.ID, p.Cluster)
		}
		persons[p.ID] = p
	}
	ids := map[int]bool{}
	for _, t := range l.Tracks {
		if ids[t.ID] || t.ID <= 0 {
			bad("track %d: ids are positive and unique", t.ID)
		}
		ids[t.ID] = true
		p, ok := persons[t.Person]
		if !ok {
			bad("track %d: person %d is not in the list", t.ID, t.Person)
		}
		if !t.Light.Valid() {
			bad("track %d: a light outside the declared grid", t.ID)
		}
		if t.Action != "" && !t.Action.Valid() {
			bad("track %d: action %q; use replace, cover or keep", t.ID, t.Action)
		}
		if t.Action == Replace && !clusters[p.Cluster] {
			bad("track %d: person %d has no cluster to be replaced with", t.ID, t.Person)
		}
		last := int64(-1)
		for _, f := range t.Faces {
			if f.Frame <= last || f.Frame >= l.Source.Frames {
				bad("track %d: frame %d is out of order or beyond the video", t.ID, f.Frame)
			}
			last = f.Frame
			if f.Rect().Empty() || !finite(f.Box[:]...) {
				bad("track %d, frame %d: box %v", t.ID, f.Frame, f.Box)
			}
			if f.Place != nil && !f.Place.Finite() {
				bad("track %d, frame %d: placement %+v", t.ID, f.Frame, *f.Place)
			}
			for _, p := range f.Oval {
				if !finite(p[:]...) {
					bad("track %d, frame %d: outline point %v", t.ID, f.Frame, p)
				}
			}
			if f.Look != nil && !f.Look.Valid() {
				bad("track %d, frame %d: appearance outside the declared grid", t.ID, f.Frame)
			}
		}
	}
	return errors.Join(errs...)
}

func finite(v ...float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// Job is one face of one frame with everything looked up that a renderer needs.
type Job struct {
	Track   *Track
	Face    *Face
	Cluster uint64
	Action  Action
}

// ByFrame indexes the list. jobs[f] are frame f's faces in painting order (SortForPainting).
func (l *List) ByFrame() map[int64][]Job {
	persons := map[int]Person{}
	for _, p := range l.Persons {
		persons[p.ID] = p
	}
	jobs := map[int64][]Job{}
	for i := range l.Tracks {
		t := &l.Tracks[i]
		p := persons[t.Person]
		act := p.Action
		if t.Action != "" {
			act = t.Action
		}
		for j := range t.Faces {
			f := &t.Faces[j]
			a := act
			if a == Replace && !f.Renderable() {
				a = Cover
			}
			jobs[f.Frame] = append(jobs[f.Frame], Job{Track: t, Face: f, Cluster: p.Cluster, Action: a})
		}
	}
	for _, js := range jobs {
		SortForPainting(js)
	}
	return jobs
}

// SortForPainting brings the faces of one picture into painting order: covers first, so that one that is held for a lost
// face does not hide a surrogate that stands there now, then small ones before large ones, which are nearer.
func SortForPainting(jobs []Job) {
	slices.SortStableFunc(jobs, func(a, b Job) int {
		return cmp.Or(cmp.Compare(a.layer(), b.layer()), cmp.Compare(a.Face.Rect().Area(), b.Face.Rect().Area()), cmp.Compare(a.Track.ID, b.Track.ID))
	})
}

func (j Job) layer() int {
	if j.Action == Cover {
		return 0
	}
	return 1
}

// Faces counts the entries of all tracks.
func (l *List) Faces() (n int64) {
	for i := range l.Tracks {
		n += int64(len(l.Tracks[i].Faces))
	}
	return n
}
