package pipeline

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/models"
)

var updatePortraits = flag.Bool("update-portraits", false, "write models/generator/portraits.json")

// The donors' portraits that come with the program are what its networks make of the donors.
func TestKnownPortraits(t *testing.T) {
	made, err := madeWith(modelGenerator)
	if err != nil {
		t.Fatal(err)
	}
	if *updatePortraits {
		writePortraits(t, made)
		t.Skip("written; run the test again, built anew")
	}
	var k known
	b, err := models.File(modelGenerator, knownFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &k); err != nil {
		t.Fatal(err)
	}
	for name, sum := range made {
		if k.Made[name] != sum {
			t.Errorf("%s has changed: make the portraits anew (go test ./core/pipeline -run KnownPortraits -update-portraits)", name)
		}
	}
	m := newMirror(t)
	if m.known == nil || len(m.recognizers) != 2 {
		t.Fatalf("the portraits were not read: %d recognisers", len(m.recognizers))
	}
	for _, d := range []int{0, 21, 42, Proxies - 1} {
		want, err := m.embed(t.Context(), ksame.Mix{d}, appearance.Appearance{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.portrait(t.Context(), ksame.Mix{d})
		if err != nil || len(got) != len(want) {
			t.Fatalf("donor %d: %d embeddings, want %d (%v)", d, len(got), len(want), err)
		}
		for i, by := range m.recognizers {
			if c := dot(got[i], want[i]); !(c > .999) {
				t.Errorf("donor %d, %s: a cosine of %.4f with what the networks make of it", d, by.model, c)
			}
		}
	}
}

// Portraits by other networks are not taken.
func TestKnownPortraitsOfOthers(t *testing.T) {
	for _, tc := range []struct {
		name, generator string
		by              []embedder
	}{
		{"the other generator", modelSmall, nil}, {"another recogniser", modelGenerator, []embedder{{model: "sface", id: "sface:0"}}},
	} {
		if k, err := readKnown(tc.generator, tc.by); k != nil || err != nil {
			t.Errorf("%s: %v, %v", tc.name, k, err)
		}
	}
	if p, ok := (*known)(nil).of(0, 1); ok || p != nil {
		t.Errorf("nothing is known, and %v is", p)
	}
	two := &known{donors: [][][]float32{{{1}, {1}}, nil, {{1}}}}
	for d, want := range []bool{true, true, false, false} {
		if p, ok := two.of(d, 2); ok != want || (p != nil) != (d == 0) {
			t.Errorf("donor %d: %v, %v", d, p, ok)
		}
	}
}

func writePortraits(t *testing.T, made map[string]string) {
	m := newMirror(t)
	m.known = nil
	k := known{Made: made, Embeddings: map[string]string{}}
	for i, by := range m.recognizers {
		var raw []byte
		for d := range Proxies {
			p, err := m.portrait(t.Context(), ksame.Mix{d})
			if err != nil {
				t.Fatal(err)
			}
			v := make([]float32, 128)
			if p != nil {
				v = p[i]
			}
			for _, x := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
			}
		}
		k.Embeddings[by.id] = base64.StdEncoding.EncodeToString(raw)
	}
	b, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "models", modelGenerator, knownFile), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
