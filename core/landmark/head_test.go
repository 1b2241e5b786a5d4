package landmark

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// posed is the mesh that a weak-perspective camera sees of the mean head: yaw and pitch in degrees, roll clockwise.
func posed(h *Head, yaw, pitch, roll, scale, x, y float64) (m Mesh) {
	flat := *h
	flat.Distance = 1e9
	s, c := math.Sincos(roll * math.Pi / 180)
	sa, ca := math.Sincos(yaw * math.Pi / 180)
	sb, cb := math.Sincos(pitch * math.Pi / 180)
	for i := range h.Points {
		p := flat.project(i, yaw, pitch)
		u, v := p.X-h.Centre[0], p.Y-h.Centre[1]
		dx, dy, dz := h.Points[i][0]-h.Centre[0], h.Points[i][1]-h.Centre[1], h.Points[i][2]-h.Centre[2]
		z := (dz*ca-dx*sa)*cb - dy*sb
		m.Points[i] = [3]float32{float32(x + scale*(c*u-s*v)), float32(y + scale*(s*u+c*v)), float32(-scale * z)}
	}
	for i := len(h.Points); i < Points; i++ {
		m.Points[i] = m.Points[33]
	}
	m.Presence = 1
	return m
}

func TestFitRecoversThePose(t *testing.T) {
	h := head(t)
	r := rand.New(rand.NewPCG(1, 9))
	for range 100 {
		yaw, pitch, roll := r.Float64()*140-70, r.Float64()*80-40, r.Float64()*360-180
		m := posed(h, yaw, pitch, roll, 50+300*r.Float64(), 400, 300)
		p, err := h.Fit(&m)
		if err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(p.Yaw-yaw) + math.Abs(p.Pitch-pitch) + math.Abs(math.Remainder(p.Roll-roll, 360)); d > .02 {
			t.Fatalf("got %v %v %v, want %v %v %v", p.Yaw, p.Pitch, p.Roll, yaw, pitch, roll)
		}
		if math.Hypot(p.Shift[0]-400, p.Shift[1]-300) > .01 {
			t.Fatalf("the centre lies at %v", p.Shift)
		}
	}
}

func TestPlaceRecoversThePatch(t *testing.T) {
	h := head(t)
	h.Distance = 1e9 // as posed sees it
	m := posed(h, 30, -10, 20, 200, 400, 300)
	p, residual, err := h.Place(&m, 30, -10)
	if err != nil || residual > 1e-4 {
		t.Fatalf("residual %v, %v", residual, err)
	}
	// The rotation centre lies at (400, 300): the patch's middle is a little above or below it, turned by 20°.
	s, c := math.Sincos(20 * math.Pi / 180)
	below := 200 * (.5 - h.Centre[1])
	if math.Abs(p.Scale-200) > .1 || math.Abs(p.Roll-20*math.Pi/180) > 1e-3 || math.Abs(p.X-(400-below*s)) > .05 || math.Abs(p.Y-(300+below*c)) > .05 {
		t.Fatalf("got %+v", p)
	}
}

func TestNoHeadFits(t *testing.T) {
	h := head(t)
	var flat Mesh
	if _, err := h.Fit(&flat); !errors.Is(err, ErrOutput) {
		t.Errorf("all points in one place: got %v, want ErrOutput", err)
	}
	if _, _, err := h.Place(&flat, 0, 0); !errors.Is(err, ErrOutput) {
		t.Errorf("placing it: got %v, want ErrOutput", err)
	}
	m := posed(h, 0, 0, 0, 100, 200, 200)
	m.Points[h.Stable[0]][0] = float32(math.NaN())
	if _, err := h.Fit(&m); !errors.Is(err, ErrOutput) {
		t.Errorf("NaN: got %v, want ErrOutput", err)
	}
}

func TestParseHeadRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"garbage": "{", "empty": "{}", "no points": `{"format":1,"distance":9,"stable":[0,1,2,3,4,5,6,7]}`, "other format": `{"format":2}`,
	} {
		if _, err := ParseHead([]byte(s)); !errors.Is(err, ErrHead) {
			t.Errorf("%s: got %v, want ErrHead", name, err)
		}
	}
}
