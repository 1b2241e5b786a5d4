package av

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/asticode/go-astiav"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// Finding is one thing that the second of two files has otherwise than the first.
type Finding struct {
	Stream   int    `json:"stream"` // of the first file; -1: the file as a whole
	What     string `json:"what"`
	Was      string `json:"was,omitempty"`
	Is       string `json:"is,omitempty"`
	Expected bool   `json:"expected,omitempty"` // follows from coding the pictures anew, or from leaving out what may show a face
}

// StreamMatch says what became of one stream of the first file.
type StreamMatch struct {
	Stream  Stream `json:"-"`
	Index   int    `json:"stream"`
	To      int    `json:"to"` // its index in the second file; -1: it is not there
	Packets int    `json:"packets"`
	Same    bool   `json:"same"` // every packet has the same bytes and times
}

// VideoMatch is the comparison of the films, decoded.
type VideoMatch struct {
	Frames  [2]int64 `json:"frames"`
	Missing int64    `json:"missing"` // times at which the first file alone has a picture
	Added   int64    `json:"added"`   // the second alone
	// Copied counts the coded packets of the second film that are byte by byte ones of the first.
	Copied  int             `json:"copied_packets"`
	Pixels  bool            `json:"pixels_compared"` // false: sizes or colour models differ
	Outside PixelDifference `json:"outside"`         // of the masks; of everything when there are none
	Inside  PixelDifference `json:"inside"`
}

// Comparison is what Compare found.
type Comparison struct {
	A        Info          `json:"-"`
	B        Info          `json:"-"`
	Streams  []StreamMatch `json:"streams"`
	Video    VideoMatch    `json:"video"`
	Findings []Finding     `json:"findings"`
}

// Clean says that nothing differs but what follows from coding the pictures anew.
func (c *Comparison) Clean() bool {
	return !slices.ContainsFunc(c.Findings, func(f Finding) bool { return !f.Expected })
}

func (c *Comparison) find(stream int, expected bool, what, was, is string) {
	c.Findings = append(c.Findings, Finding{stream, what, was, is, expected})
}

// CompareOptions set up a comparison.
type CompareOptions struct {
	// Masks gives the boxes of a picture of the first file that were painted over in the second; nil: none. Its error ends
	// the comparison.
	Masks func(*frame.Picture) ([]frame.Rect, error)
	// View is what the second film shows of the first: its first picture is compared with the first one seen.
	View View
	// Step is told of every pair of pictures; may be nil.
	Step func()
}

// Compare tells what the file b has otherwise than a: streams and their packets, tags, chapters, properties; the pictures'
// times, field order, captions and samples. Packets and all pictures of both files are read. It returns the errors of
// Decode; a difference is no error.
func Compare(ctx context.Context, a, b string, opts CompareOptions) (*Comparison, error) {
	pb, err := Probe(ctx, b)
	if err != nil {
		return nil, err
	}
	sa, err := Open(a)
	if err != nil {
		return nil, err
	}
	defer sa.Close()
	sb, err := Open(b)
	if err != nil {
		return nil, err
	}
	defer sb.Close()
	c := &Comparison{A: sa.Info(), B: pb.Info}
	films, err := c.pictures(ctx, sa, sb, opts)
	if err != nil {
		return nil, err
	}
	pa, err := probePart(ctx, a, films.window)
	if err != nil {
		return nil, err
	}
	if err := c.container(sa, sb, films.window); err != nil {
		return nil, err
	}
	taken := map[int]bool{pb.Info.Video: true}
	for i := range pa.Streams {
		if err := c.stream(pa, pb, sa, sb, i, taken, films); err != nil {
			return nil, err
		}
	}
	for i, s := range pb.Streams {
		if !taken[i] {
			c.find(-1, false, "added stream", "", s.Stream.String())
		}
	}
	c.Video.Copied = copied(pa.Streams[pa.Info.Video].Packets, pb.Streams[pb.Info.Video].Packets)
	return c, nil
}

func copied(a, b []Packet) (n int) {
	known := map[[16]byte]int{}
	for _, p := range a {
		known[p.MD5]++
	}
	for _, p := range b {
		if known[p.MD5] > 0 {
			known[p.MD5]--
			n++
		}
	}
	return n
}

