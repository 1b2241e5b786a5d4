package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Any is the value of Config.Age, Gender and Tone that restricts nothing.
const Any = "any"

// Values of Config.Expression.
const (
	ExpressionKeep    = "keep"
	ExpressionNeutral = "neutral"
)

// The donor pools that may be asked for. They are attributes of the synthetic donors as the renderer made them
// (models/generator/head.json), and of nobody filmed: what is asked for holds for every cluster alike.
var (
	Ages    = []string{Any, "young", "middle", "old"} // about 20 to 35, to 55, and above
	Genders = []string{Any, "female", "male"}
	Tones   = []string{Any, "light", "tan", "dark"}
)

// Proxies is the length of the generator's mix input: as many donors at most.
const Proxies = 64

// donor is what head.json says of a proxy.
type donor struct {
	Gender string  `json:"gender"` // F, M; empty: not said
	Age    float64 `json:"age"`    // 0 (about 20 years) to 1 (about 70)
	Tone   int     `json:"tone"`   // 0 light, 1 tan, 2 dark
}

// age is the donor's band.
func (d donor) age() string {
	switch {
	case d.Age < .34:
		return "young"
	case d.Age < .67:
		return "middle"
	}
	return "old"
}

// gender is the donor's apparent gender.
func (d donor) gender() string {
	switch d.Gender {
	case "F":
		return "female"
	case "M":
		return "male"
	}
	return ""
}

// donors reads the proxies of the generator that is built in; a fault can only be a broken build.
var donors = sync.OnceValue(func() []donor {
	var head struct {
		Donors []donor `json:"donors"`
	}
	b, err := headFile()
	if err == nil {
		err = json.Unmarshal(b, &head)
	}
	if n := len(head.Donors); err == nil && (n < 2 || n > Proxies) {
		err = fmt.Errorf("%d donors, want 2 to %d", n, Proxies)
	}
	if err != nil {
		panic(fmt.Sprintf("pipeline: head.json: %v", err))
	}
	return head.Donors
})

// pool lists the donors that clusters may draw from.
func (c Config) pool() []int {
	fits := func(want, is string) bool { return want == Any || want == is }
	var pool []int
	for i, d := range donors() {
		if fits(c.Age, d.age()) && fits(c.Gender, d.gender()) && fits(c.Tone, Tones[1+min(max(d.Tone, 0), 2)]) {
			pool = append(pool, i)
		}
	}
	return pool
}

// Look is the donors' policy in words, as decision list and report have it; empty for the default.
func (c Config) Look() string {
	var words []string
	for _, w := range []struct{ name, value string }{{"age", c.Age}, {"gender", c.Gender}, {"tone", c.Tone}} {
		if w.value != Any {
			words = append(words, w.name+" "+w.value)
		}
	}
	return strings.Join(words, ", ")
}

// checkPool says what is wrong with the donor pool that is asked for; "" when nothing is.
func (c Config) checkPool() string {
	for _, v := range []struct {
		name, value string
		known       []string
	}{{"age", c.Age, Ages}, {"gender", c.Gender, Genders}, {"tone", c.Tone, Tones}, {"expression", c.Expression, []string{ExpressionKeep, ExpressionNeutral}}} {
		if !slices.Contains(v.known, v.value) {
			return fmt.Sprintf("%s is %q; %s", v.name, v.value, strings.Join(v.known, ", "))
		}
	}
	// One more than a mix needs: with as many, every cluster would wear the same face.
	if n := len(c.pool()); n <= c.Donors {
		return fmt.Sprintf("age %s, gender %s and tone %s leave %d donors, and surrogates of %d need %d at least; ask for less, or for fewer donors",
			c.Age, c.Gender, c.Tone, n, c.Donors, c.Donors+1)
	}
	return ""
}
