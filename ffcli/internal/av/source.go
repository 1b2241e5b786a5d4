package av

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// Rational is a fraction as FFmpeg keeps it; Den is 0 when unknown.
type Rational struct{ Num, Den int }

// Float is the value of r, 0 when unknown.
func (r Rational) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

func rational(r astiav.Rational) Rational { return Rational{r.Num(), r.Den()} }

// Stream is one stream of a file.
type Stream struct {
	Index           int    // in the file
	Type            string // video, audio, subtitle, data, attachment
	Codec           string // FFmpeg's name
	Language, Title string
	AttachedPicture bool  // a cover or a thumbnail
	Packets         int64 // as the container declares; 0 when it does not
}

func (s Stream) String() string {
	t := fmt.Sprintf("%d (%s %s", s.Index, s.Type, s.Codec)
	if s.AttachedPicture {
		t += ", cover"
	}
	if s.Language != "" {
		t += ", " + s.Language
	}
	return t + ")"
}

// Info describes a media file and the video stream that is worked on: the first that is not a cover.
type Info struct {
	Path          string
	Format        string        // FFmpeg's short name
	Size          int64         // bytes
	Duration      time.Duration // 0 when unknown
	Streams       []Stream
	Video         int // index in Streams
	Codec         string
	Profile       string
	PixelFormat   string
	W, H          int
	FrameRate     Rational // FFmpeg's guess; a mean for a variable rate
	Timecode      string   // of the first picture, as the container tells it; empty: it does not
	TimeBase      Rational
	SampleAspect  Rational
	Interlaced    bool    // as the container says; pictures know better
	Rotation      float64 // degrees, counter-clockwise, that a player turns the pictures by; pictures are lent unturned
	FrameEstimate int64   // from the container's index, else duration times rate; 0 when unknown
}

// Source is an open file. It belongs to one goroutine at a time.
type Source struct {
	ic      *astiav.FormatContext
	streams []*astiav.Stream // those that the headers told of; a stream may still appear midway
	video   *astiav.Stream
	info    Info
	pipe    *pipeIn   // nil: a file
	hw      *hardware // nil: decoders work in software
	closed  bool
}

var quiet sync.Once

// hush puts FFmpeg's error lines into our errors; printed, they would run into the progress display.
func hush() {
	quiet.Do(func() {
		avplane.CaptureLog()
		if os.Getenv("SVT_LOG") == "" {
			os.Setenv("SVT_LOG", "1") // SVT-AV1 prints its settings to stderr by itself; 1: errors
		}
	})
}

// Open reads the headers of a file. It returns ErrOpen or ErrNoVideo with a text for the user. The caller closes it.
func Open(path string) (*Source, error) {
	hush()
	size, err := statInput(path)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	s := &Source{ic: astiav.AllocFormatContext()}
	if s.ic == nil {
		return nil, faultf(ErrOpen, nil, "%s: out of memory", name)
	}
	// Playlists inside a file must not reach out to the network; "file:" keeps a colon in the name from being a protocol.
	if why, err := s.openInput("file:"+path, nil, "file"); err != nil {
		if cut := shortened(path); cut != "" {
			return nil, faultf(ErrOpen, err, "%s is cut off: %s", name, cut)
		}
		if errors.Is(err, astiav.ErrInvaliddata) {
			return nil, faultf(ErrOpen, err, "%s is not a media file that FFmpeg knows: %s", name, why)
		}
		return nil, faultf(ErrOpen, err, "%s cannot be opened: %s", name, why)
	}
	if err := s.findStreams(path, size); err != nil {
		return nil, err
	}
	return s, nil
}

// openInput opens url with nothing but the protocols of whitelist. On an error it says why, in FFmpeg's words.
func (s *Source) openInput(url string, format *astiav.InputFormat, whitelist string) (why string, err error) {
	d := astiav.NewDictionary()
	defer d.Free()
	if err := d.Set("protocol_whitelist", whitelist, 0); err != nil {
		s.Close()
		return err.Error(), err
	}
	avplane.TakeLog()
	if err := s.ic.OpenInput(url, format, d); err != nil {
		s.ic = nil // FFmpeg frees it on failure
		return reason(err), err
	}
	return "", nil
}

// findStreams reads on until all streams are known, and chooses the film. On an error it closes s.
func (s *Source) findStreams(path string, size int64) error {
	name := filepath.Base(path)
	avplane.InjectSideData(s.ic)
	if err := s.ic.FindStreamInfo(nil); err != nil {
		why := reason(err)
		s.Close()
		return faultf(ErrOpen, err, "%s: no stream could be read: %s", name, why)
	}
	s.streams = s.ic.Streams()
	for _, st := range s.streams {
		if isFilm(st) {
			s.video = st
			break
		}
	}
	if s.video == nil {
		n := len(s.streams)
		s.Close()
		return faultf(ErrNoVideo, nil, "%s has no video stream (%d other streams)", name, n)
	}
	s.fillInfo(path, size)
	return nil
}

