// Package registry is the closed set of people on disk: who is enrolled, by which encrypted reference embeddings, and the
// ledger of core/ksame that says who shares a surrogate with whom.
//
// It is one SQLite file (mode 0600, WAL) plus a key file kept elsewhere. Embeddings and labels are encrypted under a key of
// their own per person, so that forgetting a person erases what could read them. All that decides about clusters is the
// ledger; this package checks it on every start and keeps it append-only. The registry and its key never travel with an
// output or a report.
//
// Changes go through a transaction (Begin): it plans on a copy in memory, and nothing reaches the disk before Commit.
// One process writes at a time.
package registry

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Errors that callers branch on.
var (
	ErrNoRegistry = errors.New("registry: no registry there")
	ErrExists     = errors.New("registry: the file exists")
	ErrNoKey      = errors.New("registry: no key file there")
	ErrWrongKey   = errors.New("registry: this key does not belong to this registry")
	ErrBusy       = errors.New("registry: another process is writing")
	ErrReadOnly   = errors.New("registry: opened read-only")
	ErrSchema     = errors.New("registry: schema version not supported")
	ErrModel      = errors.New("registry: made with another recogniser")
	ErrUnknown    = errors.New("registry: no such person")
	ErrStrata     = errors.New("registry: made without strata")
	ErrTogether   = errors.New("registry: two people seen in one picture cannot be one person")
	ErrClosed     = errors.New("registry: closed")
	ErrTx         = errors.New("registry: a transaction is open already or ended")
)

// Similarity thresholds: cosine of SFace embeddings on aligned faces. Measured on 61 photographs of 16 people: same person
// .672 ± .113 (mean, standard deviation), different people .045 ± .092; faces 24 px wide: same person .55, 16 px: .38.
const (
	// DefaultTauLink: rendered as the same person. Two standard deviations below the mean of the same person, four above that
	// of different people.
	DefaultTauLink = 0.45
	// DefaultTauLow: counted as perhaps the same person. What is compared here are means over a tracklet, which vary less
	// than single photographs: of 75 pairs of different people filmed in one room two exceed it (greatest .414, median .234),
	// while all 14 pairs of one person there, five people in all, lie above .82. At .32 those five counted as one.
	DefaultTauLow = 0.40
)

// MaxSamples is how many reference embeddings a person keeps, the best by quality.
const MaxSamples = 10

// Options of Init and Open. The zero value is valid.
type Options struct {
	// Recognizer names the model that makes the embeddings (id and hash, say). Init stores it; Open compares it unless it is
	// empty: embeddings of two models cannot be compared.
	Recognizer string
	// Dim is the length of embeddings; 0 means 128. Init stores it.
	Dim int
	// TauLink is the threshold above; 0 means the default.
	TauLink float64
	// TauLow is the threshold above; 0 means the default. Init stores it, for the counts in the ledger hang on it; Open uses
	// what is stored.
	TauLow float64
	// Strata makes Init allow strata: people are then grouped within an attribute that the operator gives them (an age band,
	// say), and every cluster publishes the attribute of its members. Off by default; Open uses what is stored.
	Strata bool
	// ReadOnly opens without the writer's lock; every change is refused.
	ReadOnly bool
	// ID is the registry's random id, 16 bytes. nil lets Init draw one. It separates what two registries derive from one key
	// file; tests set it to get the same choices from two fresh registries.
	ID []byte
	// Log gets what an operator should know. nil discards it.
	Log *slog.Logger
	// now is the clock for creation times, which decide nothing.
	now func() time.Time
}

func (o Options) withDefaults() (Options, error) {
	if o.Dim == 0 {
		o.Dim = 128
	}
	if o.TauLink == 0 {
		o.TauLink = DefaultTauLink
	}
	if o.TauLow == 0 {
		o.TauLow = DefaultTauLow
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	var faults []error
	if o.Dim < 1 || o.Dim > 4096 {
		faults = append(faults, fmt.Errorf("registry: embeddings of %d values", o.Dim))
	}
	// Written so that NaN fails.
	if !(o.TauLow > 0 && o.TauLow <= o.TauLink && o.TauLink <= 1) {
		faults = append(faults, fmt.Errorf("registry: thresholds link %v, low %v: want 0 < low <= link <= 1", o.TauLink, o.TauLow))
	}
	if o.ID != nil && len(o.ID) != 16 {
		faults = append(faults, fmt.Errorf("registry: an id of %d bytes, want 16", len(o.ID)))
	}
	return o, errors.Join(faults...)
}

// Person is one enrolled identity.
type Person struct {
	ID        ksame.PersonID
	Label     string // the user's own note; never leaves the registry. Empty for a forgotten person
	Created   time.Time
	Samples   int             // reference embeddings kept
	Cluster   ksame.ClusterID // 0: none yet
	Tombstone bool            // forgotten, or merged into somebody else: only the id remains
	Stratum   string          // the attribute their cluster publishes, "" for none
}

// Candidate is a person about to be enrolled.
type Candidate struct {
	Embedding []float32 // unit length within 1 %
	Quality   float64   // of the recogniser, >= 0; weighs the samples of a person
	Label     string
	Stratum   string // "" for none; anything else needs a registry with strata
}
