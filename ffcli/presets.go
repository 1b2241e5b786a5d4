package ffcli

import (
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// preset is a way to write the output by name. An empty codec is the input's own.
type preset struct {
	codec   string
	crf     float64 // 0: the encoder has none, or its default stands
	options map[string]string
	formats []string // the pixel formats of the preset; empty: all of the encoder
	widen   bool     // convert to a pixel format of the codec that holds every sample of the input's
}

var presets = map[string]preset{
	"review": {codec: "libx264", crf: 24, options: map[string]string{"preset": "veryfast"}},
	"master": {crf: 12},
	"prores": {codec: "prores_ks", widen: true},
	"dnxhr":  {codec: "dnxhd", widen: true},
	"ffv1":   {codec: "ffv1"},
	// 50 Mb/s at a constant rate with the quantiser of SMPTE RDD 9
	"xdcam": {codec: "mpeg2video", widen: true, formats: []string{"yuv422p"}, options: map[string]string{
		"b": "50M", "minrate": "50M", "maxrate": "50M", "bufsize": "36408333", "g": "12", "bf": "2",
		"intra_vlc": "1", "non_linear_quant": "1", "dc": "10", "qmin": "1", "qmax": "12", "profile": "0", "level": "2",
	}},
}

// writingFlags say how the video is written.
func writingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "preset", Usage: strings.Join(slices.Sorted(maps.Keys(presets)), ", ")},
		&cli.BoolFlag{Name: "match-source", Usage: "hold the input's bit rate rather than a constant quality"},
		&cli.StringSliceFlag{Name: "encoder-option", Usage: "`KEY=VALUE` for the encoder, by FFmpeg's names (may be repeated)"},
		&cli.StringSliceFlag{Name: "container-option", Usage: "`KEY=VALUE` for the container, by FFmpeg's names (may be repeated)"},
		&cli.StringFlag{Name: "vf", Usage: "libavfilter `CHAIN` before the encoder; may change samples and their format only"},
		&cli.BoolFlag{Name: "smart", Usage: "encode only groups of pictures with faces or zones anew, and copy the others; refused where it cannot be"},
		dropTagsFlag(),
		&cli.BoolFlag{Name: "drop-captions", Usage: "closed captions may be lost where the encoder cannot write them"},
	}
}

func dropTagsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "drop-tags", Usage: "colours, aspect ratio, rotation, fields, HDR10, chapters, timecode may be lost where container and codec cannot say them"}
}

// writing turns the flags into options. What the user says beats the preset.
func writing(c *cli.Context, opt *av.TranscodeOptions) error {
	if name := c.String("preset"); name != "" {
		p, ok := presets[name]
		if !ok {
			return usage("preset %q; %s", name, strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
		}
		if c.String("codec") != "" && p.codec != "" {
			return usage("--preset %s chooses the encoder; leave --codec out", name)
		}
		if p.codec != "" {
			opt.Codec = p.codec
		}
		opt.Options, opt.Widen, opt.PixelFormats = maps.Clone(p.options), p.widen, p.formats
		opt.PreferredCRF = p.crf
	}
	if c.Bool("match-source") && (c.String("preset") != "" || c.Float64("crf") >= 0) {
		return usage("--match-source holds the input's bit rate; leave --preset and --crf out")
	}
	if c.Bool("smart") {
		opt.Smart = &av.Smart{} // paint says which pictures
	}
	opt.MatchRate, opt.Filter, opt.DropCaptions = c.Bool("match-source"), c.String("vf"), c.Bool("drop-captions")
	opt.DropTags = c.Bool("drop-tags")
	for _, f := range []struct {
		flag string
		to   *map[string]string
	}{{"encoder-option", &opt.Options}, {"container-option", &opt.MuxOptions}} {
		for _, s := range c.StringSlice(f.flag) {
			k, v, ok := strings.Cut(s, "=")
			if !ok || k == "" {
				return usage("--%s %q; KEY=VALUE is needed", f.flag, s)
			}
			if *f.to == nil {
				*f.to = map[string]string{}
			}
			(*f.to)[k] = v
		}
	}
	return nil
}
