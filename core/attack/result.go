package attack

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Format and Version identify the JSON document (docs/attack.md).
const (
	Format  = "ksamenet-attack"
	Version = 1
)

// Result is the document that a run writes. It holds ids, counts and similarities; no face, no embedding.
type Result struct {
	Format  string            `json:"format"`
	Version int               `json:"version"`
	Tool    string            `json:"tool"`
	Engine  string            `json:"engine"`
	Models  map[string]string `json:"models"` // sha256 by name
	Pairs   []Pair            `json:"pairs"`
	Attacks []Attack          `json:"attacks,omitempty"`
	Why     string            `json:"why_no_attack,omitempty"`
	Utility *Utility          `json:"utility,omitempty"`
}

// Pair is one original and its output.
type Pair struct {
	Original string `json:"original"`
	Output   string `json:"output"`
	Session  string `json:"session,omitempty"`
	Frames   int64  `json:"frames"`
	Tracks   int    `json:"tracks"`
}

// Seen is how much a Watcher has looked at.
func (w *Watcher) Seen() (frames int64, tracks int) { return w.frames, len(w.order) }

// Holds says that no attack on the faces contradicts the claim. What hair and surroundings give away is measured (channels
// Full and Complexion), not claimed.
func (r *Result) Holds() bool {
	for i := range r.Attacks {
		if a := &r.Attacks[i]; a.Channel == FaceOnly && !a.Holds {
			return false
		}
	}
	return true
}

// WriteJSON writes the document.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// WriteCSV writes one line a trial.
func (r *Result) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	lines := [][]string{{"attack", "recognizer", "channel", "person", "cluster", "rank", "own", "nearest", "gallery_pictures", "probe_pictures", "people", "chance", "claim"}}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }
	for _, a := range r.Attacks {
		for _, p := range a.PerPerson {
			lines = append(lines, []string{a.Attack, a.Recognizer, a.Channel, p.Person, strconv.FormatUint(p.Group, 10), strconv.Itoa(p.Rank), f(p.Own), f(p.Nearest),
				strconv.Itoa(p.Gallery), strconv.Itoa(p.Probe), strconv.Itoa(a.People), f(a.Chance), f(a.Claim)})
		}
	}
	return c.WriteAll(lines)
}

// WriteTable writes what a person wants to know.
func (r *Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Attacks) > 0 {
		fmt.Fprintf(t, "attack\trecogniser\tchannel\tpeople\trank-1\t%.0f %% limits\tchance\tclaim\t\n", 100*Confidence)
		for _, a := range r.Attacks {
			verdict := "holds"
			switch {
			case !a.Holds && a.Channel == FaceOnly:
				verdict = "BEATEN"
			case !a.Holds:
				verdict = "recognised, surroundings included"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.3f\t%.3f to %.3f\t%.3f\t%.3f\t%s\n", a.Attack, a.Recognizer, a.Channel, a.People, a.Rank1, a.Low, a.High, a.Chance, a.Claim, verdict)
		}
	} else if r.Why != "" {
		fmt.Fprintf(t, "no attack: %s\n", r.Why)
	}
	if r.Utility != nil {
		r.Utility.table(t)
	}
	return t.Flush()
}

// table writes what is left of the performances.
func (u *Utility) table(t io.Writer) {
	fmt.Fprintf(t, "\nutility\t%d faces in %d tracks, %d with a mesh on both sides\n", u.Faces, u.Tracks, u.Measured)
	for _, c := range []struct {
		name string
		Channel
	}{{"mouth opening", u.Mouth}, {"blink", u.Blink}, {"yaw", u.Yaw}, {"pitch", u.Pitch}} {
		if c.Tracks == 0 {
			fmt.Fprintf(t, "%s\tno track moves enough\n", c.name)
			continue
		}
		fmt.Fprintf(t, "%s\t%.3f\tcorrelation over %d tracks that move\n", c.name, c.Correlation, c.Tracks)
	}
	fmt.Fprintf(t, "landmarks\t%.3f\ttemporal correlation; %.3f by motion, %.3f in the picture\n", u.Landmarks, u.LandmarksWeighted, u.LandmarksPicture)
	fmt.Fprintf(t, "pose error\t%.1f°\tyaw; pitch %.1f°, roll %.1f°\n", u.PoseError.Yaw, u.PoseError.Pitch, u.PoseError.Roll)
	for _, d := range u.Detection {
		fmt.Fprintf(t, "detection\t%.3f\t%s: %.3f of the original's faces, %.3f of the output's\n", d.Ratio, d.Detector, d.Original, d.Output)
	}
	if e := u.Expressions; e != nil {
		fmt.Fprintf(t, "expression\t%.3f\tof %d pictures show the original's class of 7; %.3f over the classes, kappa %.3f\n", e.Agreement, e.Pictures, e.Balanced, e.Kappa)
		for _, c := range e.Classes {
			if c.Original > 0 {
				fmt.Fprintf(t, "  %s\t%.3f\tof %d pictures\n", c.Class, c.Agreement, c.Original)
			}
		}
		if e.Labelled > 0 {
			fmt.Fprintf(t, "  labels\t%.3f\tof %d peaks show the data set's label; %.3f in the originals\n", e.Output, e.Labelled, e.Original)
		}
	}
	fmt.Fprintf(t, "flicker\t%+.2f\tgrey levels: warp error %.2f in the original, %.2f in the output\n", u.Flicker.Added, u.Flicker.Original, u.Flicker.Output)
}