// container compares tags and chapters of the whole file.
func (c *Comparison) container(a, b *Source, w *window) error {
	tags, err := w.tags(avplane.Tags(a.ic.Metadata()))
	if err != nil {
		return err
	}
	c.tags(-1, tags, avplane.Tags(b.ic.Metadata()), a.info.Format == b.info.Format)
	x, y := w.chapters(avplane.ChapterList(a.ic)), avplane.ChapterList(b.ic)
	if len(x) != len(y) {
		c.find(-1, false, "chapters", fmt.Sprint(len(x)), fmt.Sprint(len(y)))
		return nil
	}
	for i := range x {
		const slack = 1000 // µs: some containers count in milliseconds
		near := func(p, q int64) bool { return p-q <= slack && q-p <= slack }
		if !near(x[i].Start, y[i].Start) || !near(x[i].End, y[i].End) || x[i].Tags["title"] != y[i].Tags["title"] {
			c.find(-1, false, fmt.Sprintf("chapter %d", i), describeChapter(x[i]), describeChapter(y[i]))
		}
	}
	return nil
}

func describeChapter(c avplane.Chapter) string {
	return fmt.Sprintf("%q %v-%v", c.Tags["title"], time.Duration(c.Start)*time.Microsecond, time.Duration(c.End)*time.Microsecond)
}

// writersTags tell of the program that wrote a file, or count what is in it; every writer makes its own.
var writersTags = []string{"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "bps", "number_of_frames", "number_of_bytes",
	"uid", "generation_uid", "product_uid", "product_name", "product_version", "company_name", "toolkit_version", "product_version_num", "toolkit_version_num", "modification_date",
	"application_platform", "material_package_umid", "file_package_umid", "track_uid", "data_type", "project_name"}

// trackTags belong to the track structure of QuickTime and MP4, and mean nothing elsewhere.
var trackTags = []string{"handler_name", "vendor_id", "encoder"}

