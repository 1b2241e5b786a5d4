// Package attack tries to break what the project claims, and measures what is left of a performance: it looks at an
// original and its redacted copy, picture by picture, with the networks that an attacker or a viewer could use.
//
// Privacy: can a recogniser tell from the output who was filmed (Identify)? Utility: does a viewer still see a face that
// speaks, blinks and turns as the original did (Measure)?
//
// It decides nothing and writes to no picture. Embeddings live as long as a Watcher and reach no result.
package attack

import (
	"errors"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Errors that callers branch on.
var (
	// ErrPair: the two pictures cannot be an original and its copy.
	ErrPair = errors.New("attack: not an original and its copy")
	// ErrEvidence: too few people or faces to say anything.
	ErrEvidence = errors.New("attack: too little evidence")
)

// Face says where somebody is in one picture of the original. The output has the same face at the same place.
type Face struct {
	Track  int
	Person string // people of equal names are one
	// Group is the cluster that the output shows the person as; 0: not known, a group of its own.
	Group uint64
	Box   frame.Rect // px
	// Mask are points whose convex hull is the part of the output that the surrogate alone paints (the decision list's outline), px;
	// nil: not known. The channel FaceOnly shows nothing beyond it.
	Mask []frame.Point
	// Expression is the one of Classes that the recording is known to end in, "" when nothing is known.
	Expression string
	// Clear says that the face is not replaced by a surrogate here (kept or covered): no witness of utility, but of identity.
	Clear bool
}

// Side tells originals from outputs.
type Side int

// Sides.
const (
	Original Side = iota
	Output
	sides
)
