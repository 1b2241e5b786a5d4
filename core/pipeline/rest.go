package pipeline

// In a crowd a small face that hardly moves, and that nobody is near, is measured in every second picture, and taken for what it was in
// the others: a face less than restHeight high whose landmarks' box keeps calmIoU of itself from one measurement to the next moves by two
// pixels a picture at most. The pictures that detectors look at as a whole are no rests. The mesh of nine faces is a fifth of all work.
const (
	crowd      = 5  // faces from which there is a crowd: fewer are looked at several times (steady)
	restHeight = 80 // px
	calmIoU    = 0.9
	// closeBy is how far around a calm face, in its widths and heights, nobody else may be: people who sit side by side have company, but
	// as long as their faces do not meet nobody is taken for another.
	closeBy = 0.15
)

// rests says that b may be taken for what it was in the picture before.
func (a *Analyzer) rests(b *watched) bool {
	if len(a.before) < crowd || !b.calm || b.misses > 0 || b.box.H() >= restHeight || !usable(b.held) {
		return false
	}
	near := b.box.Grow(closeBy, closeBy)
	for i := range a.before {
		if o := &a.before[i]; o != b && !o.box.Intersect(near).Empty() {
			return false
		}
	}
	return true
}
