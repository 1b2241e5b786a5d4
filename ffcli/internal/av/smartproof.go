package av

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
)

// videoPackets reads a file's video packets, one at a time.
type videoPackets struct {
	s   *Source
	pkt *astiav.Packet
}

func openPackets(path string) (*videoPackets, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	return &videoPackets{s, astiav.AllocPacket()}, nil
}

// next reads on; false at the end.
func (v *videoPackets) next() (bool, error) {
	for {
		v.pkt.Unref()
		if err := v.s.ic.ReadFrame(v.pkt); errors.Is(err, astiav.ErrEof) {
			return false, nil
		} else if err != nil {
			return false, faultf(ErrSmart, err, "the output cannot be read again: %s", reason(err))
		}
		if v.pkt.StreamIndex() == v.s.info.Video {
			return true, nil
		}
	}
}

func (v *videoPackets) pts() time.Duration { return toTime(v.pkt.Pts(), v.s.video.TimeBase()) }

func (v *videoPackets) close() {
	v.pkt.Free()
	v.s.Close()
}

// prove reads the finished output again: the packets that were to be copied are the input's, the others are not; every
// picture has its time; decoding times grow; and all of it decodes without a fault, over the seams too.
func (j *job) prove(ctx context.Context, runs []run) error {
	if j.mux.retimed > 0 {
		return faultf(ErrSmart, nil, "%d packets of the output had to be moved in time; it is thrown away", j.mux.retimed)
	}
	in, err := openPackets(j.src.info.Path)
	if err != nil {
		return err
	}
	defer in.close()
	out, err := openPackets(j.out.path)
	if err != nil {
		return err
	}
	defer out.close()
	tick := func(v *videoPackets) time.Duration { return toTime(1, v.s.video.TimeBase()) }
	slack := time.Duration(0)
	if tick(in) != tick(out) {
		slack = max(tick(in), tick(out))
	}
	var shift time.Duration
	last := int64(astiav.NoPtsValue)
	for k, r := range runs {
		var times []time.Duration
		for n := r.first; n < r.first+r.count; n++ {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			a, errA := in.next()
			b, errB := out.next()
			if errA != nil || errB != nil || !a || !b {
				return faultf(ErrSmart, errors.Join(errA, errB), "the output ends at packet %d of %d", n, len(j.smart.packets))
			}
			if n == 0 {
				shift = out.pts() - in.pts()
			}
			if d := out.pkt.Dts(); d != astiav.NoPtsValue {
				if last != astiav.NoPtsValue && d <= last {
					return faultf(ErrSmart, nil, "the output's decoding time does not grow at packet %d", n)
				}
				last = d
			}
			same := j.smart.same(in.pkt.Data(), out.pkt.Data(), k > 0 && n == r.first)
			switch {
			case r.anew && same && j.src.info.Codec != "ffv1": // lossless: a picture with a face that is kept is the same
				return faultf(ErrSmart, nil, "packet %d of the output was to be made anew, and is the input's", n)
			case !r.anew && !same:
				return faultf(ErrSmart, nil, "packet %d of the output is no copy of the input's", n)
			case !r.anew && (out.pts()-shift-in.pts()).Abs() > slack:
				return faultf(ErrSmart, nil, "packet %d of the output is at %v instead of %v", n, out.pts()-shift, in.pts())
			}
			times = append(times, out.pts()-shift)
		}
		slices.Sort(times)
		for i, t := range times {
			if want := toTime(j.smart.shown[r.first+i], in.s.video.TimeBase()); (t - want).Abs() > slack {
				return faultf(ErrSmart, nil, "picture %d of the output is at %v instead of %v", r.first+i, t, want)
			}
		}
	}
	if more, err := out.next(); more || err != nil {
		return faultf(ErrSmart, err, "the output goes on behind packet %d", len(j.smart.packets))
	}
	return j.proveDecoding(ctx)
}

// same compares two packets. What a transport stream puts between pictures does not count, nor do HEVC's parameter sets
// that were said again at a seam.
func (p *smartPlan) same(in, out []byte, seam bool) bool {
	if bytes.Equal(in, out) {
		return true
	}
	if p.kind == smartIntra {
		return false
	}
	a, errA := units(in, p.lengthSize)
	b, errB := units(out, p.lengthSize)
	if errA != nil || errB != nil {
		return false
	}
	if p.lengthSize == 0 {
		between := func(u []byte) bool {
			return p.kind == smartAVC && avcKind(u) == avcAUD || p.kind == smartHEVC && hevcKind(u) == hevcAUDUnit
		}
		a, b = slices.DeleteFunc(a, between), slices.DeleteFunc(b, between)
	}
	if n := len(p.sets); seam && p.kind == smartHEVC && len(b) > n && slices.EqualFunc(b[:n], p.sets, bytes.Equal) {
		b = b[n:]
	}
	return slices.EqualFunc(a, b, bytes.Equal)
}

// proveDecoding decodes the whole output. Complaints of decoders are counted for the process: one that another run may have
// caused is looked into once more.
func (j *job) proveDecoding(ctx context.Context) error {
	for again := true; ; again = false {
		r, err := Decode(ctx, j.out.path, DecodeOptions{}, func(*frame.Picture) error { return nil })
		if err != nil {
			return err
		}
		bad := r.DecodeErrors + r.CorruptPackets + r.ConcealedFrames
		if bad == 0 && r.Complaints > 0 && again {
			continue
		}
		if bad > 0 || r.Complaints > 0 || r.Frames != int64(len(j.smart.packets)) {
			return faultf(ErrSmart, nil, "the output does not decode without a fault: %d of %d pictures, %d errors; it is thrown away",
				r.Frames, len(j.smart.packets), max(bad, r.Complaints))
		}
		return nil
	}
}
