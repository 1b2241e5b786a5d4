package pipeline

import (
	"context"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
)

// counting gives a grey patch for each yaw, and remembers what it was asked for.
type counting struct {
	fakeGenerator
	asked []generator.Request
}

func (c *counting) RenderBatch(_ context.Context, reqs []generator.Request) (out []*frame.Patch, err error) {
	c.asked = append(c.asked, reqs...)
	for _, r := range reqs {
		out = append(out, disc(byte(100+10*r.Look.Yaw)))
	}
	return out, nil
}

// A small face that moves evenly is rendered every second frame, and wears the mean in between; a larger one, one that moves
// otherwise, one at either end of its track, and one of a stream always as they look.
func TestSmallFacesAreRenderedEverySecondFrame(t *testing.T) {
	track := func(scale float64, yaws ...int8) *decisions.Track {
		tr := &decisions.Track{ID: 2}
		for i, y := range yaws {
			f := face(int64(i), 150, 120, true)
			f.Place.Scale, f.Look = scale, &appearance.Appearance{Yaw: y}
			tr.Faces = append(tr.Faces, f)
		}
		return tr
	}
	for _, c := range []struct {
		name  string
		track *decisions.Track
		alone bool // the track is known by this face only, as live
		want  []int8
		level byte
	}{
		{"held", track(80, 3, 4, 3), false, []int8{3, 3}, 130},
		{"held no longer", track(80, 3, 4, 5), false, []int8{3, 5}, 140},
		{"even", track(80, 0, 2, 4), false, []int8{0, 4}, 120},
		{"a little off", track(80, 0, 4, 4), false, []int8{0, 4}, 120},
		{"off", track(80, 0, 5, 4), false, []int8{5}, 150},
		{"fast", track(80, 0, 4, 8), false, []int8{4}, 140},
		{"large", track(110, 0, 2, 4), false, []int8{2}, 120},
		{"at the end", track(80, 0, 2), false, []int8{2}, 120},
		{"live", track(80, 0, 2, 4), true, []int8{2}, 120},
	} {
		j := decisions.Job{Track: c.track, Face: &c.track.Faces[1], Cluster: 1, Action: decisions.Replace}
		if c.alone {
			j.Track = &decisions.Track{ID: 2}
		}
		p, g, pic := newPainter(DefaultConfig()), &counting{}, grey(1, 200)
		if err := p.all(context.Background(), g, pic, []decisions.Job{j}, func(decisions.Job, decisions.Action) {}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var asked []int8
		for _, r := range g.asked {
			asked = append(asked, r.Look.Yaw)
		}
		if len(asked) != len(c.want) || asked[0] != c.want[0] || asked[len(asked)-1] != c.want[len(c.want)-1] {
			t.Errorf("%s: yaws %v were asked for, want %v", c.name, asked, c.want)
		}
		same := grey(1, 200)
		plain := newPainter(DefaultConfig())
		one := decisions.Job{Track: &decisions.Track{ID: 2}, Face: j.Face, Cluster: 1, Action: decisions.Replace}
		fixed := &fakeGenerator{patch: disc(c.level)}
		if err := plain.all(context.Background(), fixed, same, []decisions.Job{one}, func(decisions.Job, decisions.Action) {}); err != nil {
			t.Fatal(err)
		}
		if got, want := lumaAt(pic, 150, 120), lumaAt(same, 150, 120); got != want {
			t.Errorf("%s: luma %d, want %d: the patch of level %d", c.name, got, want, c.level)
		}
	}
}

// A mouth that moves is rendered: the mean of shut and parted lips is neither.
func TestMouthsAreNotBlended(t *testing.T) {
	mouth := func(level uint8) (a appearance.Appearance) {
		a.Expression[appearance.MouthOpen] = level
		return a
	}
	for _, c := range []struct {
		before, look, after uint8
		want                bool
	}{{0, 0, 0, true}, {5, 5, 5, true}, {4, 4, 5, false}, {5, 4, 4, false}, {4, 5, 4, false}, {2, 5, 8, false}} {
		if got := midway(mouth(c.before), mouth(c.look), mouth(c.after)); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	if within1(mouth(4), mouth(5)) || !within1(mouth(4), mouth(4)) {
		t.Error("a mouth is held while it moves, or not while it is still")
	}
	const smileClose, smileOpen = 0, 1
	for unit, most := range map[int]uint8{smileClose: lookLeap, smileOpen: lipLeap} {
		var a, m, b appearance.Appearance
		for a.Expression[unit] = range uint8(10) {
			m.Expression[unit] = a.Expression[unit] / 2
			if got := midway(a, m, b); got != (a.Expression[unit] <= most) {
				t.Errorf("unit %d, %d steps apart: got %v", unit, a.Expression[unit], got)
			}
		}
	}
}
