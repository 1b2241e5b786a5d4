package decisions

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ksamenet/ksamenet/core/timecode"
)

// Window is a stretch of a film for which somebody said what happens.
type Window struct {
	First, Last int64       // frames, inclusive
	Box         *[4]float64 // x0 y0 x1 y1, px; nil: the whole picture
	Action      Action      // Process, Cover, Blur or Keep
	Why         string
}

// Process is the action of a window outside of which nothing is touched: faces are replaced in such windows alone.
const Process Action = "process"

const windowActions = "process, cover, blur or keep"

func (a Action) windowed() bool { return a == Process || a == Cover || a == Blur || a == Keep }

// AddWindows adds zones for windows. Where any says Process, all analysed faces outside of those are left alone, as a Keep says it; so
// covers, whether by a window or by hand, still win.
func (l *List) AddWindows(all []Window) error {
	id := 0
	for _, z := range l.Zones {
		id = max(id, z.ID)
	}
	add := func(w Window) {
		id++
		l.Zones = append(l.Zones, Zone{ID: id, First: w.First, Last: w.Last, Box: w.Box, Action: w.Action, Why: w.Why})
	}
	var process []Window
	for _, w := range all {
		if w.Action == Process {
			process = append(process, w)
			continue
		}
		add(w)
	}
	if len(process) > 0 {
		slices.SortFunc(process, func(a, b Window) int { return cmp.Compare(a.First, b.First) })
		next := int64(0) // first frame that no window has reached
		for _, w := range append(process, Window{First: l.Source.Frames, Last: l.Source.Frames}) {
			if w.First > next {
				add(Window{First: next, Last: w.First - 1, Action: Keep, Why: "outside the windows that are to be processed"})
			}
			next = max(next, w.Last+1)
		}
	}
	return l.Validate()
}

// window checks one stretch; out is exclusive, as editors count.
func window(in, out int64, action Action, box *[4]float64, why string) (Window, error) {
	switch {
	case out <= in:
		return Window{}, errors.New("it ends before it begins, or is empty: the out point is the first frame that no longer belongs to it")
	case !action.windowed():
		return Window{}, fmt.Errorf("action %q; use %s", action, windowActions)
	case box != nil && action == Process:
		return Window{}, errors.New("a window that is to be processed is the whole picture; leave the box out")
	case box != nil && !sound(*box):
		return Window{}, fmt.Errorf("box %v", *box)
	}
	return Window{First: in, Last: out - 1, Box: box, Action: action, Why: why}, nil
}

// windowColumns are those of a CSV list; in and out are required.
var windowColumns = []string{"in", "out", "action", "box", "why"}

// ReadCSV reads windows: a header of column names (in, out, action, box, why), then one window a line. in and out are times as Clock.Frame
// takes them, out is exclusive; a line without an action has the one given; box is "x0 y0 x1 y1". Its errors are *Fault and name the
// line; the first one ends the reading.
func ReadCSV(r io.Reader, clock Clock, action Action) ([]Window, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.TrimLeadingSpace = 0, true
	at := map[string]int{}
	var out []Window
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			if len(at) == 0 {
				return nil, &Fault{Line: 1, Reason: "no header; in,out,action is the least"}
			}
			return out, nil
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			return nil, &Fault{Line: wrong.Line, Reason: wrong.Err.Error()}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		line, _ := c.FieldPos(0)
		if len(at) == 0 {
			for i, name := range rec {
				name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
				if _, twice := at[name]; twice || !slices.Contains(windowColumns, name) {
					return nil, &Fault{Line: line, Reason: fmt.Sprintf("column %q; there are %s, each once", name, strings.Join(windowColumns, ", "))}
				}
				at[name] = i
			}
			_, in := at["in"]
			if _, out := at["out"]; !in || !out {
				return nil, &Fault{Line: line, Reason: "the columns in and out are needed"}
			}
			continue
		}
		w, err := row(rec, at, clock, action)
		if err != nil {
			return nil, &Fault{Line: line, Reason: err.Error()}
		}
		out = append(out, w)
	}
}

