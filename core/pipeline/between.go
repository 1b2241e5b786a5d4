package pipeline

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// A face that shows less than .8 of a small patch's texels is rendered for every second frame; in between it wears the mean of the two patches,
// where its look is as good as their mean's: nobody sees the difference at that size, and the generator is most of a crowd's work. Of
// eleven faces 60 to 150 px wide in 100 frames of a talking panel 73 % of the frames between are such; with looks that are held within a step
// of the grid 47 % of its small faces are rendered in place of 62 %. Files alone: a stream does not
// know the next frame's look.
const (
	halfReach = smallSide * .8 // px across, of a track's largest patch
	lookApart = 2              // steps of the grid by which a look may differ from the mean of its neighbours'
	lookLeap  = 6              // steps that lie between the neighbours at most: two faces laid over each other are no face
	// What parts lips may move by this much from one neighbour to the other, and mouthOpen not at all: a mean of shut and parted lips is
	// neither. With the limits above a mouth of 70 px followed by .61 and .79 in place of .83 and .94 (asl_learn, two surrogates).
	lipLeap = 1
)

// ask says which of the patches that were asked for a job wears: the mean of two, or one that is both.
type ask struct{ first, last int }

// around are the looks on either side of j's, if their patches' mean will do. Of two tracks one is asked in even frames and one in odd
// ones, so that the work is spread.
func (s sides) around(j decisions.Job) (before, after appearance.Appearance, ok bool) {
	if (j.Face.Frame+int64(j.Track.ID))%2 == 0 || s.of(j) != smallSide {
		return before, after, false
	}
	a, b := j.Before(), j.Next()
	if a == nil || b == nil || a.Look == nil || b.Look == nil || s.wide[j.Track.ID] > halfReach {
		return before, after, false
	}
	before, after = s.look(j, a), s.look(j, b)
	return before, after, midway(before, *j.Face.Look, after)
}

// look is what f, a face of j's track, is rendered as: such a small one keeps its look while the true one is no more than a step of the grid
// away, so that its patch serves on.
func (s sides) look(j decisions.Job, f *decisions.Face) appearance.Appearance {
	if s.of(j) != smallSide || s.wide[j.Track.ID] > halfReach {
		return *f.Look
	}
	held := s.held[j.Track.ID]
	if held == nil {
		held = holdLooks(j.Track.Faces)
		s.held[j.Track.ID] = held
	}
	i, ok := slices.BinarySearchFunc(j.Track.Faces, f.Frame, func(f decisions.Face, n int64) int { return cmp.Compare(f.Frame, n) })
	if !ok { // live
		return *f.Look
	}
	return held[i]
}

// holdLooks are the looks of a track's faces, each that of the face before as long as it is within a step of it.
func holdLooks(faces []decisions.Face) []appearance.Appearance {
	held := make([]appearance.Appearance, len(faces))
	for i, f := range faces {
		if f.Look == nil {
			continue
		}
		held[i] = *f.Look
		if i > 0 && faces[i-1].Look != nil && faces[i-1].Frame == f.Frame-1 && within1(held[i-1], *f.Look) {
			held[i] = held[i-1]
		}
	}
	return held
}

// within1 says that a and b differ by a step of the grid at most, in each of their parts, and not in mouthOpen: lips part within two steps.
func within1(a, b appearance.Appearance) bool {
	near := func(a, b int) bool { return max(a-b, b-a) <= 1 }
	for i, v := range a.Expression {
		if !near(int(v), int(b.Expression[i])) || i == appearance.MouthOpen && v != b.Expression[i] {
			return false
		}
	}
	return near(int(a.GazeYaw), int(b.GazeYaw)) && near(int(a.GazePitch), int(b.GazePitch)) && near(int(a.Yaw), int(b.Yaw)) && near(int(a.Pitch), int(b.Pitch))
}

// midway says that look lies half way between before and after, as far as the eye can tell.
func midway(before, look, after appearance.Appearance) bool {
	near := func(a, m, b int) bool {
		apart, leap := 2*m-a-b, b-a
		return max(apart, -apart) <= 2*lookApart && max(leap, -leap) <= lookLeap
	}
	still := func(a, m, b int) bool { return max(a, m, b)-min(a, m, b) <= lipLeap }
	for i, m := range look.Expression {
		b, a := int(before.Expression[i]), int(after.Expression[i])
		if !near(b, int(m), a) || landmark.PartsLips(i) && !still(b, int(m), a) {
			return false
		}
	}
	if m := appearance.MouthOpen; before.Expression[m] != look.Expression[m] || after.Expression[m] != look.Expression[m] {
		return false
	}
	return near(int(before.GazeYaw), int(look.GazeYaw), int(after.GazeYaw)) && near(int(before.GazePitch), int(look.GazePitch), int(after.GazePitch)) &&
		near(int(before.Yaw), int(look.Yaw), int(after.Yaw)) && near(int(before.Pitch), int(look.Pitch), int(after.Pitch))
}

// patch is the mean of a and b, in memory that the i-th patch of the next picture overwrites, or a where they are one.
func (p *painter) patch(i int, a, b *frame.Patch) *frame.Patch {
	if a == b {
		return a
	}
	for len(p.between) <= i {
		p.between = append(p.between, &frame.Patch{})
	}
	m := p.between[i]
	if m.Size != a.Size {
		*m = frame.Patch{Size: a.Size, RGBA: make([]byte, len(a.RGBA))}
	}
	// Eight bytes at once: what two have in common, and half of what they differ in.
	const low = 0xfefefefefefefefe
	for k := 0; k+8 <= len(m.RGBA); k += 8 {
		x, y := binary.LittleEndian.Uint64(a.RGBA[k:]), binary.LittleEndian.Uint64(b.RGBA[k:])
		binary.LittleEndian.PutUint64(m.RGBA[k:], x&y+(x^y)&low>>1)
	}
	return m
}
