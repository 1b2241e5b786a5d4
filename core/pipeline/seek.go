package pipeline

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// watched carries a face from picture to picture, to look for it where the detector misses it or is not asked, and to take
// an embedding of it every few frames rather than in each.
type watched struct {
	box      frame.Rect
	score    float64 // of the last detection
	mesh     landmark.Mesh
	next     landmark.Result // where the landmarks followed it to, in the picture at hand; unusable: they did not
	unknown  int             // pictures since the last embedding
	known    int             // the sight that holds it, or -1
	views    int             // good embeddings so far
	misses   int             // pictures in a row, from one that the detector looked at, in which only the landmarks saw it
	surround int             // pictures since the surroundings were measured
	anchor   *anchor         // that its sights are packed against; nil: none yet
	second   float64         // quality of the best view that the second recogniser has seen, 0: none
	held     landmark.Result // the last that was measured, while there is a crowd
	calm     bool            // it hardly moved before that
	rested   bool            // it was not measured in this picture
}

const (
	secondGain    = 0.1  // by which a view must be better than the last that the second recogniser has seen
	embedEvery    = 10   // pictures between two embeddings of one face: views differ little within a third of a second
	embedOften    = 3    // good embeddings of a face from which a lone one is looked at less often:
	embedSeldom   = 30   // pictures between two
	goodView      = .5   // quality of a good one; of small faces the best of many views just is enough to know them again (minEnrolQuality)
	surroundEvery = 5    // pictures between two looks at a face's surroundings
	followScore   = 0.3  // score of a face that the landmarks followed while the detector missed it
	followMax     = 10   // pictures in a row that the landmarks may follow alone
	turnLeast     = 0.5  // least score of a face seen in a turned picture: true ones had .55 and more, hands signing less
	turnSure      = 0.75 // score from which it needs no landmarks
	sameIoU       = 0.5  // of a face's mesh with the detector's box: they are of one place, not of two near each other
	followIoU     = 0.3  // overlap from which two boxes of successive pictures are the same face for these purposes

	// A whole look is due at the start of a shot, every few pictures, and wherever a face of the picture before was not
	// found again. A face that comes into sight between two looks is shown by the next
	// one, and its track reaches back over more pictures than lie between them (Config.Extend), or at least to the look
	// before, in which it was not.
	lookEvery = 5
	wideEvery = 10 // pictures between two looks of the second detector at the whole scale: small faces
	turnEvery = 25 // pictures between two looks for faces that lie on their side or upside down
	weakMost  = 4  // doubtful detections of one picture that landmarks are tried on
)

// seek finds the faces of a picture: those of the picture before by their landmarks, or near where they were, the others by
// looks at the whole picture, as the scout took them or where a face was lost.
func (a *Analyzer) seek(ctx context.Context, pic *frame.Picture, g glance) (obs []tracker.Observation, err error) {
	if err := a.follow(ctx, pic, g.whole); err != nil {
		return nil, err
	}
	found, whole := g.found, g.whole
	if !whole {
		if found, whole, err = a.near(ctx, pic); err != nil {
			return nil, err
		}
		if whole {
			if found, err = a.detect(ctx, a.eyes.Edges, pic); err != nil {
				return nil, err
			}
		}
	}
	if whole {
		a.note(found)
	}
	if obs, err = a.take(ctx, pic, found, whole); err != nil {
		return nil, err
	}
	obs, lost, err := a.goOn(ctx, pic, obs, whole)
	if err != nil {
		return nil, err
	}
	if obs, err = a.add(ctx, g.wide, pic, obs, func(d *detector.Detection) error { return a.weigh(ctx, pic, d) }, func(detector.Detection, bool) bool { return true }); err != nil {
		return nil, err
	}
	if err := a.heed(ctx, pic, g); err != nil {
		return nil, err
	}
	if lost && !g.rolled {
		if g.turned, err = a.detect(ctx, a.eyes.Turned, pic); err != nil {
			return nil, err
		}
	}
	// Such a look sees more in hands and patterns too, so a face must have landmarks, or be beyond doubt.
	return a.add(ctx, g.turned, pic, obs, nil, func(d detector.Detection, landmarks bool) bool {
		return d.Score >= turnSure || d.Score >= turnLeast && landmarks
	})
}

// note remembers where faces were found in this picture.
func (a *Analyzer) note(found []detector.Detection) {
	for _, f := range found {
		a.boxes = append(a.boxes, f.Box)
	}
}

func (a *Analyzer) detect(ctx context.Context, d faceDetector, pic *frame.Picture) ([]detector.Detection, error) {
	start := time.Now()
	found, err := d.Detect(ctx, pic)
	a.times.count(StageDetect, start)
	return found, err
}

// follow takes the landmarks of the faces before to this picture. whole: the detectors look at all of it.
func (a *Analyzer) follow(ctx context.Context, pic *frame.Picture, whole bool) error {
	start := time.Now()
	for i := range a.before {
		b := &a.before[i]
		b.next = landmark.Result{}
		if b.mesh.Presence < landmark.Present {
			continue
		}
		if b.rested = !whole && !b.rested && a.rests(b); b.rested {
			b.next = b.held
			continue
		}
		r, err := a.eyes.measure(func() (landmark.Result, error) { return a.eyes.Landmark.Follow(ctx, pic, &b.mesh) })
		if err != nil {
			return err
		}
		b.held, b.calm = landmark.Result{}, false
		if v := r.Mesh.Box().IoU(b.mesh.Box()); usable(r) && v >= followIoU {
			b.next, b.calm = r, v >= calmIoU
			if len(a.before) >= crowd {
				b.held = r
			}
		}
	}
	a.times.count(StageLandmark, start)
	return nil
}

