package frame

import "testing"

func TestPatchValidate(t *testing.T) {
	if err := (&Patch{Size: 48, RGBA: make([]byte, 4*48*48)}).Validate(); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]*Patch{
		"none":  nil,
		"empty": {},
		"short": {Size: 64, RGBA: make([]byte, 4*64*64-1)},
		"long":  {Size: 64, RGBA: make([]byte, 4*64*64+1)},
		"odd":   {Size: 50, RGBA: make([]byte, 4*50*50)},
		"small": {Size: 16, RGBA: make([]byte, 4*16*16)},
		"large": {Size: 2048, RGBA: make([]byte, 4*2048*2048)},
	} {
		if p.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
