package detector

import (
	"cmp"
	"slices"
)

// suppress keeps, best score first, each detection that overlaps no better one by more than iou. It works in place.
// Empty boxes, which overlap nothing, are dropped.
func suppress(d []Detection, iou float64) []Detection {
	slices.SortStableFunc(d, func(a, b Detection) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Box.Y0, b.Box.Y0), cmp.Compare(a.Box.X0, b.Box.X0))
	})
	kept := d[:0]
	for _, c := range d {
		if !c.Box.Empty() && !slices.ContainsFunc(kept, func(k Detection) bool { return k.Box.IoU(c.Box) > iou }) {
			kept = append(kept, c)
		}
	}
	return kept
}
