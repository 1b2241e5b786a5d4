package tracker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Frame is what the detector found in one frame of a file.
type Frame struct {
	Index   int64
	Cut     bool          // a new shot begins with this frame
	Skipped bool          // the detector did not look: says nothing about absence. Obs must be empty
	Obs     []Observation // tags need be unique within the frame only
}

// Kind says how an Entry came about.
type Kind uint8

// Kinds of entries.
const (
	Observed     Kind = iota // the detector saw it here
	Interpolated             // between two observations
	Extended                 // before the first or after the last observation
)

func (k Kind) String() string {
	return [...]string{"observed", "interpolated", "extended"}[min(k, Extended)]
}

// Entry is a tracklet in one frame.
type Entry struct {
	Frame int64
	Kind  Kind
	// Box is the face, smoothed without lag; it always holds the middle 60 % of the observed box.
	Box frame.Rect
	// Cover holds Box and the observed box; where nothing was observed, all places where the face may be. It may reach
	// beyond the picture.
	Cover frame.Rect
	Score float64 // of the observation; 0 elsewhere
	Tag   int     // of the observation; -1 elsewhere
}

// Tracklet is one face in one shot: an entry for every frame from the first to the last, without holes.
type Tracklet struct {
	ID   int // from 1, in order of first observation
	Shot int // from 0
	// Confirmed says that it was seen often enough to be no false alarm; the others must be covered, and may be dropped only
	// by a person. Tracklets that were never sure nor confirmed are not returned.
	Confirmed bool
	// Ambiguous says that an exchange with another face could not be excluded at its start or end, so it was split there.
	// Rivals are the tracklets that may go on as this one, or it as them: candidates for joining by appearance.
	Ambiguous bool
	Rivals    []int
	First     int64 // frames of the first and last observation
	Last      int64
	Hits      int // observations
	BestFrame int64
	BestTag   int // the observation with the highest score
	BestScore float64
	Entries   []Entry
}

// At returns the entry of frame index, or nil.
func (t *Tracklet) At(index int64) *Entry {
	if len(t.Entries) == 0 {
		return nil
	}
	if i := index - t.Entries[0].Frame; i >= 0 && i < int64(len(t.Entries)) {
		return &t.Entries[i]
	}
	return nil
}

// Linker makes tracklets from a whole file. Shots are worked off as they end, so memory holds one shot of observations and
// the tracklets. The same frames give the same tracklets, whatever the order of observations within a frame.
// Not safe for concurrent use.
type Linker struct {
	cfg   Config
	shot  shot
	count int // shots worked off
	out   []Tracklet
	soft  int // tracklets from here on may reach over a dissolve, and beyond what comes
	done  bool
}

// shot holds the frames of the shot being gathered.
type shot struct {
	first, last int64
	from        int64 // tracklets reach back to here: before first, when the shot began in a dissolve
	dissolves   bool  // it ends in a dissolve, which tracklets reach over
	frames      []shotFrame
	nodes       []node
}

type shotFrame struct {
	index  int64
	lo, hi int // nodes
}

// node is one observation of a shot.
type node struct {
	index int64
	obs   Observation
}

// NewLinker returns a Linker, or every fault of cfg.
func NewLinker(cfg Config) (*Linker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Linker{cfg: cfg}, nil
}

var errFinished = errors.New("tracker: the linker is finished")

// Add takes the next frame; indices must rise. Frames that are left out count as skipped, but the first and the last
// frame of the file must be given: tracklets are extended no farther. f is copied. After an error f was not taken.
func (l *Linker) Add(f Frame) error {
	s := &l.shot
	switch {
	case l.done:
		return errFinished
	case len(s.frames) > 0 && f.Index <= s.last:
		return fmt.Errorf("tracker: frame %d after frame %d", f.Index, s.last)
	case f.Skipped && len(f.Obs) > 0:
		return fmt.Errorf("tracker: frame %d is skipped and has %d observations", f.Index, len(f.Obs))
	}
	for i := range f.Obs {
		if err := f.Obs[i].validate(); err != nil {
			return fmt.Errorf("%w in frame %d", err, f.Index)
		}
	}
	if f.Cut && len(s.frames) > 0 {
		// The new shot begins with f, so the old one reaches up to it even when frames between were left out.
		s.last = f.Index - 1
		if err := l.flush(); err != nil {
			return err
		}
		l.trim(f.Index - 1)
	}
	if len(s.frames) == 0 {
		s.first, s.from = f.Index, f.Index
	}
	s.last = f.Index
	sf := shotFrame{index: f.Index, lo: len(s.nodes)}
	for _, o := range f.Obs {
		s.nodes = append(s.nodes, node{f.Index, o})
	}
	sf.hi = len(s.nodes)
	slices.SortFunc(s.nodes[sf.lo:], func(a, b node) int { return compareObservations(a.obs, b.obs) })
	if f.Skipped {
		sf.hi = -1
	}
	s.frames = append(s.frames, sf)
	return nil
}

