package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// ErrLiveClosed says that a closed Live was used.
var ErrLiveClosed = errors.New("pipeline: live pipeline is closed")

// Live replaces faces in one pass, picture by picture, as a stream needs it. A new face is covered until it has been seen
// often enough, and until it is known whose it is. Registry and partition are fixed at start and only read.
//
// Each picture is examined first (Examine: networks, tracks, jobs) and painted afterwards (Paint), by the very jobs that a
// decision list gives the file's renderer. A host that holds pictures back between the two looks ahead: where the
// later pictures tell of faces in the held ones, those are covered there, and with Config.Lookahead replaced once it is known whose
// they are. Process does both at once, and decides from the past alone.
//
// It belongs to one goroutine at a time.
type Live struct {
	cfg    Config // the fields that Adjust changes are read from here at each picture
	eyes   *Stages
	gen    *earlyGenerator
	wear   *wardrobe
	close  []func() error
	models []report.Model

	cuts    tracker.CutDetector
	tracks  *tracker.Tracker
	count   int64         // pictures so far; the index of the next one
	pts     time.Duration // of the last picture
	now     time.Duration // time by the pictures, which neither stands still nor goes back
	size    [2]int
	faces   []*liveFace // by track id, ascending
	sights  []liveSight // of this picture; an observation's tag is its index here
	obs     []tracker.Observation
	others  []frame.Rect  // scratch of boxes
	held    []heldPicture // examined, not painted yet; the oldest first
	shot    int           // counts cuts and sizes
	first   int64         // picture with which the shot began
	looked  int64         // last picture that the detector looked at; -1: none
	calm    bool          // the last picture showed everybody who is known of, and the landmarks followed them
	later   []decisions.Job
	shown   []LiveFace
	painted int64
	books   liveBooks
	missed  []LiveMiss
	paint   painter
	looking Times
	failed  error // the first error; it stands for good
}

// LiveCount says what was done to one picture.
type LiveCount struct {
	Faces    int // faces, and places where a face that went unseen may still be; always Replaced + Covered
	Replaced int
	Covered  int
}

// OpenLive opens the networks and fixes who wears what. reg stays the caller's and must outlive the Live; it may be open
// for reading only. It may be nil when cfg.Uncertified is set: then everybody wears one shared surrogate.
//
// Errors: ErrConfig; ErrNotReady when the registry has to be prepared first (PrepareRegistry); those of OpenStages.
func OpenLive(ctx context.Context, cfg Config, reg *registry.Registry) (_ *Live, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Mode != ModeSame || cfg.Rekey {
		return nil, fmt.Errorf("%w: mode distinct and rekey are for files: a stream wears what was dealt before it", ErrConfig)
	}
	if len(cfg.Keep) > 0 {
		return nil, fmt.Errorf("%w: nobody is kept clear in a stream: who it is must be certain before the first picture, and only a file can be looked at twice", ErrConfig)
	}
	wear, list, err := newWardrobe(cfg, reg)
	if err != nil {
		return nil, err
	}
	eyes, err := openStages(ctx, cfg, infer.AutoThreads(cfg.Threads))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, eyes.Close())
		}
	}()
	if err := checkRecognizer(eyes, reg); err != nil {
		return nil, err
	}
	gen, err := openSurrogates(ctx, cfg, list, generators)
	if err != nil {
		return nil, err
	}
	l, err := newLive(cfg, eyes, gen, wear)
	if err != nil {
		return nil, errors.Join(err, gen.Close())
	}
	l.close = []func() error{gen.Close, eyes.Close}
	l.models = slices.Concat(eyes.Models(), gen.Models())
	return l, nil
}

func newLive(cfg Config, eyes *Stages, gen faceGenerator, wear *wardrobe) (*Live, error) {
	t, err := tracker.New(trackerConfig(cfg))
	if err != nil {
		return nil, err
	}
	return &Live{cfg: cfg, eyes: eyes, gen: &earlyGenerator{faceGenerator: gen}, wear: wear, tracks: t, paint: newPainter(cfg), looked: -1,
		books: liveBooks{people: map[ksame.PersonID]ksame.ClusterID{}, worn: map[uint64]bool{}}}, nil
}

// Process examines one picture and paints its faces in place. Pictures are taken in the order in which they come;
// pic.Index is not looked at, pic.PTS only to smooth movements. A picture of another size begins a new shot.
//
// An error ends the stream: pic may be half painted and must not be shown, and every later call returns the error again.
func (l *Live) Process(ctx context.Context, pic *frame.Picture) (LiveCount, error) {
	if err := l.Examine(ctx, pic); err != nil {
		return LiveCount{}, err
	}
	return l.Paint(ctx, pic)
}

// tick moves the time on to a picture's. A stream without times, or after a seek, is taken to run at 25 pictures a second.
func (l *Live) tick(pts time.Duration) {
	step := pts - l.pts
	if step <= 0 || step > time.Second {
		step = time.Second / 25
	}
	l.pts, l.now = pts, l.now+step
}

// obey paints the jobs of one picture as the file's renderer does.
func (l *Live) obey(ctx context.Context, pic *frame.Picture, jobs []decisions.Job) (n LiveCount, err error) {
	decisions.SortForPainting(jobs)
	l.shown = l.shown[:0]
	err = l.paint.all(ctx, l.gen, pic, jobs, func(j decisions.Job, did decisions.Action) {
		n.Faces++
		l.books.count(j, did)
		l.shown = append(l.shown, LiveFace{Track: j.Track.ID, Box: j.Face.Rect(), Replaced: did == decisions.Replace, Why: whyOf(j, did)})
		if did == decisions.Replace {
			n.Replaced++
		} else {
			n.Covered++
		}
	})
	return n, err
}

// Reset forgets all tracks, as after a seek. People keep their surrogates: those hang on the registry alone.
// Pictures that were examined and not painted are forgotten too: the host drops them.
func (l *Live) Reset() {
	l.gen.drop()
	l.held = l.held[:0]
	l.begin()
}

// begin starts a shot of which nothing is known.
func (l *Live) begin() {
	l.shot, l.first, l.calm = l.shot+1, l.count, false
	l.cuts.Reset()
	l.tracks.Reset()
	l.forget(func(*liveFace) bool { return true })
}

// forget drops faces whose tracks have ended.
func (l *Live) forget(gone func(*liveFace) bool) {
	l.faces = slices.DeleteFunc(l.faces, func(f *liveFace) bool {
		if !gone(f) {
			return false
		}
		delete(l.paint.worn, f.track.ID)
		delete(l.paint.sides.track, f.track.ID)
		return true
	})
}

// HitRate is the share of surrogates that had been rendered before, 0..1, since the stream began.
func (l *Live) HitRate() float64 { return l.gen.Stats().HitRate() }

// Engine is what computes the networks.
func (l *Live) Engine() infer.Info { return l.eyes.Engine() }

// Models are the networks by their content.
func (l *Live) Models() []report.Model { return l.models }

// Times is the wall time of the stages so far.
func (l *Live) Times() Times {
	t := l.looking
	for i, d := range l.paint.times {
		t[i] += d
	}
	return t
}

// Close releases the networks, not the registry. It is safe to call twice.
func (l *Live) Close() error {
	l.gen.drop()
	var errs []error
	for _, c := range l.close {
		errs = append(errs, c())
	}
	l.close, l.failed = nil, ErrLiveClosed
	return errors.Join(errs...)
}
