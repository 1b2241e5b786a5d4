package pipeline

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// examine looks at one picture and says what has to be painted. It only reads pic.
func (l *Live) examine(ctx context.Context, pic *frame.Picture) ([]decisions.Job, error) {
	start := time.Now()
	change, err := l.cuts.Next(pic)
	if err != nil {
		return nil, err
	}
	l.looking.count(StageCuts, start)
	if err := l.find(ctx, pic, change.Cut); err != nil {
		return nil, err
	}
	tracks, err := l.tracks.Update(l.count, change.Cut, l.obs)
	if err != nil {
		return nil, err
	}
	var jobs []decisions.Job
	l.later, l.calm = nil, true
	crowd := l.beyond(tracks)
	if err := l.measureAll(ctx, pic, tracks, crowd); err != nil {
		return nil, err
	}
	for _, t := range tracks {
		if t.State == tracker.Removed {
			l.forget(func(f *liveFace) bool { return f.track.ID == t.ID })
			continue
		}
		j, err := l.decide(ctx, pic, t, tracks, crowd[t.ID])
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	l.lookBack(tracks)
	// What the tracker dropped, or keeps to itself for now, was seen all the same.
	for i := range l.sights {
		if !l.sights[i].taken {
			jobs = append(jobs, newLiveFace(0).cover(l.count, l.sights[i].box, "seen, but on no track"))
		}
	}
	return jobs, nil
}

// find fills sights and observations. The detector does not look at every picture if Config.DetectInterval says so, as long as
// the landmarks alone find again everybody whom the last picture showed: a new face is then found some pictures late, and
// covered in those, which are still held. Paint has the detector look at a picture that leaves before that.
func (l *Live) find(ctx context.Context, pic *frame.Picture, cut bool) error {
	l.sights, l.obs = l.sights[:0], l.obs[:0]
	if !cut && l.calm && l.count-l.looked < int64(min(l.cfg.DetectInterval, len(l.held)+1)) {
		if err := l.follow(ctx, pic); err != nil {
			return err
		}
		if len(l.sights) == len(l.faces) {
			return nil
		}
		l.sights, l.obs = l.sights[:0], l.obs[:0]
	}
	start := time.Now()
	found, err := l.eyes.Detector.Detect(ctx, pic)
	if err != nil {
		return err
	}
	l.looking.count(StageDetect, start)
	l.looked = l.count
	for _, d := range found {
		l.obs = append(l.obs, tracker.Observation{Box: d.Box, Score: d.Score, Points: d.Points, Tag: len(l.sights)})
		l.sights = append(l.sights, liveSight{box: d.Box, points: d.Points})
	}
	if cut {
		l.shot, l.first = l.shot+1, l.count
		l.forget(func(*liveFace) bool { return true })
		return nil
	}
	return l.follow(ctx, pic)
}

// follow looks, with the landmarks alone, for faces of the previous picture that the detector did not find in this one.
func (l *Live) follow(ctx context.Context, pic *frame.Picture) error {
	var lost []*liveFace
	for _, f := range l.faces {
		if f.at == l.count-1 && f.misses < followMax && f.mesh.Presence >= landmark.Present && !l.seen(f.box) {
			lost = append(lost, f)
		}
	}
	found, err := l.measure(len(lost), func(by faceAnalyzer, i int) (landmark.Result, error) { return by.Follow(ctx, pic, &lost[i].mesh) })
	if err != nil {
		return err
	}
	for i, r := range found {
		box := r.Mesh.Box()
		if l.seen(lost[i].box) || !usable(r) || box.IoU(lost[i].box) < followIoU || l.seen(box) {
			continue
		}
		l.obs = append(l.obs, tracker.Observation{Box: box, Score: followScore, Tag: len(l.sights)})
		l.sights = append(l.sights, liveSight{box: box, followed: true, measured: true, result: r})
	}
	return nil
}

// seen says that a face was found at box in this picture.
func (l *Live) seen(box frame.Rect) bool {
	for i := range l.sights {
		if l.sights[i].box.IoU(box) > followIoU {
			return true
		}
	}
	return false
}

// boxes are where faces are known to be in this picture, seen or not.
func (l *Live) boxes(tracks []*tracker.Track) []frame.Rect {
	l.others = l.others[:0]
	for i := range l.sights {
		l.others = append(l.others, l.sights[i].box)
	}
	for _, t := range tracks {
		l.others = append(l.others, t.Cover)
	}
	return l.others
}

// measure runs n measurements of the present picture, as many at once as there are measurers.
func (l *Live) measure(n int, run func(by faceAnalyzer, i int) (landmark.Result, error)) ([]landmark.Result, error) {
	start := time.Now()
	by, all, errs := l.eyes.measurers(), make([]landmark.Result, n), make([]error, n)
	abreast(len(by), n, func(lane, i int) {
		all[i], errs[i] = l.eyes.measure(func() (landmark.Result, error) { return run(by[lane], i) })
	})
	l.looking.count(StageLandmark, start)
	return all, cmp.Or(errs...)
}

// measureAll measures the tracks' faces in this picture, of those that may be replaced in it.
func (l *Live) measureAll(ctx context.Context, pic *frame.Picture, tracks []*tracker.Track, crowd map[int]bool) error {
	var faces []*liveFace
	var sights []*liveSight
	for _, t := range tracks {
		if t.State == tracker.Removed {
			continue
		}
		if f := l.face(t.ID); l.coverOf(f, t, crowd[t.ID]) == "" && !l.sights[t.Tag].measured {
			faces, sights = append(faces, f), append(sights, &l.sights[t.Tag])
		}
	}
	found, err := l.measure(len(faces), func(by faceAnalyzer, i int) (landmark.Result, error) {
		return l.look(ctx, by, pic, faces[i], sights[i])
	})
	for i, r := range found {
		sights[i].result, sights[i].measured = r, true
	}
	return err
}

// look measures a face that the detector found. Where the detector need not look at every picture, the landmarks go on from the last one
// if that leads to the same place: one run of the mesh in place of two.
func (l *Live) look(ctx context.Context, by faceAnalyzer, pic *frame.Picture, f *liveFace, s *liveSight) (landmark.Result, error) {
	if l.cfg.DetectInterval > 1 && f.at == l.count-1 && f.mesh.Presence >= landmark.Present {
		r, err := by.Follow(ctx, pic, &f.mesh)
		if err != nil && !errors.Is(err, landmark.ErrOutput) {
			return r, err
		}
		if err == nil && usable(r) && r.Presence >= landmark.Present && r.Mesh.Box().IoU(s.box) > sameIoU {
			return r, nil
		}
	}
	return by.Analyze(ctx, pic, s.points)
}

// decide says what happens to one track in this picture. Whatever is missing, the answer is a cover. crowded says that more
// faces are replaced already than may be.
func (l *Live) decide(ctx context.Context, pic *frame.Picture, t *tracker.Track, tracks []*tracker.Track, crowded bool) (decisions.Job, error) {
	f := l.face(t.ID)
	defer func() { l.calm = l.calm && f.at == l.count }()
	if t.Tag >= 0 {
		l.sights[t.Tag].taken = true
	}
	if why := l.coverOf(f, t, crowded); why != "" {
		return f.cover(l.count, t.Cover, why), nil
	}
	s := &l.sights[t.Tag]
	r := s.result
	// Landmarks that found something else, a neighbour or a poster, would leave this face clear.
	if !usable(r) || r.Mesh.Box().IoU(s.box) < followIoU {
		return f.cover(l.count, t.Cover, "no landmarks"), nil
	}
	if t.State != tracker.Confirmed {
		return l.wait(f, t, r, whyBrief), nil
	}
	if f.misses++; !s.followed {
		f.misses = 0
	}
	f.mesh, f.box, f.at = r.Mesh, s.box, l.count
	if err := l.recognize(ctx, pic, f, r, tracks); err != nil {
		return decisions.Job{}, err
	}
	if f.wears.action != decisions.Replace {
		why := f.wears.why
		if f.wears.action == "" {
			why = "not known yet who it is"
		}
		return l.wait(f, t, r, why), nil
	}
	if l.count-f.toned >= surroundEvery {
		start := time.Now()
		sur, err := compositor.MeasureTone(pic, r.Oval, r.Placement.Roll, l.boxes(tracks))
		if errors.Is(err, compositor.ErrOval) {
			return f.cover(l.count, t.Cover, "the outline cannot be used"), nil
		}
		if err != nil {
			return decisions.Job{}, err
		}
		f.tint(sur.Turned(r.Raw.Yaw))
		f.toned = l.count
		l.looking.count(StageTone, start)
	}
	l.dressBack(f)
	f.replaced = l.count
	return f.replace(l.count, l.now, t, r), nil
}

// coverOf says why a track is covered in this picture whatever the landmarks say; "" when that hangs on them.
func (l *Live) coverOf(f *liveFace, t *tracker.Track, crowded bool) string {
	switch {
	case t.Tag < 0:
		return "out of sight"
	case t.State != tracker.Confirmed && l.cfg.Lookahead == 0:
		return whyBrief
	}
	if why := l.spared(f, l.sights[t.Tag].box, crowded); why != "" {
		return why
	}
	if f.wears.action == decisions.Cover {
		return cmp.Or(f.wears.why, "covered on request")
	}
	return ""
}

// whyBrief is the reason of covers at first sight.
const whyBrief = "seen too briefly to be sure"

// recognize settles what a face wears, if it can be told by now. What is settled stays for the shot: a surrogate that
// changed would say that something was found out.
func (l *Live) recognize(ctx context.Context, pic *frame.Picture, f *liveFace, r landmark.Result, tracks []*tracker.Track) error {
	if f.wears.action != "" {
		return nil
	}
	stranger := outfit{action: decisions.Replace, cluster: sharedCluster}
	if l.wear.people == nil {
		f.wears = stranger
		return nil
	}
	if l.count-f.embedded < embedEvery {
		return nil
	}
	f.embedded = l.count
	start := time.Now()
	e, q, err := l.eyes.witness(ctx, pic, r)
	l.looking.count(StageRecognize, start)
	if err != nil {
		return err
	}
	if e != nil && q > 0 {
		f.notice(e, q)
	}
	if who := f.evidence(); who != nil {
		o, known, err := l.wear.choose(who, func(p ksame.PersonID) bool { return l.worn(p, f, tracks) })
		if err != nil {
			return err
		}
		if known {
			f.wears = o
			l.books.people[o.person] = o.cluster
			return nil
		}
	}
	if l.wear.shared {
		f.wears = stranger
	}
	return nil
}

// worn says that another face of this picture is person p.
func (l *Live) worn(p ksame.PersonID, f *liveFace, tracks []*tracker.Track) bool {
	for _, t := range tracks {
		if t.ID == f.track.ID || t.Tag < 0 || t.State == tracker.Removed {
			continue
		}
		for _, o := range l.faces {
			if o.track.ID == t.ID && o.wears.person == p {
				return true
			}
		}
	}
	return false
}
