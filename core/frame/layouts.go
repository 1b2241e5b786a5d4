package frame

// Planar builds the layout of 8- to 16-bit planar Y'CbCr with the given chroma subsampling.
func Planar(name string, depth int, subX, subY uint) *Layout {
	step := 1
	if depth > 8 {
		step = 2
	}
	return &Layout{Name: name, Components: []Component{
		{Plane: 0, Step: step, Depth: depth},
		{Plane: 1, Step: step, Depth: depth, SubX: subX, SubY: subY},
		{Plane: 2, Step: step, Depth: depth, SubX: subX, SubY: subY},
	}}
}

// Layouts that both hosts and the tests share. Hosts describe any other format by its components.
var (
	I420  = Planar("I420", 8, 1, 1)
	Y42B  = Planar("Y42B", 8, 1, 0)
	Y444  = Planar("Y444", 8, 0, 0)
	NV12  = &Layout{Name: "NV12", Components: []Component{{Step: 1, Depth: 8}, {Plane: 1, Step: 2, Depth: 8, SubX: 1, SubY: 1}, {Plane: 1, Offset: 1, Step: 2, Depth: 8, SubX: 1, SubY: 1}}}
	P010  = &Layout{Name: "P010", Components: []Component{{Step: 2, Shift: 6, Depth: 10}, {Plane: 1, Step: 4, Shift: 6, Depth: 10, SubX: 1, SubY: 1}, {Plane: 1, Offset: 2, Step: 4, Shift: 6, Depth: 10, SubX: 1, SubY: 1}}}
	RGB24 = &Layout{Name: "RGB", RGB: true, Components: []Component{{Step: 3, Depth: 8}, {Offset: 1, Step: 3, Depth: 8}, {Offset: 2, Step: 3, Depth: 8}}}
	RGBA  = &Layout{Name: "RGBA", RGB: true, Alpha: true, Components: []Component{{Step: 4, Depth: 8}, {Offset: 1, Step: 4, Depth: 8}, {Offset: 2, Step: 4, Depth: 8}, {Offset: 3, Step: 4, Depth: 8}}}
	Gray8 = &Layout{Name: "GRAY8", Components: []Component{{Step: 1, Depth: 8}}}
)

// New allocates a picture of the given layout and size with tightly packed planes; every sample is 0.
// Hosts borrow memory instead; New serves tests, tools and intermediate pictures.
func New(l *Layout, w, h int) *Picture {
	p := &Picture{W: w, H: h, Layout: l, Matrix: BT709}
	for _, c := range l.Components {
		for len(p.Planes) <= c.Plane {
			p.Planes = append(p.Planes, Plane{})
		}
		pl := &p.Planes[c.Plane]
		pl.W, pl.H = ceilShift(w, c.SubX), ceilShift(h, c.SubY)
		pl.Stride = max(pl.Stride, pl.W*c.Step)
	}
	for i := range p.Planes {
		p.Planes[i].Data = make([]byte, p.Planes[i].Stride*p.Planes[i].H)
	}
	return p
}
