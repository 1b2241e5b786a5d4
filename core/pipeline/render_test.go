package pipeline

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
)

// fakeGenerator gives each cluster a plain colour.
type fakeGenerator struct {
	err   error
	short bool // one surrogate too few
	patch *frame.Patch
}

func (f *fakeGenerator) RenderBatch(_ context.Context, reqs []generator.Request) ([]*frame.Patch, error) {
	if f.err != nil {
		return nil, f.err
	}
	var out []*frame.Patch
	for _, r := range reqs {
		p := f.patch
		if p == nil {
			p = disc(byte(40 * r.Cluster))
		}
		out = append(out, p)
	}
	if f.short && len(out) > 0 {
		out = out[1:]
	}
	return out, nil
}

func (f *fakeGenerator) Stats() generator.Stats { return generator.Stats{Hits: 3, Misses: 1} }

// disc is a patch with an opaque disc of one grey.
func disc(v byte) *frame.Patch {
	const n = 64
	p := &frame.Patch{Size: n, RGBA: make([]byte, 4*n*n)}
	for y := range n {
		for x := range n {
			a := byte(0)
			if math.Hypot(float64(x)-n/2, float64(y)-n/2) < n/2-4 {
				a = 255
			}
			copy(p.RGBA[4*(y*n+x):], []byte{v, v, v, a})
		}
	}
	return p
}

// face is a face around (x, y), 60 px high, renderable or not.
func face(f int64, x, y float64, renderable bool) decisions.Face {
	d := decisions.Face{Frame: f, Box: [4]float64{x - 25, y - 30, x + 25, y + 30}}
	if renderable {
		d.Place = &align.Placement{X: x, Y: y, Scale: 80}
		d.Look = &appearance.Appearance{}
		d.Oval = ellipse(d.Rect())
	}
	return d
}

func listOf(frames int64, tracks ...decisions.Track) *decisions.List {
	l := &decisions.List{
		Format: decisions.Format, Version: decisions.Version,
		Source:   decisions.Source{Frames: frames, Width: 320, Height: 240},
		Clusters: []decisions.Cluster{{ID: 1, Members: 3, Donors: []int{0}}, {ID: 2, Members: 3, Donors: []int{1}}},
		Persons: []decisions.Person{
			{ID: 1, Cluster: 1, Action: decisions.Replace}, {ID: 2, Cluster: 2, Action: decisions.Replace},
			{ID: 3, Cluster: 1, Action: decisions.Keep}, {ID: 4, Cluster: 1, Action: decisions.Cover},
		},
	}
	for i := range tracks {
		tracks[i].ID = i + 1
	}
	l.Tracks = tracks
	return l
}

// grey is a picture whose luma everywhere is v, so that any change shows.
func grey(index int64, v byte) *frame.Picture {
	p := frame.New(frame.I420, 320, 240)
	p.Index = index
	for i := range p.Planes {
		for j := range p.Planes[i].Data {
			p.Planes[i].Data[j] = v
		}
	}
	return p
}

func lumaAt(p *frame.Picture, x, y int) byte { return p.Planes[0].Data[y*p.Planes[0].Stride+x] }

func TestRendererObeys(t *testing.T) {
	l := listOf(3,
		decisions.Track{Person: 1, Faces: []decisions.Face{face(0, 60, 120, true), face(1, 60, 120, false)}},
		decisions.Track{Person: 3, Faces: []decisions.Face{face(0, 160, 120, true)}},
		decisions.Track{Person: 4, Faces: []decisions.Face{face(0, 260, 120, true)}},
	)
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	r := NewRenderer(greyConfig(), l, &fakeGenerator{})
	p0 := grey(0, 200)
	n, err := r.Picture(context.Background(), p0)
	if err != nil || n != 3 {
		t.Fatal(n, err)
	}
	if lumaAt(p0, 60, 120) == 200 || lumaAt(p0, 160, 120) != 200 || lumaAt(p0, 260, 120) == 200 {
		t.Errorf("replaced %d, kept %d, covered %d; the picture was 200", lumaAt(p0, 60, 120), lumaAt(p0, 160, 120), lumaAt(p0, 260, 120))
	}
	// A face without landmarks is covered, corner to corner of its box.
	p1 := grey(1, 200)
	if _, err := r.Picture(context.Background(), p1); err != nil {
		t.Fatal(err)
	}
	for _, q := range [][2]int{{60, 120}, {36, 91}, {84, 149}, {84, 91}} {
		if lumaAt(p1, q[0], q[1]) == 200 {
			t.Errorf("pixel %v of a face without landmarks is clear", q)
		}
	}
	p2 := grey(2, 200)
	if n, err := r.Picture(context.Background(), p2); err != nil || n != 0 || !bytes.Equal(p2.Planes[0].Data, grey(2, 200).Planes[0].Data) {
		t.Errorf("a picture without faces was changed (%d faces, %v)", n, err)
	}
	c := r.Coverage()
	if c.Faces != 4 || c.Replaced != 1 || c.Covered != 2 || c.Kept != 1 || c.Uncovered != 0 || len(c.CoverSpans) != 2 || len(c.KeptSpans) != 1 || c.CacheHits != .75 {
		t.Errorf("coverage %+v", c)
	}
}

