package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// A query among 10,000 people, of one sample and of ten samples each.
func BenchmarkMatch(b *testing.B) {
	for _, samples := range []int{1, MaxSamples} {
		b.Run(fmt.Sprint(samples), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			g := newGallery(128)
			for p := range ksame.PersonID(10_000) {
				for range samples {
					g.add(p+1, face(rng), 1)
				}
			}
			query := face(rng)
			for b.Loop() {
				if m, err := g.match(query); err != nil || m.Person == 0 {
					b.Fatal(m, err)
				}
			}
		})
	}
}

// Enrolling 10,000 people, their partition for k = 5, and the commit.
func BenchmarkTenThousandPeople(b *testing.B) {
	rng := rand.New(rand.NewPCG(2, 1))
	people := make([][]float32, 10_000)
	for i := range people {
		people[i] = face(rng)
	}
	for b.Loop() {
		p := newPlace(b)
		r := p.init(b)
		tx := begin(b, r)
		enrol(b, tx, people)
		mustEnsure(b, tx, Request{K: 5})
		if err := tx.Commit(context.Background()); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
