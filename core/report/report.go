// Package report is the account of one run: what was asked, what was reached, what entered the generator and what lies
// outside the guarantee. It holds cluster ids, counts and hashes; no face pixel, no embedding, no name (invariant I12).
// The JSON form is documented in docs/report-format.md.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
)

// Format and Version identify the document.
const (
	Format  = "ksamenet-report"
	Version = 1
)

// Verdicts.
const (
	Certified    = "CERTIFIED"
	NotCertified = "NOT CERTIFIED"
)

// ClaimSentence is what is claimed, for a registry whose clusters on screen hold k people or more. A report says it with the
// number in k's place; README, docs/guarantee.md and `ksamenet --help` quote it (a test compares them).
const ClaimSentence = "Each face shown was replaced by a surrogate that depends on the person only through a cluster of at least k registered people; " +
	"with no other knowledge, nobody can tell from the face which of them it is with a probability above 1/k."

// claim is the sentence for a number of people.
func claim(k int) string {
	n := strconv.Itoa(k)
	return strings.NewReplacer("at least k ", "at least "+n+" ", "1/k", "1/"+n).Replace(ClaimSentence)
}

// Report is one run's account.
type Report struct {
	Format     string    `json:"format"`
	Version    int       `json:"version"`
	Tool       string    `json:"tool"`
	Verdict    string    `json:"verdict"`
	Reasons    []string  `json:"reasons,omitempty"` // why not certified
	Claim      string    `json:"claim"`
	Mode       string    `json:"mode"` // population: the candidates are the whole registry
	K          int       `json:"k"`    // people per cluster asked for
	Donors     int       `json:"donors"`
	Look       string    `json:"look,omitempty"`       // what surrogates were asked to look like, the same for everybody
	Assignment string    `json:"assignment,omitempty"` // "distinct": members of a cluster wore surrogates of their own; absent: one for all
	KEff       KEff      `json:"k_eff"`
	Input      File      `json:"input"`
	Output     File      `json:"output"`
	Ledger     Ledger    `json:"ledger"`
	People     int       `json:"people"` // persons the tracks were joined to; nobody is made up for faces that were only covered
	Tracks     int       `json:"tracks"`
	Clusters   []Cluster `json:"clusters"`
	Coverage   Coverage  `json:"coverage"`
	Watch      *Watch    `json:"watch,omitempty"` // nil: nobody looked over the output
	Signals    []Signal  `json:"signals"`         // what the surrogate was told besides the cluster
	Bits       float64   `json:"bits_per_face_and_frame"`
	Engine     Engine    `json:"engine"`
	Models     []Model   `json:"models"`
	Outside    []string  `json:"outside_the_guarantee"`
}

// KEff is the size of the smallest anonymity set on screen, among the whole registry and among the people in the material.
type KEff struct {
	Population int `json:"population"`
	Cast       int `json:"cast"`
}

