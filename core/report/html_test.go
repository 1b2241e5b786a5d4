package report

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
)

// portrait is a picture that stands for a rendered surrogate.
func portrait(t *testing.T, shade uint8) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			if dx, dy := x-32, y-32; dx*dx*16/9+dy*dy < 900 {
				img.Set(x, y, color.NRGBA{shade, shade - 30, shade - 50, 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// example is a report with something in every part.
func example(t *testing.T) (*Report, []byte, []Portrait) {
	t.Helper()
	l := list(true)
	l.Source.Frames, l.Policy.Mode, l.Clusters[0].Stratum = 1500, "distinct", "40-59"
	l.Persons = append(l.Persons, decisions.Person{ID: 4, Action: decisions.Keep})
	r := New("ksamenet test", l)
	r.Engine = Engine{Backend: "onnxruntime", Version: "1.2.3", Device: "CPU"}
	r.Models = []Model{{Name: "detector", SHA256: strings.Repeat("cd", 32)}}
	r.Watch = &Watch{Detector: "yunet", Seen: 2400, Found: 3}
	r.Ledger = Ledger{Rows: 31, Head: strings.Repeat("ef", 32)}
	r.Finish(Coverage{Faces: 2600, Replaced: 2300, Covered: 200, Kept: 100,
		CoverSpans: []Span{{Track: 1, First: 100, Last: 219, Why: "no landmarks in these frames"}, {Track: 2, First: 900, Last: 979}},
		KeptSpans:  []Span{{Track: 7, First: 1300, Last: 1399}}}, File{SHA256: strings.Repeat("12", 32), Frames: 1500})
	var doc bytes.Buffer
	if err := r.Write(&doc); err != nil {
		t.Fatal(err)
	}
	return r, doc.Bytes(), []Portrait{{Cluster: 1, Slot: 1, PNG: portrait(t, 210)}, {Cluster: 1, Slot: 2, PNG: portrait(t, 180)}, {Cluster: 2, Slot: 3, PNG: portrait(t, 150)}}
}

func page1(t *testing.T) string {
	t.Helper()
	r, doc, faces := example(t)
	var b bytes.Buffer
	if err := r.WriteHTML(&b, doc, faces); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("KSAMENET_TEST_PAGE"); path != "" { // to be looked at
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestPageSaysWhatTheReportSays(t *testing.T) {
	text := strings.Join(strings.Fields(page1(t)), " ")
	for _, want := range []string{
		"CERTIFIED", "at least 3 registered people", "1/3", "Cluster 1, face 2", "published: 40-59", "2 300 replaced", "200 covered", "100 kept clear",
		"no landmarks in these frames", "covered on request", "A second detector (yunet) looked", strings.Repeat("cd", 32), strings.Repeat("ef", 32), strings.Repeat("12", 32), "onnxruntime 1.2.3, CPU",
		"side knowledge about who was present", "in mode distinct each wears", "(strata)", "expression, gaze and head pose", "1 person(s) kept clear", "88.5 %",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// The page loads nothing and runs nothing, and its only pictures are the portraits (I12).
func TestPageIsSelfContained(t *testing.T) {
	text := page1(t)
	for _, m := range regexp.MustCompile(`(?i)<script|@import|url\(|(?:href|src|action)="[^"]*"`).FindAllString(text, -1) {
		if !strings.HasPrefix(m, `src="data:image/png;base64,`) {
			t.Errorf("%.80s", m)
		}
	}
	_, _, faces := example(t)
	pictures := regexp.MustCompile(`data:image/png;base64,([A-Za-z0-9+/=&#;]+)"`).FindAllStringSubmatch(text, -1)
	if len(pictures) != len(faces) {
		t.Fatalf("%d pictures for %d portraits", len(pictures), len(faces))
	}
	for i, p := range pictures {
		b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(p[1], "&#43;", "+"))
		if err != nil || !bytes.Equal(b, faces[i].PNG) {
			t.Errorf("picture %d is not portrait %d: %v", i, i, err)
		}
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the page is not well nested: %v", err)
		}
	}
}

// What a report was told may be hostile: a decision list is edited by hand.
func TestPageEscapes(t *testing.T) {
	r, doc, faces := example(t)
	r.Tool, r.Reasons = `<script>alert(1)</script>`, []string{`"><img src=x onerror=alert(1)>`}
	r.Coverage.CoverSpans[0].Why = `<b onclick=x>`
	var b bytes.Buffer
	if err := r.WriteHTML(&b, doc, faces); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img src=x", "<b onclick"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q came through", bad)
		}
	}
}

func TestPageWithoutFaces(t *testing.T) {
	l := list(true)
	l.Clusters, l.Persons, l.Tracks = nil, nil, nil
	r := New("t", l)
	r.Finish(Coverage{}, File{Frames: 10})
	var b bytes.Buffer
	if err := r.WriteHTML(&b, nil, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "No face was found") || strings.Contains(b.String(), "NaN") {
		t.Errorf("%s", b.String())
	}
}

// A long film's page lists some of its spans, and says that there are more.
func TestPageIsBounded(t *testing.T) {
	r, doc, faces := example(t)
	for i := range 5000 {
		r.Coverage.CoverSpans = append(r.Coverage.CoverSpans, Span{Track: i, First: int64(i % 1500), Last: int64(i % 1500)})
		r.Clusters = append(r.Clusters, Cluster{ID: uint64(i + 10), Members: 3 + i%9})
	}
	var b bytes.Buffer
	if err := r.WriteHTML(&b, doc, faces); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 300_000 || !strings.Contains(b.String(), "more are in the JSON report") || !strings.Contains(b.String(), "larger clusters are not drawn") {
		t.Errorf("%d bytes", b.Len())
	}
}
