package registry

import (
	"errors"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// judgeBy refuses mixes and finds none alike.
func judgeBy(refuse func(ksame.Mix) bool) *Judge {
	return &Judge{
		Refuse:   func(m ksame.Mix, _ bool) (bool, error) { return refuse(m), nil },
		Likeness: func(a, b ksame.Mix) (float64, error) { return 0, nil },
	}
}

// Among the draws that pass, the one is dealt that is least like the mixes in use; the choice is the key's and repeatable.
func TestFarthestMix(t *testing.T) {
	d := ksame.Deal{Key: []byte("key"), Per: 4, Pool: ksame.AllDonors(64), Taken: []ksame.Mix{{0, 1, 2, 3}, {4, 5, 6, 7}}}
	alike := func(a, b ksame.Mix) float64 { return float64((a[0]+2*a[1]+3*b[0])%17) / 20 }
	worst := func(m ksame.Mix) float64 { return max(alike(m, d.Taken[0]), alike(m, d.Taken[1])) }
	var seen []ksame.Mix
	j := &Judge{
		Refuse: func(m ksame.Mix, standing bool) (bool, error) {
			if standing {
				t.Error("nothing stands yet")
			}
			seen = append(seen, m)
			return len(seen)%3 == 0, nil
		},
		Likeness: func(a, b ksame.Mix) (float64, error) { return alike(a, b), nil },
	}
	mix, err := j.deal(d, 9)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != candidates {
		t.Errorf("%d mixes were looked at, want %d", len(seen), candidates)
	}
	for i, m := range seen {
		if (i+1)%3 != 0 && worst(m) < worst(mix) {
			t.Errorf("%v is farther than %v", m, mix)
		}
	}
	first := slices.Clone(mix)
	seen = nil
	if again, err := j.deal(d, 9); err != nil || !slices.Equal(again, first) {
		t.Errorf("dealt %v, then %v (%v)", first, again, err)
	}
}

// I10: what is too like another cluster's surrogate is never dealt, and a judge that fails deals nothing.
func TestJudgeHasTheLastWord(t *testing.T) {
	d := ksame.Deal{Key: []byte("key"), Per: 4, Pool: ksame.AllDonors(64), Taken: []ksame.Mix{{0, 1, 2, 3}}}
	pass := func(ksame.Mix, bool) (bool, error) { return false, nil }
	broken := errors.New("engine broke")
	for name, tc := range map[string]struct {
		judge Judge
		want  error
	}{
		"all alike":      {Judge{Refuse: pass, Likeness: func(a, b ksame.Mix) (float64, error) { return 1, nil }}, ksame.ErrNoDonors},
		"all refused":    {Judge{Refuse: func(ksame.Mix, bool) (bool, error) { return true, nil }}, ksame.ErrNoDonors},
		"likeness fails": {Judge{Refuse: pass, Likeness: func(a, b ksame.Mix) (float64, error) { return 0, broken }}, broken},
		"refusal fails":  {Judge{Refuse: func(ksame.Mix, bool) (bool, error) { return false, broken }}, broken},
	} {
		if mix, err := tc.judge.deal(d, 9); !errors.Is(err, tc.want) || mix != nil {
			t.Errorf("%s: %v, %v", name, mix, err)
		}
	}
	var told ksame.ClusterID
	lenient := Judge{Refuse: func(ksame.Mix, bool) (bool, error) { return true, nil }, Lenient: func(id ksame.ClusterID) { told = id }}
	if mix, err := lenient.deal(d, 9); err != nil || len(mix) != 4 || told != 9 {
		t.Errorf("a lenient judge: %v, %v, told of cluster %d", mix, err, told)
	}
}

// Where hardly a mix passes, blind draws give up; with a guess of what is worth a look, one is found: within the bound on
// looks, the same one every time, and without a look at more than the first few when those pass.
func TestGuessedDraws(t *testing.T) {
	rare := func(m ksame.Mix) bool { return m[0] >= 46 } // one mix in 208
	looks := 0
	judge := func(guess func(ksame.Mix, []ksame.Mix) (float64, error)) *Judge {
		looks = 0
		return &Judge{
			Refuse:   func(m ksame.Mix, _ bool) (bool, error) { looks++; return !rare(m), nil },
			Likeness: func(a, b ksame.Mix) (float64, error) { return 0, nil },
			Guess:    guess,
		}
	}
	near := func(m ksame.Mix, _ []ksame.Mix) (float64, error) { return float64(64 - m[0]), nil }
	failed := 0
	for id := range ksame.ClusterID(20) {
		d := ksame.Deal{Key: []byte("a key"), Per: 4, Pool: ksame.AllDonors(64), Taken: []ksame.Mix{{0, 1, 2, 3}}}
		if _, err := judge(nil).deal(d, id); errors.Is(err, ksame.ErrNoDonors) {
			failed++
		}
		mix, err := judge(near).deal(d, id)
		if err != nil || !rare(mix) || looks > maxLooks {
			t.Errorf("cluster %d: %v after %d looks, error %v", id, mix, looks, err)
		}
		if again, err := judge(near).deal(d, id); err != nil || !slices.Equal(mix, again) {
			t.Errorf("cluster %d: dealt %v, then %v (%v)", id, mix, again, err)
		}
	}
	if failed < 5 {
		t.Errorf("blind draws fail for %d of 20 clusters: the test tries nothing", failed)
	}
	d := ksame.Deal{Key: []byte("a key"), Per: 4, Pool: ksame.AllDonors(64)}
	broken := errors.New("engine broke")
	if _, err := judge(func(ksame.Mix, []ksame.Mix) (float64, error) { return 0, broken }).deal(d, 1); !errors.Is(err, broken) {
		t.Errorf("a guess that fails: error %v", err)
	}
	none := judge(near)
	none.Refuse = func(ksame.Mix, bool) (bool, error) { looks++; return true, nil }
	if mix, err := none.deal(d, 1); !errors.Is(err, ksame.ErrNoDonors) || mix != nil || looks != maxLooks {
		t.Errorf("nothing passes: %v after %d looks, error %v", mix, looks, err)
	}
}
