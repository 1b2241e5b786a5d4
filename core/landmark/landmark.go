// Package landmark measures a face: a mesh of 478 points, and from its geometry the appearance (expression, gaze, pose)
// and the placement that a surrogate takes over.
//
// Nothing else of the face passes: no texture, no shape. The appearance is quantised by core/appearance before it is used.
package landmark

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
)

// ErrOutput says that a network's output, or what follows from it, is not finite or not a face's geometry. The face is
// then covered, never rendered.
var ErrOutput = errors.New("landmark: unusable network output")

// Present is the presence from which a mesh confirms a face: 95 % of true faces reach it and 5 of 27 false detections.
// A lower presence is no proof of absence (profiles and dark faces give 0 to .3).
const Present = .5

// crop is the side of the mesh network's input.
const crop = 192

// Result is what Analyze knows of one face.
type Result struct {
	Mesh      Mesh
	Presence  float64 // Mesh.Presence
	Geometry  Geometry
	Raw       appearance.Raw  // without a reference: see Calibrate
	Placement align.Placement // of the generator's patch on the picture, for a patch rendered at Raw's yaw and pitch
	Oval      []frame.Point   // Mesh.Oval
	Residual  float64         // root mean square distance of the rigid points from the placed head, in parts of the patch
}

// Analyzer runs the mesh network and the regressor. It belongs to one goroutine at a time; its engines stay the caller's.
type Analyzer struct {
	mesh, regressor infer.Session
	head            *Head
	warper          align.Warper
}

// New opens sessions on the mesh network (models/facemesh) and the regressor (models/appearance). head is the
// generator's mean head (models/generator/head.json): poses and placements are in its terms.
// Errors: infer.ErrModel when an engine is of another shape, infer's.
func New(mesh, regressor infer.Engine, head *Head) (*Analyzer, error) {
	a := &Analyzer{head: head}
	var err error
	if a.mesh, err = open(mesh, map[string][]int64{"input_1": {1, crop, crop, 3}}, map[string]int{"input_1": crop * crop * 3, "landmarks": Points * 3, "presence": 1}); err != nil {
		return nil, err
	}
	a.regressor, err = open(regressor, map[string][]int64{"geometry": {1, int64(Features)}},
		map[string]int{"geometry": Features, "expression": appearance.Units, "gaze": 2})
	if err != nil {
		return nil, errors.Join(err, a.mesh.Close())
	}
	return a, nil
}

// open makes a session and checks that its tensors have the sizes that are expected.
func open(e infer.Engine, shapes map[string][]int64, sizes map[string]int) (infer.Session, error) {
	s, err := e.NewSession(shapes)
	if err != nil {
		return nil, fmt.Errorf("landmark: %w", err)
	}
	for name, n := range sizes {
		if len(s.Data(name)) != n {
			return nil, errors.Join(fmt.Errorf("%w: tensor %q has %d values, want %d", infer.ErrModel, name, len(s.Data(name)), n), s.Close())
		}
	}
	return s, nil
}

// Analyze measures the face with the given five points of a detector (detector.Detection.Points). The network runs twice:
// the first mesh says where to look properly.
// Errors: ErrOutput, frame.ErrLayout, infer's, ctx's.
func (a *Analyzer) Analyze(ctx context.Context, pic *frame.Picture, points [5]frame.Point) (Result, error) {
	first, err := a.look(ctx, pic, regionOf(points))
	if err != nil {
		return Result{}, err
	}
	return a.Follow(ctx, pic, &first)
}

// Follow measures the face that had the given mesh a picture ago, or one of an estimate: one run.
// A Presence below Present says that the face may have been lost; look for it with a detector then.
func (a *Analyzer) Follow(ctx context.Context, pic *frame.Picture, before *Mesh) (Result, error) {
	m, err := a.look(ctx, pic, before.region())
	if err != nil {
		return Result{}, err
	}
	return a.measure(ctx, m)
}

