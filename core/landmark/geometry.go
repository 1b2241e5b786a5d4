package landmark

// watched are the mesh points whose places the regressor sees: where expression, gaze and jaw show.
// training/appearance/features.py holds the same list.
var watched = [...]int{
	61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, // lips, outer edge
	78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, // lips, inner edge
	33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, // eye on the picture's left
	263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, // eye on the right
	46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336, // brows
	468, 469, 470, 471, 472, 473, 474, 475, 476, 477, // irises
	152, 148, 176, 149, 150, 136, 172, 377, 400, 378, 379, 365, 397, 199, 200, 18, // jaw and chin
	50, 280, 205, 425, 36, 266, 101, 330, 187, 411, 207, 427, 206, 426, 216, 436, // cheeks
	1, 4, 5, 6, 98, 327, 64, 294, 2, 168, 195, 48, 278, 129, 358, // nose
}

// Coordinates is the number of a Geometry's values that are places: three per watched point.
const Coordinates = 3 * len(watched)

// Features is the number of values that the regressor takes: the coordinates, yaw/60 and pitch/30 of the fit, and 1 when
// the coordinates are relative to a Reference.
const Features = Coordinates + 3

// Geometry is a face turned back by its fitted pose: the watched points in patch units from the head's centre, and the
// rest of Features. It holds a person's shape: keep it no longer than a track lives, and never write it anywhere.
type Geometry [Features]float32

// normalise computes the geometry of m under its fit.
func (g *Geometry) normalise(m *Mesh, p Pose) {
	for k, i := range watched {
		q := space(m, i)
		for a := range 3 {
			var v float64
			for b := range 3 {
				v += p.R[b][a] * (q[b] - p.Shift[b])
			}
			g[3*k+a] = float32(v / p.Scale)
		}
	}
	g[Coordinates], g[Coordinates+1], g[Coordinates+2] = float32(p.Yaw/60), float32(p.Pitch/30), 0
}

// yaw is the fit's, degrees.
func (g *Geometry) yaw() float64 { return float64(g[Coordinates]) * 60 }

// turn is the head's yaw and pitch, degrees: the fit's, corrected for what it misses. The mesh sees near profiles as less
// turned than they are and small turns as larger; a turned head looks raised. Least squares on 5976 renders to ±75° of yaw:
// mean error 1.8° and 2.3°, 5.4° and 3.1° beyond 55° of yaw (training/appearance/features.py, turn). The fit follows small
// turns better than a network that also sees the mouth: correlation .95 against .54 on a clip that turns by 1.6°.
func (g *Geometry) turn() (yaw, pitch float64) {
	y, p := g.yaw(), float64(g[Coordinates+1])*30
	q := y / 60
	return .9245*y + 9.73*q*q*q, 1.0725*p + 5.82*q*q - 1.47
}
