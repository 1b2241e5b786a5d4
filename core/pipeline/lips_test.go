package pipeline

import (
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// A mixture whose lips stay shut for the first fifth of mouthOpen while the head is bent back opens them as far as is asked for, with
// either model, and the report names what looked at it.
func TestLipsOfAMixture(t *testing.T) {
	m := newMirror(t)
	cfg := m.cfg
	list := &decisions.List{Clusters: []decisions.Cluster{{ID: 1, Donors: []int{28, 60, 2, 31}}}}
	gen, err := openSurrogates(t.Context(), cfg, list, generators)
	if err != nil {
		t.Fatal(err)
	}
	defer gen.Close()
	engines, err := m.nets.openGenerators(t.Context(), cfg, generators)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := generator.New(generator.Config{Mixes: Mixes(list)}, engines...)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	eyes := &lips{cfg: cfg}
	defer eyes.nets.Close()
	models := len(gen.Models())
	for _, side := range gen.Sizes() {
		var off [2]float64
		const levels = 10
		for k, g := range []*generator.Generator{plain, gen.Generator} {
			var patches []*frame.Patch
			for level := range uint8(levels) {
				r := generator.Request{Cluster: 1, Side: side}
				r.Look.Expression[appearance.MouthOpen], r.Look.Pitch = level, -25
				p, err := g.Render(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				patches = append(patches, p)
			}
			gaps, err := eyes.Gaps(t.Context(), patches)
			if err != nil || len(gaps) != levels {
				t.Fatalf("%d gaps, %v", len(gaps), err)
			}
			for level, gap := range gaps {
				off[k] += math.Abs(gap-gaps[0]-landmark.JawGap(float64(level)/(appearance.MouthLevels-1), -25)) / levels
			}
		}
		t.Logf("%d texels: lips are off by %.4f, %.4f without being looked at", side, off[1], off[0])
		if off[1] > .0035 || off[1] > off[0] {
			t.Errorf("%d texels: lips are off by %.4f of the patch, %.4f without being looked at", side, off[1], off[0])
		}
	}
	if len(gen.Models()) <= models {
		t.Error("the network that looked at lips is not named")
	}

	// A picture without a face says nothing.
	grey := &frame.Patch{Size: 128, RGBA: make([]byte, 4*128*128)}
	if gaps, err := eyes.Gaps(t.Context(), []*frame.Patch{grey, grey}); err != nil || gaps != nil {
		t.Errorf("an empty patch has lips %v, %v", gaps, err)
	}
}

// The mouths that a list opens are looked at before anything is rendered, and what looked at them is let go.
func TestLipsAreMetAhead(t *testing.T) {
	newMirror(t)
	look := appearance.Appearance{Pitch: 3}
	look.Expression[appearance.MouthOpen] = 9
	list := listOf(4)
	list.Clusters = []decisions.Cluster{{ID: 1, Members: 3, Donors: []int{28, 60, 2, 31}}}
	list.Persons = []decisions.Person{{ID: 1, Cluster: 1, Action: decisions.Replace}}
	face := decisions.Face{Frame: 2, Box: [4]float64{100, 100, 200, 220}, Look: &look, Place: &align.Placement{X: 150, Y: 160, Scale: 100}, Oval: [][2]float64{{110, 110}, {190, 110}, {150, 215}}}
	list.Tracks = []decisions.Track{{ID: 1, Person: 1, Faces: []decisions.Face{face}}}
	gen, err := OpenSurrogates(t.Context(), DefaultConfig(), list)
	if err != nil {
		t.Fatal(err)
	}
	defer gen.Close()
	calls := gen.Stats().Calls
	if calls == 0 || gen.lips.mesh != nil || len(gen.lips.nets.models) == 0 {
		t.Errorf("%d patches, the network is open: %v, networks named: %v", calls, gen.lips.mesh != nil, gen.lips.nets.models)
	}
	if _, err := gen.Render(t.Context(), generator.Request{Cluster: 1, Look: look, Side: smallSide}); err != nil {
		t.Fatal(err)
	}
	if n := gen.Stats().Calls - calls; n != 1 {
		t.Errorf("one face took %d calls", n)
	}
	cfg := DefaultConfig()
	cfg.Detail = DetailFast
	fast, err := OpenSurrogates(t.Context(), cfg, list)
	if err != nil {
		t.Fatal(err)
	}
	defer fast.Close()
	if n := fast.Stats().Calls; n > 0 {
		t.Errorf("in a hurry %d patches were looked at", n)
	}
	if err := gen.MeetLips(t.Context(), generator.Request{Cluster: 7, Look: look}); !errors.Is(err, generator.ErrCluster) {
		t.Errorf("an unknown cluster: %v", err)
	}
}