// near looks for the faces whose landmarks were lost around where they were. missing says that one was not found: then the
// whole picture must be looked at.
func (a *Analyzer) near(ctx context.Context, pic *frame.Picture) (found []detector.Detection, missing bool, err error) {
	start := time.Now()
	defer func() { a.times.count(StageDetect, start) }()
	for _, b := range a.before {
		if b.next.Presence >= landmark.Present {
			if b.misses >= followMax {
				return nil, true, nil
			}
			continue
		}
		if len(found) >= nearMost {
			return nil, true, nil
		}
		ds, err := a.eyes.Near.Near(ctx, pic, b.box, b.roll())
		if err != nil {
			return nil, false, err
		}
		i := slices.IndexFunc(ds, func(d detector.Detection) bool { return d.Score >= sure && d.Box.IoU(b.box) >= followIoU })
		if i < 0 {
			return nil, true, nil
		}
		found = append(found, ds[i])
	}
	return found, false, nil
}

// nearMost is how many looks near a box cost less than one at the whole picture.
const nearMost = 4

// roll is how far the face's eyes were turned when its landmarks were last seen, radians clockwise.
func (b *watched) roll() float64 {
	if b.mesh.Presence < landmark.Present {
		return 0
	}
	p := b.mesh.Five()
	return math.Atan2(p[1].Y-p[0].Y, p[1].X-p[0].X)
}

// take measures the detections of a look. A doubtful one without landmarks is an observation that may keep a track alive,
// and is not followed.
func (a *Analyzer) take(ctx context.Context, pic *frame.Picture, found []detector.Detection, whole bool) ([]tracker.Observation, error) {
	var obs []tracker.Observation
	weak := 0
	for _, d := range found {
		if d.Score < sure && whole && a.previous(d.Box) == nil {
			if weak++; weak > weakMost {
				continue
			}
		}
		o, err := a.look(ctx, pic, d)
		if err != nil {
			return nil, err
		}
		if n := len(a.now) - 1; d.Score < sure && a.sights[o.Tag].face == nil {
			a.now = a.now[:n]
		}
		obs = append(obs, o)
	}
	return obs, nil
}

// goOn adds the faces before that no detection of this picture met and that the landmarks followed. lost says that one
// is gone.
func (a *Analyzer) goOn(ctx context.Context, pic *frame.Picture, obs []tracker.Observation, whole bool) (_ []tracker.Observation, lost bool, err error) {
	for _, b := range a.before {
		if overlaps(a.now, b.box) {
			continue
		}
		r := b.next
		box := b.moved(r)
		if !usable(r) || b.misses >= followMax {
			lost = lost || whole
			continue
		}
		if overlaps(a.now, box) {
			continue
		}
		if b.misses > 0 || whole {
			b.misses++
		}
		score := b.score
		if b.misses > 0 && score > alarmScore {
			score = followScore
		}
		b.box, b.mesh, b.next = box, r.Mesh, landmark.Result{}
		b.unknown, b.surround = b.unknown+1, b.surround+1
		obs = append(obs, tracker.Observation{Box: box, Score: score, Tag: len(a.sights)})
		if err := a.keep(ctx, pic, r, &b); err != nil {
			return nil, lost, err
		}
	}
	return obs, lost, nil
}

// moved is the face's box carried on by its landmarks: detectors differ from them in what they call a face, and a track
// must not jump from one to the other and back.
func (b *watched) moved(r landmark.Result) frame.Rect {
	from, to := b.mesh.Box(), r.Mesh.Box()
	if from.Empty() || to.Empty() {
		return to
	}
	sx, sy := to.W()/from.W(), to.H()/from.H()
	m := frame.Rect{X0: to.X0 + (b.box.X0-from.X0)*sx, Y0: to.Y0 + (b.box.Y0-from.Y0)*sy, X1: to.X1 + (b.box.X1-from.X1)*sx, Y1: to.Y1 + (b.box.Y1-from.Y1)*sy}
	if m.IoU(to) < followIoU { // the box was no better than its overlap with the landmarks
		return to
	}
	return m
}

// add takes what another look found and nobody knows yet, when accept says so. weigh, if any, may change its score first.
func (a *Analyzer) add(ctx context.Context, found []detector.Detection, pic *frame.Picture, obs []tracker.Observation, weigh func(*detector.Detection) error, accept func(d detector.Detection, landmarks bool) bool) ([]tracker.Observation, error) {
	a.note(found)
	for _, d := range found {
		if overlaps(a.now, d.Box) {
			continue
		}
		if weigh != nil {
			if err := weigh(&d); err != nil {
				return nil, err
			}
		}
		n := len(a.now)
		o, err := a.look(ctx, pic, d)
		if err != nil {
			return nil, err
		}
		if accept(d, a.sights[o.Tag].face != nil) {
			obs = append(obs, o)
			continue
		}
		a.sights, a.now = a.sights[:o.Tag], a.now[:n]
	}
	return obs, nil
}

// previous is the face before that box shows, by where its landmarks are now, or by where it was.
func (a *Analyzer) previous(box frame.Rect) *watched {
	best, at := followIoU, -1
	for i := range a.before {
		b := &a.before[i]
		v := b.box.IoU(box)
		if b.next.Presence >= landmark.Present {
			v = max(v, b.next.Mesh.Box().IoU(box))
		}
		if v > best {
			best, at = v, i
		}
	}
	if at < 0 {
		return nil
	}
	return &a.before[at]
}

func overlaps(faces []watched, box frame.Rect) bool {
	for _, f := range faces {
		if f.box.IoU(box) > followIoU {
			return true
		}
	}
	return false
}