// File is an input or output by its content.
type File struct {
	SHA256    string `json:"sha256"`
	Frames    int64  `json:"frames"`
	Width     int    `json:"width,omitempty"`
	Height    int    `json:"height,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
	// Of an input: the part that was seen, and the libavfilter chain that it was seen through.
	Cut    *decisions.Cut `json:"cut,omitempty"`
	Filter string         `json:"filter,omitempty"`
}

// Ledger names the state of the registry's ledger the run relied on.
type Ledger struct {
	Rows int    `json:"rows"`
	Head string `json:"head"` // hash of the last row, hex
}

// Cluster is an anonymity set on screen.
type Cluster struct {
	ID      uint64 `json:"id"`
	Members int    `json:"members"`           // in the registry
	Cast    int    `json:"cast"`              // of them in this material
	Stratum string `json:"stratum,omitempty"` // what the registry publishes of its members
}

// Coverage counts faces per frame: one face in ten frames counts ten.
type Coverage struct {
	Faces      int64   `json:"faces"`
	Replaced   int64   `json:"replaced"`
	Covered    int64   `json:"covered"`
	Kept       int64   `json:"kept"`
	Uncovered  int64   `json:"uncovered"` // must be 0
	CoverSpans []Span  `json:"cover_spans,omitempty"`
	KeptSpans  []Span  `json:"kept_spans,omitempty"`
	CacheHits  float64 `json:"patch_cache_hit_rate"`
}

// Watch is what a second detector saw in the output, faces per frame.
type Watch struct {
	Detector string  `json:"detector"`
	Seen     int64   `json:"seen"`             // faces looked at in the released output: surrogates, kept faces, exposed ones
	Found    int64   `json:"found"`            // exposed in the first rendering; covered since
	Carried  int64   `json:"carried"`          // frames not looked at again: nothing was rendered in them, and the original, looked at by the same detector in the same run, held nothing like a face
	Exposed  int64   `json:"exposed"`          // exposed in the released output: must be 0
	Frames   []int64 `json:"frames,omitempty"` // where
}

// Span is a run of frames of one track; First and Last are inclusive.
type Span struct {
	Track int    `json:"track"`
	First int64  `json:"first"`
	Last  int64  `json:"last"`
	Why   string `json:"why,omitempty"`
}

// Signal is one thing that the generator was told, with its capacity.
type Signal struct {
	Name string  `json:"name"`
	Bits float64 `json:"bits"`
}

// Engine is what computed the networks.
type Engine struct {
	Backend string `json:"backend"`
	Version string `json:"version"`
	Device  string `json:"device"`
	Why     string `json:"why,omitempty"` // in a few words, why not TensorRT, where the choice was the program's
}

// Model is a network by its content.
type Model struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Outside is what the guarantee does not cover; it is part of every report.
var Outside = []string{
	"side knowledge about who was present",
	"attributes shared by a whole cluster",
	"hair, ears, body, gait, clothes, voice, captions and context",
	"place, size, tilt and outline of the face, which the mask has to follow",
	"verification similarity: several members may all look alike to a recogniser",
	"faces that no detector saw",
	"people outside the registry",
	"linkage of two releases by anything but the face",
}

// Look names the policy by which surrogates were made: a function of the cluster, never of a person.
func Look(p decisions.Policy) string {
	words := "any donor"
	if p.Look != "" {
		words = "donors of " + p.Look
	}
	if p.Neutral {
		return words + "; neutral expression"
	}
	return words + "; expression as filmed"
}

// What else the guarantee does not cover in mode distinct, and with strata.
const (
	OutsideDistinct = "how many members of a cluster are on screen, and which faces of this file are one person: in mode distinct each wears a surrogate of their own"
	OutsideStrata   = "the attribute that a cluster publishes of its members (strata)"
)

// New starts a report from a decision list: everything that follows from what was decided, before anything is rendered.
func New(tool string, l *decisions.List) *Report {
	r := &Report{
		Format: Format, Version: Version, Tool: tool, Mode: "population", K: l.Policy.K, Donors: l.Policy.Donors, Look: Look(l.Policy),
		Input:  File{SHA256: l.Source.SHA256, Frames: l.Source.Frames, Width: l.Source.Width, Height: l.Source.Height, Truncated: l.Source.Truncated, Cut: l.Source.Cut, Filter: l.Source.Filter},
		People: len(l.Persons), Tracks: len(l.Tracks), Outside: Outside,
		Signals: []Signal{
			{"expression, gaze and head pose, to the generator, each frame", appearance.Bits()},
			{"light of the surroundings, to the generator, once a track", appearance.LightBits()},
			{"tone of the surroundings, to the compositor, once a track", compositor.ToneBits},
		},
		Bits: appearance.Bits(),
	}
	cast, strata := map[uint64]map[int64]bool{}, false
	kept := 0
	for _, p := range l.Persons {
		switch {
		case p.Action == decisions.Keep:
			kept++
		case p.Action == decisions.Replace && p.Registry != 0:
			if cast[p.Cluster] == nil {
				cast[p.Cluster] = map[int64]bool{}
			}
			cast[p.Cluster][p.Registry] = true
		}
	}
	for i, c := range l.Clusters {
		e := Cluster{ID: c.ID, Members: c.Members, Cast: len(cast[c.ID]), Stratum: c.Stratum}
		strata = strata || c.Stratum != ""
		r.Clusters = append(r.Clusters, e)
		if i == 0 || e.Members < r.KEff.Population {
			r.KEff.Population = e.Members
		}
		if i == 0 || e.Cast < r.KEff.Cast {
			r.KEff.Cast = e.Cast
		}
	}
	// Not in place: Outside is everybody's.
	r.Outside = slices.Clone(r.Outside)
	if r.Assignment = l.Policy.Mode; r.Assignment != "" {
		r.Outside = append(r.Outside, OutsideDistinct)
	}
	if strata {
		r.Outside = append(r.Outside, OutsideStrata)
	}
	sort.Slice(r.Clusters, func(i, j int) bool { return r.Clusters[i].ID < r.Clusters[j].ID })
	r.Verdict = Certified
	if !l.Policy.Certified {
		r.refuse(l.Policy.Why)
	}
	if l.Policy.Certified && len(l.Clusters) > 0 && r.KEff.Population < l.Policy.K {
		r.refuse(fmt.Sprintf("a cluster on screen has %d members, fewer than k = %d", r.KEff.Population, l.Policy.K))
	}
	if kept > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d person(s) kept clear on request: the claim does not concern them", kept))
	}
	spots := 0
	for _, t := range l.Tracks {
		if t.Action == decisions.Keep || slices.ContainsFunc(t.Spans, func(s decisions.Span) bool { return s.Action == decisions.Keep }) {
			spots++
		}
	}
	for _, z := range l.Zones {
		if z.Action == decisions.Keep {
			spots++
		}
	}
	if spots > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d track(s) or zone(s) kept clear on request: the claim does not concern faces there", spots))
	}
	r.setClaim()
	return r
}

func (r *Report) refuse(why string) {
	if why == "" {
		why = "no certificate was asked for"
	}
	r.Verdict = NotCertified
	r.Reasons = append(r.Reasons, why)
}

func (r *Report) setClaim() {
	if r.Verdict != Certified {
		r.Claim = "No claim: " + r.Verdict + "."
		return
	}
	switch {
	case len(r.Clusters) == 0 && r.Tracks == 0:
		r.Claim = "No face was found; nothing was rendered."
		return
	case len(r.Clusters) == 0:
		r.Claim = "No surrogate was shown; the faces that were found were covered, or kept on request."
		return
	}
	r.Claim = claim(r.KEff.Population)
}

// Finish adds what the rendering counted. A face left clear without being asked for voids the verdict.
func (r *Report) Finish(c Coverage, output File) {
	r.Coverage, r.Output = c, output
	// Pass 1 may have opened the generators too, to judge surrogates before they are worn.
	seen := map[Model]bool{}
	r.Models = slices.DeleteFunc(slices.Clone(r.Models), func(m Model) bool {
		again := seen[m]
		seen[m] = true
		return again
	})
	if c.Uncovered > 0 {
		r.refuse(fmt.Sprintf("%d face(s) were left uncovered", c.Uncovered))
		r.setClaim()
	}
	if r.Watch != nil && r.Watch.Exposed > 0 {
		r.refuse(fmt.Sprintf("%d face(s) are exposed, in %d frames", r.Watch.Exposed, len(r.Watch.Frames)))
		r.setClaim()
	}
	if output.Frames != r.Input.Frames {
		r.refuse(fmt.Sprintf("the output has %d frames, the input %d", output.Frames, r.Input.Frames))
		r.setClaim()
	}
}

// Write writes the report as indented JSON. Equal reports give equal bytes.
func (r *Report) Write(w io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
