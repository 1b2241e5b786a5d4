package av

import (
	"errors"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// timing is what an encoder has to be told apart, and what is put back into its packets.
type timing struct {
	ticks    int64 // presentation time in the input's time base
	duration int64
}

// encoding turns frames into packets of the muxer's video lane. It belongs to one goroutine at a time.
type encoding struct {
	ec      *astiav.CodecContext
	fixed   bool // the encoder counts frames at a constant rate; their times are put back into its packets
	tb      astiav.Rational
	times   map[int64]timing // of frames in the encoder, by its PTS
	pkt     *astiav.Packet
	first   int64
	begun   bool
	frames  int64
	packets int64
	device  *astiav.Frame                                      // the picture there, for an encoder that takes none elsewhere
	put     func(p *astiav.Packet, from astiav.Rational) error // where packets go, with times in from
}

func newEncoding(ec *astiav.CodecContext, fixed bool, m *muxer, tb astiav.Rational) *encoding {
	e := &encoding{ec: ec, fixed: fixed, tb: tb, times: map[int64]timing{}, pkt: astiav.AllocPacket()}
	e.put = func(p *astiav.Packet, from astiav.Rational) error { return m.write(p, m.video, from) }
	if ec.PixelFormat() == astiav.PixelFormatVaapi {
		e.device = astiav.AllocFrame()
	}
	return e
}

// frame encodes one frame, or with nil what is left in the encoder.
func (e *encoding) frame(f *astiav.Frame, ticks int64) error {
	if f != nil {
		pts, err := e.encoderTime(ticks)
		if err != nil {
			return err
		}
		e.times[pts] = timing{ticks, max(0, avplane.Describe(f).Duration)}
		f.SetPts(pts)
		f.SetPictureType(astiav.PictureTypeNone) // else the encoder repeats the input's choice
		e.frames++
	}
	if f != nil && e.device != nil {
		if err := avplane.Upload(e.ec, e.device, f); err != nil {
			return faultf(ErrEncoder, err, "picture %d cannot be brought to the encoder's device: %s", e.frames-1, reason(err))
		}
		f = e.device
	}
	avplane.TakeLog()
	if err := e.ec.SendFrame(f); err != nil && !errors.Is(err, astiav.ErrEof) {
		return faultf(ErrEncoder, err, "encoding picture %d: %s", e.frames-1, reason(err))
	}
	for {
		err := e.ec.ReceivePacket(e.pkt)
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		}
		if err != nil {
			return faultf(ErrEncoder, err, "encoding picture %d: %s", e.frames-1, reason(err))
		}
		if err := e.packet(); err != nil {
			return err
		}
	}
}

// encoderTime is the time to give to the encoder: the input's own, or at a constant rate the frame's number. It refuses a
// variable rate for the latter rather than moving frames.
func (e *encoding) encoderTime(ticks int64) (int64, error) {
	if !e.fixed {
		return ticks, nil
	}
	if !e.begun {
		e.first, e.begun = ticks, true
	}
	n, even := onGrid(ticks-e.first, e.tb, e.ec.TimeBase())
	if !even {
		return 0, faultf(ErrEncoder, nil, "picture %d is not at a multiple of the frame duration, as this encoder needs it; choose another (libx264, ffv1, …)", e.frames)
	}
	return n, nil
}

func (e *encoding) packet() error {
	defer e.pkt.Unref()
	t, known := e.times[e.pkt.Pts()]
	if known {
		delete(e.times, e.pkt.Pts())
	}
	from := e.ec.TimeBase()
	if e.fixed {
		e.pkt.RescaleTs(from, e.tb)
		if dts := e.pkt.Dts(); dts != astiav.NoPtsValue {
			e.pkt.SetDts(dts + e.first)
		}
		e.pkt.SetPts(e.pkt.Pts() + e.first)
		if known {
			e.pkt.SetPts(t.ticks)
			e.pkt.SetDts(min(e.pkt.Dts(), t.ticks))
		}
		from = e.tb
	}
	if known && t.duration > 0 {
		e.pkt.SetDuration(t.duration)
	}
	if dts := e.pkt.Dts(); known && !e.fixed && (dts > t.ticks || dts < t.ticks-e.reach()) {
		e.pkt.SetDts(t.ticks) // x265 reckons it from memory that it never wrote when the film ends within its delay
	}
	e.packets++
	return e.put(e.pkt, from)
}

// reach is a bound on how long before it is shown a picture is decoded, in ticks: 64 pictures, several times what any codec allows.
func (e *encoding) reach() int64 {
	rate := e.ec.Framerate()
	return 64 * max(1, astiav.RescaleQ(1, astiav.NewRational(rate.Den(), max(1, rate.Num())), e.ec.TimeBase()))
}

// complete says that every frame came out as a packet.
func (e *encoding) complete() error {
	if e.packets != e.frames {
		return faultf(ErrEncoder, nil, "the encoder made %d packets of %d pictures", e.packets, e.frames)
	}
	return nil
}

func (e *encoding) close() {
	e.pkt.Free()
	if e.device != nil {
		e.device.Free()
	}
}
