package av

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// PixelDifference sums up how samples of all components differ. Samples of unequal depth are compared at the deeper one.
type PixelDifference struct {
	Samples int64   `json:"samples"`
	Changed int64   `json:"changed"`
	Largest int     `json:"largest"`      // difference, in steps of a sample
	Squares float64 `json:"mean_squares"` // mean of (difference / largest sample value)²
}

// PSNR is in dB; +Inf when nothing differs.
func (d PixelDifference) PSNR() float64 {
	if d.Squares == 0 {
		return math.Inf(1)
	}
	return -10 * math.Log10(d.Squares)
}

// Exact says that samples were compared and all are equal.
func (d PixelDifference) Exact() bool { return d.Samples > 0 && d.Changed == 0 }

// pixelSum is a PixelDifference in the making.
type pixelSum struct {
	samples, changed int64
	largest          int
	squares          uint64 // of one component of one picture
	sum              float64
}

func (s *pixelSum) settle(depth int) {
	peak := float64(int(1)<<depth - 1)
	s.sum += float64(s.squares) / (peak * peak)
	s.squares = 0
}

func (s *pixelSum) difference() PixelDifference {
	d := PixelDifference{Samples: s.samples, Changed: s.changed, Largest: s.largest}
	if s.samples > 0 {
		d.Squares = s.sum / float64(s.samples)
	}
	return d
}

// frameTally counts matched pictures that differ in something else than samples; at holds the first index.
type frameTally struct {
	n  int64
	at int64
}

func (t *frameTally) note(index int64) {
	if t.n == 0 {
		t.at = index
	}
	t.n++
}

func (t *frameTally) report(c *Comparison, what, is string) {
	if t.n > 0 {
		c.find(c.A.Video, false, what, "", fmt.Sprintf("%s in %d pictures, first in %d", is, t.n, t.at))
	}
}

// films is what was found out about the two films.
type films struct {
	shift    time.Duration // by how much the second begins later
	uneven   bool          // the first one's rate varies
	window   *window       // the part of the first that is seen; nil: all
	filtered bool          // the first was seen through filters
}

// pictures decodes both films side by side, and matches pictures by their time from the first.
func (c *Comparison) pictures(ctx context.Context, a, b *Source, opts CompareOptions) (f *films, err error) {
	ra, err := newReader(a, 0, 2, false, opts.View)
	if err != nil {
		return nil, err
	}
	defer ra.close()
	rb, err := newReader(b, 0, 2, false, View{})
	if err != nil {
		return nil, err
	}
	defer rb.close()
	pair := pairing{c: c, opts: opts}
	x, err := following(ctx, ra)
	if err != nil {
		return nil, err
	}
	tb := ra.given.tb // known with the first picture
	slack := max(toTime(1, tb), toTime(1, b.video.TimeBase()))
	if equalRational(tb, b.video.TimeBase()) {
		slack = 0
	}
	y, err := following(ctx, rb)
	for err == nil && (x.frame != nil || y.frame != nil) {
		ahead := time.Duration(0) // of the second film
		switch {
		case x.frame == nil:
			ahead = -slack - 1
		case y.frame == nil:
			ahead = slack + 1
		default:
			ahead = y.pts - x.pts
		}
		switch {
		case ahead > slack:
			c.Video.Missing++
		case ahead < -slack:
			c.Video.Added++
		default:
			if err = pair.compare(x, y); err != nil {
				break
			}
			if opts.Step != nil {
				opts.Step()
			}
		}
		if ahead >= -slack && x.frame != nil {
			ra.release(x.frame)
			x = item{}
			if err == nil {
				x, err = following(ctx, ra)
			}
		}
		if ahead <= slack && y.frame != nil {
			rb.release(y.frame)
			y = item{}
			if err == nil {
				y, err = following(ctx, rb)
			}
		}
	}
	if x.frame != nil {
		ra.release(x.frame)
	}
	if y.frame != nil {
		rb.release(y.frame)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ra.checkAny(), rb.checkAny()); err != nil {
		return nil, err
	}
	c.Video.Frames = [2]int64{ra.given.n, rb.given.n}
	pair.report()
	f = &films{uneven: ra.given.uneven || ra.window() != nil && ra.given.gaps(), window: ra.window(), filtered: ra.prefilter() != nil}
	if n := rb.end.decodeErrors + rb.end.corrupt; n > 0 {
		c.find(c.A.Video, false, "damage", "", fmt.Sprintf("%d packets of the second film are damaged", n))
	}
	if !ra.clock.numbered && !rb.clock.numbered {
		was, is := toTime(ra.given.first, tb), toTime(rb.given.first, rb.given.tb)
		if f.shift = is - was; f.shift.Abs() > slack {
			c.find(c.A.Video, false, "start", was.String(), is.String())
		}
	}
	return f, nil
}

