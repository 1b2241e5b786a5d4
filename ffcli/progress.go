package ffcli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells how far a pass has come: a bar on a terminal, a plain line every few seconds elsewhere, JSON lines when
// asked for. It is used from one goroutine.
type progress struct {
	w        io.Writer
	mode     progressMode
	pass     string
	total    int64 // frames; -1 when the container does not say
	done     int64
	faces    int64
	start    time.Time
	lastLine time.Time
	lastLog  time.Time
	bar      *progressbar.ProgressBar
	file     int      // its number among several; 0: it is the only one
	log      *fileLog // may be nil
}

type progressMode int

const (
	progressQuiet progressMode = iota
	progressLines
	progressBar
	progressJSON
)

// How often a line is written to what is watched, and to logs, which long runs must not fill.
const (
	lineEvery = 5 * time.Second
	logEvery  = time.Minute
)

func progressModeFor(w io.Writer, quiet, asJSON bool) progressMode {
	switch f, ok := w.(*os.File); {
	case asJSON:
		return progressJSON
	case quiet:
		return progressQuiet
	case ok && term.IsTerminal(int(f.Fd())):
		return progressBar
	default:
		return progressLines
	}
}

func newProgress(w io.Writer, mode progressMode, pass string, total int64) *progress {
	now := time.Now()
	if total <= 0 {
		total = -1
	}
	p := &progress{w: w, mode: mode, pass: pass, total: total, start: now, lastLine: now, lastLog: now}
	if mode == progressBar {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(pass), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("frames"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth(), progressbar.OptionSetRenderBlankState(true))
	}
	return p
}

// step counts one frame with the given number of faces.
func (p *progress) step(faces int) {
	p.done++
	p.faces += int64(faces)
	switch p.mode {
	case progressBar:
		if p.done%10 == 0 {
			p.bar.Describe(fmt.Sprintf("%s (%d faces)", p.pass, p.faces))
		}
		_ = p.bar.Add(1) // a terminal that went away must not end the run
	case progressLines, progressJSON:
		if time.Since(p.lastLine) >= lineEvery {
			p.lastLine = time.Now()
			p.line()
		}
	}
	if p.log != nil && time.Since(p.lastLog) >= logEvery {
		p.lastLog = time.Now()
		p.log.printf("%s", p.text())
	}
}

// speed is frames per second so far, and the time that is left at it; below 0 when it cannot be told.
func (p *progress) speed() (fps float64, eta time.Duration) {
	secs := time.Since(p.start).Seconds()
	fps = float64(p.done) / max(secs, 1e-9)
	if p.total <= 0 || fps == 0 {
		return fps, -1
	}
	return fps, time.Duration(float64(max(p.total-p.done, 0))/fps*1e9) * time.Nanosecond
}

func (p *progress) line() {
	if p.mode != progressJSON {
		fmt.Fprintln(p.w, "ksamenet: "+p.text())
		return
	}
	fps, eta := p.speed()
	fields := map[string]any{"event": "progress", "pass": p.pass, "frame": p.done, "frames": p.total, "fps": round1(fps), "faces": p.faces, "eta_s": -1.0}
	if eta >= 0 {
		fields["eta_s"] = round1(eta.Seconds())
	}
	if p.file > 0 {
		fields["file"] = p.file
	}
	b, _ := json.Marshal(fields)
	fmt.Fprintln(p.w, string(b))
}

func (p *progress) text() string {
	fps, eta := p.speed()
	s := fmt.Sprintf("%s: frame %d", p.pass, p.done)
	if p.total > 0 {
		s += fmt.Sprintf(" of %d", p.total)
	}
	s += fmt.Sprintf(", %.1f fps, %d faces", fps, p.faces)
	if eta >= 0 {
		s += ", ETA " + eta.Round(time.Second).String()
	}
	return s
}

// finish ends the display and returns the frames per second of the whole pass.
func (p *progress) finish() float64 {
	if p.bar != nil {
		_ = p.bar.Finish()
		fmt.Fprintln(p.w)
	}
	if p.mode == progressJSON {
		p.line()
	}
	p.log.printf("%s", p.text())
	return float64(p.done) / max(time.Since(p.start).Seconds(), 1e-9)
}

func round1(v float64) float64 { return float64(int64(v*10+.5)) / 10 }
