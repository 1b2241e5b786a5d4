package pipeline

import (
	"math"
	"time"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// liveSight is one face seen in the present picture.
type liveSight struct {
	box      frame.Rect
	points   [5]frame.Point
	followed bool // the landmarks alone found it
	measured bool // result is set
	result   landmark.Result
	taken    bool // a track has it
}

// liveFace is what is remembered of one track.
type liveFace struct {
	track decisions.Track // id and tone; what the painter wants
	wears outfit

	mesh   landmark.Mesh
	box    frame.Rect // of the mesh's picture: the detector's, or the mesh's where the detector missed it
	at     int64      // picture of mesh; -1: none
	misses int        // pictures in a row in which only the landmarks saw it

	replaced int64 // last picture in which it was replaced
	dressed  bool  // the held pictures from before it was known whose it is are settled

	sum       []float32 // embeddings so far, weighted by quality
	best      float64   // quality
	embedded  int64     // picture of the last look at who it is
	surrounds []compositor.Surround
	tints     int   // looks so far
	toned     int64 // picture of the last look at the surroundings
	opener    *landmark.Opener
	smooth    landmark.Smoother
	size      float64 // of its mask, steps
}

// never lies far enough back that everything is due.
const never = math.MinInt32

// lightAfter is the number of looks at the surroundings after which the light of a live face is decided.
const lightAfter = 3

// surroundMax bounds the memory of surroundings: some eight seconds at 25 pictures a second. After that the tone follows
// the light.
const surroundMax = 40

func newLiveFace(id int) *liveFace {
	return &liveFace{track: decisions.Track{ID: id}, at: -1, replaced: never, embedded: never, toned: never, opener: landmark.NewOpener(meanHead())}
}

// face returns what is remembered of a track.
func (l *Live) face(id int) *liveFace {
	for _, f := range l.faces {
		if f.track.ID == id {
			return f
		}
	}
	f := newLiveFace(id)
	l.faces = append(l.faces, f)
	return f
}

// notice adds an embedding to the evidence of who it is.
func (f *liveFace) notice(embedding []float32, quality float64) {
	if f.sum == nil {
		f.sum = make([]float32, len(embedding))
	}
	for i, v := range embedding {
		f.sum[i] += float32(quality) * v
	}
	f.best = max(f.best, quality)
}

// evidence is the mean embedding so far; nil while it is too poor to name anybody.
func (f *liveFace) evidence() []float32 {
	if f.best < minEnrolQuality {
		return nil
	}
	return unit(append([]float32(nil), f.sum...))
}

// tint adds a look at the surroundings.
func (f *liveFace) tint(s compositor.Surround) {
	if len(f.surrounds) == surroundMax {
		copy(f.surrounds, f.surrounds[1:])
		f.surrounds = f.surrounds[:surroundMax-1]
	}
	f.surrounds = append(f.surrounds, s)
	f.track.Tone = compositor.MeanSurround(f.surrounds).Tone()
	if f.tints++; f.tints == lightAfter { // from then on it stands still: a light that jumps is worse than one that is missing
		f.track.Light = compositor.Light(f.surrounds)
	}
}

// cover is the job that hides a box.
func (f *liveFace) cover(at int64, box frame.Rect, why string) decisions.Job {
	t := f.track
	t.Why = why
	return decisions.Job{Track: &t, Face: &decisions.Face{Frame: at, Box: [4]float64{box.X0, box.Y0, box.X1, box.Y1}}, Action: decisions.Cover}
}

// replace is the job that lays the surrogate over a measured face. Values are rounded as a decision list rounds them.
//
// The outline is that of the placement and look before they are smoothed: it says what must be hidden now, and would lag behind a
// face that moves.
func (f *liveFace) replace(at int64, now time.Duration, t *tracker.Track, r landmark.Result) decisions.Job {
	opened, err := f.opener.Next(r.Sample(now))
	s := f.smooth.Next(opened)
	raw, place := s.Raw, s.Placement
	if err != nil || !raw.Finite() || !place.Finite() || !opened.Raw.Finite() || !opened.Placement.Finite() {
		return f.cover(at, t.Cover, "the landmarks cannot be used")
	}
	look, placed := appearance.Quantize(raw), rounded(place)
	mask := drawnFor(rounded(opened.Placement), appearance.Quantize(opened.Raw), r.Oval)
	f.size = max(mask.size, f.size-shrink)
	mask.size = f.size
	face := &decisions.Face{
		Frame: at, Box: [4]float64{t.Cover.X0, t.Cover.Y0, t.Cover.X1, t.Cover.Y1}, Look: &look, Place: &placed, Oval: mask.oval(),
	}
	track := f.track
	return decisions.Job{Track: &track, Face: face, Cluster: uint64(f.wears.cluster), Action: decisions.Replace}
}