func equalRational(a, b astiav.Rational) bool { return a.Num()*b.Den() == b.Num()*a.Den() }

// following is the next picture; its frame is nil at the end.
func following(ctx context.Context, r *reader) (item, error) {
	it, err := r.next(ctx)
	if errors.Is(err, io.EOF) {
		return item{}, nil
	}
	return it, err
}

// pairing compares pictures of equal time.
type pairing struct {
	c                       *Comparison
	opts                    CompareOptions
	a, b                    frame.Picture
	outside, inside         pixelSum
	fields, color, captions frameTally
	pixels, begun           bool
}

func (p *pairing) compare(x, y item) error {
	i, j := avplane.Describe(x.frame), avplane.Describe(y.frame)
	if i.Interlaced != j.Interlaced || i.Interlaced && i.TopFieldFirst != j.TopFieldFirst {
		p.fields.note(x.index)
	}
	// 2 is H.273's "unspecified"; of range and chroma location it is 0.
	lost := func(was, is, unsaid int) bool { return was != unsaid && was != is }
	if lost(i.Primaries, j.Primaries, 2) || lost(i.Transfer, j.Transfer, 2) || lost(i.Matrix, j.Matrix, 2) || lost(i.Range, j.Range, 0) || lost(i.ChromaLocation, j.ChromaLocation, 0) {
		p.color.note(x.index)
	}
	if !bytes.Equal(avplane.Captions(x.frame), avplane.Captions(y.frame)) {
		p.captions.note(x.index)
	}
	if err := avplane.Map(x.frame, false, &p.a); err != nil {
		return err
	}
	if err := avplane.Map(y.frame, false, &p.b); err != nil {
		return err
	}
	p.a.Index, p.a.PTS = x.index, x.pts
	n := shared(&p.a, &p.b)
	if !p.begun {
		p.begun, p.pixels = true, n > 0
		if err := p.hdr(x.frame, y.frame); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	var boxes []frame.Rect
	if p.opts.Masks != nil {
		var err error
		if boxes, err = p.opts.Masks(&p.a); err != nil {
			return err
		}
	}
	for k := range n {
		p.component(k, boxes)
	}
	return nil
}

// hdr compares what the first pictures say of the mastering display and of light levels, in numbers.
func (p *pairing) hdr(x, y *astiav.Frame) error {
	was, err := avplane.X265HDR(x)
	if err != nil {
		return err
	}
	is, err := avplane.X265HDR(y)
	if err != nil {
		return err
	}
	if was != is && was != "" {
		p.c.find(p.c.A.Video, false, "HDR10", was, is)
	}
	return nil
}

// shared is how many components of two pictures can be compared sample by sample: those of equal sampling.
func shared(a, b *frame.Picture) (n int) {
	if a.W != b.W || a.H != b.H || a.Layout.RGB != b.Layout.RGB {
		return 0
	}
	for n < len(a.Layout.Components) && n < len(b.Layout.Components) {
		p, q := a.Layout.Components[n], b.Layout.Components[n]
		if p.SubX != q.SubX || p.SubY != q.SubY {
			break
		}
		n++
	}
	return n
}

// component compares one component of the two pictures, in and out of the boxes.
func (p *pairing) component(k int, boxes []frame.Rect) {
	a, b := view(&p.a, k), view(&p.b, k)
	w, h := p.a.Size(k)
	depth := max(a.c.Depth, b.c.Depth)
	a.up, b.up = depth-a.c.Depth, depth-b.c.Depth
	sx, sy := float64(int(1)<<a.c.SubX), float64(int(1)<<a.c.SubY)
	var in [][2]int
	for y := range h {
		in = in[:0]
		for _, r := range boxes {
			if float64(y+1)*sy <= r.Y0 || float64(y)*sy >= r.Y1 {
				continue
			}
			x0, x1 := max(0, int(math.Floor(r.X0/sx))), min(w, int(math.Ceil(r.X1/sx)))
			if x0 < x1 {
				in = append(in, [2]int{x0, x1})
			}
		}
		slices.SortFunc(in, func(s, t [2]int) int { return s[0] - t[0] })
		x := 0
		for _, s := range in {
			if s[0] > x {
				p.outside.run(a, b, y, x, s[0])
				x = s[0]
			}
			if s[1] > x {
				p.inside.run(a, b, y, x, s[1])
				x = s[1]
			}
		}
		p.outside.run(a, b, y, x, w)
	}
	p.outside.settle(depth)
	p.inside.settle(depth)
}

// samplesOf is one component of a picture.
type samplesOf struct {
	c  frame.Component
	pl frame.Plane
	up int // bits by which samples are raised to the common depth
}

func view(p *frame.Picture, k int) samplesOf {
	c := p.Layout.Components[k]
	return samplesOf{c: c, pl: p.Planes[c.Plane]}
}

func (s *samplesOf) row(y, x0, x1 int) []byte {
	at := y*s.pl.Stride + s.c.Offset
	return s.pl.Data[at+x0*s.c.Step : at+(x1-1)*s.c.Step+s.c.Bytes()]
}

func (s *samplesOf) value(row []byte, i int) int {
	v := int(row[i*s.c.Step])
	if s.c.Bytes() == 2 {
		v |= int(row[i*s.c.Step+1]) << 8
	}
	return v >> s.c.Shift & (1<<s.c.Depth - 1) << s.up
}

// run compares samples x0..x1 of row y.
func (s *pixelSum) run(a, b samplesOf, y, x0, x1 int) {
	if x0 >= x1 {
		return
	}
	s.samples += int64(x1 - x0)
	p, q := a.row(y, x0, x1), b.row(y, x0, x1)
	if a.up == b.up && a.c.Step == b.c.Step && a.c.Shift == b.c.Shift && a.c.Step == a.c.Bytes() && bytes.Equal(p, q) {
		return
	}
	for i := range x1 - x0 {
		d := a.value(p, i) - b.value(q, i)
		if d == 0 {
			continue
		}
		s.changed++
		s.largest = max(s.largest, d, -d)
		s.squares += uint64(d * d)
	}
}

// report turns what was counted into findings.
func (p *pairing) report() {
	c, v := p.c, &p.c.Video
	v.Pixels, v.Outside, v.Inside = p.pixels, p.outside.difference(), p.inside.difference()
	if v.Missing > 0 || v.Added > 0 {
		c.find(c.A.Video, false, "pictures", fmt.Sprint(v.Frames[0]), fmt.Sprintf("%d; %d are missing, %d have another time", v.Frames[1], v.Missing, v.Added))
	}
	p.fields.report(c, "field order", "other")
	p.color.report(c, "colour tags", "lost or other")
	p.captions.report(c, "closed captions", "lost or other")
	if !p.pixels {
		c.find(c.A.Video, false, "pixels", "", "sizes or colour models differ; nothing was compared")
	}
}
