package generator

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Lips sees lips, and says how far they should be apart. Every mixture of donors opens its mouth in its own way: some stay shut
// for a quarter of mouthOpen and are wide open at a third, and a mixture's donors do not tell. So a cluster's surrogate is
// looked at before its mouth opens for the first time, and mouthOpen is bent so that all mouths open alike. The answer is
// a function of the mixture and the network, never of a person.
type Lips interface {
	// Gaps are the distances between the lips on patches of one surrogate, the first at rest, in parts of the patch. None
	// means that they cannot be made out: then mouthOpen stays as it is.
	Gaps(ctx context.Context, patches []*frame.Patch) ([]float64, error)
	// Wanted is by how much mouthOpen of this strength, 0..1, is meant to part the lips of a head of this pitch, degrees. It rises with strength.
	Wanted(strength, pitch float64) float64
	// Others is how far units besides mouthOpen part the lips, as a strength of mouthOpen.
	Others(expression *[appearance.Units]float64) float64
}

// lipPitch is how far the pitches are apart at which a surrogate's mouth is looked at, degrees: between them its answer is
// interpolated. At 25° most mouths open a tenth of mouthOpen later than at 15°.
const lipPitch = 5

// stir is the gap from which an answer is believed: the mesh sees as much in lips that stay shut.
const stir = .003

// answerKey is what an answer depends on.
type answerKey struct {
	cluster ClusterID
	size    int // of the patch: the models answer differently
	pitch   int8
}

// answer is which strength of mouthOpen parts a surrogate's lips by gap more than they are at rest. Both rise from 0.
type answer []opened

type opened struct{ gap, strength float64 }

// MeetLips looks at the mouth of r's cluster as Render would before it first opens at r's pitch, so that Render need not. Errors as of Render.
func (g *Generator) MeetLips(ctx context.Context, r Request) error {
	r = g.seen(r)
	if g.rows[r.Cluster] == nil {
		return fmt.Errorf("%w %d", ErrCluster, r.Cluster)
	}
	_, err := g.mouth(ctx, r)
	return err
}

// mouth is the strength of mouthOpen that shows what r asks for.
func (g *Generator) mouth(ctx context.Context, r Request) (float64, error) {
	v := r.Look.Values()
	strength := v.Expression[appearance.MouthOpen]
	if g.lips == nil || strength == 0 {
		return strength, nil
	}
	whole := strength + g.lips.Others(&v.Expression)
	low := math.Floor(v.Pitch / lipPitch)
	high := v.Pitch/lipPitch - low // its weight
	bent := 0.
	for i, weight := range [2]float64{1 - high, high} {
		if weight == 0 {
			continue
		}
		pitch := (low + float64(i)) * lipPitch
		a, err := g.answer(ctx, r, int8(pitch/appearance.PoseStep))
		if err != nil {
			return 0, err
		}
		bent += weight * a.opens(min(1, whole), pitch, g.lips)
	}
	return min(1, strength*bent/whole), nil
}

// opens is the strength that parts these lips as far as strength is meant to part lips.
func (a answer) opens(strength, pitch float64, lips Lips) float64 {
	if len(a) == 0 {
		return strength
	}
	want, top := lips.Wanted(strength, pitch), a[len(a)-1]
	for i := 1; i < len(a); i++ {
		if p, q := a[i-1], a[i]; want < q.gap {
			return p.strength + (want-p.gap)/(q.gap-p.gap)*(q.strength-p.strength)
		}
	}
	// Beyond what was looked at mouths differ little: what is left of the way to 1 is shared out evenly.
	lo, hi := 0., strength
	for range 30 {
		if mid := (lo + hi) / 2; lips.Wanted(mid, pitch) < top.gap {
			lo = mid
		} else {
			hi = mid
		}
	}
	if hi >= 1 {
		return top.strength
	}
	return top.strength + (strength-hi)/(1-hi)*(1-top.strength)
}

// answer looks at a surrogate's mouth, once.
func (g *Generator) answer(ctx context.Context, r Request, pitch int8) (answer, error) {
	key := answerKey{r.Cluster, r.Side, pitch}
	if a, ok := g.answers[key]; ok {
		return a, nil
	}
	// Every fourth step first, then the steps before the lips part.
	steps := [appearance.MouthLevels]*float64{}
	rest, err := g.part(ctx, key, nil, &steps, 0, 4, 8, 12)
	if err != nil {
		return nil, err
	}
	if rest != nil {
		parts := 4
		for parts < 12 && *steps[parts] < stir {
			parts += 4
		}
		if rest, err = g.part(ctx, key, rest, &steps, parts-3, parts-2, parts-1, parts+2); err != nil {
			return nil, err
		}
	}
	var a answer
	if rest != nil {
		a = answerOf(&steps)
	}
	g.answers[key] = a
	return a, nil
}

// part looks at steps of mouthOpen and notes by how much more than on the patch rest the lips are apart there. Without rest the first
// step is it. It returns rest, or nil if the lips cannot be made out.
func (g *Generator) part(ctx context.Context, key answerKey, rest *frame.Patch, seen *[appearance.MouthLevels]*float64, steps ...int) (*frame.Patch, error) {
	n := g.nets[slices.IndexFunc(g.nets, func(n *net) bool { return n.size == key.size })]
	var patches []*frame.Patch
	if rest != nil {
		patches = append(patches, rest)
	}
	for _, s := range steps { // one by one: a network keeps the memory of the largest batch that it has had
		j := &job{req: Request{Cluster: key.cluster, Side: key.size}, mix: g.rows[key.cluster], light: lights()[appearance.Light{}]}
		j.req.Look.Pitch, j.mouth = key.pitch, float64(s)/(appearance.MouthLevels-1)
		calls, err := n.render(ctx, []*job{j})
		g.stats.Calls += calls
		if err != nil {
			return nil, err
		}
		patches = append(patches, j.patch)
	}
	gaps, err := g.lips.Gaps(ctx, patches)
	if err != nil || len(gaps) != len(patches) {
		return nil, err
	}
	for i, s := range steps {
		gap := gaps[len(gaps)-len(steps)+i] - gaps[0]
		seen[s] = &gap
	}
	return patches[0], nil
}

// answerOf is the answer of lips that part so by step of mouthOpen, nil where nobody looked. What does not open them further says nothing.
func answerOf(seen *[appearance.MouthLevels]*float64) answer {
	a := make(answer, 1)
	before := a[0] // the last step at which they were as good as shut
	for s, gap := range seen {
		if gap == nil {
			continue
		}
		at := opened{*gap, float64(s) / (appearance.MouthLevels - 1)}
		switch last := a[len(a)-1]; {
		case at.gap < stir && len(a) == 1:
			before = at
		case len(a) == 1:
			t := (stir - before.gap) / (at.gap - before.gap)
			a = append(a, opened{stir, before.strength + t*(at.strength-before.strength)})
			if at.gap > stir {
				a = append(a, at)
			}
		case at.gap > last.gap:
			a = append(a, at)
		}
	}
	if len(a) == 1 {
		return nil // a mouth that does not open
	}
	return a
}
