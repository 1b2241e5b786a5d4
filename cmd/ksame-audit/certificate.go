package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/report"
)

// clusters compares every cluster of the report with the state the run relied on.
func (a *audit) clusters() (string, error) {
	if a.then == nil {
		return "", fmt.Errorf("%w: the state the run relied on is not known", errSkip)
	}
	var faults []error
	var last uint64
	for _, c := range a.r.Clusters {
		if c.ID <= last {
			faults = append(faults, fmt.Errorf("cluster %d: ids are positive and ascending", c.ID))
		}
		last = c.ID
		truth, ok := a.cluster(c.ID)
		if !ok {
			faults = append(faults, fmt.Errorf("cluster %d was not in use", c.ID))
			continue
		}
		if c.Members != truth.Distinct {
			faults = append(faults, fmt.Errorf("cluster %d: the report says %d distinct people, the ledger %d", c.ID, c.Members, truth.Distinct))
		}
		if truth.Distinct < a.r.K {
			faults = append(faults, fmt.Errorf("cluster %d has %d distinct people, fewer than k = %d", c.ID, truth.Distinct, a.r.K))
		}
		if c.Stratum != truth.Stratum {
			faults = append(faults, fmt.Errorf("cluster %d: the report says stratum %.60q, the ledger %q", c.ID, c.Stratum, truth.Stratum))
		}
		if c.Cast < 0 || c.Cast > len(truth.Members) {
			faults = append(faults, fmt.Errorf("cluster %d: %d people in the material of %d members", c.ID, c.Cast, len(truth.Members)))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d on screen, each with the distinct people that the ledger counts, each at least k", len(a.r.Clusters)), nil
}

// cluster is the cluster with exactly this id at the state the run relied on; one that had been united is none.
func (a *audit) cluster(id uint64) (ksame.Cluster, bool) {
	if id > math.MaxInt64 {
		return ksame.Cluster{}, false
	}
	c, ok := a.then.Cluster(ksame.ClusterID(id))
	return c, ok && c.ID == ksame.ClusterID(id) && len(c.Members) > 0
}

// donors checks that each cluster on screen had been dealt a surrogate of as many donors as the report says.
func (a *audit) donors() (string, error) {
	if a.then == nil {
		return "", fmt.Errorf("%w: the state the run relied on is not known", errSkip)
	}
	for _, c := range a.r.Clusters {
		truth, ok := a.cluster(c.ID)
		dealt := truth.Mix(a.r.Donors) != nil
		for slot := 1; a.r.Assignment == ksame.DistinctMode && slot <= len(truth.Members) && !dealt; slot++ {
			dealt = truth.SlotMix(a.r.Donors, slot) != nil
		}
		if ok && !dealt {
			return "", fmt.Errorf("cluster %d had been dealt no mix of %d donors", c.ID, a.r.Donors)
		}
	}
	return fmt.Sprintf("each cluster on screen had been dealt %d donors of its own", a.r.Donors), nil
}

func (a *audit) kEff() (string, error) {
	var want report.KEff
	for i, c := range a.r.Clusters {
		if i == 0 {
			want = report.KEff{Population: c.Members, Cast: c.Cast}
		}
		want.Population, want.Cast = min(want.Population, c.Members), min(want.Cast, c.Cast)
	}
	if a.r.KEff != want {
		return "", fmt.Errorf("the report says %d in the registry and %d in the material, its clusters %d and %d",
			a.r.KEff.Population, a.r.KEff.Cast, want.Population, want.Cast)
	}
	if len(a.r.Clusters) > 0 && want.Population < a.r.K {
		return "", fmt.Errorf("%d people, fewer than k = %d", want.Population, a.r.K)
	}
	if len(a.r.Clusters) > 0 && want.Cast < a.r.K {
		a.note("whoever knows who was filmed is left with %d candidates in the smallest cluster, fewer than k", want.Cast)
	}
	return fmt.Sprintf("%d in the registry, %d in the material", want.Population, want.Cast), nil
}

// release looks for the row, after the one the run relied on, that names the output.
func (a *audit) release() (string, error) {
	if a.then == nil {
		return "", fmt.Errorf("%w: the state the run relied on is not known", errSkip)
	}
	if len(a.r.Clusters) == 0 && a.then.Format() == ksame.LedgerFormat1 {
		return "", fmt.Errorf("%w: no cluster is on screen, so none was released", errSkip)
	}
	fault := errors.New("no row after the head names the output: the ledger was exported before the run ended, or the output is not the registry's")
	for _, row := range a.rows[a.then.Rows():] {
		if row.Kind != ksame.Release || row.Digest != a.r.Output.SHA256 {
			continue
		}
		same := slices.EqualFunc(row.Of, a.r.Clusters, func(id ksame.ClusterID, c report.Cluster) bool { return uint64(id) == c.ID })
		sum := sha256.Sum256(a.ev.report)
		switch {
		case !same || row.K != a.r.K || row.Mode != a.r.Assignment:
		case row.Report == "":
			a.note("row %d is of the first ledger format, which does not witness the report: what it says beyond output, clusters and k is its own word", row.Seq)
			return fmt.Sprintf("row %d names the output, its clusters and k = %d", row.Seq, row.K), nil
		case row.Report != hex.EncodeToString(sum[:]):
			fault = fmt.Errorf("row %d was written for another report on this output: the report was changed since (its SHA-256 is %x, the row's %s)", row.Seq, sum, row.Report)
			continue
		default:
			return fmt.Sprintf("row %d names this report, the output, its clusters and k = %d", row.Seq, row.K), nil
		}
		fault = fmt.Errorf("row %d releases the output as clusters %d with k = %d, the report says otherwise", row.Seq, row.Of, row.K)
	}
	return "", fault
}

// claim writes the report's sentences anew from its figures and compares them.
func (a *audit) claim() (string, error) {
	if a.r.Verdict != report.Certified {
		return "", fmt.Errorf("%w: the report claims nothing", errSkip)
	}
	if slices.Contains(a.failed, "clusters") || a.then == nil {
		return "", fmt.Errorf("%w: the figures it rests on do not hold", errSkip)
	}
	want, err := a.rewritten()
	if err != nil {
		return "", err
	}
	for _, part := range []struct {
		name      string
		got, want any
	}{
		{"claim", a.r.Claim, want.Claim}, {"mode", a.r.Mode, want.Mode}, {"reasons", a.r.Reasons, want.Reasons},
		{"signals", a.r.Signals, want.Signals}, {"bits_per_face_and_frame", a.r.Bits, want.Bits},
		{"outside_the_guarantee", a.r.Outside, want.Outside},
	} {
		if !reflect.DeepEqual(part.got, part.want) {
			return "", fmt.Errorf("%s: the report says %.300q, its figures give %.300q in ksame-audit %s (the report is by %.60q)",
				part.name, fmt.Sprint(part.got), fmt.Sprint(part.want), version, a.r.Tool)
		}
	}
	return "the sentence, the signals and what lies outside are what these figures give", nil
}

// maxPeople bounds what a forged report can make this program allocate.
const maxPeople = 1 << 20

// rewritten is the certified report that follows from the figures of this one.
func (a *audit) rewritten() (*report.Report, error) {
	l := &decisions.List{
		Source: decisions.Source{Frames: a.r.Input.Frames},
		Policy: decisions.Policy{K: a.r.K, Donors: a.r.Donors, Certified: true, Mode: a.r.Assignment},
	}
	for _, c := range a.r.Clusters {
		l.Clusters = append(l.Clusters, decisions.Cluster{ID: c.ID, Members: c.Members, Stratum: c.Stratum})
		for range c.Cast {
			l.Persons = append(l.Persons, decisions.Person{Registry: int64(len(l.Persons) + 1), Cluster: c.ID, Action: decisions.Replace})
		}
	}
	kept := 0
	if len(a.r.Reasons) > 0 {
		if _, err := fmt.Sscanf(a.r.Reasons[0], "%d person(s) kept clear", &kept); err != nil {
			return nil, fmt.Errorf("reasons: a certified report gives one against itself: %.300q", strings.Join(a.r.Reasons, "; "))
		}
	}
	if kept < 0 || kept > min(a.r.People, maxPeople) {
		return nil, fmt.Errorf("reasons: %d people kept of %d", kept, a.r.People)
	}
	for range kept {
		l.Persons = append(l.Persons, decisions.Person{Action: decisions.Keep})
	}
	r := report.New(a.r.Tool, l)
	r.Watch = a.r.Watch
	r.Finish(a.r.Coverage, a.r.Output)
	return r, nil
}

// verdict comes last: it must be what the other checks allow.
func (a *audit) verdict() (string, error) {
	switch a.r.Verdict {
	case report.NotCertified:
		return "", fmt.Errorf("the report itself claims nothing: %.300q", strings.Join(a.r.Reasons, "; "))
	case report.Certified:
		if len(a.failed) > 0 {
			return "", fmt.Errorf("the report says %s, the checks above say otherwise", a.r.Verdict)
		}
		return "CERTIFIED, as the facts allow", nil
	default:
		return "", fmt.Errorf("unknown verdict %.40q", a.r.Verdict)
	}
}
