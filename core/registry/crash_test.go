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

// crashVariable hands the paths of the registry, and what to do, to the child that is killed.
const crashVariable = "KSAMENET_TEST_CRASH"

func TestMain(m *testing.M) {
	if at := os.Getenv(crashVariable); at != "" {
		if err := writeForEver(at, os.Getenv(crashVariable+"_KEY"), works[os.Getenv(crashVariable+"_WORK")]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// work is one kind of change, again and again, in transactions of its own.
type work struct {
	round func(*Registry, *rand.Rand) error
	// whole says whether a number of people without a cluster is what whole transactions leave.
	whole func(waiting int) bool
}

// Newcomers of one transaction.
const (
	crashEnrols = 5
	crashCrowd  = 12
)

var works = map[string]work{
	"enrol": {
		func(r *Registry, rng *rand.Rand) error {
			return r.change(context.Background(), func(t *Tx) error { return enrolFaces(t, rng, crashEnrols) })
		},
		func(waiting int) bool { return waiting%crashEnrols == 0 },
	},
	"partition": {
		func(r *Registry, rng *rand.Rand) error {
			if err := r.change(context.Background(), func(t *Tx) error { return enrolFaces(t, rng, crashCrowd) }); err != nil {
				return err
			}
			return r.change(context.Background(), func(t *Tx) error {
				_, err := t.Ensure(Request{K: 3, Growth: GrowPartition})
				return err
			})
		},
		// A run that was killed before it made clusters leaves its newcomers to the next one.
		func(waiting int) bool { return waiting%crashCrowd == 0 },
	},
	"append": {
		func(r *Registry, rng *rand.Rand) error {
			return r.change(context.Background(), func(t *Tx) error {
				if err := enrolFaces(t, rng, 3); err != nil {
					return err
				}
				if people := t.State().Persons(); len(people) > 50 {
					if err := t.Forget(people[rng.IntN(len(people))]); err != nil {
						return err
					}
				}
				if _, err := t.Ensure(Request{K: 3, Growth: GrowAppend}); err != nil {
					return err
				}
				for _, c := range t.State().Clusters() {
					if _, err := t.Donors(c.ID, 4, ksame.AllDonors(64), nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
		func(waiting int) bool { return waiting == 0 },
	},
}

func enrolFaces(t *Tx, rng *rand.Rand, n int) error {
	for range n {
		id, err := t.Enrol(Candidate{Embedding: face(rng), Quality: 1})
		if err != nil {
			return err
		}
		if _, err := t.AddSample(id, face(rng), 1); err != nil {
			return err
		}
	}
	return nil
}

// writeForEver works until the process is killed.
func writeForEver(path, key string, w work) error {
	r, err := Open(path, key, Options{})
	if err != nil {
		return err
	}
	fmt.Println("writing")
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	for {
		if err := w.round(r, rng); err != nil {
			return err
		}
	}
}

// A writer killed at any moment, a hundred times, leaves a registry that opens and verifies, with nothing done by halves.
func TestKilledWriter(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for name, w := range works {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.init(t).Close()
			rng := rand.New(rand.NewPCG(6, uint64(len(name))))
			var last int64
			for i := range 34 {
				h, waiting := p.kill(t, name, time.Duration(rng.IntN(60_000))*time.Microsecond)
				if h.Rows < last || h.Clusters > 0 && h.Smallest < 1 || h.Samples != 2*h.Persons {
					t.Fatalf("kill %d: %+v after %d rows", i, h, last)
				}
				if !w.whole(waiting) {
					t.Fatalf("kill %d: %d people wait for a cluster: half a commit", i, waiting)
				}
				last = h.Rows
			}
			if last < 100 {
				t.Errorf("%d rows: the children were killed before they wrote", last)
			}
		})
	}
}

// kill starts a writer, kills it after a while, and says what it left.
func (p place) kill(t *testing.T, work string, after time.Duration) (h Health, waiting int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), crashVariable+"="+p.db, crashVariable+"_KEY="+p.key, crashVariable+"_WORK="+work)
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
	time.Sleep(after)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait() // it was killed
	r := p.open(t)
	defer r.Close()
	for _, person := range r.now.list() {
		if !person.Tombstone && person.Cluster == 0 {
			waiting++
		}
	}
	if s, err := ksame.Replay(r.Ledger()); err != nil || fmt.Sprint(s.Clusters()) != fmt.Sprint(r.Clusters()) {
		t.Fatalf("replay gives another state: %v", err)
	}
	return checkHealthy(t, r), waiting
}