func row(rec []string, at map[string]int, clock Clock, action Action) (Window, error) {
	field := func(name string) string {
		if i, ok := at[name]; ok {
			return strings.TrimSpace(rec[i])
		}
		return ""
	}
	in, err := clock.Frame(field("in"))
	if err != nil {
		return Window{}, err
	}
	out, err := clock.Frame(field("out"))
	if err != nil {
		return Window{}, err
	}
	if a := field("action"); a != "" {
		action = Action(strings.ToLower(a))
	}
	if action == "" {
		return Window{}, fmt.Errorf("no action, and none was given for all; use %s", windowActions)
	}
	var box *[4]float64
	if b := strings.Fields(field("box")); len(b) > 0 {
		if box = new([4]float64); len(b) != len(box) {
			return Window{}, fmt.Errorf("box %q; x0 y0 x1 y1", field("box"))
		}
		for i := range box {
			if box[i], err = strconv.ParseFloat(b[i], 64); err != nil {
				return Window{}, fmt.Errorf("box %q; x0 y0 x1 y1", field("box"))
			}
		}
	}
	return window(in, out, action, box, field("why"))
}

// EDLOptions say how an edit decision list is to be read.
type EDLOptions struct {
	Action Action // of all events
	Source bool   // take the events' source times rather than the record times: the film is a reel, not the programme
	Reel   string // only events of this reel; empty: all
}

// edlLine bounds a line of an edit decision list: they had 80 columns.
const edlLine = 1 << 12

// ReadEDL reads the video events of a CMX 3600 edit decision list as windows. Lines that do not begin with a number are titles, notes and
// effects; of those, only FCM means something here: whether times are drop-frame. A dissolve or a wipe is part of its event. Its errors
// are *Fault and name the line; the first one ends the reading.
func ReadEDL(r io.Reader, clock Clock, o EDLOptions) ([]Window, error) {
	if !o.Action.windowed() {
		return nil, fmt.Errorf("%w: action %q; use %s", ErrInvalid, o.Action, windowActions)
	}
	var out []Window
	drop := false
	s := bufio.NewScanner(r)
	s.Buffer(nil, edlLine)
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff"))
		if mode, ok := strings.CutPrefix(strings.ToUpper(text), "FCM:"); ok {
			switch strings.TrimSpace(mode) {
			case "DROP FRAME":
				drop = true
			case "NON-DROP FRAME", "NON DROP FRAME":
				drop = false
			default:
				return nil, &Fault{Line: n, Reason: fmt.Sprintf("FCM%q; DROP FRAME or NON-DROP FRAME", mode)}
			}
			continue
		}
		if text == "" || text[0] < '0' || text[0] > '9' {
			continue
		}
		w, ok, err := event(text, clock, drop, o)
		if err != nil {
			return nil, &Fault{Line: n, Reason: err.Error()}
		}
		if ok {
			out = append(out, w)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return out, nil
}

// event reads "001 REEL V C 01:00:00:00 01:00:05:00 10:00:00:00 10:00:05:00"; ok says that it is one of the film's pictures, and not
// without length, as the first half of a dissolve is.
func event(text string, clock Clock, drop bool, o EDLOptions) (w Window, ok bool, err error) {
	f := strings.Fields(text)
	if len(f) < 8 {
		return Window{}, false, errors.New("an event has a number, a reel, a channel, an effect and four timecodes")
	}
	if _, err := strconv.ParseUint(strings.TrimRight(f[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 10, 32); err != nil {
		return Window{}, false, fmt.Errorf("event number %q", f[0])
	}
	channel := strings.ToUpper(f[2])
	if !strings.Contains(channel, "V") && channel != "B" { // B: sound and picture
		if strings.Trim(channel, "A0123456789/") != "" && channel != "NONE" {
			return Window{}, false, fmt.Errorf("channel %q; V, B, A, or A/V", f[2])
		}
		return Window{}, false, nil
	}
	if o.Reel != "" && !strings.EqualFold(o.Reel, f[1]) {
		return Window{}, false, nil
	}
	times := f[len(f)-4:]
	if o.Source {
		times = times[:2]
	} else {
		times = times[2:]
	}
	var at [2]int64
	for i, t := range times {
		code, err := edlCode(t, drop)
		if err != nil {
			return Window{}, false, err
		}
		if at[i], err = clock.Code(code); err != nil {
			return Window{}, false, err
		}
	}
	if at[0] == at[1] {
		return Window{}, false, nil
	}
	w, err = window(at[0], at[1], o.Action, nil, "event "+f[0]+" of reel "+f[1])
	return w, err == nil, err
}

// edlCode reads a timecode as edit decision lists write it: drop-frame by FCM, or by a semicolon, comma or full stop before the frames.
func edlCode(text string, drop bool) (timecode.Code, error) {
	if i := len(text) - 3; i > 0 && (text[i] == '.' || text[i] == ',') {
		text = text[:i] + ";" + text[i+1:]
	}
	c, err := timecode.Parse(text)
	c.Drop = c.Drop || drop
	return c, err
}
