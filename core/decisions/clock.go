package decisions

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ksamenet/ksamenet/core/timecode"
)

// Clock finds the frame of a film that a text names by its time.
type Clock struct {
	rate   timecode.Rate // not known when frames do not last equally long
	start  int64         // the first frame's number from 00:00:00:00
	first  timecode.Code
	coded  bool // the film has a timecode; else it begins at 00:00:00:00
	frames int64
}

// Clock is the film's. It returns ErrInvalid when what the list says of rate and timecode cannot be read.
func (s Source) Clock() (Clock, error) {
	c := Clock{frames: s.Frames}
	if s.Rate == "" || !s.ConstantRate {
		return c, nil
	}
	var err error
	if c.rate, err = timecode.ParseRate(s.Rate); err != nil {
		return c, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if s.Timecode == "" {
		return c, nil
	}
	if c.first, err = timecode.Parse(s.Timecode); err == nil {
		c.start, err = c.first.Count(c.rate)
	}
	if err != nil {
		return c, fmt.Errorf("%w: the film's start: %w", ErrInvalid, err)
	}
	c.coded = true
	return c, nil
}

// Frame is the frame that text names: a timecode (HH:MM:SS:FF, HH:MM:SS;FF drop-frame), counted from the film's own; a time from the
// first frame ("[[HH:]MM:]SS[.mmm]", and an "s" if one likes), which names the first frame at or after it; or a frame's number ("123f").
// It may be the film's length, which is the end of a stretch that reaches its last frame.
func (c Clock) Frame(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if number, ok := strings.CutSuffix(text, "f"); ok {
		n, err := strconv.ParseUint(number, 10, 62)
		if err != nil {
			return 0, fmt.Errorf("%q: a frame is named as 123f", text)
		}
		return c.within(int64(n), text)
	}
	if !c.rate.Known() {
		return 0, fmt.Errorf("%q: frames of this film do not last equally long, or the list does not tell; name them by number, as 123f", text)
	}
	if strings.Contains(text, ";") || strings.Count(text, ":") == 3 {
		code, err := timecode.Parse(text)
		if err != nil {
			return 0, err
		}
		return c.Code(code)
	}
	seconds, err := Seconds(text)
	if err != nil {
		return 0, err
	}
	const rounding = 1e-4 // of a frame: 0.04 s is not quite frame 1 at 25 pictures a second in binary
	return c.within(int64(math.Ceil(seconds*float64(c.rate.Num)/float64(c.rate.Den)-rounding)), text)
}

// Code is the frame at a timecode.
func (c Clock) Code(code timecode.Code) (int64, error) {
	if !c.rate.Known() {
		return 0, fmt.Errorf("%v: frames of this film do not last equally long, or the list does not tell", code)
	}
	if c.coded && c.first.Drop != code.Drop {
		return 0, fmt.Errorf("%v: the film's timecode begins at %v, and one of the two is drop-frame", code, c.first)
	}
	n, err := code.Count(c.rate)
	if err != nil {
		return 0, err
	}
	if n -= c.start; n < 0 { // past midnight
		last, err := timecode.At(-1, c.rate, code.Drop).Count(c.rate)
		if err != nil {
			return 0, err
		}
		n += last + 1
	}
	return c.within(n, code.String())
}

func (c Clock) within(n int64, text string) (int64, error) {
	if n <= c.frames {
		return n, nil
	}
	if c.rate.Known() {
		return 0, fmt.Errorf("%s lies outside the film, which has %d frames, from %v up to %v", text, c.frames, c.at(0), c.at(c.frames))
	}
	return 0, fmt.Errorf("%s lies outside the film, which has %d frames", text, c.frames)
}

func (c Clock) at(frame int64) timecode.Code {
	return timecode.At(c.start+frame, c.rate, c.first.Drop)
}

// Seconds reads a time as FFmpeg's tools write it: [[HH:]MM:]SS.mmm, and an "s" if one likes.
func Seconds(text string) (float64, error) {
	bad := fmt.Errorf("%q is no time: HH:MM:SS:FF, [[HH:]MM:]SS.mmm, or 123f for a frame", text)
	parts := strings.Split(strings.TrimSuffix(text, "s"), ":")
	if len(parts) > 3 {
		return 0, bad
	}
	sum := 0.0
	for i, p := range parts {
		if strings.Trim(p, "0123456789.") != "" || i < len(parts)-1 && strings.Contains(p, ".") {
			return 0, bad // signs, exponents, NaN
		}
		v, err := strconv.ParseFloat(p, 64)
		if err != nil || v > 1e9 || i > 0 && v >= 60 {
			return 0, bad
		}
		sum = sum*60 + v
	}
	return sum, nil
}
