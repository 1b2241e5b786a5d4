package attack

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// tried is an attack of n trials with so many hits.
func tried(name, by, channel string, hits, n int, claim float64) Attack {
	a := Attack{Attack: name, Recognizer: by, Channel: channel, People: n, Hits: hits, Rank1: float64(hits) / float64(n), Claim: claim, Chance: claim}
	size := int(1/claim + .5) // of the clusters
	for i := range n {
		p := Person{Person: fmt.Sprint(i), Group: uint64(i/size) + 1, Found: fmt.Sprint(i), Rank: 1}
		if i*7%n >= hits { // not all hits in the same clusters
			p.Found, p.Rank = fmt.Sprint(i/size*size+(i+1)%size), 2
		}
		a.PerPerson = append(a.PerPerson, p)
	}
	return a
}

func swept(parrot int) *Sweep {
	s := &Sweep{Format: SweepFormat, Version: SweepVersion, Tool: "ksamenet test", Engine: "none", Donors: 4, People: 60, Recordings: 120, Sessions: "two sessions",
		Models: map[string]string{"sface": "0123456789abcdef01"}, Utility: &Utility{Expressions: &Expressions{Pictures: 5, Classes: []Class{{Class: "fear", Original: 5, Both: 3, Agreement: .6}}}}, UtilityK: 5}
	for fold := 1; fold <= 2; fold++ {
		s.Runs = append(s.Runs, Run{K: 1, Fold: fold, People: 30, Clusters: 30, Smallest: 1, Intersection: 1, Attacks: []Attack{tried(Parrot, "sface", FaceOnly, 28, 30, 1), tried(Naive, "sface", Full, 25, 30, 1)}})
		s.Runs = append(s.Runs, Run{K: 5, Fold: fold, People: 30, Clusters: 6, Smallest: 5, Intersection: 5, Attacks: []Attack{
			tried(Parrot, "sface", FaceOnly, parrot+fold, 30, .2), tried(Naive, "sface", Full, 25, 30, .2), tried(ClusterLeak, SignalsReader, Outline, 29, 30, .2), tried(ClusterLeak, "dlib", Outline, 6, 30, .2)}})
	}
	s.Finish()
	return s
}

func TestSweepCurves(t *testing.T) {
	s := swept(4)
	p := s.Point(Parrot, "sface", FaceOnly, 5)
	if p == nil || p.Trials != 60 || p.Hits != 11 || p.Claim != .2 || !p.Within || len(p.Folds) != 2 || math.Abs(p.Deviation-math.Sqrt2/60) > 1e-9 {
		t.Fatalf("got %+v", p)
	}
	if !(p.Low < p.Rank1 && p.Rank1 < p.High && p.P > .5) {
		t.Errorf("limits %+v", p)
	}
	if len(s.Beaten()) != 0 {
		t.Errorf("beaten %+v", s.Beaten())
	}
	// What hair gives away, and who reads the signals, is measured only; a parrot above 1/k is a broken claim.
	if b := swept(14).Beaten(); len(b) != 1 || b[0].Attack != Parrot || b[0].K != 5 || b[0].Within {
		t.Errorf("beaten %+v", b)
	}
	if k := s.Ks(); len(k) != 2 || k[1] != 5 {
		t.Errorf("k %v", k)
	}
}

// Halves of one recording are counted apart and not judged; who is filmed twice is judged by themselves.
func TestSweepOfHalves(t *testing.T) {
	a := tried(Parrot, "sface", FaceOnly, 7, 7, 1./7)
	naive := tried(Naive, "sface", FaceOnly, 1, 7, 1./7)
	sweep := func(names ...string) *Sweep {
		s := &Sweep{OneRecording: names, Runs: []Run{{K: 5, Fold: 1, People: 7, Attacks: []Attack{a, naive}}}}
		for i := range s.Runs[0].Attacks {
			s.Runs[0].Attacks[i].PerPerson = slices.Clone(s.Runs[0].Attacks[i].PerPerson)
		}
		MarkOneRecording(s.Runs[0].Attacks, names)
		s.Finish()
		return s
	}
	find := func(s *Sweep, one bool) *Point {
		for i := range s.Curves {
			if p := &s.Curves[i]; p.Attack == Parrot && p.OneRecording == one {
				return p
			}
		}
		return nil
	}
	// Four of seven in one cluster, all found: one deal of 7·6·5·4. The other three: of 7·6·5.
	s := sweep("4", "5", "6")
	two, one := find(s, false), find(s, true)
	if two == nil || two.Trials != 4 || two.Hits != 4 || math.Abs(two.Claim-1./7) > 1e-9 || math.Abs(two.P-1./840) > 1e-9 || !two.Judged() {
		t.Errorf("filmed twice: %+v", two)
	}
	if one == nil || one.Trials != 3 || one.Hits != 3 || math.Abs(one.P-1./210) > 1e-9 || one.Judged() {
		t.Errorf("halves: %+v", one)
	}
	if b := s.Beaten(); len(b) != 1 || b[0].OneRecording {
		t.Errorf("beaten %+v", b)
	}
	if p := s.Point(Naive, "sface", FaceOnly, 5); p == nil || p.Trials != 7 || !p.Judged() {
		t.Errorf("naive is judged of everybody: %+v", p)
	}
	var table, html bytes.Buffer
	if err := errors.Join(s.WriteTable(&table), s.WriteHTML(&html)); err != nil || !strings.Contains(table.String(), "one recording on both sides") || !strings.Contains(html.String(), "3 of 3") {
		t.Errorf("%v\n%s", err, table.String())
	}
	if b := sweep("0", "1", "2", "3", "4", "5", "6").Beaten(); len(b) != 0 {
		t.Errorf("halves alone are judged: %+v", b)
	}
	if s := sweep(); find(s, true) != nil || find(s, false).Hits != 7 || len(s.Beaten()) != 1 {
		t.Errorf("no halves: %+v", s.Curves)
	}
}

func TestSweepDocuments(t *testing.T) {
	s := swept(14)
	var doc, lines, table, html bytes.Buffer
	for _, err := range []error{s.WriteJSON(&doc), s.WriteCSV(&lines), s.WriteTable(&table), s.WriteHTML(&html)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var back Sweep
	if err := json.Unmarshal(doc.Bytes(), &back); err != nil || back.Format != SweepFormat || len(back.Curves) != len(s.Curves) {
		t.Errorf("%v, %+v", err, back)
	}
	if rows, err := csv.NewReader(&lines).ReadAll(); err != nil || len(rows) != 1+2*60+4*60 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	for _, want := range []string{"BEATEN", "measured, not claimed", "k = 5", "fear"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	page := html.String()
	for _, want := range []string{"CLAIM BEATEN", "<svg", "polyline", "k = 5, sface, face: 31 of 60", "0123456789abcdef01", "fear"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, no := range []string{"<script", "http://", "https://", "<img", "NaN", "ZgotmplZ"} {
		if strings.Contains(page, no) {
			t.Errorf("%q on the page", no)
		}
	}
	html.Reset()
	if err := swept(4).WriteHTML(&html); err != nil || !strings.Contains(html.String(), "no claim was beaten") {
		t.Errorf("%v", err)
	}
}
