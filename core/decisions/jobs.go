package decisions

import (
	"cmp"
	"slices"
)

// Job is one face of one frame with everything looked up that a renderer needs.
type Job struct {
	Track   *Track
	Face    *Face
	Cluster uint64 // as the generator knows it: SurrogateID
	Action  Action
	// Shadow says that the face would be replaced but for a span or a zone. Who renders it keeps the track's surrogate up to
	// date unseen, so that the frames around the edit stay as they were.
	Shadow bool
}

// Next is the track's face in the next frame, nil where it has none.
func (j Job) Next() *Face { return j.Track.at(j.Face.Frame + 1) }

// Before is the track's face in the frame before, nil where it has none.
func (j Job) Before() *Face { return j.Track.at(j.Face.Frame - 1) }

func (t *Track) at(frame int64) *Face {
	i, ok := slices.BinarySearchFunc(t.Faces, frame, func(f Face, n int64) int { return cmp.Compare(f.Frame, n) })
	if !ok {
		return nil
	}
	return &t.Faces[i]
}

// ByFrame indexes the list. jobs[f] are frame f's faces and zones in painting order (SortForPainting). A zone's Track has the
// zone's ID, negative.
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
		spans := t.Spans
		faces := t.Faces
		if len(t.Keys) > 0 {
			faces = drawn(t.Keys)
		}
		for j := range faces {
			f := &faces[j]
			for len(spans) > 0 && spans[0].Last < f.Frame {
				spans = spans[1:]
			}
			a := act
			if len(spans) > 0 && spans[0].First <= f.Frame {
				a = spans[0].Action
			}
			if a == Replace && !f.Renderable() {
				a = Cover
			}
			jobs[f.Frame] = append(jobs[f.Frame], Job{Track: t, Face: f, Cluster: SurrogateID(p.Cluster, p.Slot), Action: a, Shadow: act == Replace && a != Replace && f.Renderable()})
		}
	}
	l.zone(jobs)
	for _, js := range jobs {
		SortForPainting(js)
	}
	return jobs
}

// drawn are the faces of a track drawn by hand: one for each frame from the first key to the last.
func drawn(keys []Key) []Face {
	var faces []Face
	for i, k := range keys {
		faces = append(faces, Face{Frame: k.Frame, Box: k.Box})
		if i+1 == len(keys) {
			break
		}
		next := keys[i+1]
		for f := k.Frame + 1; f < next.Frame; f++ {
			w := float64(f-k.Frame) / float64(next.Frame-k.Frame)
			face := Face{Frame: f}
			for c := range face.Box {
				face.Box[c] = k.Box[c] + (next.Box[c]-k.Box[c])*w
			}
			faces = append(faces, face)
		}
	}
	return faces
}

// zone adds the zones, keeps first: a face that a keep leaves alone may still lie under another zone's cover.
func (l *List) zone(jobs map[int64][]Job) {
	zones := slices.Clone(l.Zones)
	slices.SortStableFunc(zones, func(a, b Zone) int { return cmp.Compare(rank(a), rank(b)) })
	for _, z := range zones {
		box := [4]float64{0, 0, float64(l.Source.Width), float64(l.Source.Height)}
		if z.Box != nil {
			box = *z.Box
		}
		t := &Track{ID: -z.ID, Action: z.Action, Why: z.Why}
		for f := z.First; f <= z.Last; f++ {
			face := &Face{Frame: f, Box: box}
			if z.Action == Keep {
				r := face.Rect()
				for i := range jobs[f] {
					if len(jobs[f][i].Track.Keys) > 0 {
						continue // drawn by hand as well
					}
					if c := jobs[f][i].Face.Rect().Center(); c.X >= r.X0 && c.X < r.X1 && c.Y >= r.Y0 && c.Y < r.Y1 {
						jobs[f][i].Shadow = jobs[f][i].Shadow || jobs[f][i].Action == Replace
						jobs[f][i].Action = Keep
					}
				}
			}
			jobs[f] = append(jobs[f], Job{Track: t, Face: face, Action: z.Action})
		}
	}
}

func rank(z Zone) int {
	if z.Action == Keep {
		return 0
	}
	return 1
}

// Span is the first and the last frame of a track, inclusive; 0, -1 for one that is empty.
func (t *Track) Span() (first, last int64) {
	switch {
	case len(t.Keys) > 0:
		return t.Keys[0].Frame, t.Keys[len(t.Keys)-1].Frame
	case len(t.Faces) > 0:
		return t.Faces[0].Frame, t.Faces[len(t.Faces)-1].Frame
	}
	return 0, -1
}

// ActionOf is what happens to a track of l: its own action, or else its person's.
func (l *List) ActionOf(t *Track) Action {
	if t.Action != "" {
		return t.Action
	}
	for _, p := range l.Persons {
		if p.ID == t.Person {
			return p.Action
		}
	}
	return ""
}

// SortForPainting brings the faces of one picture into painting order: covers first, so that one that is held for a lost
// face does not hide a surrogate that stands there now, then small ones before large ones, which are nearer. What was said
// by hand to be hidden comes last and hides whatever is there.
func SortForPainting(jobs []Job) {
	slices.SortStableFunc(jobs, func(a, b Job) int {
		return cmp.Or(cmp.Compare(a.layer(), b.layer()), cmp.Compare(a.Face.Rect().Area(), b.Face.Rect().Area()), cmp.Compare(a.Track.ID, b.Track.ID))
	})
}

func (j Job) layer() int {
	hides := j.Action == Cover || j.Action == Blur
	switch {
	case hides && j.ByHand():
		return 2
	case hides:
		return 0
	}
	return 1
}

// ByHand says that j is a zone, or of a track that was drawn.
func (j Job) ByHand() bool { return j.Track.ID < 0 || len(j.Track.Keys) > 0 }

// Faces counts the entries of all tracks; not the zones, nor what was drawn by hand.
func (l *List) Faces() (n int64) {
	for i := range l.Tracks {
		n += int64(len(l.Tracks[i].Faces))
	}
	return n
}
