package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page's template
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
)

// Portrait is what a cluster wears, rendered from the front with a neutral expression: a synthetic face, never a filmed one.
type Portrait struct {
	Cluster uint64
	Slot    int    // in mode distinct, else 0
	PNG     []byte // straight alpha
}

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"count": count, "short": short, "percent": percent,
}).Parse(pageText))

// page is what the template is given.
type page struct {
	*Report
	SHA256    string // of the report's JSON
	OK        bool
	Faces     []face
	Sizes     sizeChart
	Shares    []share
	Timeline  []band
	Spans     []spanRow
	MoreSpans int
	BitsRows  []bitsRow
}

// face is a portrait with what is known of its cluster.
type face struct {
	Cluster
	Slot int
	URL  template.URL
}

// sizeChart draws the clusters' sizes against k, in a picture 600 units wide.
type sizeChart struct {
	Bars   []sizeBar
	Height int
	K      int
	KX     float64
	More   int // clusters beyond those drawn
}

type sizeBar struct {
	ID            uint64
	Y             int
	Members, Cast int
	MX, CX        float64 // lengths
	Below         bool
}

// share is a part of all faces.
type share struct {
	Name  string
	Count int64
	X, W  float64 // percent
	Class string
}

// band is a run of frames that were not replaced, on an axis of 1000 units.
type band struct {
	X, W  float64
	Class string
	Title string
}

type spanRow struct {
	Span
	What string
}

type bitsRow struct {
	Signal
	Percent float64
}

// maxRows bounds what the page lists; the JSON has all of it.
const maxRows = 200

// WriteHTML writes the page for people: self-contained (no script, nothing loaded), fit for printing. doc is the JSON of the
// same report, whose hash the page shows. portraits are drawn in their order.
func (r *Report) WriteHTML(w io.Writer, doc []byte, portraits []Portrait) error {
	p := page{Report: r, SHA256: fmt.Sprintf("%x", sha256.Sum256(doc)), OK: r.Verdict == Certified, Sizes: r.sizes()}
	for _, t := range portraits {
		f := face{Slot: t.Slot, URL: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(t.PNG))}
		f.ID = t.Cluster
		for _, c := range r.Clusters {
			if c.ID == t.Cluster {
				f.Cluster = c
			}
		}
		p.Faces = append(p.Faces, f)
	}
	p.share("replaced", r.Coverage.Replaced, "replaced")
	p.share("covered", r.Coverage.Covered, "covered")
	p.share("kept clear on request", r.Coverage.Kept, "kept")
	p.share("UNCOVERED", r.Coverage.Uncovered, "bare")
	p.spans(r.Coverage.CoverSpans, "covered")
	p.spans(r.Coverage.KeptSpans, "kept")
	for _, s := range r.Signals {
		row := bitsRow{Signal: s}
		for _, other := range r.Signals {
			row.Percent = max(row.Percent, other.Bits)
		}
		if row.Percent > 0 {
			row.Percent = 100 * s.Bits / row.Percent
		}
		p.BitsRows = append(p.BitsRows, row)
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// sizes lays out the smallest clusters first: they are what the claim hangs on.
func (r *Report) sizes() sizeChart {
	const rowHeight, most = 26, 24
	longest := r.K
	for _, c := range r.Clusters {
		longest = max(longest, c.Members)
	}
	scale := 480 / float64(max(longest, 1))
	chart := sizeChart{K: r.K, KX: float64(r.K) * scale}
	for _, c := range smallestFirst(r.Clusters) {
		if len(chart.Bars) == most {
			chart.More = len(r.Clusters) - most
			break
		}
		chart.Bars = append(chart.Bars, sizeBar{ID: c.ID, Y: len(chart.Bars) * rowHeight, Members: c.Members, Cast: c.Cast,
			MX: float64(c.Members) * scale, CX: float64(c.Cast) * scale, Below: c.Members < r.K})
	}
	chart.Height = len(chart.Bars)*rowHeight + 18
	return chart
}

func (p *page) share(name string, n int64, class string) {
	if n == 0 || p.Coverage.Faces <= 0 {
		return
	}
	s := share{Name: name, Count: n, W: 100 * float64(n) / float64(p.Coverage.Faces), Class: class}
	for _, before := range p.Shares {
		s.X += before.W
	}
	p.Shares = append(p.Shares, s)
}

func (p *page) spans(spans []Span, what string) {
	frames := float64(max(p.Output.Frames, 1))
	for _, s := range spans {
		if len(p.Spans) == maxRows {
			p.MoreSpans++
			continue
		}
		p.Spans = append(p.Spans, spanRow{s, what})
		p.Timeline = append(p.Timeline, band{X: 1000 * float64(s.First) / frames, W: max(1000*float64(s.Last-s.First+1)/frames, 1), Class: what,
			Title: fmt.Sprintf("track %d, frames %d to %d: %s", s.Track, s.First, s.Last, what)})
	}
}

// count writes 1234567 as 1 234 567, with narrow spaces.
func count(n any) string {
	s := fmt.Sprint(n)
	if _, err := strconv.ParseUint(s, 10, 64); err != nil {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func short(hash string) string {
	if len(hash) > 16 {
		return hash[:16] + "…"
	}
	return hash
}

func percent(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + " %"
}

func smallestFirst(clusters []Cluster) []Cluster {
	return slices.SortedStableFunc(slices.Values(clusters), func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(a.Members, b.Members), cmp.Compare(a.Cast, b.Cast), cmp.Compare(a.ID, b.ID))
	})
}
