package ffcli

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// enrollVideo enrols everybody whom a video shows long and well enough.
func (s *session) enrollVideo(ctx context.Context, path string, n *enrolled) error {
	sum, err := fileSHA256(ctx, path)
	if err != nil {
		return err
	}
	if taken, err := s.taken(sum); err != nil {
		return err
	} else if taken {
		s.say("%s: its people were enrolled before", path)
		n.known++
		return nil
	}
	an, err := pipeline.NewAnalyzer(s.cfg, s.stages)
	if err != nil {
		return err
	}
	src, err := av.Open(path)
	if err != nil {
		return err
	}
	p := s.progress("enrol "+filepath.Base(path), src.Info().FrameEstimate)
	src.Close()
	r, err := av.Decode(ctx, path, av.DecodeOptions{}, func(pic *frame.Picture) error {
		faces, err := an.Picture(ctx, pic)
		p.step(faces)
		return err
	})
	p.finish()
	if err != nil {
		return err
	}
	if r.Truncated {
		s.warn("%s ended early: %s", path, r.Reason)
	}
	tx, err := s.reg.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	link, _ := s.reg.Thresholds()
	done, err := an.Enrol(ctx, tx, link)
	if err != nil {
		return err
	}
	labels := map[ksame.PersonID]string{}
	for i, id := range done.New {
		labels[id] = fmt.Sprintf("%s, person %d", filepath.Base(path), i+1)
		if err := tx.SetLabel(id, labels[id]); err != nil {
			return err
		}
	}
	if all := slices.Concat(done.New, done.Known); len(all) > 0 {
		if err := tx.AddSource(sum, all[0]); err != nil {
			return err
		}
	}
	if done.Unclear > 0 {
		s.warn("%s: %d faces were seen too briefly or too poorly to be enrolled", path, done.Unclear)
	}
	if len(done.New)+len(done.Known) == 0 {
		s.warn("%s: nobody was enrolled", path)
		n.refused++
	}
	n.added, n.known = n.added+len(done.New), n.known+len(done.Known)
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	for _, id := range done.New {
		if err := s.introduce(id, labels[id], n); err != nil {
			return err
		}
	}
	for _, id := range done.Known {
		s.say("person %d is in %s, too", id, filepath.Base(path))
	}
	return nil
}

// taken says that somebody was enrolled from a file with this digest.
func (s *session) taken(sum string) (bool, error) {
	tx, err := s.reg.Begin()
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	return tx.Source(sum) != 0, nil
}

// introduce says how well somebody new is known, and whom they may be.
func (s *session) introduce(id ksame.PersonID, label string, n *enrolled) error {
	samples := s.reg.Samples(id)
	worst, best := samples[0].Quality, samples[0].Quality
	for _, sample := range samples {
		worst, best = min(worst, sample.Quality), max(best, sample.Quality)
	}
	s.say("person %d: %s (%d samples, quality %.2f to %.2f)", id, label, len(samples), worst, best)
	for _, other := range s.reg.Lookalikes(id) {
		n.maybe++
		s.warn("person %d: may be person %d (similarity %.2f); both are counted as one", id, other.Person, other.Similarity)
	}
	return s.event("person", map[string]any{"id": id, "label": label, "new": true, "samples": len(samples), "quality": round2(best)})
}

func round2(v float64) float64 { return math.Round(100*v) / 100 }
