package ksame

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The formats of rows. An init row names the format that a ledger begins in, an upgrade row the one that it goes on in; rows
// keep the form they were written in, so a head that was published stays valid.
const (
	LedgerFormat1 = "ksamenet-ledger/1"
	// LedgerFormat2 adds the kinds upgrade, merge and split, strata and slots, and the report's hash in a release.
	LedgerFormat2 = "ksamenet-ledger/2"
	// LedgerFormat is what new ledgers are written in.
	LedgerFormat = LedgerFormat2
)

// ErrTampered: a ledger that does not verify. Errors of ReadLedger, Replay and State.Apply wrap it.
var ErrTampered = errors.New("ledger does not verify")

// ErrRefused: a new row that the rules forbid. Errors of State.Add wrap it.
var ErrRefused = errors.New("the ledger refuses the row")

// Kind is what a row of the ledger records.
type Kind string

// The kinds of rows and the fields each one carries besides seq, prev, kind and hash; all other fields are absent.
const (
	Init        Kind = "init"      // format, registry: the first row and only there
	Enrol       Kind = "enrol"     // person: a new identity, ids ascending
	Partitioned Kind = "partition" // k, clusters: people without a cluster form new clusters of >= k distinct people
	Append      Kind = "append"    // k, person, cluster, distinct: the person joins a cluster with >= k distinct people, before and after
	Union       Kind = "union"     // k, cluster, of, distinct: whole clusters become one new cluster
	Recount     Kind = "recount"   // cluster, distinct: new evidence on which members may be the same person
	Tombstone   Kind = "tombstone" // person, [cluster, distinct]: the person is forgotten; distinct is what their cluster keeps
	Donors      Kind = "donors"    // cluster, donors, [slot]: a surrogate of a cluster; a later row replaces an earlier one
	Release     Kind = "release"   // [k], [of], digest, [report], [mode]: a production used these clusters; k = 0: not certified
	Upgrade     Kind = "upgrade"   // format: the rows that follow, and this one, have that format
	Merge       Kind = "merge"     // person, other, [cluster, distinct]: other was person all along; its id is never used again
	Split       Kind = "split"     // person, other, [cluster, distinct]: person, a new identity, was hidden in other
)

// DistinctMode in a release: its members wore surrogates of their own, dealt by a secret permutation.
const DistinctMode = "distinct"

// Block is one cluster of a partition row.
type Block struct {
	Cluster  ClusterID  `json:"cluster"`
	Members  []PersonID `json:"members"` // ascending
	Distinct int        `json:"distinct"`
	Stratum  string     `json:"stratum,omitempty"` // published attribute that all members were enrolled with
}

// Row is one decision. Rows hold ids and counts: no face, embedding, name or time (when somebody was enrolled says who was
// filmed when). A row's hash covers the hash of the row before it, so no row can be changed, removed or put in between
// without changing every hash after it; whoever keeps the newest hash (a report does) can prove the whole.
type Row struct {
	Seq      int64       `json:"seq"`  // 1, 2, 3 …
	Prev     string      `json:"prev"` // hash of the row before, 64 zeros for the first
	Kind     Kind        `json:"kind"`
	Format   string      `json:"format,omitempty"`
	Registry string      `json:"registry,omitempty"` // random id of the registry, 32 hex digits
	K        int         `json:"k,omitempty"`
	Person   PersonID    `json:"person,omitempty"`
	Other    PersonID    `json:"other,omitempty"`
	Cluster  ClusterID   `json:"cluster,omitempty"`
	Distinct int         `json:"distinct,omitempty"`
	Of       []ClusterID `json:"of,omitempty"` // ascending
	Clusters []Block     `json:"clusters,omitempty"`
	Donors   Mix         `json:"donors,omitempty"`
	Slot     int         `json:"slot,omitempty"`   // in mode distinct: which surrogate of the cluster, 1, 2, 3 …
	Digest   string      `json:"digest,omitempty"` // SHA-256 of what was released, 64 hex digits
	Report   string      `json:"report,omitempty"` // SHA-256 of the report on it, 64 hex digits
	Mode     string      `json:"mode,omitempty"`   // DistinctMode, or absent
	Hash     string      `json:"hash,omitempty"`   // SHA-256, 64 hex digits
}

// digest is SHA-256 over the format's name, a line feed, and the row's JSON (fields in the order of the type, absent ones
// left out, no space) without its hash. A row that names a format has that one.
func (r Row) digest(format string) string {
	r.Hash = ""
	if r.Format != "" {
		format = r.Format
	}
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // integers and strings: cannot fail
	}
	sum := sha256.Sum256(append([]byte(format+"\n"), body...))
	return hex.EncodeToString(sum[:])
}

// Line is the one way to write a row: its JSON, no line feed.
func (r Row) Line() []byte {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err) // see digest
	}
	return line
}

// ParseRow reads a line written by Row.Line and refuses everything else, be it equal JSON spelt otherwise. It does not
// check hashes; Replay does.
func ParseRow(line []byte) (Row, error) {
	var r Row
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Row{}, fmt.Errorf("ksame: %w: %w", ErrTampered, err)
	}
	if !bytes.Equal(r.Line(), line) {
		return Row{}, fmt.Errorf("ksame: %w: row %d is not in canonical form", ErrTampered, r.Seq)
	}
	return r, nil
}

// WriteLedger writes rows as JSON Lines, each row one line.
func WriteLedger(w io.Writer, rows []Row) error {
	b := bufio.NewWriter(w)
	for _, r := range rows {
		b.Write(r.Line())
		b.WriteByte('\n')
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("ksame: write ledger: %w", err)
	}
	return nil
}

// ReadLedger reads what WriteLedger wrote. It checks the form of lines only: pass the rows to Replay.
func ReadLedger(r io.Reader) ([]Row, error) {
	var rows []Row
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return rows, nil
		}
		if err == io.EOF {
			return nil, fmt.Errorf("ksame: %w: the last line is cut off", ErrTampered)
		}
		if err != nil {
			return nil, fmt.Errorf("ksame: read ledger: %w", err)
		}
		row, err := ParseRow(line[:len(line)-1])
		if err != nil {
			return nil, fmt.Errorf("ksame: line %d: %w", len(rows)+1, err)
		}
		rows = append(rows, row)
	}
}
