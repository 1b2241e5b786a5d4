package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
)

func list(certified bool) *decisions.List {
	return &decisions.List{
		Source:   decisions.Source{SHA256: "ab", Frames: 10, Width: 64, Height: 48},
		Policy:   decisions.Policy{K: 3, Donors: 4, Certified: certified, Why: map[bool]string{false: "only 2 people"}[certified]},
		Clusters: []decisions.Cluster{{ID: 2, Members: 3, Donors: []int{1}}, {ID: 1, Members: 5, Donors: []int{2}}},
		Persons: []decisions.Person{
			{ID: 1, Registry: 11, Cluster: 1, Action: decisions.Replace}, {ID: 2, Registry: 12, Cluster: 1, Action: decisions.Replace},
			{ID: 3, Registry: 13, Cluster: 2, Action: decisions.Replace},
		},
		Tracks: []decisions.Track{{ID: 1, Person: 1}},
	}
}

func TestCertified(t *testing.T) {
	r := New("test", list(true))
	r.Finish(Coverage{Faces: 5, Replaced: 5}, File{Frames: 10})
	if r.Verdict != Certified || r.KEff != (KEff{Population: 3, Cast: 1}) || r.Clusters[0].ID != 1 || r.Clusters[0].Cast != 2 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.Claim, "1/3") {
		t.Errorf("claim %q", r.Claim)
	}
}

func TestNotCertified(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    func() *Report
		want string
	}{
		{"too few", func() *Report { r := New("t", list(false)); r.Finish(Coverage{}, File{Frames: 10}); return r }, "only 2 people"},
		{"small cluster", func() *Report {
			l := list(true)
			l.Clusters[0].Members = 2
			r := New("t", l)
			r.Finish(Coverage{}, File{Frames: 10})
			return r
		}, "fewer than k"},
		{"uncovered", func() *Report {
			r := New("t", list(true))
			r.Finish(Coverage{Uncovered: 1}, File{Frames: 10})
			return r
		}, "uncovered"},
		{"frames lost", func() *Report { r := New("t", list(true)); r.Finish(Coverage{}, File{Frames: 9}); return r }, "9 frames"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := tc.r()
			if r.Verdict != NotCertified || !strings.Contains(strings.Join(r.Reasons, "; "), tc.want) || !strings.HasPrefix(r.Claim, "No claim") {
				t.Errorf("verdict %s, reasons %v, claim %q", r.Verdict, r.Reasons, r.Claim)
			}
		})
	}
}

func TestClaimWithoutSurrogates(t *testing.T) {
	l := list(true)
	l.Clusters = nil
	if c := New("t", l).Claim; !strings.Contains(c, "covered") {
		t.Errorf("faces without surrogates: %q", c)
	}
	l.Tracks = nil
	if c := New("t", l).Claim; !strings.Contains(c, "No face was found") {
		t.Errorf("no faces: %q", c)
	}
}

func TestEveryModelOnce(t *testing.T) {
	r := New("ksamenet test", list(true))
	r.Models = []Model{{Name: "a", SHA256: "1"}, {Name: "b", SHA256: "2"}, {Name: "a", SHA256: "1"}, {Name: "a", SHA256: "3"}}
	r.Finish(Coverage{}, File{})
	if want := []Model{{Name: "a", SHA256: "1"}, {Name: "b", SHA256: "2"}, {Name: "a", SHA256: "3"}}; !slices.Equal(r.Models, want) {
		t.Errorf("%+v, want %+v", r.Models, want)
	}
}

func TestWriteIsReadable(t *testing.T) {
	var b bytes.Buffer
	r := New("t", list(true))
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Format != Format || len(back.Outside) != len(Outside) {
		t.Errorf("%v %+v", err, back)
	}
}

// I12: what a report can hold is ids, counts, hashes and sentences. There is no place in it for a list of measurements, for
// bytes, or for anything whose type is not known here.
func TestReportCannotHoldAnEmbedding(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var look func(path string, typ reflect.Type)
	look = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for i := range typ.NumField() {
				look(path+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		case reflect.Pointer:
			look(path, typ.Elem())
		case reflect.Slice:
			if k := typ.Elem().Kind(); k != reflect.Struct && k != reflect.String && typ.Elem() != reflect.TypeFor[int64]() {
				t.Errorf("%s is a list of %s", path, typ.Elem())
			}
			look(path, typ.Elem())
		case reflect.String, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64, reflect.Bool:
		default:
			t.Errorf("%s is a %s", path, typ)
		}
	}
	look("report", reflect.TypeFor[Report]())
	if len(seen) < 8 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}
