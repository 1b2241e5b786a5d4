package ksame

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	testRegistry = "000102030405060708090a0b0c0d0e0f"
	testDigest   = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// book writes a ledger, failing the test when a row is refused.
type book struct {
	t    *testing.T
	s    *State
	rows []Row
}

func newBook(t *testing.T) *book {
	b := &book{t: t, s: new(State)}
	b.add(Row{Kind: Init, Format: LedgerFormat, Registry: testRegistry})
	return b
}

func (b *book) add(r Row) {
	b.t.Helper()
	r, err := b.s.Add(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.rows = append(b.rows, r)
}

func (b *book) enrol(n int) {
	for range n {
		b.add(Row{Kind: Enrol, Person: b.s.NextPerson()})
	}
}

// sample is a ledger with every kind of row: two clusters of three people, one appended to the first, a union of both.
func sample(t *testing.T) *book {
	b := newBook(t)
	b.enrol(8)
	b.add(Row{Kind: Partitioned, K: 3, Clusters: []Block{
		{Cluster: 1, Members: []PersonID{1, 4, 5}, Distinct: 3}, {Cluster: 2, Members: []PersonID{2, 3, 6, 7}, Distinct: 3}}})
	b.add(Row{Kind: Append, K: 3, Person: 8, Cluster: 1, Distinct: 4})
	b.add(Row{Kind: Donors, Cluster: 1, Donors: Mix{1, 5, 9, 60}})
	b.add(Row{Kind: Donors, Cluster: 2, Donors: Mix{2, 6, 10, 61}})
	b.add(Row{Kind: Release, K: 3, Of: []ClusterID{1, 2}, Digest: testDigest})
	b.add(Row{Kind: Recount, Cluster: 2, Distinct: 4})
	b.add(Row{Kind: Tombstone, Person: 4, Cluster: 1, Distinct: 3})
	b.add(Row{Kind: Union, K: 5, Cluster: 3, Of: []ClusterID{1, 2}, Distinct: 7})
	b.add(Row{Kind: Donors, Cluster: 3, Donors: Mix{0, 5, 9, 60}})
	b.enrol(1)
	b.add(Row{Kind: Tombstone, Person: 9})
	b.add(Row{Kind: Release, Digest: testDigest})
	b.enrol(3)
	b.add(Row{Kind: Partitioned, K: 2, Clusters: []Block{{Cluster: 4, Members: []PersonID{10, 11}, Distinct: 2, Stratum: "20-39"}}})
	b.add(Row{Kind: Donors, Cluster: 4, Slot: 1, Donors: Mix{3, 7, 11, 62}})
	b.add(Row{Kind: Donors, Cluster: 4, Slot: 2, Donors: Mix{4, 8, 12, 63}})
	b.add(Row{Kind: Release, K: 2, Of: []ClusterID{3, 4}, Digest: testDigest, Report: testDigest, Mode: DistinctMode})
	b.add(Row{Kind: Split, Person: 13, Other: 10, Cluster: 4, Distinct: 3})
	b.add(Row{Kind: Merge, Person: 12, Other: 11, Cluster: 4, Distinct: 3})
	return b
}

func TestReplayGivesTheState(t *testing.T) {
	b := sample(t)
	s, err := Replay(b.rows)
	if err != nil {
		t.Fatal(err)
	}
	if s.Head() != b.s.Head() || s.Rows() != int64(len(b.rows)) || s.Registry() != testRegistry {
		t.Errorf("head %s, %d rows, registry %s", s.Head(), s.Rows(), s.Registry())
	}
	clusters := s.Clusters()
	if len(clusters) != 2 {
		t.Fatalf("clusters %v", clusters)
	}
	c := clusters[0]
	if c.ID != 3 || c.K != 5 || c.Distinct != 7 || !slices.Equal(c.Members, []PersonID{1, 2, 3, 5, 6, 7, 8}) || !slices.Equal(c.Mix(4), Mix{0, 5, 9, 60}) || c.Mix(3) != nil {
		t.Errorf("cluster %+v", c)
	}
	// Person 13 was found in 10, person 11 turned out to be 12, who had no cluster of their own.
	if d := clusters[1]; d.Stratum != "20-39" || d.Distinct != 3 || !slices.Equal(d.Members, []PersonID{10, 12, 13}) || !slices.Equal(d.SlotMix(4, 2), Mix{4, 8, 12, 63}) || d.Mix(4) != nil {
		t.Errorf("cluster %+v", d)
	}
	if worn := c.Worn(); len(worn) != 3 || !slices.Equal(worn[0], Mix{1, 5, 9, 60}) {
		t.Errorf("cluster 3 wore %v", worn)
	}
	if old, ok := s.Cluster(1); !ok || old.ID != 3 {
		t.Errorf("cluster 1 became %v, %v", old.ID, ok)
	}
	if s.Of(8) != 3 || s.Of(4) != 0 || !s.Forgotten(4) || s.Forgotten(8) || s.Of(99) != 0 {
		t.Error("people are not where they belong")
	}
	if !s.Certified(2, 7) || s.Certified(3, 8) || s.Certified(5, 1) || s.Certified(3, 0) {
		t.Error("Certified is wrong")
	}
	if _, ok := s.Cluster(5); ok {
		t.Error("there is a cluster 5")
	}
}

func TestRowsThatBreakTheRules(t *testing.T) {
	for _, tc := range []struct {
		name string
		row  Row
	}{
		{"a second init", Row{Kind: Init, Format: LedgerFormat, Registry: testRegistry}},
		{"an unknown kind", Row{Kind: "rename", Cluster: 1}},
		{"a field of another kind", Row{Kind: Enrol, Person: 9, Distinct: 1}},
		{"a missing field", Row{Kind: Recount, Cluster: 1}},
		{"a negative k", Row{Kind: Release, K: -1, Digest: testDigest}},
		{"an id left out", Row{Kind: Enrol, Person: 10}},
		{"an id used again", Row{Kind: Enrol, Person: 8}},
		{"a person who changes cluster by append", Row{Kind: Append, K: 3, Person: 1, Cluster: 2, Distinct: 4}},
		{"a person who changes cluster by partition", Row{Kind: Partitioned, K: 1, Clusters: []Block{{Cluster: 3, Members: []PersonID{1, 8}, Distinct: 2}}}},
		{"a person in two new clusters", Row{Kind: Partitioned, K: 1, Clusters: []Block{
			{Cluster: 3, Members: []PersonID{8}, Distinct: 1}, {Cluster: 4, Members: []PersonID{8}, Distinct: 1}}}},
		{"an unknown member", Row{Kind: Partitioned, K: 1, Clusters: []Block{{Cluster: 3, Members: []PersonID{9}, Distinct: 1}}}},
		{"a new cluster below k", Row{Kind: Partitioned, K: 2, Clusters: []Block{{Cluster: 3, Members: []PersonID{8}, Distinct: 1}}}},
		{"more distinct people than members", Row{Kind: Partitioned, K: 2, Clusters: []Block{{Cluster: 3, Members: []PersonID{8}, Distinct: 2}}}},
		{"a cluster id used again", Row{Kind: Partitioned, K: 1, Clusters: []Block{{Cluster: 2, Members: []PersonID{8}, Distinct: 1}}}},
		{"an append to a cluster that is not certified", Row{Kind: Append, K: 4, Person: 8, Cluster: 1, Distinct: 4}},
		{"an append that costs the certificate", Row{Kind: Append, K: 3, Person: 8, Cluster: 1, Distinct: 2}},
		{"an append that counts too many", Row{Kind: Append, K: 3, Person: 8, Cluster: 1, Distinct: 5}},
		{"an append to nowhere", Row{Kind: Append, K: 1, Person: 8, Cluster: 3, Distinct: 1}},
		{"a union below k", Row{Kind: Union, K: 8, Cluster: 3, Of: []ClusterID{1, 2}, Distinct: 7}},
		{"a union that counts too many", Row{Kind: Union, K: 5, Cluster: 3, Of: []ClusterID{1, 2}, Distinct: 8}},
		{"a union of one", Row{Kind: Union, K: 3, Cluster: 3, Of: []ClusterID{1}, Distinct: 3}},
		{"a union with itself", Row{Kind: Union, K: 3, Cluster: 3, Of: []ClusterID{1, 1}, Distinct: 3}},
		{"a union with a cluster that is not there", Row{Kind: Union, K: 3, Cluster: 3, Of: []ClusterID{1, 3}, Distinct: 3}},
		{"a recount above the members", Row{Kind: Recount, Cluster: 1, Distinct: 4}},
		{"a tombstone for nobody", Row{Kind: Tombstone, Person: 9}},
		{"a tombstone in another cluster", Row{Kind: Tombstone, Person: 1, Cluster: 2, Distinct: 3}},
		{"a tombstone that hides the cluster", Row{Kind: Tombstone, Person: 1}},
		{"a tombstone that keeps too many", Row{Kind: Tombstone, Person: 1, Cluster: 1, Distinct: 3}},
		{"donors of another cluster", Row{Kind: Donors, Cluster: 2, Donors: Mix{1, 5, 9, 60}}},
		{"donors out of order", Row{Kind: Donors, Cluster: 2, Donors: Mix{2, 1}}},
		{"one donor twice", Row{Kind: Donors, Cluster: 2, Donors: Mix{2, 2}}},
		{"a release above k", Row{Kind: Release, K: 4, Of: []ClusterID{1}, Digest: testDigest}},
		{"a release of a cluster that is not there", Row{Kind: Release, K: 1, Of: []ClusterID{5}, Digest: testDigest}},
		{"an upgrade of the newest", Row{Kind: Upgrade, Format: LedgerFormat}},
		{"an upgrade to the unknown", Row{Kind: Upgrade, Format: "ksamenet-ledger/3"}},
		{"a merge of two clusters", Row{Kind: Merge, Person: 1, Other: 2, Cluster: 1, Distinct: 3}},
		{"a merge with nobody", Row{Kind: Merge, Person: 1, Other: 9, Cluster: 1, Distinct: 3}},
		{"a merge with oneself", Row{Kind: Merge, Person: 1, Other: 1, Cluster: 1, Distinct: 2}},
		{"a merge that hides the cluster", Row{Kind: Merge, Person: 1, Other: 4}},
		{"a merge that keeps too many", Row{Kind: Merge, Person: 1, Other: 4, Cluster: 1, Distinct: 3}},
		{"a split to another cluster", Row{Kind: Split, Person: 9, Other: 1, Cluster: 2, Distinct: 4}},
		{"a split out of the cluster", Row{Kind: Split, Person: 9, Other: 1}},
		{"a split with an old id", Row{Kind: Split, Person: 8, Other: 1, Cluster: 1, Distinct: 4}},
		{"a split of nobody", Row{Kind: Split, Person: 9, Other: 9}},
		{"a split that counts too many", Row{Kind: Split, Person: 9, Other: 1, Cluster: 1, Distinct: 5}},
		{"a stratum that is a sentence", Row{Kind: Partitioned, K: 1, Clusters: []Block{{Cluster: 3, Members: []PersonID{8}, Distinct: 1, Stratum: "Ada Lovelace"}}}},
		{"an unknown mode", Row{Kind: Release, K: 1, Of: []ClusterID{1}, Digest: testDigest, Mode: "same"}},
		{"a report's digest that is none", Row{Kind: Release, K: 1, Of: []ClusterID{1}, Digest: testDigest, Report: "ab"}},
		{"a negative slot", Row{Kind: Donors, Cluster: 1, Slot: -1, Donors: Mix{1}}},
		{"a digest in capitals", Row{Kind: Release, K: 1, Of: []ClusterID{1}, Digest: strings.ToUpper(testDigest)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBook(t)
			b.enrol(8)
			b.add(Row{Kind: Partitioned, K: 3, Clusters: []Block{
				{Cluster: 1, Members: []PersonID{1, 4, 5}, Distinct: 3}, {Cluster: 2, Members: []PersonID{2, 3, 6, 7}, Distinct: 4}}})
			b.add(Row{Kind: Donors, Cluster: 1, Donors: Mix{1, 5, 9, 60}})
			before := fmt.Sprint(b.s.Clusters(), b.s.Persons(), b.s.Head())
			if _, err := b.s.Add(tc.row); !errors.Is(err, ErrRefused) {
				t.Errorf("add: error %v", err)
			}
			if err := b.s.Apply(b.s.Seal(tc.row)); !errors.Is(err, ErrTampered) {
				t.Errorf("apply: error %v", err)
			} else {
				t.Log(err)
			}
			if after := fmt.Sprint(b.s.Clusters(), b.s.Persons(), b.s.Head()); after != before {
				t.Errorf("the state changed from %s to %s", before, after)
			}
		})
	}
}

func TestUnionFreesDonors(t *testing.T) {
	b := sample(t)
	b.enrol(3)
	b.add(Row{Kind: Partitioned, K: 3, Clusters: []Block{{Cluster: 5, Members: []PersonID{14, 15, 16}, Distinct: 3}}})
	b.add(Row{Kind: Donors, Cluster: 5, Donors: Mix{1, 5, 9, 60}})
	if got := b.s.Mixes(3); len(got) != 3 || !slices.Equal(got[2], Mix{1, 5, 9, 60}) {
		t.Errorf("mixes of the others: %v", got)
	}
}

func TestExportRoundTrip(t *testing.T) {
	b := sample(t)
	var out bytes.Buffer
	if err := WriteLedger(&out, b.rows); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "ledger-2.jsonl")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("the format has changed: a reader of %s no longer reads what is written:\n%s", golden, out.Bytes())
	}
	rows, err := ReadLedger(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Replay(rows); err != nil || s.Head() != b.s.Head() {
		t.Errorf("error %v", err)
	}
}

