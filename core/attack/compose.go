package attack

// Compose attacks two releases of one registry between which the clusters were rekeyed. first and second hold, of each
// release, the attacker's gallery and the probes that are sought. It gives the composition and the linkage for every
// recogniser and channel; a view without two people, or two clusters, gives none.
func Compose(firstGallery, firstProbe, secondGallery, secondProbe []*Watcher) []Attack {
	both := []release{
		{gather(firstGallery), gather(firstProbe), Output, Output},
		{gather(secondGallery), gather(secondProbe), Output, Output},
	}
	across := []release{{regroup(both[0].gallery), regroup(both[1].probe), Output, Output}}
	var out []Attack
	for i, v := range views {
		a := Attack{Attack: Composition, Recognizer: Recognizers[v.net], Channel: v.channel}
		if a.run(entries(i, both), false) {
			out = append(out, a)
		}
		a = Attack{Attack: Linkage, Recognizer: Recognizers[v.net], Channel: v.channel}
		if a.run(entries(i, across), false) {
			a.Claim = a.Chance // what is claimed of the link is that there is none
			out = append(out, a)
		}
	}
	return out
}

// regroup joins people to clusters: one body for each.
func regroup(people []*body) []*body {
	byGroup := map[uint64]*body{}
	var out []*body
	for _, p := range people {
		b := byGroup[p.group]
		if b == nil {
			b = &body{name: clusterName(p.group), group: p.group}
			for side := range b.side {
				b.side[side] = make([]mean, len(p.side[side]))
			}
			byGroup[p.group], out = b, append(out, b)
		}
		for side := range b.side {
			for i := range p.side[side] {
				b.side[side][i].join(&p.side[side][i])
			}
		}
	}
	sortBodies(out)
	return out
}
