package decisions

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Foreign is one detection of another program: one line of a JSON lines document (docs/decisions.md).
type Foreign struct {
	Frame  int64       `json:"frame"`
	Box    *[4]float64 `json:"box"`              // x0 y0 x1 y1, px
	Track  string      `json:"track,omitempty"`  // the other program's name of the track; empty: it has none
	Score  *float64    `json:"score,omitempty"`  // 0..1
	Action Action      `json:"action,omitempty"` // of the whole track: cover (default), blur or keep
}

// foreignLine bounds a line: one detection needs some hundred bytes.
const foreignLine = 1 << 16

// ReadForeign reads detections for a video of the given source. Empty lines are skipped. Its errors are *Fault and name the
// line; the first one ends the reading.
func ReadForeign(r io.Reader, src Source) ([]Foreign, error) {
	var out []Foreign
	acts := map[string]Action{}
	s := bufio.NewScanner(r)
	s.Buffer(nil, foreignLine)
	for n := 1; s.Scan(); n++ {
		b := bytes.TrimSpace(s.Bytes())
		if len(b) == 0 {
			continue
		}
		bad := func(format string, a ...any) ([]Foreign, error) {
			return nil, &Fault{Line: n, Reason: fmt.Sprintf(format, a...)}
		}
		var f Foreign
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return bad("%s", jsonReason(err))
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return bad("more than one detection in a line")
		}
		switch {
		case f.Box == nil:
			return bad("no box")
		case !sound(*f.Box):
			return bad("box %v", *f.Box)
		case f.Frame < 0 || f.Frame >= src.Frames:
			return bad("frame %d of a video of %d", f.Frame, src.Frames)
		case f.Score != nil && !(*f.Score >= 0 && *f.Score <= 1):
			return bad("score %v, want 0 to 1", *f.Score)
		case f.Action == "":
			f.Action = Cover
		case f.Action != Cover && f.Action != Blur && f.Action != Keep:
			return bad("action %q; use cover, blur or keep", f.Action)
		}
		if f.Track == "" && f.Action != Cover {
			return bad("a detection without a track can only be covered: nobody can tell who it is in the next frame")
		}
		if a, ok := acts[f.Track]; ok && f.Track != "" && a != f.Action {
			return bad("track %q has the action %s in one line and %s in another", f.Track, a, f.Action)
		}
		acts[f.Track] = f.Action
		out = append(out, f)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return out, nil
}

// AddForeign adds the detections that have a track, each track as one drawn by hand: between its detections the box moves
// evenly. It returns the others, which have to be joined over time first. Two boxes of a track in one frame are an error.
func (l *List) AddForeign(all []Foreign, why string) (loose []Foreign, err error) {
	id := 0
	for _, t := range l.Tracks {
		id = max(id, t.ID)
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Foreign) int { return cmp.Or(cmp.Compare(a.Track, b.Track), cmp.Compare(a.Frame, b.Frame)) })
	for i, f := range sorted {
		if f.Track == "" {
			loose = append(loose, f)
			continue
		}
		if i == 0 || sorted[i-1].Track != f.Track {
			id++
			l.Tracks = append(l.Tracks, Track{ID: id, Action: f.Action, Why: why + ": " + f.Track})
		}
		t := &l.Tracks[len(l.Tracks)-1]
		if n := len(t.Keys); n > 0 && t.Keys[n-1].Frame == f.Frame {
			return nil, fmt.Errorf("%w: track %q has two boxes in frame %d", ErrInvalid, f.Track, f.Frame)
		}
		t.Keys = append(t.Keys, Key{Frame: f.Frame, Box: *f.Box})
	}
	return loose, l.Validate()
}
