package attack

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
)

// SweepFormat and SweepVersion identify the document of a sweep (docs/attack.md).
const (
	SweepFormat  = "ksamenet-attack-sweep"
	SweepVersion = 1
)

// Sweep is the document of a run over several k. It holds ids, counts and similarities; no face, no embedding.
type Sweep struct {
	Format     string            `json:"format"`
	Version    int               `json:"version"`
	Tool       string            `json:"tool"`
	Engine     string            `json:"engine"`
	Models     map[string]string `json:"models"` // sha256 by name
	Donors     int               `json:"donors"` // k_p
	Recordings int               `json:"recordings"`
	People     int               `json:"people"`   // with usable faces in both sessions
	Left       []string          `json:"left_out"` // people without
	// Sessions says what gallery and probe are: two sessions of the data set, or halves of each recording.
	Sessions string `json:"sessions"`
	// OneRecording are the people whose gallery and probe are halves of one recording. What is found of them has points of its own.
	OneRecording []string `json:"one_recording,omitempty"`
	Pictures     int      `json:"pictures_looked_at"` // of originals, by each recogniser
	Runs         []Run    `json:"runs"`               // in order of k, then of the fold
	Curves       []Point  `json:"curves"`             // all folds of one k together
	Utility      *Utility `json:"utility,omitempty"`
	UtilityK     int      `json:"utility_k,omitempty"` // of the outputs that Utility was measured on
}

// Run is one k of one fold: a registry of its own, its partition, and two releases with a rekey between them.
type Run struct {
	K        int `json:"k"`
	Fold     int `json:"fold"` // 1, 2 …
	People   int `json:"people"`
	Clusters int `json:"clusters"`
	Smallest int `json:"smallest"` // members of the smallest cluster
	// Intersection is the smallest set of people that are left for anybody when the clusters of both releases are intersected.
	Intersection int      `json:"intersection"`
	Attacks      []Attack `json:"attacks"`
}

// Point is one attack at one k: the trials of all folds. Of people whose gallery and probe are parts of one recording, and of all
// others, there is one each.
type Point struct {
	Attack     string    `json:"attack"`
	Recognizer string    `json:"recognizer"`
	Channel    string    `json:"channel"`
	K          int       `json:"k"`
	Trials     int       `json:"trials"`
	Hits       int       `json:"hits"`
	Rank1      float64   `json:"rank1"`
	Low        float64   `json:"low"` // Clopper-Pearson limits at Confidence
	High       float64   `json:"high"`
	Claim      float64   `json:"claim"` // mean over the trials
	Chance     float64   `json:"chance"`
	Folds      []float64 `json:"folds,omitempty"` // rank-1 of each, when there are several
	Deviation  float64   `json:"deviation,omitempty"`
	// Within says that Low does not exceed Claim: rank-1 lies under 1/k plus its limit.
	Within bool `json:"within"`
	// P is the probability of as many hits or more if the output told the cluster and nothing else: exact, over all ways to deal
	// the names of each cluster's members anew.
	P            float64 `json:"p"`
	OneRecording bool    `json:"one_recording,omitempty"`

	byChance []float64 // hits, of all folds
}

// Judged says that the claim is about this point: what the surroundings give away is measured only, by themselves or by the
// complexion that follows them, and so is what the signals tell somebody who reads them off a decision list, as no viewer can. Halves of
// one recording share what somebody did there, which passes by design.
func (p *Point) Judged() bool {
	return !p.OneRecording && p.Channel != Full && p.Channel != Complexion && p.Channel != Tone && p.Recognizer != SignalsReader
}

// Finish computes the curves.
func (s *Sweep) Finish() {
	type key struct {
		attack, recognizer, channel string
		k                           int
		one                         bool
	}
	at := map[key]int{}
	s.Curves = nil
	for _, r := range s.Runs {
		for i := range r.Attacks {
			a := &r.Attacks[i]
			for _, one := range []bool{false, true} {
				part := a.of(one)
				if part.People == 0 {
					continue
				}
				k := key{a.Attack, a.Recognizer, a.Channel, r.K, one}
				j, ok := at[k]
				if !ok {
					j = len(s.Curves)
					at[k], s.Curves = j, append(s.Curves, Point{Attack: a.Attack, Recognizer: a.Recognizer, Channel: a.Channel, K: r.K, OneRecording: one, byChance: []float64{1}})
				}
				p, n := &s.Curves[j], float64(part.People)
				p.Trials, p.Hits = p.Trials+part.People, p.Hits+part.Hits
				p.Claim, p.Chance = p.Claim+n*part.Claim, p.Chance+n*part.Chance
				p.Folds = append(p.Folds, part.Rank1)
				p.byChance = convolve(p.byChance, a.byChance(func(p *Person) bool { return p.OneRecording == one }))
			}
		}
	}
	for i := range s.Curves {
		p := &s.Curves[i]
		n := float64(p.Trials)
		p.Claim, p.Chance, p.Rank1 = p.Claim/n, p.Chance/n, float64(p.Hits)/n
		p.Low, p.High = limits(p.Hits, p.Trials)
		p.P = tail(p.byChance, p.Hits)
		p.Within = p.Low <= p.Claim
		if len(p.Folds) == 1 {
			p.Folds = nil
			continue
		}
		mean := 0.
		for _, f := range p.Folds {
			mean += f / float64(len(p.Folds))
		}
		for _, f := range p.Folds {
			p.Deviation += (f - mean) * (f - mean) / float64(len(p.Folds)-1)
		}
		p.Deviation = math.Sqrt(p.Deviation)
	}
}

