package attack

import (
	"bytes"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("attack").Funcs(template.FuncMap{
	"pct":  func(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" },
	"f2":   func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) },
	"f3":   func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) },
	"join": func(v []string) string { return strings.Join(v, ", ") },
	"ks": func(v []int) string {
		return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v)), ", "), "[]")
	},
	"short": func(h string) string { return h[:min(len(h), 16)] },
}).Parse(pageText))

// page is what the template is given.
type page struct {
	*Sweep
	OK       bool
	Lost     []Point // Beaten
	Charts   []chart
	Signals  []signalRow
	Widest   []int // the k of the signals' columns
	Verdicts []verdict
	Halves   []*Point // parrot on people of one recording
}

// verdict is one attack in a sentence's worth of numbers.
type verdict struct {
	Name, What string
	Worst      *Point
	Judged     bool
}

// chart is one attack's curves, in a picture of chartW×chartH units.
type chart struct {
	Name, What string
	Line       string // the claim, as points of a polyline
	Ticks      []tick // of the horizontal axis
	Grid       []tick // of the vertical one
	Series     []series
}

type tick struct {
	At    float64
	Label string
}

type series struct {
	Name   string
	Class  string // a colour
	Hollow bool   // measured, not claimed
	Points []mark
}

type mark struct {
	X, Y, Low, High float64
	Title           string
}

// signalRow is one channel of the cluster-leak.
type signalRow struct {
	Channel, Recognizer string
	Judged              bool
	Cells               []*Point
}

// Size and margins of a chart.
const (
	chartW, chartH           = 440, 250
	chartL, chartR           = 44, 10
	chartT, chartB           = 10, 34
	seriesStep               = 9. // units between the series of one k
	chartPlotW, chartPlotH   = chartW - chartL - chartR, chartH - chartT - chartB
	chartBottom, chartCentre = chartH - chartB, 1.5
)

// told are the attacks in the order of the page, with what the attacker does.
var told = []struct{ name, what string }{
	{Naive, "has clean pictures of everybody, and is given an output"},
	{Reverse, "has outputs, and is given a clean picture"},
	{Parrot, "has run clean pictures through the same program and registry, and is given an output of another session"},
	{Composition, "does the same with two releases, between which the clusters got new surrogates (rekey), and adds up what they tell"},
	{Linkage, "compares a release with one after a rekey: is it the same cluster? The line is one over the number of clusters"},
	{ClusterLeak, "knows the cluster, and asks which of its members it is"},
}

// WriteHTML writes the page for people: self-contained (no script, nothing loaded), fit for printing, without any face.
func (s *Sweep) WriteHTML(w io.Writer) error {
	p := page{Sweep: s, Lost: s.Beaten()}
	p.OK = len(p.Lost) == 0
	ks := s.Ks()
	for _, t := range told {
		if c := s.chart(t.name, ks); len(c.Series) > 0 {
			c.What = t.what
			p.Charts = append(p.Charts, c)
		}
		v := verdict{Name: t.name, What: t.what}
		for i := range s.Curves {
			q := &s.Curves[i]
			if q.Attack == t.name && q.Judged() && q.K > 1 && (v.Worst == nil || q.P < v.Worst.P) {
				v.Worst, v.Judged = q, true
			}
		}
		if v.Worst != nil {
			p.Verdicts = append(p.Verdicts, v)
		}
	}
	for i := range s.Curves {
		if q := &s.Curves[i]; q.OneRecording && q.Attack == Parrot && q.Channel == FaceOnly {
			p.Halves = append(p.Halves, q)
		}
	}
	for _, k := range ks {
		if k > 1 {
			p.Widest = append(p.Widest, k)
		}
	}
	for _, name := range append([]string{FaceOnly, Complexion, Full}, Signals...) {
		for _, by := range append([]string{SignalsReader}, Recognizers...) {
			row := signalRow{Channel: name, Recognizer: by}
			found := false
			for _, k := range p.Widest {
				q := s.Point(ClusterLeak, by, name, k)
				found = found || q != nil
				row.Judged = row.Judged || q != nil && q.Judged()
				row.Cells = append(row.Cells, q)
			}
			if found {
				p.Signals = append(p.Signals, row)
			}
		}
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("attack: page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// chart draws one attack over all k, the face filled and the full picture hollow.
func (s *Sweep) chart(name string, ks []int) chart {
	c := chart{Name: name}
	step := chartPlotW / float64(len(ks))
	x := func(i int) float64 { return chartL + (float64(i)+.5)*step }
	y := func(v float64) float64 { return chartBottom - v*chartPlotH }
	for v := 0.; v <= 1; v += .25 {
		c.Grid = append(c.Grid, tick{y(v), strconv.FormatFloat(v, 'f', 2, 64)})
	}
	var line []string
	for i, k := range ks {
		c.Ticks = append(c.Ticks, tick{x(i), "k = " + strconv.Itoa(k)})
		claim, seen := 0., false
		for j := range s.Curves {
			if q := &s.Curves[j]; q.Attack == name && q.K == k && (q.Channel == FaceOnly || q.Channel == Complexion) {
				claim, seen = q.Claim, true
			}
		}
		if seen {
			line = append(line, fmt.Sprintf("%.1f,%.1f %.1f,%.1f", x(i)-step/2, y(claim), x(i)+step/2, y(claim)))
		}
	}
	c.Line = strings.Join(line, " ")
	at := 0.
	for _, channel := range []string{FaceOnly, Complexion} {
		for n, by := range Recognizers {
			one := series{Name: by + ", " + channel, Class: "c" + strconv.Itoa(n), Hollow: channel == Complexion}
			for i, k := range ks {
				if q := s.Point(name, by, channel, k); q != nil {
					px := x(i) + (at-chartCentre)*seriesStep
					one.Points = append(one.Points, mark{px, y(q.Rank1), y(q.Low), y(q.High),
						fmt.Sprintf("k = %d, %s: %d of %d, limits %.3f to %.3f, claim %.3f", k, one.Name, q.Hits, q.Trials, q.Low, q.High, q.Claim)})
				}
			}
			if len(one.Points) > 0 {
				c.Series = append(c.Series, one)
			}
			at++
		}
	}
	return c
}
