package userdirs

import "testing"

func TestData(t *testing.T) {
	for _, c := range []struct{ xdg, home, want string }{
		{"/data", "/home/u", "/data"},
		{"", "/home/u", "/home/u/.local/share"},
		{"relative", "/home/u", "/home/u/.local/share"},
		{"", "", ""},
	} {
		t.Setenv("XDG_DATA_HOME", c.xdg)
		t.Setenv("HOME", c.home)
		if got := Data(); got != c.want {
			t.Errorf("XDG_DATA_HOME=%q HOME=%q: %q, want %q", c.xdg, c.home, got, c.want)
		}
	}
}
