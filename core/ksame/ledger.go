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

// LedgerFormat names the format of rows; an init row carries it.
const LedgerFormat = "ksamenet-ledger/1"

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
	Donors      Kind = "donors"    // cluster, donors: the surrogate of a cluster; a later row replaces an earlier one
	Release     Kind = "release"   // k, of, digest: a production used these clusters; k = 0: not certified
)

// Block is one cluster of a partition row.
type Block struct {
	Cluster  ClusterID  `json:"cluster"`
	Members  []PersonID `json:"members"` // ascending
	Distinct int        `json:"distinct"`
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
	Cluster  ClusterID   `json:"cluster,omitempty"`
	Distinct int         `json:"distinct,omitempty"`
	Of       []ClusterID `json:"of,omitempty"` // ascending
	Clusters []Block     `json:"clusters,omitempty"`
	Donors   Mix         `json:"donors,omitempty"`
	Digest   string      `json:"digest,omitempty"` // SHA-256 of what was released, 64 hex digits
	Hash     string      `json:"hash,omitempty"`   // SHA-256, 64 hex digits
}

// digest is SHA-256 over the format's name, a line feed, and the row's JSON (fields in the order of the type, absent ones
// left out, no space) without its hash.
func (r Row) digest() string {
	r.Hash = ""
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // integers and strings: cannot fail
	}
	sum := sha256.Sum256(append([]byte(LedgerFormat+"\n"), body...))
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