// I1: two members of one cluster with equal appearance give byte-equal pictures.
func TestMembersOfAClusterLookEqual(t *testing.T) {
	render := func(person int) []byte {
		l := listOf(1, decisions.Track{Person: person, Faces: []decisions.Face{face(0, 160, 120, true)}})
		l.Persons[1].Cluster = 1
		p := grey(0, 90)
		if _, err := NewRenderer(greyConfig(), l, &fakeGenerator{}).Picture(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		return p.Planes[0].Data
	}
	if !bytes.Equal(render(1), render(2)) {
		t.Error("two members of one cluster got different pictures")
	}
}

// In interlaced pictures a moving face's second field lies half a frame's way on; the last frame of a track has one place only.
func TestSecondFieldMovesOn(t *testing.T) {
	for _, tc := range []struct {
		frame int64
		want  float64
	}{{0, 8}, {1, 0}} {
		l := listOf(2, decisions.Track{Person: 1, Faces: []decisions.Face{face(0, 140, 120, true), face(1, 156, 120, true)}})
		p := grey(tc.frame, 90)
		p.Fields = frame.TopFirst
		if _, err := NewRenderer(greyConfig(), l, &fakeGenerator{}).Picture(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		var mass, at [2]float64
		for y := range p.H {
			for x := range p.W {
				v := math.Abs(float64(p.Planes[0].Data[y*p.Planes[0].Stride+x]) - 90)
				mass[y%2], at[y%2] = mass[y%2]+v, at[y%2]+v*float64(x)
			}
		}
		if moved := at[1]/mass[1] - at[0]/mass[0]; math.Abs(moved-tc.want) > .5 {
			t.Errorf("frame %d: the second field's face lies %.2f pixels on, want %v", tc.frame, moved, tc.want)
		}
	}
}

// greyConfig covers in dark grey: on plain pictures a blended cover cannot be told from what it covers.
func greyConfig() Config {
	c := DefaultConfig()
	c.Fallback = FallbackSolid
	return c
}

// I7: whatever goes wrong, the run stops or the face is covered.
func TestRendererFailsClosed(t *testing.T) {
	list := func() *decisions.List {
		return listOf(1, decisions.Track{Person: 1, Faces: []decisions.Face{face(0, 160, 120, true)}})
	}
	stop := func(name string, l *decisions.List, g *fakeGenerator, p *frame.Picture, want string) {
		t.Run(name, func(t *testing.T) {
			if _, err := NewRenderer(greyConfig(), l, g).Picture(context.Background(), p); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want a stop with %q", err, want)
			}
		})
	}
	stop("engine error", list(), &fakeGenerator{err: errors.New("device lost")}, grey(0, 200), "device lost")
	stop("surrogate missing", list(), &fakeGenerator{short: true}, grey(0, 200), "0 surrogates for 1")
	stop("picture never examined", list(), &fakeGenerator{}, grey(1, 200), "beyond the decision list")
	small := frame.New(frame.I420, 64, 64)
	stop("other size", list(), &fakeGenerator{}, small, "64x64")
	broken := grey(0, 200)
	broken.Planes[2].Data = broken.Planes[2].Data[:10]
	stop("broken picture", list(), &fakeGenerator{}, broken, "unsupported pixel format")

	covered := func(name string, l *decisions.List, g *fakeGenerator) {
		t.Run(name, func(t *testing.T) {
			p := grey(0, 200)
			r := NewRenderer(greyConfig(), l, g)
			if _, err := r.Picture(context.Background(), p); err != nil {
				t.Fatal(err)
			}
			c := r.Coverage()
			if c.Covered != 1 || c.Uncovered != 0 || lumaAt(p, 160, 120) == 200 || lumaAt(p, 137, 93) == 200 {
				t.Errorf("not covered: %+v, luma %d", c, lumaAt(p, 160, 120))
			}
		})
	}
	covered("broken patch", list(), &fakeGenerator{patch: &frame.Patch{Size: 64, RGBA: make([]byte, 5)}})
	tiny := list()
	tiny.Tracks[0].Faces[0].Place.Scale = 1e-3
	covered("placement too small", tiny, &fakeGenerator{})
	far := list()
	far.Tracks[0].Faces[0].Place.X = 1e12
	covered("placement far away", far, &fakeGenerator{})
	flat := list()
	flat.Tracks[0].Faces[0].Oval = [][2]float64{{1, 1}, {1, 1}, {1, 1}}
	covered("outline without area", flat, &fakeGenerator{})
}

// A surrogate keeps its complexion when its expression changes the patch's mean, and takes a new one slowly.
func TestComplexionIsSteady(t *testing.T) {
	var faces []decisions.Face
	for i := range int64(200) {
		faces = append(faces, face(i, 160, 120, true))
	}
	track := decisions.Track{Person: 1, Faces: faces, Tone: compositor.Tone{Luma: 30, Cb: -2, Cr: 3, Skin: 3}}
	g := &fakeGenerator{patch: disc(100)}
	r := NewRenderer(greyConfig(), listOf(200, track), g)
	var luma [200]int
	for i := range luma {
		if i == 1 {
			g.patch = disc(140)
		}
		p := grey(int64(i), 200)
		if _, err := r.Picture(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		luma[i] = int(lumaAt(p, 160, 120))
	}
	if luma[1] < luma[0]+20 || luma[199] > luma[0]+8 {
		t.Errorf("a brighter patch shows as %d, then %d, at last %d", luma[0], luma[1], luma[199])
	}
	for i := 2; i < 200; i++ {
		if d := luma[i-1] - luma[i]; d < 0 || d > 3 {
			t.Errorf("picture %d is darker by %d", i, d)
		}
	}
}

// A renderer in a hurry paints the same, asks for each surrogate once, and an error of what it began early is the next picture's.
func TestHurriedRendererPaintsTheSame(t *testing.T) {
	var tracks []decisions.Track
	for id := range 3 {
		tr := decisions.Track{ID: id + 1, Person: 1}
		for i := range int64(12) {
			if f := face(i, 50+90*float64(id), 60+8*float64(i), i%5 != 4); id != 1 || i > 3 && i < 9 {
				tr.Faces = append(tr.Faces, f)
			}
		}
		tracks = append(tracks, tr)
	}
	l := listOf(12, tracks...)
	run := func(hurry bool, g faceGenerator) (pics []*frame.Picture, err error) {
		r := NewRenderer(greyConfig(), l, g)
		if hurry {
			r.Hurry()
		}
		defer r.Close()
		for i := range int64(12) {
			p := grey(i, 200)
			if _, err := r.Picture(context.Background(), p); err != nil {
				return pics, err
			}
			pics = append(pics, p)
		}
		return pics, nil
	}
	a, b := &countedGenerator{}, &countedGenerator{}
	plain, err := run(false, a)
	if err != nil {
		t.Fatal(err)
	}
	early, err := run(true, b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range plain {
		for k := range plain[i].Planes {
			if !bytes.Equal(plain[i].Planes[k].Data, early[i].Planes[k].Data) {
				t.Fatalf("picture %d differs", i)
			}
		}
	}
	if a.asked.Load() != b.asked.Load() {
		t.Errorf("%d surrogates were asked for in a hurry, %d else", b.asked.Load(), a.asked.Load())
	}
	lost := &countedGenerator{}
	lost.fail = func() {
		if lost.asked.Load() > 8 {
			lost.err = errors.New("lost")
		}
	}
	if pics, err := run(true, lost); err == nil || len(pics) == 0 || len(pics) > 6 {
		t.Errorf("%d pictures, %v", len(pics), err)
	}
}
