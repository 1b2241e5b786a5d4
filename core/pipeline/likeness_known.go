package pipeline

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/ksamenet/ksamenet/models"
)

// knownFile lies beside the generator: what recognisers make of each donor worn alone. Every new cluster is compared with all donors, and
// to render and embed 64 of them takes 2.5 s of a processor's time, in each run. It is good for the networks that it names, no others:
// TestKnownPortraits makes it anew (-update-portraits).
const knownFile = "portraits.json"

// known are portraits that come with the program.
type known struct {
	// Made is the SHA-256 of what they were made with, in hex, by name: the generator, the mesh, head.json.
	Made map[string]string `json:"made"`
	// Embeddings are, by recogniser (embedder.id), base64 of little-endian float32, donor by donor; all zeros where no face was made out.
	Embeddings map[string]string `json:"embeddings"`

	donors [][][]float32 // decoded: by donor, by recogniser
}

// readKnown reads the portraits for a generator and recognisers; nil where the file is about other networks, or is not there.
func readKnown(generator string, by []embedder) (*known, error) {
	b, err := models.File(modelGenerator, knownFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k known
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("pipeline: %s: %w", knownFile, err)
	}
	made, err := madeWith(generator)
	if err != nil {
		return nil, err
	}
	for name, sum := range made {
		if k.Made[name] != sum {
			return nil, nil
		}
	}
	k.donors = make([][][]float32, len(donors()))
	for _, e := range by {
		packed, ok := k.Embeddings[e.id]
		if !ok {
			return nil, nil
		}
		raw, err := base64.StdEncoding.DecodeString(packed)
		if err != nil || len(raw) == 0 || len(raw)%(4*len(k.donors)) != 0 {
			return nil, fmt.Errorf("pipeline: %s: %d bytes for %d donors (%v)", knownFile, len(raw), len(k.donors), err)
		}
		n := len(raw) / len(k.donors)
		for d := range k.donors {
			v := make([]float32, n/4)
			for i := range v {
				v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[d*n+4*i:]))
			}
			switch length := math.Sqrt(dot(v, v)); {
			case length == 0:
			case !(math.Abs(length-1) < 1e-3):
				return nil, fmt.Errorf("pipeline: %s: donor %d has an embedding of length %v", knownFile, d, length)
			default:
				k.donors[d] = append(k.donors[d], v)
			}
		}
	}
	return &k, nil
}

// madeWith names what portraits by a generator hang on, by content.
func madeWith(generator string) (map[string]string, error) {
	made := map[string]string{}
	for _, name := range []string{generator, modelLandmark} {
		m, err := models.Manifest(name)
		if err != nil {
			return nil, err
		}
		made[name] = m.SHA256
	}
	head, err := headFile()
	if err != nil {
		return nil, err
	}
	made["head.json"] = fmt.Sprintf("%x", sha256.Sum256(head))
	return made, nil
}

// of is the portrait of a donor, as mirror.portrait has it; ok says that it is known.
func (k *known) of(donor, recognizers int) (portrait [][]float32, ok bool) {
	if k == nil || donor < 0 || donor >= len(k.donors) {
		return nil, false
	}
	if p := k.donors[donor]; len(p) == recognizers {
		return p, true
	}
	return nil, len(k.donors[donor]) == 0
}
