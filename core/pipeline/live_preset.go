package pipeline

// Presets of streams.
const (
	PresetLive = "live" // as soon as a face cannot have been missed: for cameras and networks
	PresetFile = "file" // nothing hurries
)

// UseLivePreset sets Lookahead, DetectInterval and Detail as a preset of a stream has them; false for one that is not known.
//
// Both look ahead at least as far as a track is carried back from its first sight (Extend's default): a face is then covered in
// every picture in which it may have been before it was found (Live.Missed). In live the detector rests for two pictures of three
// while the landmarks find everybody again.
func (c *Config) UseLivePreset(name string) bool {
	switch name {
	case PresetLive:
		c.Lookahead, c.DetectInterval, c.Detail = 12, 3, DetailFast
	case PresetFile:
		c.Lookahead, c.DetectInterval, c.Detail = 25, 1, DetailFull
	default:
		return false
	}
	return true
}