// of is the part of an attack's outcome that concerns people of one recording, or all others. The whole is the attack's own; in a
// part of it a tie counts as a hit.
func (a *Attack) of(one bool) Attack {
	mates := map[uint64]int{}
	for i := range a.PerPerson {
		mates[a.PerPerson[i].Group]++
	}
	out := Attack{Chance: a.Chance}
	for i := range a.PerPerson {
		p := &a.PerPerson[i]
		if p.OneRecording != one {
			continue
		}
		out.People++
		if p.Found == p.Person {
			out.Hits++
		}
		if p.Group == 0 {
			out.Claim++
		} else {
			out.Claim += 1 / float64(mates[p.Group])
		}
	}
	if out.People == len(a.PerPerson) {
		return *a
	}
	if n := float64(out.People); n > 0 {
		out.Claim, out.Rank1 = out.Claim/n, float64(out.Hits)/n
	}
	return out
}

// Beaten are the judged points that lie above the claim beyond what as many tests as there are give by chance: a sweep in which all
// claims hold says so 19 times of 20. Half of the one in twenty is for parrot, what an attacker would do first and what an output is
// tested by elsewhere, the other half for all other attacks; either is shared equally among its tests (Bonferroni, weighted).
func (s *Sweep) Beaten() []Point {
	tests := map[bool]int{}
	tested := func(p *Point) bool { return p.Judged() && p.K > 1 } // of one person in a cluster nothing is claimed
	for i := range s.Curves {
		if p := &s.Curves[i]; tested(p) {
			tests[p.Attack == Parrot]++
		}
	}
	var out []Point
	for i := range s.Curves {
		if p := &s.Curves[i]; tested(p) && p.P < (1-Confidence)/2/float64(tests[p.Attack == Parrot]) {
			out = append(out, *p)
		}
	}
	return out
}

// Ks are the k of the sweep, ascending.
func (s *Sweep) Ks() []int {
	var out []int
	for _, r := range s.Runs {
		out = append(out, r.K)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Point finds one point of the curves, of people of several recordings if there are any; nil when there is none.
func (s *Sweep) Point(attack, recognizer, channel string, k int) *Point {
	for i := range s.Curves {
		if p := &s.Curves[i]; p.Attack == attack && p.Recognizer == recognizer && p.Channel == channel && p.K == k {
			return p
		}
	}
	return nil
}

// WriteJSON writes the document.
func (s *Sweep) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(s)
}

// WriteCSV writes one line a trial.
func (s *Sweep) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	lines := [][]string{{"k", "fold", "attack", "recognizer", "channel", "person", "cluster", "found", "rank", "own", "nearest", "gallery_pictures", "probe_pictures", "people", "chance", "claim", "one_recording"}}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }
	for _, r := range s.Runs {
		for _, a := range r.Attacks {
			for _, p := range a.PerPerson {
				lines = append(lines, []string{strconv.Itoa(r.K), strconv.Itoa(r.Fold), a.Attack, a.Recognizer, a.Channel, p.Person, strconv.FormatUint(p.Group, 10), p.Found, strconv.Itoa(p.Rank),
					f(p.Own), f(p.Nearest), strconv.Itoa(p.Gallery), strconv.Itoa(p.Probe), strconv.Itoa(a.People), f(a.Chance), f(a.Claim), strconv.FormatBool(p.OneRecording)})
			}
		}
	}
	return c.WriteAll(lines)
}

// WriteTable writes the curves.
func (s *Sweep) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "k\tattack\trecogniser\tchannel\ttrials\trank-1\t%.0f %% limits\tclaim\tby chance\t\n", 100*Confidence)
	beaten := s.Beaten()
	for _, k := range s.Ks() {
		for _, p := range s.Curves {
			if p.K != k {
				continue
			}
			verdict := "holds"
			switch {
			case slices.ContainsFunc(beaten, func(b Point) bool {
				return b.Attack == p.Attack && b.Recognizer == p.Recognizer && b.Channel == p.Channel && b.K == p.K && b.OneRecording == p.OneRecording
			}):
				verdict = "BEATEN"
			case p.OneRecording:
				verdict = "one recording on both sides: measured, not claimed"
			case !p.Judged():
				verdict = "measured, not claimed"
			case !p.Within:
				verdict = "above its own limit, not above that of all tests together"
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%.3f\t%.3f to %.3f\t%.3f\t%.3f\t%s\n", k, p.Attack, p.Recognizer, p.Channel, p.Trials, p.Rank1, p.Low, p.High, p.Claim, p.P, verdict)
		}
	}
	if s.Utility != nil {
		fmt.Fprintf(t, "\nof the outputs with k = %d\n", s.UtilityK)
		s.Utility.table(t)
	}
	return t.Flush()
}
