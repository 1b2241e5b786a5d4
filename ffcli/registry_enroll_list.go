package ffcli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// looksPerPerson is how many pictures of a person of a decision list are measured, spread over their tracks.
const looksPerPerson = 8

// enrollList enrols the persons of a decision list, as it groups them: somebody may have corrected it by hand.
func (s *session) enrollList(ctx context.Context, listPath, video string) error {
	list, err := readDecisions(listPath)
	if err != nil {
		return err
	}
	if err := checkSource(ctx, video, list); err != nil {
		return err
	}
	tx, err := s.reg.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n enrolled
	faces, refusal := map[int]*face{}, map[int]error{}
	known := map[int]bool{} // persons who were enrolled from this list before
	for _, person := range list.Persons {
		known[person.ID] = tx.Source(listed(list, person.ID)) != 0
		faces[person.ID] = &face{tx: tx, n: &n, entry: entry{label: fmt.Sprintf("%s, person %d", filepath.Base(listPath), person.ID)}}
	}
	wanted, last := looks(list, known)
	p := s.progress("enrol", last+1)
	done := errors.New("enough")
	if len(wanted) > 0 {
		_, err = av.Decode(ctx, video, av.DecodeOptions{View: viewOfList(list)}, func(pic *frame.Picture) error {
			for _, l := range wanted[pic.Index] {
				portrait, err := s.stages.PortraitIn(ctx, pic, l.box)
				if errors.Is(err, pipeline.ErrPortrait) {
					refusal[l.person] = fmt.Errorf("frame %d: %w", pic.Index, err)
					continue // another picture of them may do
				} else if err != nil {
					return err
				}
				if err := s.settle(faces[l.person], fmt.Sprintf("frame %d", pic.Index), portrait); err != nil {
					return err
				}
			}
			p.step(len(wanted[pic.Index]))
			if pic.Index >= last {
				return done
			}
			return nil
		})
	}
	p.finish()
	if err != nil && !errors.Is(err, done) {
		return err
	}
	for _, person := range list.Persons {
		f := faces[person.ID]
		switch {
		case known[person.ID]:
			n.known++
			continue
		case f.id == 0:
			n.refused++
			why := refusal[person.ID]
			if why == nil {
				why = errors.New("landmarks were found in none of their pictures")
			}
			s.warn("person %d of the list: no usable picture; not enrolled (%v)", person.ID, why)
			continue
		case f.added:
			n.added++
		default:
			n.known++
		}
		s.say("person %d: person %d of the list (%d pictures used, quality %.2f to %.2f)", f.id, person.ID, f.used, f.worst, f.best)
		if err := tx.AddSource(listed(list, person.ID), f.id); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	return n.outcome(s)
}

// listed names a person of a list like a file that somebody was enrolled from. It changes when the list gives them other tracks.
func listed(list *decisions.List, person int) string {
	h := sha256.New()
	fmt.Fprintln(h, "list", list.Source.SHA256, person)
	for _, t := range list.Tracks {
		if t.Person == person {
			fmt.Fprintln(h, "track", t.ID)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// look is one picture of a person of a decision list.
type look struct {
	person int
	box    frame.Rect
}

// looks chooses, for every person who is not known, the largest faces at least a second (25 frames) apart, by frame. last is
// the last of the frames.
func looks(list *decisions.List, known map[int]bool) (out map[int64][]look, last int64) {
	type candidate struct {
		frame int64
		box   frame.Rect
	}
	byPerson := map[int][]candidate{}
	for _, t := range list.Tracks {
		for _, f := range t.Faces {
			if f.Renderable() { // landmarks were found: the face can be made out
				byPerson[t.Person] = append(byPerson[t.Person], candidate{f.Frame, f.Rect()})
			}
		}
	}
	out = map[int64][]look{}
	for _, p := range list.Persons {
		if known[p.ID] {
			continue
		}
		all := byPerson[p.ID]
		slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.box.Area(), a.box.Area()) })
		var taken []int64
		for _, c := range all {
			near := slices.ContainsFunc(taken, func(f int64) bool { return max(f-c.frame, c.frame-f) < 25 })
			if near || len(taken) == looksPerPerson {
				continue
			}
			taken = append(taken, c.frame)
			out[c.frame] = append(out[c.frame], look{p.ID, c.box})
			last = max(last, c.frame)
		}
	}
	return out, last
}
