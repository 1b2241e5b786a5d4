package attack

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// Classes of expression: rest and the six basic emotions (Ekman, Friesen, "Unmasking the Face", 1975).
var Classes = []string{"neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"}

// ExpressionRule says in words how a class is read off the expression units.
const ExpressionRule = "the largest of: happiness = larger of smileClose and smileOpen; surprise = mean of browUp and the larger of mouthOpen and eyeOpen; " +
	"sadness = mean of browSad and mouthSad; anger = browDown; disgust = disgust; fear = mean of browSad, stretch and eyeOpen; neutral below 0.30. " +
	"Units are read against the face's own neutral shape over the track, and are what they exceed their lower quartile by"

// leastEmotion is the strength below which a face is neutral: a third of a full expression.
const leastEmotion = .3

// unit indices by name.
var unitAt = func() map[string]int {
	m := map[string]int{}
	for i, n := range appearance.UnitNames {
		m[n] = i
	}
	return m
}()

// classify is the class of a face by its units above rest: an index of Classes. The rule follows the action units that
// EMFACS gives the emotions (Friesen, Ekman, "EMFACS-7", 1983): 6+12; 1+2+5+26; 1+4+15; 4+5+7; 9+15; 1+2+4+5+20.
func classify(units [appearance.Units]float64) int {
	u := func(name string) float64 { return units[unitAt[name]] }
	scores := []float64{
		leastEmotion,
		max(u("smileClose"), u("smileOpen")),
		(u("browUp") + max(u("mouthOpen"), u("eyeOpen"))) / 2,
		(u("browSad") + u("mouthSad")) / 2,
		u("browDown"),
		u("disgust"),
		(u("browSad") + u("stretch") + u("eyeOpen")) / 3,
	}
	best := 0
	for i, s := range scores {
		if s > scores[best] {
			best = i
		}
	}
	return best
}

// Expressions is the agreement of original and output in the class of expression.
type Expressions struct {
	Rule      string  `json:"rule"`
	Pictures  int     `json:"pictures"`
	Agreement float64 `json:"agreement"` // share of the pictures in which both sides show the same class
	Balanced  float64 `json:"balanced"`  // mean over the classes of their own agreement
	// Kappa is Cohen's: agreement beyond chance, 1 for none but equal classes.
	Kappa   float64 `json:"kappa"`
	Classes []Class `json:"classes"`
	// Labelled tracks are those whose recording is known to end in an expression: of them the last pictures count.
	Labelled int     `json:"labelled,omitempty"`
	Original float64 `json:"labelled_original,omitempty"` // share of labels that the original's peak shows
	Output   float64 `json:"labelled_output,omitempty"`   // and the output's
}

// Class is one class's share.
type Class struct {
	Class     string  `json:"class"`
	Original  int     `json:"original"` // pictures in which the original shows it
	Output    int     `json:"output"`
	Both      int     `json:"both"`
	Agreement float64 `json:"agreement"` // Both / Original
	// Of the tracks with this label: how many, and how many peaks show it.
	Labelled      int `json:"labelled,omitempty"`
	LabelOriginal int `json:"label_original,omitempty"`
	LabelOutput   int `json:"label_output,omitempty"`
}

// peakPictures are the last pictures of a labelled track, which show the peak.
const peakPictures = 3

// expressions adds up the tracks; nil when no picture has a mesh on both sides.
func expressions(tracks []*track) *Expressions {
	e := Expressions{Rule: ExpressionRule}
	for _, c := range Classes {
		e.Classes = append(e.Classes, Class{Class: c})
	}
	same := 0
	for _, t := range tracks {
		if len(t.both) == 0 {
			continue
		}
		var rest [sides][appearance.Units]float64
		for side := range rest {
			rest[side] = t.rest(Side(side))
		}
		var peak [sides][appearance.Units]float64
		last := max(0, len(t.both)-peakPictures)
		for i := range t.both {
			var class [sides]int
			for side := range class {
				var above [appearance.Units]float64
				for k, v := range t.both[i].face[side].own {
					above[k] = v - rest[side][k]
					if i >= last {
						peak[side][k] += above[k] / float64(len(t.both)-last)
					}
				}
				class[side] = classify(above)
			}
			e.Pictures++
			e.Classes[class[Original]].Original++
			e.Classes[class[Output]].Output++
			if class[Original] == class[Output] {
				e.Classes[class[Original]].Both++
				same++
			}
		}
		if label := slices.Index(Classes, t.label); label >= 0 {
			c := &e.Classes[label]
			c.Labelled++
			e.Labelled++
			if classify(peak[Original]) == label {
				c.LabelOriginal++
				e.Original++
			}
			if classify(peak[Output]) == label {
				c.LabelOutput++
				e.Output++
			}
		}
	}
	if e.Pictures == 0 {
		return nil
	}
	n, seen, chance := float64(e.Pictures), 0., 0.
	for i := range e.Classes {
		c := &e.Classes[i]
		if c.Original > 0 {
			c.Agreement = float64(c.Both) / float64(c.Original)
			e.Balanced, seen = e.Balanced+c.Agreement, seen+1
		}
		chance += float64(c.Original) / n * float64(c.Output) / n
	}
	e.Agreement, e.Balanced = float64(same)/n, e.Balanced/seen
	e.Kappa = 1
	if chance < 1 {
		e.Kappa = (e.Agreement - chance) / (1 - chance)
	}
	if e.Labelled > 0 {
		e.Original, e.Output = e.Original/float64(e.Labelled), e.Output/float64(e.Labelled)
	}
	return &e
}

// restPictures is how many pictures of a track make a rest; a shorter one is taken as it is.
const restPictures = 8

// rest is the lower quartile of each unit over the track: what the mesh reads off the resting face of this person, or of this
// surrogate.
func (t *track) rest(side Side) (out [appearance.Units]float64) {
	if len(t.both) < restPictures {
		return out
	}
	v := make([]float64, len(t.both))
	for k := range out {
		for i := range t.both {
			v[i] = t.both[i].face[side].own[k]
		}
		slices.Sort(v)
		out[k] = v[int(math.Floor(float64(len(v)-1)/4))]
	}
	return out
}

// calibrate reads the units of both sides against each one's own neutral face, as pass 1 does: a full frown read against the
// average face gave less than .07.
func (t *track) calibrate(ctx context.Context, mesh meshFinder) error {
	for side := range sides {
		samples := make([]landmark.Sample, len(t.both))
		for i := range t.both {
			samples[i] = t.both[i].face[side].sample
		}
		if err := mesh.Calibrate(ctx, samples); err != nil {
			return fmt.Errorf("attack: %w", err)
		}
		for i := range samples {
			t.both[i].face[side].own = samples[i].Raw.Expression
		}
	}
	return nil
}
