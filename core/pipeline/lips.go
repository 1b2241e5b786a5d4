package pipeline

import (
	"context"
	"errors"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// lips shows the mouths of surrogates to the mesh network (generator.Lips), which is opened when the first one is to open.
type lips struct {
	cfg  Config
	nets nets
	head *landmark.Head
	mesh faceAnalyzer
}

func (l *lips) open(ctx context.Context) (err error) {
	if l.mesh != nil {
		return nil
	}
	l.nets = nets{}
	if l.head, err = readHead(); err != nil {
		return err
	}
	mesh, err := l.nets.openLandmark(ctx, l.cfg, l.head)
	if err == nil {
		l.mesh = mesh
	}
	return err
}

// close lets go of the network; the next mouth opens it again.
func (l *lips) close() error {
	l.mesh = nil
	return l.nets.Close()
}

// Gaps hangs each patch on grey. The face is looked for on the first one, and on the others in its place.
func (l *lips) Gaps(ctx context.Context, patches []*frame.Patch) ([]float64, error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	var gaps []float64
	var first landmark.Mesh
	for i, p := range patches {
		pic, points := hang(p, l.head)
		r, err := landmark.Result{}, error(nil)
		if i == 0 {
			r, err = l.mesh.Analyze(ctx, pic, points)
			first = r.Mesh
		} else {
			r, err = l.mesh.Follow(ctx, pic, &first)
		}
		if errors.Is(err, landmark.ErrOutput) || err == nil && !usable(r) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		gaps = append(gaps, r.Geometry.LipGap())
	}
	return gaps, nil
}

// Wanted is what the strengths in decision lists are meant to show.
func (l *lips) Wanted(strength, pitch float64) float64 { return landmark.JawGap(strength, pitch) }

func (l *lips) Others(e *[appearance.Units]float64) float64 { return landmark.OtherLips(e) }
