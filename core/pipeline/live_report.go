package pipeline

import (
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/report"
)

// liveBooks is the account of a stream so far.
type liveBooks struct {
	cover  report.Coverage
	missed int64 // pictures that had left when a face was found that they may show
	tracks int   // highest id
	people map[ksame.PersonID]ksame.ClusterID
	worn   map[uint64]bool // surrogates that were shown
}

// count enters one face of a painted picture.
func (b *liveBooks) count(j decisions.Job, did decisions.Action) {
	b.cover.Faces++
	b.tracks = max(b.tracks, j.Track.ID)
	if did == decisions.Replace {
		b.cover.Replaced++
		b.worn[j.Cluster] = true
	} else {
		b.cover.Covered++
	}
}

// Lost is what became of pictures that could not be examined: the host hid or dropped them.
type Lost struct {
	Blanked int64 // shown without any of their content
	Dropped int64 // not shown
}

// Report is the account of the stream so far, in the form that a file's run has. A stream has no hash, and nobody looked over its
// output. One in which a face was found after pictures had left that may show it is not certified, and neither is one with
// Config.Uncertified. The pictures of lost are those that were not given to Paint.
func (l *Live) Report(lost Lost) *report.Report {
	l.gen.drop() // what it renders counts
	in := l.painted + lost.Blanked + lost.Dropped
	list := &decisions.List{
		Source: decisions.Source{Frames: in, Width: l.size[0], Height: l.size[1]},
		Policy: decisions.Policy{K: l.cfg.K, Donors: l.cfg.Donors, Look: l.cfg.Look(), Neutral: l.cfg.Expression == ExpressionNeutral, Fallback: l.cfg.Fallback},
	}
	p := &list.Policy
	switch {
	case l.cfg.Uncertified:
		p.Why = "uncertified surrogates were asked for"
	case l.cfg.K == 1:
		p.Why = "k is 1: no anonymity set was asked for"
	default:
		p.Certified = true
	}
	for _, c := range l.wear.clusters {
		if l.books.worn[c.ID] {
			list.Clusters = append(list.Clusters, c)
		}
	}
	for id, c := range l.books.people {
		if c != sharedCluster && l.books.worn[uint64(c)] {
			list.Persons = append(list.Persons, decisions.Person{ID: int(id), Registry: int64(id), Cluster: uint64(c), Action: decisions.Replace})
		}
	}
	if l.books.tracks > 0 {
		list.Tracks = make([]decisions.Track, 1) // the claim depends on whether there was any
	}
	r := report.New(l.cfg.Tool, list)
	r.People, r.Tracks = len(l.books.people), l.books.tracks
	e := l.Engine()
	r.Engine = report.Engine{Backend: e.Backend, Version: e.Version, Device: e.Device, Why: e.Why}
	r.Models = slices.Clone(l.models)
	if l.wear.rows > 0 {
		r.Ledger = report.Ledger{Rows: l.wear.rows, Head: l.wear.head}
	}
	if lost.Blanked > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d picture(s) could not be examined and show nothing", lost.Blanked))
	}
	c := l.books.cover
	c.Uncovered, c.CacheHits = l.books.missed, l.gen.Stats().HitRate()
	r.Finish(c, report.File{Frames: in - lost.Dropped})
	return r
}
