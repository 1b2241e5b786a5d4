package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// One production: look everybody up, enrol who is new, make sure that everybody on screen is one of k, and only then write.
func Example() {
	dir, err := os.MkdirTemp("", "registry")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	reg, err := registry.Init(filepath.Join(dir, "data", "registry.db"), filepath.Join(dir, "config", "registry.key"), registry.Options{Dim: 6})
	if err != nil {
		log.Fatal(err)
	}
	defer reg.Close()

	tx, err := reg.Begin()
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback() // does nothing after Commit
	var screen []ksame.PersonID
	for i := range 6 {
		embedding := make([]float32, 6) // of the recogniser
		embedding[i] = 1
		match, err := tx.Match(embedding)
		if err != nil {
			log.Fatal(err)
		}
		person := match.Person
		if !match.Same {
			if person, err = tx.Enrol(registry.Candidate{Embedding: embedding, Quality: 0.9}); err != nil {
				log.Fatal(err)
			}
		}
		screen = append(screen, person)
	}

	_, err = tx.Ensure(registry.Request{K: 7, Screen: screen})
	var few *ksame.TooFewError
	if errors.As(err, &few) {
		fmt.Println("people:", few.Have, "needed:", few.Need) // exit code 4, or SharedMix for everybody
	}
	if _, err := tx.Ensure(registry.Request{K: 3, Screen: screen}); err != nil {
		log.Fatal(err)
	}
	for _, c := range tx.State().Clusters() {
		mix, err := tx.Donors(c.ID, 4, ksame.AllDonors(64), nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("cluster", c.ID, "people:", c.Distinct, "donors:", len(mix))
	}
	if err := tx.Commit(context.Background()); err != nil {
		log.Fatal(err)
	}
	certificate, err := reg.Certify(3, screen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("certified:", certificate.Population, "k:", certificate.KEffective)
	// Output:
	// people: 6 needed: 7
	// cluster 1 people: 3 donors: 4
	// cluster 2 people: 3 donors: 4
	// certified: true k: 3
}
