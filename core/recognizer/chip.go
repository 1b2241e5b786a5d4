package recognizer

import (
	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// chip is how a network wants a face cut out: a square of side px in which five of the face's points lie at template.
type chip struct {
	side     int
	template [5]frame.Point
	points   func(*Face) *[5]frame.Point
	// faceWidth is the width of an average face in template px: the canonical face mesh, 15.3 cm wide from ear to ear, at
	// the scale that brings its five points nearest to the template.
	faceWidth float64
	link      float64 // similarity
}

// align maps chip px to picture px.
func (c *chip) align(f *Face) (align.Matrix, error) {
	return align.Similarity(c.template[:], c.points(f)[:])
}

// The known networks; their inputs' sides tell them apart.
var (
	// Source: Deng et al., "ArcFace", CVPR 2019, section 4.1 (five-point similarity); the figures are those of its
	// published code.
	sface = &chip{
		side:      112,
		template:  [5]frame.Point{{X: 38.2946, Y: 51.6963}, {X: 73.5318, Y: 51.5014}, {X: 56.0252, Y: 71.7366}, {X: 41.5493, Y: 92.3655}, {X: 70.7299, Y: 92.2041}},
		points:    func(f *Face) *[5]frame.Point { return &f.Points },
		faceWidth: 89, link: .45,
	}
	// Source: dlib 19.24, image_transforms/interpolation.h, get_face_chip_details for five points with the padding of .25
	// that the network was trained on: (p + .25) / 1.5 of the side. A raw distance below .6, dlib's rule, is this link.
	dlib = &chip{
		side:      150,
		template:  [5]frame.Point{{X: 37.0575, Y: 46.3727}, {X: 58.4085, Y: 47.9064}, {X: 89.6060, Y: 47.8967}, {X: 110.9567, Y: 46.3498}, {X: 74.0112, Y: 87.7798}},
		points:    func(f *Face) *[5]frame.Point { return &f.Corners },
		faceWidth: 130, link: .905,
	}
	chips = [...]*chip{sface, dlib}
)
