package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// crashVariable hands the paths of the registry to the child that is killed.
const crashVariable = "KSAMENET_TEST_CRASH"

func TestMain(m *testing.M) {
	if at := os.Getenv(crashVariable); at != "" {
		if err := writeForEver(at, os.Getenv(crashVariable+"_KEY")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForEver enrols, partitions, appends and forgets until the process is killed.
func writeForEver(path, key string) error {
	r, err := Open(path, key, Options{})
	if err != nil {
		return err
	}
	fmt.Println("writing")
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	for {
		tx, err := r.Begin()
		if err != nil {
			return err
		}
		for range 5 {
			id, err := tx.Enrol(Candidate{Embedding: face(rng), Quality: 1})
			if err != nil {
				return err
			}
			if _, err := tx.AddSample(id, face(rng), 1); err != nil {
				return err
			}
		}
		if people := tx.State().Persons(); len(people) > 50 {
			if err := tx.Forget(people[rng.IntN(len(people))]); err != nil {
				return err
			}
		}
		if _, err := tx.Ensure(Request{K: 3, Growth: Growth(rng.IntN(2))}); err != nil {
			return err
		}
		for _, c := range tx.State().Clusters() {
			if _, err := tx.Donors(c.ID, 4, ksame.AllDonors(64), nil); err != nil {
				return err
			}
		}
		if err := tx.Commit(context.Background()); err != nil {
			return err
		}
	}
}

// A writer killed at any moment leaves a registry that opens and verifies, with nothing done by halves.
func TestKilledWriter(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	p := newPlace(t)
	p.init(t).Close()
	rng := rand.New(rand.NewPCG(6, 6))
	var last int64
	for i := range 100 {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), crashVariable+"="+p.db, crashVariable+"_KEY="+p.key)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanln(out, new(string)); err != nil {
			t.Fatalf("the child does not write: %v, %v", err, child.Wait())
		}
		time.Sleep(time.Duration(rng.IntN(60_000)) * time.Microsecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait() // it was killed
		r := p.open(t)
		h := checkHealthy(t, r)
		if h.Rows < last || h.Persons > 0 && h.Smallest < 1 || h.Samples != 2*h.Persons {
			t.Fatalf("kill %d: %+v after %d rows", i, h, last)
		}
		for _, person := range r.now.list() {
			if !person.Tombstone && person.Cluster == 0 {
				t.Fatalf("kill %d: person %d is enrolled but has no cluster: half a commit", i, person.ID)
			}
		}
		last = h.Rows
		r.Close()
	}
	if last < 200 {
		t.Errorf("%d rows: the children were killed before they wrote", last)
	}
}
