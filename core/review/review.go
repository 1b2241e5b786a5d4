// Package review makes one HTML page out of a decision list and its video: a card for each person and track, what is in
// doubt first, with lines to be copied into the list. The page shows faces of the original and says so; it needs nothing
// beside itself, and belongs where the original is.
package review

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"slices"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
)

const (
	thumbSide  = 128 // px
	thumbReach = 1.8 // of the larger side of a face's box
	thumbsMost = 5   // of one track
	quality    = 80  // JPEG
)

// Page gathers the pictures of one list. It belongs to one goroutine.
type Page struct {
	list  *decisions.List
	cards []*card
	wants map[int64][]*thumb
	warp  align.Warper
	rgb   []float32
}

// card is a track as the template sees it.
type card struct {
	Track   *decisions.Track
	Action  decisions.Action
	First   int64
	Last    int64
	Doubts  []string
	Thumbs  []*thumb
	Snippet string
	Part    string // the same for some frames
	weight  int    // of the doubts
}

type thumb struct {
	Frame int64
	Why   string
	Image template.URL // a data URL; empty when the frame did not come
	box   frame.Rect
}

// New plans a page: what is in doubt, and which frames are to be shown.
func New(l *decisions.List) *Page {
	p := &Page{list: l, wants: map[int64][]*thumb{}, rgb: make([]float32, 3*thumbSide*thumbSide)}
	jobs := map[int][]decisions.Job{}
	for f, js := range l.ByFrame() {
		for _, j := range js {
			if j.Track.ID > 0 && j.Face.Frame == f {
				jobs[j.Track.ID] = append(jobs[j.Track.ID], j)
			}
		}
	}
	for i := range l.Tracks {
		t := &l.Tracks[i]
		js := jobs[t.ID]
		if len(js) == 0 {
			continue
		}
		slices.SortFunc(js, func(a, b decisions.Job) int { return cmp.Compare(a.Face.Frame, b.Face.Frame) })
		p.cards = append(p.cards, p.card(t, js))
	}
	slices.SortStableFunc(p.cards, func(a, b *card) int { return cmp.Compare(b.weight, a.weight) })
	return p
}

// brief is the number of frames below which a track may be a false alarm.
const brief = 25

func (p *Page) card(t *decisions.Track, js []decisions.Job) *card {
	c := &card{Track: t, Action: p.list.ActionOf(t), First: js[0].Face.Frame, Last: js[len(js)-1].Face.Frame}
	hidden := slices.IndexFunc(js, func(j decisions.Job) bool { return j.Action == decisions.Cover })
	n := 0
	for _, j := range js {
		if j.Action == decisions.Cover {
			n++
		}
	}
	if c.Action == decisions.Replace && n > 0 {
		c.doubt(2+n*8/len(js), "covered in %d of %d frames: no landmarks there", n, len(js))
		p.show(c, js[hidden], "covered")
	}
	if t.Why != "" {
		c.doubt(6, "%s", t.Why)
	}
	if len(js) < brief {
		c.doubt(3, "seen in %d frames only", len(js))
	}
	for _, s := range t.Spans {
		c.doubt(4, "%s from frame %d to %d", s.Action, s.First, s.Last)
	}
	if c.Action == decisions.Keep {
		c.doubt(20, "shown as filmed")
	}
	b := js[len(js)/2].Face.Rect()
	if whole := (frame.Rect{X1: float64(p.list.Source.Width), Y1: float64(p.list.Source.Height)}); b.Intersect(whole).Area() < .95*b.Area() {
		c.doubt(1, "cut by the picture's edge")
	}
	p.show(c, js[0], "first")
	p.show(c, js[len(js)/4], "")
	p.show(c, js[len(js)/2], "middle")
	p.show(c, js[len(js)-1], "last")
	// The beginning of the track's line, as decisions.List writes it.
	person := ""
	if t.Person != 0 {
		person = fmt.Sprintf(`"person": %d, `, t.Person)
	}
	c.Snippet = fmt.Sprintf(`{"id": %d, %s"action": %q,`, t.ID, person, other(c.Action))
	c.Part = fmt.Sprintf(`"spans": [{"first": %d, "last": %d, "action": %q}],`, c.First, c.Last, other(c.Action))
	return c
}

