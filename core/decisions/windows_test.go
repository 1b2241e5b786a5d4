package decisions

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// programme is ten seconds at 29.97 pictures a second from one hour drop-frame.
func programme() Source {
	return Source{SHA256: strings.Repeat("0", 64), Frames: 300, Width: 640, Height: 480, ConstantRate: true, Rate: "30000/1001", Timecode: "01:00:00;00"}
}

func clockOf(t testing.TB, s Source) Clock {
	t.Helper()
	c, err := s.Clock()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClock(t *testing.T) {
	pal := Source{Frames: 250, ConstantRate: true, Rate: "25", Timecode: "23:59:58:00"}
	plain := Source{Frames: 250, ConstantRate: true, Rate: "25"}
	varying := Source{Frames: 250, Rate: "25", Timecode: "10:00:00:00"}
	for _, c := range []struct {
		src  Source
		text string
		want int64
		err  string
	}{
		{programme(), "01:00:00;00", 0, ""}, {programme(), "01:00:10;00", 300, ""}, {programme(), "01:00:03;10", 100, ""},
		{programme(), "1.0", 30, ""}, {programme(), "1.002s", 31, ""}, {programme(), "00:00:05", 150, ""}, {programme(), "42f", 42, ""},
		{programme(), "01:00:00:00", 0, "drop-frame"}, {programme(), "00:59:59;29", 0, "outside the film"}, {programme(), "01:00:10;01", 0, "from 01:00:00;00 up to 01:00:10;00"},
		{programme(), "01:00:00;30", 0, "0 to 29"}, {programme(), "301f", 0, "outside the film"},
		{pal, "23:59:58:00", 0, ""}, {pal, "00:00:00:00", 50, ""}, {pal, "00:00:01:24", 99, ""}, {pal, "23:59:57:24", 0, "outside"},
		{plain, "00:00:01:00", 25, ""}, {plain, "0.04", 1, ""}, {plain, "0.041", 2, ""}, {plain, "00:00:01;00", 0, "not for 25"},
		{plain, "", 0, "no time"}, {plain, "-1", 0, "no time"}, {plain, "1e3", 0, "no time"}, {plain, "NaN", 0, "no time"}, {plain, "1:60", 0, "no time"}, {plain, "1.5:00", 0, "no time"}, {plain, "f", 0, "123f"},
		{varying, "1.0", 0, "123f"}, {varying, "10:00:00:00", 0, "123f"}, {varying, "7f", 7, ""},
	} {
		n, err := clockOf(t, c.src).Frame(c.text)
		if c.err == "" && (err != nil || n != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %d, %v; want %d, %q", c.text, n, err, c.want, c.err)
		}
	}
	for _, s := range []Source{{ConstantRate: true, Rate: "x"}, {ConstantRate: true, Rate: "25", Timecode: "10:00:00:25"}} {
		if _, err := s.Clock(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestReadCSV(t *testing.T) {
	got, err := ReadCSV(strings.NewReader("\ufeffin, out ,action,box,why\n01:00:00;00,01:00:01;00,cover,,\"a screen, \"\"on\"\"\"\n100f,120f,,10 20 30.5 40,\n3.0,4.0,KEEP,,\n"), clockOf(t, programme()), Blur)
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	if w := got[0]; w.First != 0 || w.Last != 29 || w.Action != Cover || w.Why != `a screen, "on"` || w.Box != nil {
		t.Errorf("%+v", w)
	}
	if w := got[1]; w.First != 100 || w.Last != 119 || w.Action != Blur || *w.Box != [4]float64{10, 20, 30.5, 40} {
		t.Errorf("%+v", w)
	}
	if w := got[2]; w.First != 90 || w.Last != 119 || w.Action != Keep {
		t.Errorf("%+v", w)
	}
	for _, c := range []struct {
		text, want string
		line       int
	}{
		{"", "no header", 1}, {"in,action\n", "in and out are needed", 1}, {"in,out,colour\n", `column "colour"`, 1}, {"in,in,out\n", "each once", 1},
		{"in,out\n1,2\n", "no action", 2}, {"in,out,action\n0f,5f,cover\n\n5f,5f,cover\n", "before it begins", 4}, {"in,out,action\n0f,5f,replace\n", "process, cover, blur or keep", 2},
		{"in,out,action\n0f,999f,cover\n", "outside the film", 2}, {"in,out,action,box\n0f,9f,cover,1 2 3\n", "x0 y0 x1 y1", 2}, {"in,out,action,box\n0f,9f,cover,5 5 1 1\n", "box", 2},
		{"in,out,action,box\n0f,9f,process,1 1 5 5\n", "whole picture", 2}, {"in,out,action\n0f,9f\n", "wrong number of fields", 2}, {"in,out,action\n\"0f,9f,cover\n", "quote", 2},
	} {
		var f *Fault
		if got, err := ReadCSV(strings.NewReader(c.text), clockOf(t, programme()), ""); !errors.As(err, &f) || f.Line != c.line || !strings.Contains(f.Reason, c.want) {
			t.Errorf("%q: %v, %v; want line %d, %q", c.text, got, err, c.line, c.want)
		}
	}
}

const edl = `TITLE: REEL ONE
FCM: DROP FRAME

001  AX       V     C        00:00:10;00 00:00:12;00 01:00:00;00 01:00:02;00
* FROM CLIP NAME: INTERVIEW
002  AX       A     C        00:00:12;00 00:00:14;00 01:00:02;00 01:00:04;00
003  TAPE2    A/V   C        00:01:00:02 00:01:00:02 01:00:04:00 01:00:04:00
003  TAPE2    A/V   D    015 00:01:00:02 00:01:01:02 01:00:04:00 01:00:05:00
M2   TAPE2    025.0          00:01:00:02
004  BL       B     C        00:00:00:00 00:00:01:00 01:00:09:00 01:00:10:00
`

func TestReadEDL(t *testing.T) {
	got, err := ReadEDL(strings.NewReader(strings.ReplaceAll(edl, "\n", "\r\n")), clockOf(t, programme()), EDLOptions{Action: Process})
	var spans [][2]int64
	for _, w := range got {
		spans = append(spans, [2]int64{w.First, w.Last})
	}
	if err != nil || !slices.Equal(spans, [][2]int64{{0, 59}, {120, 149}, {270, 299}}) {
		t.Fatal(spans, err)
	}
	reel := programme()
	reel.Timecode = "00:01:00;02"
	if got, err := ReadEDL(strings.NewReader(edl), clockOf(t, reel), EDLOptions{Action: Cover, Source: true, Reel: "tape2"}); err != nil || len(got) != 1 || got[0].First != 0 || got[0].Last != 29 || got[0].Why != "event 003 of reel TAPE2" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct {
		text, want string
		line       int
	}{
		{"FCM: SOMETIMES\n", "FCM", 1}, {"TITLE: X\n001 AX V C 01:00:00;00 01:00:01;00 01:00:00;00\n", "four timecodes", 2}, {"1x2 AX V C 1 2 3 4\n", "event number", 1},
		{"001 AX Q C 1 2 3 4\n", "channel", 1}, {"001 AX V C 0 0 01:00:00;00 01:00:61;00\n", "60 seconds", 1}, {"001 AX V C 0 0 01:00:00:00 01:00:01:00\n", "drop-frame", 1},
		{"\n\n001 AX V C 0 0 01:00:05;00 01:00:04;00\n", "before it begins", 3}, {"001 AX V C 0 0 02:00:05;00 02:00:06;00\n", "outside the film", 1},
	} {
		var f *Fault
		if got, err := ReadEDL(strings.NewReader(c.text), clockOf(t, programme()), EDLOptions{Action: Cover}); !errors.As(err, &f) || f.Line != c.line || !strings.Contains(f.Reason, c.want) {
			t.Errorf("%q: %v, %v; want line %d, %q", c.text, got, err, c.line, c.want)
		}
	}
}

// Where windows are to be processed, faces elsewhere are left alone, and covers win.
func TestAddWindows(t *testing.T) {
	l := edited()
	if err := l.AddWindows([]Window{{First: 4, Last: 5, Action: Process}, {First: 3, Last: 4, Action: Process}, {First: 8, Last: 8, Action: Cover, Why: "by the list"}}); err != nil {
		t.Fatal(err)
	}
	var got []Zone
	for _, z := range l.Zones[3:] {
		z.Why = ""
		got = append(got, z)
	}
	if want := []Zone{{ID: 4, First: 8, Last: 8, Action: Cover}, {ID: 5, First: 0, Last: 2, Action: Keep}, {ID: 6, First: 6, Last: 9, Action: Keep}}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	jobs := l.ByFrame()
	for _, j := range jobs[2] {
		if j.Track.ID == 1 && j.Action != Keep {
			t.Errorf("frame 2, outside the windows: %s", j.Action)
		}
	}
	for _, j := range jobs[3] {
		if j.Track.ID == 1 && j.Action == Keep {
			t.Error("frame 3, in a window: kept")
		}
	}
	var b bytes.Buffer
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(&b); err != nil {
		t.Error(err)
	}
	if err := edited().AddWindows([]Window{{First: 5, Last: 10, Action: Cover}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a window beyond the film: %v", err)
	}
}

// Whatever is read names frames of the film.
func checkWindows(t *testing.T, src Source, got []Window) {
	l := sample()
	l.Tracks = nil
	l.Source = src
	if err := l.AddWindows(got); err != nil {
		t.Errorf("%+v: %v", got, err)
	}
}

func FuzzReadEDL(f *testing.F) {
	f.Add(edl, false)
	f.Add("001 AX V C 01:00:00;00 01:00:01;00 01:00:00.00 01:00:01,00", true)
	f.Fuzz(func(t *testing.T, text string, source bool) {
		if got, err := ReadEDL(strings.NewReader(text), clockOf(t, programme()), EDLOptions{Action: Process, Source: source}); err == nil {
			checkWindows(t, programme(), got)
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add("in,out,action,box,why\n01:00:00;00,5.0,cover,1 2 3 4,x\n")
	f.Add("out,in\n3f,1f\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := ReadCSV(strings.NewReader(text), clockOf(t, programme()), Keep); err == nil {
			checkWindows(t, programme(), got)
		}
	})
}