func (c *Comparison) tags(stream int, a, b map[string]string, sameContainer bool) {
	// A timecode track is made anew by the muxer, and gets the film's handler name.
	data := stream >= 0 && c.A.Streams[stream].Type == "data"
	for _, k := range slices.Sorted(maps.Keys(a)) {
		plain := strings.TrimSuffix(k, "-eng") // Matroska's statistics come with a language
		was, is := a[k], b[k]
		switch {
		case was == is, slices.Contains(writersTags, plain), strings.HasPrefix(k, "_statistics"), k == "language" && was == "und" && is == "":
		case (!sameContainer || data) && slices.Contains(trackTags, k):
		case was != "" && strings.HasPrefix(is, was+"; "):
			c.find(stream, true, "tag "+k, was, is)
		default:
			c.find(stream, false, "tag "+k, was, is)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[k]; !ok && b[k] != "und" && !slices.Contains(writersTags, strings.TrimSuffix(k, "-eng")) && !slices.Contains(trackTags, k) && !strings.HasPrefix(k, "_statistics") {
			c.find(stream, true, "tag "+k, "", b[k])
		}
	}
}

// stream finds stream i of the first file in the second, and compares the two.
func (c *Comparison) stream(pa, pb *ProbeResult, sa, sb *Source, i int, taken map[int]bool, films *films) error {
	a := &pa.Streams[i]
	m := StreamMatch{Stream: a.Stream, Index: i, To: -1, Packets: len(a.Packets)}
	defer func() { c.Streams = append(c.Streams, m) }()
	film := i == pa.Info.Video
	if m.To = pb.Info.Video; !film {
		m.To = counterpart(a, pb, taken, films)
	}
	if m.To < 0 {
		picture := a.AttachedPicture || a.Type == "attachment" && strings.HasPrefix(tag(sa.streams[i], "mimetype"), "image/")
		c.find(i, picture, "left out", a.Stream.String(), "")
		return nil
	}
	taken[m.To] = true
	b := &pb.Streams[m.To]
	// A timecode track is written anew from its tag, which is compared below.
	timecode := films.window != nil && avplane.CodecTag(sa.streams[i].CodecParameters()) == "tmcd"
	if m.Same = timecode; !film && !timecode {
		why := a.difference(b, films.shift, films.window != nil)
		if m.Same = why == ""; !m.Same {
			c.find(i, false, "packets", fmt.Sprint(len(a.Packets)), why)
		}
	}
	in, out := sa.streams[i], sb.streams[m.To]
	sameContainer := pa.Info.Format == pb.Info.Format
	tags, err := films.window.tags(avplane.Tags(in.Metadata()))
	if err != nil {
		return err
	}
	c.tags(i, tags, avplane.Tags(out.Metadata()), sameContainer)
	c.facts(i, film, films, avplane.Facts(in), avplane.Facts(out))
	x, y := avplane.SideData(in), avplane.SideData(out)
	for _, k := range slices.Sorted(maps.Keys(x)) {
		_, there := y[k]
		same := there && string(x[k]) == string(y[k])
		if film && codedSideData(k) || same {
			continue
		}
		c.find(i, false, strings.ToLower(k), "there", map[bool]string{true: "differs", false: ""}[there])
	}
	if x, y := headers(in), headers(out); !film && sameContainer && !strings.HasPrefix(y, x) {
		c.find(i, films.filtered && a.Type == "data", "codec headers", fmt.Sprintf("%d bytes", len(x)), fmt.Sprintf("%d bytes, or others", len(y)))
	}
	return nil
}

// codedSideData says that a film's side data is the new encoder's own (the coded picture buffer's), or HDR10, which is compared in the
// pictures, in numbers.
func codedSideData(name string) bool {
	return strings.HasPrefix(name, "CPB") || strings.Contains(name, "Master") || strings.Contains(name, "light level")
}

// headers are those of a stream's codec, without the bit rate that the QuickTime muxer appends to those of timed text.
func headers(s *astiav.Stream) string {
	const rate = 20 // bytes of a BitRateBox (ISO/IEC 14496-12, 8.5.2)
	h := string(avplane.Extradata(s.CodecParameters()))
	if len(h) >= rate && h[len(h)-rate+4:len(h)-rate+8] == "btrt" {
		return h[:len(h)-rate]
	}
	return h
}

// counterpart is the stream of b that is a: the first of its kind with the same packets, or else the first of its kind.
func counterpart(a *StreamPackets, b *ProbeResult, taken map[int]bool, films *films) int {
	first := -1
	for i := range b.Streams {
		s := &b.Streams[i]
		if taken[i] || s.Type != a.Type || s.Codec != a.Codec || s.AttachedPicture != a.AttachedPicture {
			continue
		}
		if a.difference(s, films.shift, films.window != nil) == "" {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// filteredFacts are what filters before may be there to change.
var filteredFacts = []string{"size", "pix_fmt", "sample_aspect_ratio", "frame_rate", "field_order", "color_range", "color_primaries", "color_transfer", "color_space"}

const aspectFact = "sample_aspect_ratio"

// nearAspect says that pictures of a width are shown equally wide by two aspect ratios of a sample, but for the rounding to whole samples:
// Matroska writes the width that is shown.
func nearAspect(a, b string, width int) bool {
	shown := func(text string) (w float64, ok bool) {
		var num, den float64
		if _, err := fmt.Sscanf(text, "%f:%f", &num, &den); err != nil || den == 0 {
			return float64(width), text == "" // square
		}
		return float64(width) * num / den, true
	}
	x, known := shown(a)
	y, also := shown(b)
	return known && also && math.Abs(x-y) <= .5
}

// facts compares properties by name. A film that is coded anew has its encoder's codec and profile.
func (c *Comparison) facts(stream int, film bool, films *films, a, b map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if a[k] == b[k] || k == "field_order" && a[k] == "progressive" && b[k] == "" || k == aspectFact && nearAspect(a[k], b[k], c.A.W) {
			continue
		}
		// The mean rate of a variable one hangs on the last picture's duration, which containers guess.
		expected := film && (k == "codec" || k == "profile" || k == "frame_rate" && films.uneven || films.filtered && slices.Contains(filteredFacts, k))
		c.find(stream, expected, strings.ReplaceAll(k, "_", " "), a[k], b[k])
	}
}
