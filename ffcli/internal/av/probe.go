package av

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"
)

// Packet is one coded packet as the container tells of it. Times are from the file's own zero; NoTime when not told.
type Packet struct {
	PTS, DTS, Duration time.Duration
	Size               int
	MD5                [md5.Size]byte // of its bytes: for comparing, not for security
}

// NoTime stands for a time that a container does not tell.
const NoTime = time.Duration(-1 << 63)

// StreamPackets is a stream with its packets in the order of the file.
type StreamPackets struct {
	Stream
	Tick    time.Duration // of the container's time base: the error of its times
	Packets []Packet
}

// ProbeResult is a file without its pixels.
type ProbeResult struct {
	Info    Info
	Streams []StreamPackets // by index
}

// Probe reads all packets of a file and decodes none; about 70 bytes of memory a packet. It returns the errors of Open,
// and ErrOpen when reading fails before the end.
func Probe(ctx context.Context, path string) (*ProbeResult, error) { return probePart(ctx, path, nil) }

// probePart is Probe of the part of a film that w has seen to its end; the film's own packets are told of all.
func probePart(ctx context.Context, path string, w *window) (*ProbeResult, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &ProbeResult{Info: s.Info()}
	for i, st := range s.streams {
		r.Streams = append(r.Streams, StreamPackets{Stream: s.info.Streams[i], Tick: toTime(1, st.TimeBase())})
	}
	p := astiav.AllocPacket()
	defer p.Free()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := s.ic.ReadFrame(p); errors.Is(err, astiav.ErrEof) {
			return r, nil
		} else if err != nil {
			return nil, faultf(ErrOpen, err, "%s: reading failed: %s", path, reason(err))
		}
		if i := p.StreamIndex(); i < len(r.Streams) && (w == nil || i == r.Info.Video || w.judge(p) == belongs) {
			tb := s.streams[i].TimeBase()
			r.Streams[i].Packets = append(r.Streams[i].Packets, Packet{
				PTS: toTime(p.Pts(), tb), DTS: toTime(p.Dts(), tb), Duration: toTime(p.Duration(), tb), Size: p.Size(), MD5: md5.Sum(p.Data()),
			})
		}
		p.Unref()
	}
}

func toTime(ticks int64, tb astiav.Rational) time.Duration {
	if ticks == astiav.NoPtsValue {
		return NoTime
	}
	return time.Duration(astiav.RescaleQ(ticks, tb, astiav.NewRational(1, int(time.Second))))
}

// Difference says in a few words how b is not a copy of a: other bytes, or times further apart than the ticks of both
// containers allow. Empty when it is one. Times are compared after taking off shift, which is b's delay against a.
func (a *StreamPackets) Difference(b *StreamPackets, shift time.Duration) string {
	return a.difference(b, shift, false)
}

// difference is Difference; a's times may have been moved, which rounds them to a tick.
func (a *StreamPackets) difference(b *StreamPackets, shift time.Duration, moved bool) string {
	if len(a.Packets) != len(b.Packets) {
		return fmt.Sprintf("%d packets instead of %d", len(b.Packets), len(a.Packets))
	}
	slack := time.Duration(0)
	if moved || a.Tick != b.Tick {
		slack = max(a.Tick, b.Tick)
	}
	if moved {
		slack += time.Microsecond // a tick in nanoseconds is rounded too
	}
	for i, p := range a.Packets {
		q := b.Packets[i]
		switch {
		case p.Size != q.Size || p.MD5 != q.MD5:
			return fmt.Sprintf("packet %d has other bytes (%d instead of %d)", i, q.Size, p.Size)
		case p.PTS != NoTime && q.PTS != NoTime && (q.PTS-shift-p.PTS).Abs() > slack:
			return fmt.Sprintf("packet %d is at %v instead of %v", i, q.PTS-shift, p.PTS)
		}
	}
	return ""
}
