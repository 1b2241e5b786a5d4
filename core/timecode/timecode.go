// Package timecode counts pictures as editors do: hours, minutes, seconds and frames (SMPTE ST 12-1), with the numbers that
// drop-frame counting leaves out at 29.97 and 59.94 pictures a second. It reads no files.
package timecode

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrTimecode says that a text is no timecode, or one that does not exist at a rate.
var ErrTimecode = errors.New("timecode")

// Rate is the number of pictures a second, as a fraction. The zero value is unknown.
type Rate struct{ Num, Den int64 }

// ParseRate reads "25", "30000/1001".
func ParseRate(text string) (Rate, error) {
	num, den, fraction := strings.Cut(text, "/")
	r := Rate{Den: 1}
	var err error
	if r.Num, err = strconv.ParseInt(num, 10, 64); err == nil && fraction {
		r.Den, err = strconv.ParseInt(den, 10, 64)
	}
	if err != nil || !r.Known() {
		return Rate{}, fmt.Errorf("%w: rate %q; as 25 or 30000/1001", ErrTimecode, text)
	}
	return r, nil
}

func (r Rate) String() string {
	if r.Den == 1 {
		return strconv.FormatInt(r.Num, 10)
	}
	return fmt.Sprintf("%d/%d", r.Num, r.Den)
}

// rateMost bounds both parts of a rate, so that no count overflows.
const rateMost = 1_000_000

// Known says that r is a rate that can be counted with: 1 to 1000 pictures a second.
func (r Rate) Known() bool {
	return r.Num > 0 && r.Den > 0 && r.Num <= rateMost && r.Den <= rateMost && r.Num >= r.Den && r.Num <= 1000*r.Den
}

// nominal is how many frames a second of timecode has: 30 at 29.97.
func (r Rate) nominal() int64 { return (r.Num + r.Den/2) / r.Den }

// dropped is how many numbers drop-frame counting leaves out at the start of a minute: 2 at 29.97, 4 at 59.94, 0 where it is not defined.
func (r Rate) dropped() int64 {
	if r.Den == 1001 && (r.Num == 30000 || r.Num == 60000) {
		return r.nominal() / 15
	}
	return 0
}

// Code is one timecode.
type Code struct {
	Hours, Minutes, Seconds, Frames int64
	Drop                            bool // drop-frame: written with a semicolon
}

// Parse reads HH:MM:SS:FF, and with a semicolon before the frames, or throughout, drop-frame timecode.
func Parse(text string) (Code, error) {
	bad := func(why string) (Code, error) {
		return Code{}, fmt.Errorf("%w %q: %s", ErrTimecode, text, why)
	}
	plain := strings.ReplaceAll(text, ";", ":")
	parts := strings.Split(plain, ":")
	if len(parts) != 4 {
		return bad("want HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
	}
	var v [4]int64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || len(p) == 0 || len(p) > 3 || len(p) > 2 && i < 3 {
			return bad("want HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
		}
		v[i] = int64(n)
	}
	c := Code{v[0], v[1], v[2], v[3], plain != text}
	if c.Hours > 23 || c.Minutes > 59 || c.Seconds > 59 {
		return bad("there are 24 hours, 60 minutes and 60 seconds")
	}
	return c, nil
}

func (c Code) String() string {
	mark := ":"
	if c.Drop {
		mark = ";"
	}
	return fmt.Sprintf("%02d:%02d:%02d%s%02d", c.Hours, c.Minutes, c.Seconds, mark, c.Frames)
}

// Count is the number of pictures from 00:00:00:00 to c.
func (c Code) Count(r Rate) (int64, error) {
	bad := func(format string, a ...any) (int64, error) {
		return 0, fmt.Errorf("%w %v: %s", ErrTimecode, c, fmt.Sprintf(format, a...))
	}
	if !r.Known() {
		return bad("the frame rate is not known")
	}
	n, d := r.nominal(), int64(0)
	if c.Frames >= n {
		return bad("there are %d frames in a second, 0 to %d", n, n-1)
	}
	minutes := c.Hours*60 + c.Minutes
	if c.Drop {
		if d = r.dropped(); d == 0 {
			return bad("drop-frame counting is for 29.97 and 59.94 pictures a second, not for %v", r)
		}
		if c.Seconds == 0 && c.Frames < d && c.Minutes%10 != 0 {
			return bad("drop-frame counting leaves this number out; the next is %v", Code{c.Hours, c.Minutes, 0, d, true})
		}
	}
	return (minutes*60+c.Seconds)*n + c.Frames - d*(minutes-minutes/10), nil
}

// At is the timecode that is count pictures after 00:00:00:00; after a day it begins again. drop asks for drop-frame counting, which
// only two rates have. r must be Known.
func At(count int64, r Rate, drop bool) Code {
	n, d := r.nominal(), int64(0)
	if drop {
		d = r.dropped()
	}
	tenMinutes, minute := n*600-9*d, n*60-d
	day := 144 * tenMinutes
	count = (count%day + day) % day
	if d > 0 {
		tens, rest := count/tenMinutes, count%tenMinutes
		count += 9 * d * tens
		if rest >= d {
			count += d * ((rest - d) / minute)
		}
	}
	seconds := count / n
	return Code{seconds / 3600, seconds / 60 % 60, seconds % 60, count % n, d > 0}
}
