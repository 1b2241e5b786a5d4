// Package ksame is the guarantee of ksamenet in one place: who shares a surrogate with whom, and how that can be checked.
//
// It builds clusters of at least k distinct people (Partition), lets them grow without ever moving anyone (AppendChoice,
// Unite), deals every cluster an exactly uniform mix of donors (Deal), writes each of these decisions as a row of a
// hash-chained ledger (Row) and replays such a ledger, refusing any row that breaks the rules (Replay, State). Certify says
// what may be claimed for the people of one production. docs/guarantee.md says what follows from it and what does not.
//
// It imports the standard library only, does no input or output beyond reading and writing ledger lines, and takes no
// decision by time, randomness, map order or address: equal arguments give equal results on every machine.
//
// It is not the registry: it keeps no embedding, file or key. core/registry does.
package ksame

import (
	"errors"
	"fmt"
)

// PersonID is an identity of the registry: positive, given once by an enrol row of the ledger, never used again.
type PersonID int64

// ClusterID is a cluster: positive, given once by a partition or union row of the ledger, never used again.
type ClusterID int64

// ErrTooFew: there are fewer than k distinct people, so no cluster can be certified. The error is a *TooFewError.
var ErrTooFew = errors.New("fewer than k distinct people")

// TooFewError says how many distinct people there are and how many are needed.
type TooFewError struct {
	Have int // distinct people counted, "maybe the same" counting as one
	Need int // k
}

func (e *TooFewError) Error() string {
	return fmt.Sprintf("ksame: %d distinct people, %d needed: %v", e.Have, e.Need, ErrTooFew)
}

// Unwrap makes errors.Is(err, ErrTooFew) true.
func (e *TooFewError) Unwrap() error { return ErrTooFew }
