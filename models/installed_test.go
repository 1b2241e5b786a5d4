package models

import (
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/internal/require"
)

func TestInstalled(t *testing.T) {
	for _, st := range DefaultStore("").Check() {
		t.Run(st.Manifest.Name, func(t *testing.T) {
			if errors.Is(st.Err, ErrMissing) {
				require.Missing(t, "models", st.Err.Error())
			}
			if st.Err != nil {
				t.Error(st.Err)
			}
		})
	}
}