// other is the action that somebody who looks at the card most likely wants instead.
func other(a decisions.Action) decisions.Action {
	if a == decisions.Cover {
		return decisions.Keep
	}
	return decisions.Cover
}

func (c *card) doubt(weight int, format string, a ...any) {
	c.weight += weight
	c.Doubts = append(c.Doubts, fmt.Sprintf(format, a...))
}

func (p *Page) show(c *card, j decisions.Job, why string) {
	if len(c.Thumbs) == thumbsMost || slices.ContainsFunc(c.Thumbs, func(t *thumb) bool { return t.Frame == j.Face.Frame }) {
		return
	}
	t := &thumb{Frame: j.Face.Frame, Why: why, box: j.Face.Rect()}
	c.Thumbs = append(c.Thumbs, t)
	p.wants[t.Frame] = append(p.wants[t.Frame], t)
}

// Picture takes the thumbnails that lie in pic, a picture of the original. It only reads pic.
func (p *Page) Picture(pic *frame.Picture) error {
	for _, t := range p.wants[pic.Index] {
		side := max(t.box.W(), t.box.H()) * thumbReach / thumbSide
		c := t.box.Center()
		m := align.Matrix{side, 0, c.X - side*thumbSide/2, 0, side, c.Y - side*thumbSide/2}
		if err := p.warp.Warp(pic, m, align.Input{Data: p.rgb, W: thumbSide, H: thumbSide, NHWC: true, Border: align.Black}); err != nil {
			return fmt.Errorf("review: picture %d: %w", pic.Index, err)
		}
		im := image.NewRGBA(image.Rect(0, 0, thumbSide, thumbSide))
		for i := range thumbSide * thumbSide {
			for k := range 3 {
				im.Pix[4*i+k] = byte(min(max(p.rgb[3*i+k], 0), 255) + .5)
			}
			im.Pix[4*i+3] = 255
		}
		outline(im, t.box.W()/side, t.box.H()/side)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, im, &jpeg.Options{Quality: quality}); err != nil {
			return fmt.Errorf("review: %w", err)
		}
		t.Image = template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))
	}
	return nil
}

// outline draws the edge of a box of w×h px around the middle of im: what a track hides may be no face, and anywhere in the thumbnail.
func outline(im *image.RGBA, w, h float64) {
	box := image.Rect(int((thumbSide-w)/2), int((thumbSide-h)/2), int((thumbSide+w)/2), int((thumbSide+h)/2)).Intersect(im.Rect)
	edge := image.NewUniform(color.RGBA{R: 255, G: 200, A: 255})
	for _, side := range []image.Rectangle{
		{box.Min, image.Pt(box.Max.X, box.Min.Y+1)}, {image.Pt(box.Min.X, box.Max.Y-1), box.Max},
		{box.Min, image.Pt(box.Min.X+1, box.Max.Y)}, {image.Pt(box.Max.X-1, box.Min.Y), box.Max},
	} {
		draw.Draw(im, side, edge, image.Point{}, draw.Src)
	}
}

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// person is a group of cards as the template sees it.
type person struct {
	*decisions.Person
	Cards   []*card
	Snippet string
}

// Write writes the page: tracks in doubt, then everybody.
func (p *Page) Write(w io.Writer) error {
	var people []person
	for i := range p.list.Persons {
		who := &p.list.Persons[i]
		x := person{Person: who}
		edit := *who
		edit.Action = other(who.Action)
		b, err := json.Marshal(edit)
		if err != nil {
			return fmt.Errorf("review: %w", err)
		}
		x.Snippet = string(b)
		for _, c := range p.cards {
			if c.Track.Person == who.ID {
				x.Cards = append(x.Cards, c)
			}
		}
		if len(x.Cards) > 0 {
			people = append(people, x)
		}
	}
	doubtful := slices.DeleteFunc(slices.Clone(p.cards), func(c *card) bool { return c.weight == 0 })
	err := pageTemplate.Execute(w, map[string]any{"List": p.list, "Doubtful": doubtful, "People": people})
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	return nil
}
