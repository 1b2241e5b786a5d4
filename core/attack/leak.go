package attack

import (
	"math"
	"slices"
)

// SignalsReader is the recogniser of an attack that reads the signals themselves, as no viewer of an output can: a bound on what
// any recogniser could make of them.
const SignalsReader = "signals"

// Leak tells the members of clusters apart: gallery and probe are outputs of two sessions, and the attacker, who knows the
// cluster, seeks among its members alone. signal names the channel for outputs that show one signal (Isolate); with "" the
// outputs are real ones, and every view is a channel. groups are the clusters by person.
func Leak(signal string, gallery, probe []*Watcher, groups map[string]uint64) []Attack {
	all := []release{{assigned(gather(gallery), groups), assigned(gather(probe), groups), Output, Output}}
	var out []Attack
	for i, v := range views {
		a := Attack{Attack: ClusterLeak, Recognizer: Recognizers[v.net], Channel: v.channel}
		if signal != "" {
			// There is nothing but the face in the picture; the tone is a matter of colour.
			if v.channel == Full || (v.channel == Complexion) != (signal == Tone) {
				continue
			}
			a.Channel = signal
		}
		if a.run(entries(i, all), true) {
			out = append(out, a)
		}
	}
	return out
}

func assigned(all []*body, groups map[string]uint64) []*body {
	for _, b := range all {
		b.group = groups[b.name]
	}
	return all
}

// LeakSignals is Leak by the signals themselves, with a classifier that was trained on the gallery: the nearest mean, each
// number in units of how much it varies within a recording and, by a tenth, between people.
func LeakSignals(gallery, probe map[string]Trail, groups map[string]uint64) []Attack {
	var out []Attack
	for _, name := range Signals {
		var all []entry
		var g, p [][]float64
		for _, who := range sortedNames(gallery) {
			if rows, seek := gallery[who][name], probe[who][name]; len(rows) > 0 && len(seek) > 0 {
				all = append(all, entry{name: who, group: groups[who]})
				g, p = append(g, average(rows)), append(p, average(seek))
			}
		}
		if len(all) < 2 {
			continue
		}
		scale := spreads(gallery, all, name, g)
		like := func(u, v int) (s float64) {
			for d := range p[u] {
				if scale[d] > 0 {
					x := (p[u][d] - g[v][d]) / scale[d]
					s -= x * x
				}
			}
			return s
		}
		a := Attack{Attack: ClusterLeak, Recognizer: SignalsReader, Channel: name}
		if a.score(len(all), func(u int) *entry { return &all[u] }, like, true) {
			for i := range a.PerPerson {
				who := a.PerPerson[i].Person
				a.PerPerson[i].Gallery, a.PerPerson[i].Probe = len(gallery[who][name]), len(probe[who][name])
			}
			out = append(out, a)
		}
	}
	return out
}

// spreads are the scales of a signal's numbers. One that never varies has none.
func spreads(gallery map[string]Trail, all []entry, name string, means [][]float64) []float64 {
	out := make([]float64, len(means[0]))
	total := average(means)
	for d := range out {
		var within, between, n float64
		for i, e := range all {
			for _, row := range gallery[e.name][name] {
				within += (row[d] - means[i][d]) * (row[d] - means[i][d])
				n++
			}
			between += (means[i][d] - total[d]) * (means[i][d] - total[d])
		}
		out[d] = math.Sqrt(within/n + between/float64(len(all))/10)
	}
	return out
}

func average(rows [][]float64) []float64 {
	out := make([]float64, len(rows[0]))
	for _, r := range rows {
		for d, v := range r {
			out[d] += v / float64(len(rows))
		}
	}
	return out
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// References are people's embeddings in originals, by name, under the recogniser that registries use: for enrolment. Who has
// no usable face is left out.
func References(all []*Watcher) map[string]Enrolment {
	out := map[string]Enrolment{}
	for _, b := range gather(all) {
		m := &b.side[Original][slices.Index(views, view{0, Full})]
		if !m.usable() {
			continue
		}
		norm := math.Sqrt(dot(m.sum, m.sum))
		e := Enrolment{Embedding: make([]float32, len(m.sum)), Quality: min(1, norm/float64(m.faces))}
		for i, v := range m.sum {
			e.Embedding[i] = float32(v / norm)
		}
		out[b.name] = e
	}
	return out
}

// Enrolment is what a registry needs of a person.
type Enrolment struct {
	Embedding []float32 // unit length
	Quality   float64   // 0..1
}
