package ffcli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
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
	wanted := looks(list)
	tx, err := s.reg.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	ids, added := map[int]ksame.PersonID{}, map[int]bool{}
	p := s.progress("enrol", list.Source.Frames)
	_, err = av.Decode(ctx, video, av.DecodeOptions{}, func(pic *frame.Picture) error {
		for _, l := range wanted[pic.Index] {
			emb, quality, err := s.stages.PortraitIn(ctx, pic, l.box)
			if errors.Is(err, pipeline.ErrPortrait) {
				continue // another picture of them may do
			} else if err != nil {
				return err
			}
			id := ids[l.person]
			e := entry{label: fmt.Sprintf("%s, person %d", filepath.Base(listPath), l.person)}
			fresh, err := s.settle(tx, e, fmt.Sprintf("frame %d", pic.Index), &id, emb, quality)
			if err != nil {
				return err
			}
			ids[l.person], added[l.person] = id, added[l.person] || fresh
		}
		p.step(len(wanted[pic.Index]))
		return nil
	})
	p.finish()
	if err != nil {
		return err
	}
	var n enrolled
	for _, person := range list.Persons {
		switch id := ids[person.ID]; {
		case id == 0:
			n.refused++
			s.warn("person %d of the list: no usable picture; not enrolled", person.ID)
		case added[person.ID]:
			n.added++
			s.say("person %d: person %d of the list", id, person.ID)
		default:
			n.known++
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	return n.outcome(s)
}

// look is one picture of a person of a decision list.
type look struct {
	person int
	box    frame.Rect
}

// looks chooses, for every person, the largest faces at least a second (25 frames) apart, by frame.
func looks(list *decisions.List) map[int64][]look {
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
	out := map[int64][]look{}
	for _, p := range list.Persons {
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
		}
	}
	return out
}