// statInput refuses what is no file with content before FFmpeg sees it.
func statInput(path string) (size int64, err error) {
	name := filepath.Base(path)
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, faultf(ErrOpen, err, "%s: no such file", path)
	case errors.Is(err, fs.ErrPermission):
		return 0, faultf(ErrOpen, err, "%s: permission denied", path)
	case err != nil:
		return 0, faultf(ErrOpen, err, "%v", err)
	case fi.IsDir():
		return 0, faultf(ErrOpen, nil, "%s is a directory", name)
	case !fi.Mode().IsRegular():
		return 0, faultf(ErrOpen, nil, "%s is not a regular file, and has to be read twice", name)
	case fi.Size() == 0:
		return 0, faultf(ErrOpen, nil, "%s is empty (0 bytes)", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, faultf(ErrOpen, err, "%v", err)
	}
	return fi.Size(), f.Close()
}

func isFilm(s *astiav.Stream) bool {
	return s.CodecParameters().MediaType() == astiav.MediaTypeVideo && !avplane.DescribeStream(s).AttachedPicture
}

func (s *Source) isMatroska() bool { return strings.HasPrefix(s.info.Format, "matroska,") }

// isISO says that the file is of the QuickTime and MP4 kind.
func (s *Source) isISO() bool { return strings.HasPrefix(s.info.Format, "mov,") }

func (s *Source) fillInfo(path string, size int64) {
	p, v := s.video.CodecParameters(), avplane.DescribeStream(s.video)
	i := Info{
		Path: path, Format: s.ic.InputFormat().Name(), Size: size, Video: s.video.Index(),
		Codec: p.CodecID().Name(), Profile: avplane.ProfileName(p), PixelFormat: p.PixelFormat().Name(),
		W: p.Width(), H: p.Height(), FrameRate: rational(s.ic.GuessFrameRate(s.video, nil)), TimeBase: rational(s.video.TimeBase()),
		SampleAspect: rational(s.ic.GuessSampleAspectRatio(s.video, nil)), Interlaced: v.Interlaced, Rotation: v.Rotation,
	}
	if i.Timecode = tag(s.video, "timecode"); i.Timecode == "" {
		i.Timecode = avplane.Tags(s.ic.Metadata())["timecode"]
	}
	if d := s.ic.Duration(); d > 0 {
		i.Duration = time.Duration(d) * time.Microsecond
	}
	for _, st := range s.streams {
		i.Streams = append(i.Streams, describe(st))
	}
	i.FrameEstimate = s.video.NbFrames()
	if i.FrameEstimate <= 0 {
		i.FrameEstimate = int64(i.Duration.Seconds()*i.FrameRate.Float() + 0.5)
	}
	s.info = i
}

func describe(st *astiav.Stream) Stream {
	p := st.CodecParameters()
	o := Stream{
		Index: st.Index(), Type: p.MediaType().String(), Codec: p.CodecID().Name(),
		Language: tag(st, "language"), Title: tag(st, "title"),
		AttachedPicture: avplane.DescribeStream(st).AttachedPicture, Packets: max(0, st.NbFrames()),
	}
	if o.Language == "und" {
		o.Language = ""
	}
	return o
}

func tag(st *astiav.Stream, key string) string {
	m := st.Metadata()
	if m == nil {
		return ""
	}
	e := m.Get(key, nil, 0)
	if e == nil {
		return ""
	}
	return e.Value()
}

// checkDrops refuses streams to be left out that are not there, or are the film.
func (s *Source) checkDrops(streams []int) error {
	for _, i := range streams {
		if i < 0 || i >= len(s.streams) || i == s.info.Video {
			return faultf(ErrOutput, nil, "%s: stream %d cannot be dropped: there are %d, and %d is the video", filepath.Base(s.info.Path), i, len(s.streams), s.info.Video)
		}
	}
	return nil
}

// Info describes the file. Its slices are the Source's; read only.
func (s *Source) Info() Info { return s.info }

// Close frees the file. It may be called twice.
func (s *Source) Close() error {
	if !s.closed && s.ic != nil {
		s.ic.CloseInput()
	}
	if !s.closed && s.pipe != nil {
		s.pipe.close()
	}
	s.closed = true
	return nil
}
