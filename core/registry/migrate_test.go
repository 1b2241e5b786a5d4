package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// A file of every older schema opens, keeps its people and clusters, and goes on in the newest form. testdata holds one file
// per version, made by the release that wrote it: 7 people of 8 values each, person 2 forgotten, clusters of k = 3.
func TestEveryOlderSchema(t *testing.T) {
	for version := 1; version < len(migrations); version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			dir := t.TempDir()
			p := place{filepath.Join(dir, "r.db"), filepath.Join(dir, "r.key")}
			write(t, p.db, mustRead(t, filepath.Join("testdata", fmt.Sprintf("schema-%d.db", version))))
			write(t, p.key, mustRead(t, filepath.Join("testdata", "schema.key")))

			if _, err := Open(p.db, p.key, Options{ReadOnly: true}); !errors.Is(err, ErrSchema) {
				t.Errorf("read-only: error %v", err)
			}
			r := p.open(t)
			rows := r.Ledger()
			if last := rows[len(rows)-1]; version == 1 && (last.Kind != ksame.Upgrade || last.Format != ksame.LedgerFormat) {
				t.Errorf("the last row is %+v", last)
			}
			people, err := r.Persons(context.Background())
			if err != nil || len(people) != 7 || !people[1].Tombstone || people[6].Label != "person g" || people[6].Cluster == 0 {
				t.Fatalf("people %+v, error %v", people, err)
			}
			before := homes(r.State())
			tx := begin(t, r)
			e := make([]float32, 8)
			e[7] = 1
			if _, err := tx.Enrol(Candidate{Embedding: e, Quality: 1}); err != nil {
				t.Fatal(err)
			}
			mustEnsure(t, tx, Request{K: 3})
			if _, err := tx.Split(1, []int{0}); err == nil {
				t.Error("the only sample was split off")
			}
			if err := tx.SetSecond("another network", 4, e, 1); err != nil {
				t.Error(err)
			}
			commit(t, tx)
			appendOnly(t, before, r.State())
			checkHealthy(t, r)
			after := len(r.Ledger())
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			again := p.open(t)
			if n := again.Seconds(); n != 1 {
				t.Errorf("%d second embeddings", n)
			}
			if got := len(again.Ledger()); got != after {
				t.Errorf("%d rows after opening again, %d before: the upgrade is made once", got, after)
			}
			checkHealthy(t, again)
		})
	}
	if _, err := os.Stat(filepath.Join("testdata", fmt.Sprintf("schema-%d.db", len(migrations)-1))); err != nil {
		t.Errorf("no file of the version before the newest: %v", err)
	}
}