// Split says that a new shot began with frame at, half way through a dissolve that ended with the newest frame: a face is
// not followed over it, but those of both shots are visible on either side, and tracklets reach over it as they reach into
// frames in which nobody saw them. It does nothing when no frame of the newest shot lies on one of the sides.
func (l *Linker) Split(at int64) error {
	s := &l.shot
	i, _ := slices.BinarySearchFunc(s.frames, at, func(f shotFrame, at int64) int { return cmp.Compare(f.index, at) })
	if l.done {
		return errFinished
	}
	if i == 0 || i == len(s.frames) {
		return nil
	}
	lo := len(s.nodes)
	for _, f := range s.frames[i:] {
		if f.hi >= 0 {
			lo = min(lo, f.lo)
		}
	}
	frames, nodes := slices.Clone(s.frames[i:]), slices.Clone(s.nodes[lo:])
	first, last := s.first, s.last
	s.frames, s.nodes, s.last, s.dissolves = s.frames[:i], s.nodes[:lo], at-1, true
	if err := l.flush(); err != nil {
		return err
	}
	s.first, s.from, s.last, s.dissolves = at, first, last, false
	for _, f := range frames {
		if f.hi >= 0 {
			f.lo, f.hi = f.lo-lo, f.hi-lo
		}
		s.frames = append(s.frames, f)
	}
	s.nodes = append(s.nodes, nodes...)
	return nil
}

// trim ends tracklets that reach over a dissolve at the last frame of what follows it.
func (l *Linker) trim(last int64) {
	for i := l.soft; i < len(l.out); i++ {
		t := &l.out[i]
		if n := int64(len(t.Entries)); n > 0 && t.Entries[n-1].Frame > last {
			t.Entries = t.Entries[:max(0, last-t.Entries[0].Frame+1)]
		}
	}
	l.soft = len(l.out)
}

// Ended are the tracklets so far that nothing to come changes, in order of first observation; Finish gives them again, followed by the
// others. Nobody writes to them.
func (l *Linker) Ended() []Tracklet { return l.out[:l.soft] }

// Finish ends the last shot and returns all tracklets in order of first observation. The Linker is spent.
func (l *Linker) Finish() ([]Tracklet, error) {
	if l.done {
		return nil, errFinished
	}
	if len(l.shot.frames) > 0 {
		if err := l.flush(); err != nil {
			return nil, err
		}
		l.trim(l.shot.last)
	}
	l.done = true
	return l.out, nil
}

// Link is a Linker over frames that are all at hand.
func Link(cfg Config, frames []Frame) ([]Tracklet, error) {
	l, err := NewLinker(cfg)
	if err != nil {
		return nil, err
	}
	for _, f := range frames {
		if err := l.Add(f); err != nil {
			return nil, err
		}
	}
	return l.Finish()
}

// flush works off the shot gathered so far.
func (l *Linker) flush() error {
	s := &l.shot
	chains, err := l.cfg.link(s)
	if err != nil {
		return err
	}
	// Numbers follow the order of first observation: of the two, the frame, then the sorted place within it.
	slices.SortFunc(chains, func(a, b chain) int { return cmp.Compare(a.nodes[0], b.nodes[0]) })
	base, ids := len(l.out), make(map[int]int) // node -> ID of its tracklet
	kept := chains[:0]
	for _, c := range chains {
		if best := s.nodes[c.best(s)].obs.Score; best < l.cfg.High && !l.cfg.confirmed(len(c.nodes), best) {
			continue
		}
		kept = append(kept, c)
		for _, n := range c.nodes {
			ids[n] = base + len(kept)
		}
	}
	for i := range kept {
		t := l.cfg.tracklet(s, &kept[i])
		t.ID, t.Shot = base+i+1, l.count
		for _, n := range kept[i].rivals {
			if id, ok := ids[n]; ok && id != t.ID && !slices.Contains(t.Rivals, id) {
				t.Rivals = append(t.Rivals, id)
			}
		}
		slices.Sort(t.Rivals)
		l.out = append(l.out, t)
	}
	l.count++
	s.frames, s.nodes = s.frames[:0], s.nodes[:0]
	return nil
}

// confirmed says that so many observations, the best of them with this score, are no false alarm.
func (c *Config) confirmed(hits int, best float64) bool {
	return (best >= c.High && hits >= c.MinHits) || (best >= (c.Low+c.High)/2 && hits >= c.WeakHits)
}
