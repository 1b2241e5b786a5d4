// Package tracker turns the observations of a face detector into tracks: which boxes of successive frames are one face.
//
// Two ways in: a Tracker sees one frame at a time (a stream), a Linker is given a whole file, works forward and backward,
// and fills what the detector missed. Both are of the ByteTrack and OC-SORT family: a Kalman filter of constant velocity,
// association in stages by score, and repair of the filter after a gap. A CutDetector finds the shots that bound tracks.
//
// The rule that orders every choice here: a face once seen stays covered, and an identity is never swapped inside a shot.
// Where two faces could be exchanged (an occlusion, a crossing) the tracks are split and marked Ambiguous, and whoever
// compares embeddings joins them again. The package neither looks at pixels (but for cuts) nor knows people.
package tracker

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Observation is one detection of one frame.
type Observation struct {
	Box    frame.Rect     // the face, pixels of the picture
	Score  float64        // the detector's belief that it is a face, 0..1
	Points [5]frame.Point // eyes, nose, mouth corners in the detector's order; all zero when it has none. Carried, not judged
	Tag    int            // the caller's index of it, >= 0; handed back in tracks
}

func (o *Observation) validate() error {
	ok := plausible(o.Box.X0) && plausible(o.Box.Y0) && plausible(o.Box.X1) && plausible(o.Box.Y1) &&
		o.Box.W() >= leastPx && o.Box.H() >= leastPx
	for _, p := range o.Points {
		ok = ok && plausible(p.X) && plausible(p.Y)
	}
	if !ok {
		return fmt.Errorf("tracker: observation %d has box %v and points %v", o.Tag, o.Box, o.Points)
	}
	if !(o.Score >= 0 && o.Score <= 1) {
		return fmt.Errorf("tracker: observation %d has score %v, want 0..1", o.Tag, o.Score)
	}
	if o.Tag < 0 {
		return fmt.Errorf("tracker: observation has tag %d, want 0 or more", o.Tag)
	}
	return nil
}

const (
	leastPx = 0.01 // smaller boxes have no meaningful logarithm
	mostPx  = 1e6
)

// plausible says that v is a coordinate; NaN and infinities are not.
func plausible(v float64) bool { return math.Abs(v) <= mostPx }

// State is where a track stands.
type State uint8

// States of a track, in the order of its life.
const (
	Tentative State = iota // seen too few times; may be a false alarm, must be covered meanwhile
	Confirmed              // a face, observed in this frame
	Lost                   // a face, not observed in this frame; Cover says where it may be
	Removed                // ended; reported once
)

func (s State) String() string {
	return [...]string{"tentative", "confirmed", "lost", "removed"}[min(s, Removed)]
}

// Track is one face followed through one shot. Fields are the Tracker's: read them until the next Update.
type Track struct {
	ID    int // from 1, never used again
	State State

	Box    frame.Rect     // filtered estimate for this frame
	Cover  frame.Rect     // what must be hidden in this frame: Box and the observation, or where the unseen face may be
	Points [5]frame.Point // of the last observation
	Score  float64        // of the last observation
	Tag    int            // the observation of this frame, or -1

	First, Last int64 // frames of the first and last observation
	LastTag     int
	BestFrame   int64 // the observation with the highest score
	BestTag     int
	BestScore   float64
	Hits        int // observations so far

	// Ambiguous says that an exchange with another face could not be excluded where the track begins or ended; Rivals are
	// the tracks on the other side of that doubt. An ambiguous track that ended is lost and never found again.
	Ambiguous bool
	Rivals    []int

	cfg       *Config
	weak      bool // never had a sure observation: not reported until confirmed
	retired   bool // ended in doubt: covers for the hold-over time, takes no observation
	wasSure   bool // confirmed at any time
	misses    int  // examined frames in a row without observation
	at        int64
	m         motion
	seen      motion // m at the last observation
	lastBox   frame.Rect
	prevTag   int // the observation before LastTag, or -1
	recent    history
	tangle    tangle
	camera    frame.Point // camera shift since the last observation
	smoothRun int         // observations that came without a jump
}

// Tracker follows faces in one stream. Not safe for concurrent use. In the steady state Update allocates nothing.
type Tracker struct {
	cfg    Config
	tracks []*Track
	out    []*Track
	nextID int
	last   int64
	began  bool
	s      scratch
}

// New returns a Tracker, or every fault of cfg.
func New(cfg Config) (*Tracker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Tracker{cfg: cfg, nextID: 1}, nil
}

// Update takes the observations of frame index, which must be larger than that of the last call; frames in between count
// as not examined. cut says that a new shot begins with this frame: every track ends. Observations may come in any order,
// and two of a frame that overlap by more than 70 % are taken as one face.
//
// It returns the tracks that exist in this frame, by ID, and those that ended with it (Removed). The slice is valid until
// the next call. After an error the caller covers or stops: the frame was not taken.
func (k *Tracker) Update(index int64, cut bool, obs []Observation) ([]*Track, error) {
	if k.began && index <= k.last {
		return nil, fmt.Errorf("tracker: frame %d after frame %d", index, k.last)
	}
	for i := range obs {
		if err := obs[i].validate(); err != nil {
			return nil, fmt.Errorf("%w in frame %d", err, index)
		}
	}
	k.began, k.last = true, index
	k.forgetRemoved()
	if cut {
		for _, t := range k.tracks {
			t.State = Removed
		}
	}
	k.sortObservations(obs)
	k.predict(index)
	k.associate(index)
	k.settle(index)
	k.start(index)

	k.out = k.out[:0]
	for _, t := range k.tracks {
		if !t.weak {
			k.out = append(k.out, t)
		}
	}
	return k.out, nil
}