// look runs the mesh network on one region.
func (a *Analyzer) look(ctx context.Context, pic *frame.Picture, r region) (m Mesh, err error) {
	at := r.crop()
	in := align.Input{Data: a.mesh.Data("input_1"), W: crop, H: crop, NHWC: true, Scale: 1. / 255}
	if err := a.warper.Warp(pic, align.Shift(.5, .5).Mul(at).Mul(align.Shift(-.5, -.5)), in); err != nil {
		return m, fmt.Errorf("landmark: %w", err)
	}
	if err := a.mesh.Run(ctx); err != nil {
		return m, fmt.Errorf("landmark: %w", err)
	}
	k := float32(r.side / crop)
	out := a.mesh.Data("landmarks")
	for i := range m.Points {
		p := at.Apply(frame.Point{X: float64(out[3*i]), Y: float64(out[3*i+1])})
		m.Points[i] = [3]float32{float32(p.X + .5), float32(p.Y + .5), out[3*i+2] * k}
	}
	m.Presence = float64(a.mesh.Data("presence")[0])
	if !m.finite() {
		return m, fmt.Errorf("%w: mesh is not finite", ErrOutput)
	}
	return m, nil
}

// measure turns a mesh into appearance and placement.
func (a *Analyzer) measure(ctx context.Context, m Mesh) (Result, error) {
	res := Result{Mesh: m, Presence: m.Presence, Oval: m.Oval()}
	fit, err := a.head.Fit(&m)
	if err != nil {
		return res, err
	}
	res.Geometry.normalise(&m, fit)
	if res.Raw, err = a.read(ctx, &res.Geometry); err != nil {
		return res, err
	}
	res.Placement, res.Residual, err = a.head.Place(&m, res.Raw.Yaw, res.Raw.Pitch)
	return res, err
}

// read runs the regressor.
func (a *Analyzer) read(ctx context.Context, g *Geometry) (r appearance.Raw, err error) {
	copy(a.regressor.Data("geometry"), g[:])
	if err := a.regressor.Run(ctx); err != nil {
		return r, fmt.Errorf("landmark: %w", err)
	}
	for i, v := range a.regressor.Data("expression") {
		r.Expression[i] = clamp(float64(v), 0, 1)
	}
	settle(&r.Expression)
	fade(&r.Expression, g.yaw())
	gaze := a.regressor.Data("gaze")
	// Within the grid's limits already here: the placement must be for a pose that will be rendered.
	r.GazeYaw, r.GazePitch = clamp(float64(gaze[0]), -appearance.GazeLimit, appearance.GazeLimit), clamp(float64(gaze[1]), -appearance.GazeLimit, appearance.GazeLimit)
	yaw, pitch := g.turn()
	r.Yaw, r.Pitch = clamp(yaw, -appearance.YawLimit, appearance.YawLimit), clamp(pitch, -appearance.PitchLimit, appearance.PitchLimit)
	if !r.Finite() {
		return r, fmt.Errorf("%w: appearance is not finite", ErrOutput)
	}
	return r, nil
}

// settle fades units that contradict a stronger claim: the generator has seen no face that does both (training/conditions.py),
// and a grin wider than unit 1 spills into its neighbours. The claim of the first of each pair stands.
func settle(e *[appearance.Units]float64) {
	for _, p := range [...][2]int{{3, 4}, {1, 0}, {11, 12}, {6, 7}} { // eyeClose, eyeOpen; smileOpen, smileClose; pucker, stretch; browUp, browDown
		e[p[1]] *= max(0, 1-2*e[p[0]])
	}
}

// fade weakens expressions of faces turned away: beyond 35° half of the mesh is a guess, and a closed mouth in profile was
// seen to read as half open (clip of a turning head, at 50°). yaw is the fit's, degrees.
func fade(e *[appearance.Units]float64, yaw float64) {
	k := trust(yaw)
	for i := range e {
		e[i] *= k
	}
}

// trust is how much of an expression is believed at a yaw of the fit, degrees.
func trust(yaw float64) float64 { return clamp(1-.6*(math.Abs(yaw)-35)/25, .4, 1) }

// clamp keeps NaN, which Finite then finds.
func clamp(v, lo, hi float64) float64 {
	if math.IsNaN(v) {
		return v
	}
	return min(max(v, lo), hi)
}

// Close releases the sessions, not the engines. It is safe to call twice.
func (a *Analyzer) Close() error { return errors.Join(a.mesh.Close(), a.regressor.Close()) }
