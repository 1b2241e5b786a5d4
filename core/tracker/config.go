package tracker

import (
	"errors"
	"fmt"
	"math"
)

// Config holds the settings of a Tracker or a Linker. It is read by New and NewLinker; later changes have no effect.
// DefaultConfig fills it; the zero value is refused. "Size" below means the square root of a box's area.
type Config struct {
	// High is the score from which an observation counts as a sure sight: associated first, and starts a track. 0..1, default 0.5.
	High float64 `json:"high"`
	// Low is the score below which an observation is ignored; those between Low and High keep tracks alive
	// (ByteTrack, Zhang et al., ECCV 2022, section 3) and start hidden ones. 0..High, default 0.2.
	Low float64 `json:"low"`
	// MinHits is the number of observations, one of them sure, after which a tentative track is confirmed. >= 1, default 3.
	MinHits int `json:"min_hits"`
	// WeakHits is the number of observations that confirm a track which never had a sure one, but one of at least half way
	// between Low and High. >= MinHits, default 6.
	WeakHits int `json:"weak_hits"`
	// Lost is how many frames a confirmed track is kept after its last observation; also the longest gap that is bridged. >= 1, default 30.
	Lost int `json:"lost"`
	// TentativeMisses is how many examined frames in a row a tentative track may go unseen. >= 0, default 3.
	TentativeMisses int `json:"tentative_misses"`
	// Gate is the distance of centres, in sizes, that association allows a track whose motion is known exactly;
	// three standard deviations of the prediction are added. > 0, default 1.
	Gate float64 `json:"gate"`
	// MaxJump caps that distance. In a shot cut that was missed it is what keeps tracks from jumping to another face. >= Gate, default 2.
	MaxJump float64 `json:"max_jump"`
	// MaxScale is the largest ratio of two heights in one association. > 1, default 1.8.
	MaxScale float64 `json:"max_scale"`
	// Margin is the difference of association costs (0 perfect .. 1 at the gate) below which two candidates are ambiguous
	// and tracks are split. About 0.2 sizes of distance at the default of 0.1. 0..1.
	Margin float64 `json:"margin"`
	// Same and Different are the similarities from which Similarity settles a doubt, and below which it forbids an
	// association. Different <= Same; defaults 0.36 and 0.15, cosines of common face embeddings.
	Same      float64 `json:"same"`
	Different float64 `json:"different"`
	// Extend is how many frames a tracklet is extended before its first and after its last observation: the face was
	// there before the detector saw it. >= 0, default 12.
	Extend int `json:"extend"`
	// ExtendDoubt is the same at an end where an exchange with another face could not be excluded: the tracklet that goes on there may
	// start later than a usual extension. >= Extend, default 30.
	ExtendDoubt int `json:"extend_doubt"`
	// ExtendTentative is the same for a tracklet that was never confirmed. >= 0, default 4.
	ExtendTentative int `json:"extend_tentative"`
	// Reach is how far the course of a face is followed into frames in which nobody saw it, in sizes. >= 0, default 4.
	Reach float64 `json:"reach"`
	// Dilate is by how much of its width and height each edge of a cover box moves outwards where nothing was observed;
	// it grows with the distance in time from the next observation. >= 0, default 0.1.
	Dilate float64 `json:"dilate"`
	// Similarity, when set, compares the face of an observation of frame index with a track (its LastTag at frame Last,
	// its BestTag at frame BestFrame). It returns a similarity (higher is more alike) and false when it cannot tell.
	// It is asked only where motion leaves a doubt: after a gap, for a jump, between rivals. It must be a pure function:
	// the same arguments give the same answer (a Linker asks when pictures are long gone, and in both directions of time:
	// the track may lie after index). Neither pointer may be kept or written through.
	Similarity func(t *Track, index int64, o *Observation) (sim float64, ok bool) `json:"-"`
}

// DefaultConfig returns the defaults that the fields of Config state.
func DefaultConfig() Config {
	return Config{
		High: 0.5, Low: 0.2, MinHits: 3, WeakHits: 6, Lost: 30, TentativeMisses: 3,
		Gate: 1, MaxJump: 2, MaxScale: 1.8, Margin: 0.1, Same: 0.36, Different: 0.15,
		Extend: 12, ExtendDoubt: 30, ExtendTentative: 4, Reach: 4, Dilate: 0.1,
	}
}

// Validate reports all faults of c at once.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("tracker: "+format, args...))
		}
	}
	// Each comparison is written so that NaN fails it.
	check(c.High > 0 && c.High <= 1, "High is %v, want more than 0 and at most 1", c.High)
	check(c.Low >= 0 && c.Low <= c.High, "Low is %v, want 0..High (%v)", c.Low, c.High)
	check(c.MinHits >= 1, "MinHits is %d, want 1 or more", c.MinHits)
	check(c.WeakHits >= c.MinHits, "WeakHits is %d, want MinHits (%d) or more", c.WeakHits, c.MinHits)
	check(c.Lost >= 1 && c.Lost <= 10000, "Lost is %d frames, want 1..10000", c.Lost)
	check(c.TentativeMisses >= 0, "TentativeMisses is %d, want 0 or more", c.TentativeMisses)
	check(c.Gate > 0 && !math.IsInf(c.Gate, 0), "Gate is %v sizes, want more than 0", c.Gate)
	check(c.MaxJump >= c.Gate && !math.IsInf(c.MaxJump, 0), "MaxJump is %v sizes, want Gate (%v) or more", c.MaxJump, c.Gate)
	check(c.MaxScale > 1 && !math.IsInf(c.MaxScale, 0), "MaxScale is %v, want more than 1", c.MaxScale)
	check(c.Margin >= 0 && c.Margin <= 1, "Margin is %v, want 0..1", c.Margin)
	check(c.Different <= c.Same, "Different is %v, want at most Same (%v)", c.Different, c.Same)
	check(c.Extend >= 0 && c.Extend <= 10000, "Extend is %d frames, want 0..10000", c.Extend)
	check(c.ExtendDoubt >= c.Extend && c.ExtendDoubt <= 10000, "ExtendDoubt is %d frames, want Extend (%d)..10000", c.ExtendDoubt, c.Extend)
	check(c.ExtendTentative >= 0 && c.ExtendTentative <= 10000, "ExtendTentative is %d frames, want 0..10000", c.ExtendTentative)
	check(c.Reach >= 0 && !math.IsInf(c.Reach, 0), "Reach is %v sizes, want 0 or more", c.Reach)
	check(c.Dilate >= 0 && c.Dilate <= 4, "Dilate is %v, want 0..4", c.Dilate)
	return errors.Join(errs...)
}
