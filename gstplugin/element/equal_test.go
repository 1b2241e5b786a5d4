package element

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
)

// The element gives the pixels of pipeline.Live with the same settings, to the byte: so does every host of it.
func TestPixelsAreThoseOfTheLivePipeline(t *testing.T) {
	const pictures = 10
	c := openCrowd(t, pictures)
	got, stopped := shown(t, c.line+" ! ksamenet uncertified=true qos=false lookahead=4 detect-interval=2 halo=true ! fakesink name=out", pictures, c.clip.Width, c.clip.Height)
	if stopped != "" || len(got) != pictures {
		t.Fatalf("%q, %d pictures", stopped, len(got))
	}
	ctx := context.Background()
	cfg := pipeline.DefaultConfig()
	cfg.Uncertified, cfg.Lookahead, cfg.DetectInterval, cfg.Halo = true, 4, 2, true
	l, err := pipeline.OpenLive(ctx, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	var held []*frame.Picture
	replaced := 0
	next := func(at int) {
		n, err := l.Paint(ctx, held[0])
		if err != nil {
			t.Fatal(err)
		}
		replaced += n.Replaced
		for i := range held[0].Planes {
			if !bytes.Equal(held[0].Planes[i].Data, got[at].Planes[i].Data) {
				t.Fatalf("plane %d of picture %d differs", i, at)
			}
		}
		held = held[1:]
	}
	for at := range pictures {
		pic := c.originals[at]
		pic.PTS = time.Duration(at+2) * 40 * time.Millisecond
		if err := l.Examine(ctx, pic); err != nil {
			t.Fatal(err)
		}
		if held = append(held, pic); len(held) > cfg.Lookahead {
			next(at - cfg.Lookahead)
		}
	}
	for len(held) > 0 {
		next(pictures - len(held))
	}
	if replaced < 2*pictures {
		t.Errorf("%d faces were replaced, so the test says little", replaced)
	}
}
