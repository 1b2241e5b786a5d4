package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/report"
)

// Portraits renders what each cluster of l wears, from the front with a neutral expression: for the report's page. Nothing of
// the film enters them.
func (s *Surrogates) Portraits(ctx context.Context, l *decisions.List) ([]report.Portrait, error) {
	var out []report.Portrait
	add := func(c decisions.Cluster, slot int) error {
		patch, err := s.Render(ctx, generator.Request{Cluster: generator.ClusterID(decisions.SurrogateID(c.ID, slot)), Look: appearance.Quantize(appearance.Raw{})})
		if err != nil {
			return err
		}
		picture, err := encodePatch(patch)
		if err != nil {
			return err
		}
		out = append(out, report.Portrait{Cluster: c.ID, Slot: slot, PNG: picture})
		return nil
	}
	for _, c := range l.Clusters {
		if len(c.Donors) > 0 {
			if err := add(c, 0); err != nil {
				return nil, err
			}
		}
		for _, slot := range c.Slots {
			if err := add(c, slot.Slot); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// encodePatch writes a patch as PNG, with its alpha.
func encodePatch(p *frame.Patch) ([]byte, error) {
	img := &image.NRGBA{Pix: p.RGBA, Stride: 4 * p.Size, Rect: image.Rect(0, 0, p.Size, p.Size)}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("pipeline: portrait: %w", err)
	}
	return b.Bytes(), nil
}
