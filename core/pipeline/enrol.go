package pipeline

import (
	"context"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// Enrolment is what Analyzer.Enrol did with the people of a film.
type Enrolment struct {
	New     []ksame.PersonID // enrolled now
	Known   []ksame.PersonID // recognised, ascending
	Unclear int              // seen too briefly or too poorly to be told from others: not enrolled
}

// Enrol ends pass 1 like Decide, but only adds the film's people to the registry: nobody gets a cluster, nothing is rendered.
// Pairs seen in one picture are recorded as different people. tx stays the caller's, to be committed or not.
func (a *Analyzer) Enrol(_ context.Context, tx *registry.Tx, link float64) (Enrolment, error) {
	c := cast{sights: a.sights, second: a.eyes.Second.id}
	if a.linker != nil {
		var err error
		if c.tracklets, err = a.linker.Finish(); err != nil {
			return Enrolment{}, err
		}
	}
	c.join(link)
	first := tx.State().NextPerson()
	if err := c.identify(tx, Config{}); err != nil {
		return Enrolment{}, err
	}
	if err := tx.Together(c.together()); err != nil {
		return Enrolment{}, err
	}
	var e Enrolment
	for _, id := range c.screen() {
		if id >= first {
			e.New = append(e.New, id)
		} else {
			e.Known = append(e.Known, id)
		}
	}
	for i := range c.groups {
		if c.groups[i].person == 0 {
			e.Unclear++
		}
	}
	return e, nil
}
