package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/ksamenet/ksamenet/core/attack"
)

// swept reads the document of a sweep.
func swept(s setup) (*attack.Sweep, error) {
	b, err := os.ReadFile(s.sweep)
	if err != nil {
		return nil, fmt.Errorf("%w (make attack-example writes it)", err)
	}
	doc := &attack.Sweep{}
	if err := json.Unmarshal(b, doc); err != nil {
		return nil, fmt.Errorf("%s: %w", s.sweep, err)
	}
	if doc.Format != attack.SweepFormat || len(doc.Curves) == 0 {
		return nil, fmt.Errorf("%s is no finished sweep", s.sweep)
	}
	return doc, nil
}

// attackTable says whom a sweep found, and whether a claim was beaten.
func attackTable(s setup) (string, error) {
	doc, err := swept(s)
	if err != nil {
		return "", err
	}
	head, claimed := []string{fmt.Sprintf("hits of %d", doc.People)}, []string{"claimed, at most"}
	for i, k := range doc.Ks() {
		name := fmt.Sprint(k)
		if i == 0 {
			name = "k = " + name
		}
		head = append(head, name)
		cell := ""
		if p := doc.Point(attack.Parrot, attack.Recognizers[0], attack.FaceOnly, k); p != nil {
			cell = fmt.Sprintf("%.0f", p.Claim*float64(p.Trials))
		}
		claimed = append(claimed, cell)
	}
	rows := [][]string{head, claimed}
	for _, r := range []struct {
		name    string
		attacks []string
		channel string
		chances bool
	}{
		{"parrot, `face`", []string{attack.Parrot}, attack.FaceOnly, true},
		{"cluster-leak, `face`", []string{attack.ClusterLeak}, attack.FaceOnly, true},
		{"composition after a rekey, `face`", []string{attack.Composition}, attack.FaceOnly, true},
		{"each signal and all of them, alone: the most", []string{attack.ClusterLeak}, "", true},
		{"parrot, `complexion`", []string{attack.Parrot}, attack.Complexion, true},
		{"parrot, `full`", []string{attack.Parrot}, attack.Full, false},
		{"naive; reverse, `face`", []string{attack.Naive, attack.Reverse}, attack.FaceOnly, false},
		{"linkage after a rekey, `face`", []string{attack.Linkage}, attack.FaceOnly, false},
	} {
		row := []string{r.name}
		for _, k := range doc.Ks() {
			var parts []string
			for _, name := range r.attacks {
				var hits []string
				for _, by := range attack.Recognizers {
					if p := calling(doc, name, by, r.channel, k); p != nil {
						cell := fmt.Sprint(p.Hits)
						if name == attack.Linkage && by == attack.Recognizers[len(attack.Recognizers)-1] {
							cell += fmt.Sprintf(" of %d", p.Trials)
						}
						if r.chances && k > 1 {
							cell += fmt.Sprintf(" (%.2g)", p.P)
						}
						hits = append(hits, cell)
					}
				}
				if len(hits) > 0 {
					parts = append(parts, strings.Join(hits, ", "))
				}
			}
			row = append(row, strings.Join(parts, "; "))
		}
		rows = append(rows, row)
	}
	var least *attack.Point
	tests := 0
	for i := range doc.Curves {
		if p := &doc.Curves[i]; p.Judged() && p.K > 1 {
			tests++
			if least == nil || p.P < least.P {
				least = p
			}
		}
	}
	text := table(rows) + "\n"
	if beaten := doc.Beaten(); len(beaten) > 0 {
		text += fmt.Sprintf("%d claims are beaten (exit code 3). ", len(beaten))
	} else {
		text += "No claim is beaten (exit code 0). "
	}
	if least != nil {
		text += fmt.Sprintf("The least chance of the %d tests that are judged is %.2g (%s, %s, %s, k = %d).\n", tests, least.P, least.Attack, least.Recognizer, least.Channel, least.K)
	}
	return text, nil
}

// calling is the point of an attack; without a channel, of the judged signals the one with the least chance.
func calling(doc *attack.Sweep, name, by, channel string, k int) (out *attack.Point) {
	if channel != "" {
		return doc.Point(name, by, channel, k)
	}
	for _, signal := range attack.Signals {
		if p := doc.Point(name, by, signal, k); p != nil && p.Judged() && (out == nil || p.P < out.P) {
			out = p
		}
	}
	return out
}

// expressionText says how far the rule for expressions carries.
func expressionText(s setup) (string, error) {
	doc, err := swept(s)
	if err != nil {
		return "", err
	}
	if doc.Utility == nil || doc.Utility.Expressions == nil {
		return "", fmt.Errorf("%s has no utility", s.sweep)
	}
	e := doc.Utility.Expressions
	var classes []string
	in, out := 0, 0
	for _, c := range e.Classes {
		in, out = in+c.LabelOriginal, out+c.LabelOutput
		classes = append(classes, fmt.Sprintf("%s %d of %d", c.Class, c.LabelOriginal, c.Labelled))
	}
	return fmt.Sprintf("How far the rule carries: of %d recordings of internal/testpeople that end in a known expression, it reads the class off the peaks of\n%d originals (%s)\nand of %d outputs; original and output agree in %.0f %% of the pictures, %.0f %% as a mean over the classes (kappa %.2f).\n",
		e.Labelled, in, strings.Join(classes, ", "), out, 100*e.Agreement, 100*e.Balanced, e.Kappa), nil
}