// Reset forgets every track, as after a seek; identifiers go on.
func (k *Tracker) Reset() { k.tracks, k.began = k.tracks[:0], false }

func (k *Tracker) forgetRemoved() {
	k.tracks = slices.DeleteFunc(k.tracks, func(t *Track) bool { return t.State == Removed })
}

// sortObservations brings the observations of a frame into an order that does not depend on the caller's, sure ones first,
// drops those below Low, and drops doubles.
func (k *Tracker) sortObservations(obs []Observation) {
	s := &k.s
	s.obs = s.obs[:0]
	for i := range obs {
		if obs[i].Score >= k.cfg.Low {
			s.obs = append(s.obs, obs[i])
		}
	}
	slices.SortFunc(s.obs, compareObservations)
	kept := s.obs[:0]
	for _, o := range s.obs {
		if !slices.ContainsFunc(kept, func(b Observation) bool { return b.Box.IoU(o.Box) > doubleIoU }) {
			kept = append(kept, o)
		}
	}
	s.obs = kept
	s.sure = 0
	for s.sure < len(s.obs) && s.obs[s.sure].Score >= k.cfg.High {
		s.sure++
	}
	s.owner = resize(s.owner, len(s.obs))
	s.born = resize(s.born, len(s.obs))
	for i := range s.owner {
		s.owner[i], s.born[i] = nil, nil
	}
}

func compareObservations(a, b Observation) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Box.X0, b.Box.X0), cmp.Compare(a.Box.Y0, b.Box.Y0),
		cmp.Compare(a.Box.X1, b.Box.X1), cmp.Compare(a.Box.Y1, b.Box.Y1), cmp.Compare(a.Tag, b.Tag))
}

func (k *Tracker) predict(index int64) {
	for _, t := range k.tracks {
		t.Tag = -1
		if index-t.Last > int64(k.cfg.Lost) {
			t.State = Removed
			continue
		}
		t.m.predict(float64(index - t.at))
		t.at = index
	}
}

// observe gives observation o of frame index to t.
func (t *Track) observe(index int64, o *Observation) {
	if gap := index - t.Last; t.misses > 0 {
		from := shift(t.lastBox, t.camera)
		before := t.seen
		before[0].p += t.camera.X
		before[1].p += t.camera.Y
		t.m.reupdate(before, from, o.Box, o.Score, gap)
	} else {
		t.m.update(o.Box, o.Score)
	}
	t.note(index, o)
}

// note records o as the last observation of t.
func (t *Track) note(index int64, o *Observation) {
	t.prevTag, t.LastTag, t.Tag = t.LastTag, o.Tag, o.Tag
	t.Last, t.misses, t.camera = index, 0, frame.Point{}
	t.lastBox, t.Points, t.Score, t.seen = o.Box, o.Points, o.Score, t.m
	t.Hits++
	if o.Score > t.BestScore || t.Hits == 1 {
		t.BestScore, t.BestTag, t.BestFrame = o.Score, o.Tag, index
	}
	t.recent.add(index, o.Box)
	t.Box = t.m.box()
	t.Cover = t.Box.Union(o.Box)
}

// settle moves every track to its state after association.
func (k *Tracker) settle(index int64) {
	c := &k.cfg
	for _, t := range k.tracks {
		if t.State == Removed {
			continue
		}
		if t.Tag >= 0 {
			t.tangle = tangle{}
			t.weak = t.weak && t.Score < c.High
			if t.wasSure || c.confirmed(t.Hits, t.BestScore) {
				t.State, t.wasSure, t.weak = Confirmed, true, false
			}
			continue
		}
		t.misses++
		t.m.holdSize()
		unseen := index - t.Last
		t.Box = t.m.box()
		t.Cover = k.cfg.coverUnseen(shift(t.lastBox, t.camera), t.Box, int(unseen))
		switch {
		case t.wasSure && unseen <= int64(c.Lost):
			t.State = Lost
		case !t.wasSure && t.misses <= c.TentativeMisses && unseen <= int64(c.Lost):
			// A tentative track that was missed once stays what it is, and covered.
		default:
			t.State = Removed
		}
	}
}

// start opens a track for every observation that belongs to none.
func (k *Tracker) start(index int64) {
	for i := range k.s.obs {
		o := &k.s.obs[i]
		if k.s.owner[i] != nil || (i >= k.s.sure && k.shadowed(i)) {
			continue
		}
		t := &Track{ID: k.nextID, cfg: &k.cfg, First: index, LastTag: -1, at: index, m: newMotion(o.Box, o.Score), weak: i >= k.s.sure}
		k.nextID++
		t.note(index, o)
		t.prevTag = -1
		t.Rivals = k.claims(o, k.s.born[i])
		t.Ambiguous = len(t.Rivals) > 0
		if !t.weak && k.cfg.MinHits == 1 {
			t.State, t.wasSure = Confirmed, true
		}
		k.tracks = append(k.tracks, t)
	}
}

// shadowed says that weak observation i lies on a face that has an observation of its own: a detector's second thought.
func (k *Tracker) shadowed(i int) bool {
	for j, o := range k.s.obs {
		if j != i && k.s.owner[j] != nil && o.Box.IoU(k.s.obs[i].Box) > shadowIoU {
			return true
		}
	}
	return false
}

// doubleIoU and shadowIoU: overlap above which two observations of a frame are one face. Detectors suppress from 0.3 to 0.45
// on, so true faces never reach 0.7.
const (
	doubleIoU = 0.7
	shadowIoU = 0.5
)
