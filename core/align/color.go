package align

import "github.com/ksamenet/ksamenet/core/frame"

// chromaMatrix holds the four products of the inverse Y'CbCr matrix: R = Y + rv·Pr, G = Y - gu·Pb - gv·Pr, B = Y + bu·Pb.
type chromaMatrix struct{ rv, gu, gv, bu float32 }

// inverse computes the products from the luma weights Kr and Kb of the standard.
// Source: ITU-T H.273 (07/2024), section 8.3, eq. 38-43.
func inverse(m frame.Matrix) chromaMatrix {
	kr, kb := .2126, .0722
	switch m {
	case frame.BT601:
		kr, kb = .299, .114
	case frame.BT2020:
		kr, kb = .2627, .0593
	}
	kg := 1 - kr - kb
	return chromaMatrix{
		rv: float32(2 * (1 - kr)),
		gu: float32(2 * kb * (1 - kb) / kg),
		gv: float32(2 * kr * (1 - kr) / kg),
		bu: float32(2 * (1 - kb)),
	}
}

// levels is the line v = code·gain + offset that turns the sample codes of component i into 0..255 (luma, R, G, B) or
// into -127.5..127.5 (chroma). R'G'B' is always read as full range.
func levels(p *frame.Picture, i int) (gain, offset float64) {
	d := p.Layout.Components[i].Depth
	chroma := !p.Layout.RGB && i > 0
	if p.FullRange || p.Layout.RGB {
		gain = 255 / float64(int(1)<<d-1)
		if chroma {
			offset = -gain * float64(int(1)<<(d-1))
		}
		return gain, offset
	}
	step := 1 / float64(int(1)<<(d-8))
	if chroma {
		gain = step * 255 / 224
		return gain, -128. * 255 / 224
	}
	return step * 255 / 219, -16. * 255 / 219
}