// A ledger of the first format is read as ever, and goes on in the second; the head that was known before stays in it.
func TestFirstFormat(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "ledger.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ReadLedger(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Replay(rows)
	if err != nil || s.Format() != LedgerFormat1 {
		t.Fatalf("format %s, error %v", s.Format(), err)
	}
	split := Row{Kind: Split, Person: s.NextPerson(), Other: 1, Cluster: 3, Distinct: 8}
	for _, r := range []Row{split, {Kind: Release, Digest: testDigest, Report: testDigest}, {Kind: Donors, Cluster: 3, Slot: 1, Donors: Mix{1}}} {
		if _, err := s.Add(r); !errors.Is(err, ErrRefused) {
			t.Errorf("%s before the upgrade: error %v", r.Kind, err)
		}
	}
	for _, r := range []Row{{Kind: Upgrade, Format: LedgerFormat2}, split} {
		row, err := s.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	again, err := Replay(rows)
	if err != nil || again.Head() != s.Head() || again.Format() != LedgerFormat2 {
		t.Errorf("replay: head %s, format %s, error %v", again.Head(), again.Format(), err)
	}
}

// verify reads and replays an export and compares its head with one known from elsewhere, as an auditor does.
func verify(export []byte, head string) error {
	rows, err := ReadLedger(bytes.NewReader(export))
	if err != nil {
		return err
	}
	s, err := Replay(rows)
	if err != nil {
		return err
	}
	if s.Head() != head {
		return errors.New("another head")
	}
	return nil
}

func TestOneByteIsFound(t *testing.T) {
	b := sample(t)
	var out bytes.Buffer
	if err := WriteLedger(&out, b.rows); err != nil {
		t.Fatal(err)
	}
	export := out.Bytes()
	if err := verify(export, b.s.Head()); err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	for i := 0; i < len(export); i += step {
		for _, flip := range []byte{0x01, 0x20, 0x80} { // the last bit, the case of a letter, the top bit
			changed := slices.Clone(export)
			changed[i] ^= flip
			if verify(changed, b.s.Head()) == nil {
				t.Fatalf("byte %d of %d changed from %q to %q: not found", i, len(export), export[i], changed[i])
			}
		}
		if verify(slices.Delete(slices.Clone(export), i, i+1), b.s.Head()) == nil {
			t.Fatalf("byte %d removed: not found", i)
		}
	}
	lines := bytes.SplitAfter(export, []byte("\n"))
	for i := range b.rows {
		if verify(bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil), b.s.Head()) == nil {
			t.Errorf("row %d removed: not found", i+1)
		}
	}
}

// Whatever is read is either refused or a ledger that is written back byte by byte and obeys the rules.
func FuzzReadLedger(f *testing.F) {
	export, err := os.ReadFile(filepath.Join("testdata", "ledger-2.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(export)
	f.Add([]byte(`{"seq":1,"prev":"","kind":"init"}` + "\n"))
	f.Add([]byte("null\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		rows, err := ReadLedger(bytes.NewReader(in))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteLedger(&out, rows); err != nil || !bytes.Equal(out.Bytes(), in) {
			t.Fatalf("read %q, wrote %q, error %v", in, out.Bytes(), err)
		}
		// With the hashes put right the rules alone decide; they must neither panic nor let a cluster fall below its k.
		s := new(State)
		for _, r := range rows {
			if _, err := s.Add(r); err != nil {
				return
			}
			for _, c := range s.Clusters() {
				if c.Distinct > len(c.Members) {
					t.Fatalf("cluster %+v counts more people than it has", c)
				}
			}
			if last := s.Clusters(); (r.Kind == Partitioned || r.Kind == Union) && last[len(last)-1].Distinct < r.K {
				t.Fatalf("row %+v leaves %+v", r, last)
			}
		}
	})
}
