// Package decisions is the decision list: what happens to every face of a video, frame by frame, as a versioned JSON
// document that people read, edit and diff between the two passes. It holds ids, boxes, placements and quantised
// appearances; no pixels, no embeddings, no names (docs/decisions.md).
package decisions

import (
	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Format and Version identify the document. Readers refuse other formats and newer versions, and bring older ones up to date:
// in version 1 the grid of mouthOpen was as coarse as that of the other units.
const (
	Format  = "ksamenet-decisions"
	Version = 2
)

// Action says what happens to a face.
type Action string

// Actions. An edited list may use any of them for a whole person or a single track.
const (
	Replace Action = "replace" // render the cluster's surrogate
	Cover   Action = "cover"   // opaque cover
	Blur    Action = "blur"    // a coarse mosaic: weaker than a cover
	Keep    Action = "keep"    // leave the face as it is: said by the user only
)

// Valid says that a is a known action.
func (a Action) Valid() bool { return a == Replace || a == Cover || a == Blur || a == Keep }

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
	Zones    []Zone    `json:"zones,omitempty"`
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
	// Rate is in frames a second ("30000/1001"), Timecode that of the first frame ("10:00:00:00"; with a semicolon: drop-frame), as
	// the container tells them; empty: it does not.
	Rate     string `json:"rate,omitempty"`
	Timecode string `json:"timecode,omitempty"`
	// Cut is the part of the file that was analysed; absent: all of it. Frames of the list count from its first picture, and Timecode
	// is that picture's.
	Cut *Cut `json:"cut,omitempty"`
	// Filter is the libavfilter chain that pictures were seen through; empty: none. Frames are what came out of it.
	Filter string `json:"filter,omitempty"`
}

// Cut is a part of a file: pictures First up to End of it, counted from 0 by the decoder; End is 0 for the file's end. From and To are
// the places as they were asked for.
type Cut struct {
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	First int64  `json:"first"`
	End   int64  `json:"end,omitempty"`
}

// Policy is what was asked for and what was reached.
type Policy struct {
	K         int    `json:"k"`
	Donors    int    `json:"donors"`
	Certified bool   `json:"certified"`
	Why       string `json:"why,omitempty"` // why not certified
	Fallback  string `json:"fallback"`
	Look      string `json:"look,omitempty"`    // which donors surrogates were asked to be mixed of, in words; empty: any
	Neutral   bool   `json:"neutral,omitempty"` // render without expression and gaze
	Mode      string `json:"mode,omitempty"`    // "distinct": members of a cluster wear surrogates of their own; else one
}

// Shot is a run of frames between two cuts; First and Last are inclusive.
type Shot struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Dissolve says that the shot before blends into this one, half way at First: faces of both are seen around it.
	Dissolve bool `json:"dissolve,omitempty"`
}

// Cluster is an equivalence class on screen: its id in the registry, its size there, and the donors of its surrogate.
type Cluster struct {
	ID      uint64 `json:"id"`
	Members int    `json:"members"` // distinct registry identities in it
	Donors  []int  `json:"donors"`
	Slots   []Slot `json:"slots,omitempty"`   // in mode distinct: the surrogates on screen; Donors is then empty
	Stratum string `json:"stratum,omitempty"` // published attribute of its members
}

// Slot is one surrogate of a cluster in mode distinct.
type Slot struct {
	Slot   int   `json:"slot"` // 1, 2, 3 …
	Donors []int `json:"donors"`
}

// SurrogateID names what a face wears to the generator: the cluster, and the slot in mode distinct (0 in mode same).
func SurrogateID(cluster uint64, slot int) uint64 { return cluster | uint64(slot)<<slotShift }

// slotShift leaves 48 bits for clusters; a cluster has fewer slots than 65,536.
const slotShift = 48

// Person is somebody the tracks were joined to. ID is local to the list; Registry is the id in the registry, 0 when the
// person was not enrolled (uncertified runs, faces too small to identify).
type Person struct {
	ID       int    `json:"id"`
	Registry int64  `json:"registry,omitempty"`
	Cluster  uint64 `json:"cluster"`
	Slot     int    `json:"slot,omitempty"` // in mode distinct: which surrogate of the cluster
	Action   Action `json:"action"`
}

// Track is one face through one shot.
type Track struct {
	ID     int              `json:"id"`
	Person int              `json:"person,omitempty"` // 0: nobody can tell who it is; such a track has an action of its own, not Replace
	Action Action           `json:"action,omitempty"` // empty: the person's
	Why    string           `json:"why,omitempty"`    // why it is covered
	Spans  []Span           `json:"spans,omitempty"`  // parts of it that another action holds for, in order
	Tone   compositor.Tone  `json:"tone"`             // colour of the surroundings over the whole track
	Light  appearance.Light `json:"light,omitzero"`   // where the surroundings are lit from
	Faces  []Face           `json:"faces,omitempty"`
	// Keys draw a track by hand, or by another program: its box in some frames, in between it moves evenly. Such a track has
	// no Faces, and is covered, blurred or kept.
	Keys []Key `json:"keys,omitempty"`
}

// Span is a part of a track; First and Last are inclusive.
type Span struct {
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	Action Action `json:"action"`
}

// Key is a track's box in one frame.
type Key struct {
	Frame int64      `json:"f"`
	Box   [4]float64 `json:"b"` // x0 y0 x1 y1, px
}

// Zone is a part of the picture, or all of it, for a window of time: cover and blur are laid over whatever is there; keep
// leaves alone the analysed faces whose middle lies in it. Zones and drawn tracks that cover win over it.
type Zone struct {
	ID     int         `json:"id"`
	First  int64       `json:"first"`
	Last   int64       `json:"last"` // inclusive
	Box    *[4]float64 `json:"b,omitempty"`
	Action Action      `json:"action"`
	Why    string      `json:"why,omitempty"`
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
