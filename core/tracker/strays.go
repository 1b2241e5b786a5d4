package tracker

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

const (
	strayJump   = 0.6 // sizes that a single observation must lie off its neighbours' path to be a stray
	strayOthers = 0.2 // sizes that its neighbours may lie off theirs: a camera that shakes has no path to be off
	strayProof  = 2   // neighbours, on either side, that must show the path
)

// dropStrays takes single observations out of their chains that jump off and back: false alarms that a track took in a frame
// in which its face was missed. They become tracklets of their own, so nothing seen is left uncovered, and the face's path
// runs where the face was.
func (l *links) dropStrays(nodes []node) {
	for n := range nodes {
		p, q := l.prev[n], l.next[n]
		if p < 0 || q < 0 || off(nodes, p, n, q) < strayJump || !l.steady(nodes, p, q) {
			continue
		}
		l.next[p], l.prev[q] = q, p
		l.next[n], l.prev[n] = -1, -1
	}
}

// steady says that the nodes up to p and those from q on lie on one smooth path.
func (l *links) steady(nodes []node, p, q int) bool {
	proofs := 0
	for a, b, c := l.prev[p], p, q; a >= 0 && proofs < strayProof; a, b, c = l.prev[a], a, b {
		if off(nodes, a, b, c) > strayOthers {
			return false
		}
		proofs++
	}
	before := proofs
	for a, b, c := p, q, l.next[q]; c >= 0 && proofs < before+strayProof; a, b, c = b, c, l.next[c] {
		if off(nodes, a, b, c) > strayOthers {
			return false
		}
		proofs++
	}
	return proofs >= strayProof
}

// off is the distance, in sizes of the neighbours, of node n from the straight path between nodes a and b.
func off(nodes []node, a, n, b int) float64 {
	from, to, at := &nodes[a], &nodes[b], nodes[n].obs.Box.Center()
	f := float64(nodes[n].index-from.index) / float64(to.index-from.index)
	ca, cb := from.obs.Box.Center(), to.obs.Box.Center()
	on := frame.Point{X: ca.X + (cb.X-ca.X)*f, Y: ca.Y + (cb.Y-ca.Y)*f}
	size := (math.Sqrt(from.obs.Box.Area()) + math.Sqrt(to.obs.Box.Area())) / 2
	return math.Hypot(at.X-on.X, at.Y-on.Y) / size
}
