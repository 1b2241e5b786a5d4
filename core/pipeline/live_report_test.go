package pipeline

import (
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/report"
)

func TestLiveReport(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(*Config, *wardrobe, *liveScene)
		lost    Lost
		verdict string
		claim   bool
	}{
		{"certified", func(*Config, *wardrobe, *liveScene) {}, Lost{}, report.Certified, true},
		{"pictures that show nothing", func(*Config, *wardrobe, *liveScene) {}, Lost{Blanked: 3}, report.Certified, true},
		{"pictures that are missing", func(*Config, *wardrobe, *liveScene) {}, Lost{Dropped: 3}, report.NotCertified, false},
		{"uncertified", func(c *Config, w *wardrobe, _ *liveScene) { c.Uncertified, w.shared = true, true }, Lost{}, report.NotCertified, false},
		{"k of 1", func(c *Config, _ *wardrobe, _ *liveScene) { c.K = 1 }, Lost{}, report.NotCertified, false},
		{"found too late", func(_ *Config, _ *wardrobe, s *liveScene) {
			s.actors[0].missed = map[int]bool{0: true, 1: true, 2: true}
		}, Lost{}, report.NotCertified, false},
	} {
		s := one(1)
		l := play(t, s, &fakeGenerator{}, func(w *wardrobe) {
			w.clusters = []decisions.Cluster{{ID: 1, Members: 6, Donors: []int{1, 2, 3, 4}}, {ID: 2, Members: 5, Donors: []int{5, 6, 7, 8}}}
			w.rows, w.head = 9, "ff"
		})
		l.eyes.Landmark = blindFollower{s}
		tc.change(&l.cfg, l.wear, s)
		s.run(t, l, 12)
		r := l.Report(tc.lost)
		if r.Verdict != tc.verdict || r.Coverage.Faces != r.Coverage.Replaced+r.Coverage.Covered || r.Input.Frames != 13+tc.lost.Blanked+tc.lost.Dropped {
			t.Errorf("%s: %+v", tc.name, r)
		}
		if len(r.Clusters) != 1 || r.Clusters[0].ID != 1 || r.Clusters[0].Members != 6 || r.People != 1 || r.Tracks != 1 || r.Ledger.Rows != 9 {
			t.Errorf("%s: one person of one cluster was shown: %+v", tc.name, r)
		}
		if (r.KEff.Population == 6 && r.Claim != "No claim: "+report.NotCertified+".") != tc.claim {
			t.Errorf("%s: claim %q", tc.name, r.Claim)
		}
		if tc.lost.Blanked > 0 && !slices.Contains(r.Reasons, "3 picture(s) could not be examined and show nothing") {
			t.Errorf("%s: reasons %q", tc.name, r.Reasons)
		}
	}
}

func TestLivePresets(t *testing.T) {
	for _, name := range []string{PresetLive, PresetFile} {
		c := greyConfig()
		if !c.UseLivePreset(name) || c.Validate() != nil || c.Lookahead < c.Extend || c.DetectInterval > c.Lookahead {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := greyConfig(); c.UseLivePreset("fast") {
		t.Error("an unknown preset was taken")
	}
}
