package av

import (
	"math"
	"strconv"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// likeInput sets what depends on the input: profile, bit rate, HDR10. set holds the options so far and is added to.
func likeInput(ec *astiav.CodecContext, encoder string, r *reader, first *astiav.Frame, set map[string]string) error {
	p := r.src.video.CodecParameters()
	same := p.CodecID() == astiav.FindEncoderByName(encoder).ID()
	switch encoder {
	case "libx264":
		// x264's AVX-512 code reads memory that was never written when a row of macroblocks does not fill a register (320x240,
		// 720x576), and its output then depends on what lay there: 8 runs gave 8 files (x264 164, FFmpeg 5.1.9). This option
		// takes the exact code, the same on every CPU. The other lets no pictures queue before the look-ahead: the output is the same
		// byte by byte, with four pictures less in memory.
		set["x264-params"] = "cpu-independent=1:sync-lookahead=0"
	case "libx265":
		set["x265-params"] = "log-level=error" // it prints to stderr by itself
		hdr, err := avplane.X265HDR(first)
		if err != nil {
			return err
		}
		if hdr != "" {
			set["x265-params"] += ":" + hdr
		}
	case "prores_ks":
		set["profile"] = strconv.Itoa(proresProfile(same, int(p.Profile()), first.PixelFormat().Name()))
		set["vendor"] = "apl0" // some editing systems refuse other vendors
	case "dnxhd":
		likeDNxHD(ec, same, p, r, set)
	case "mpeg2video", "mpeg1video", "mpeg4":
		ec.SetGopSize(15)
		set["bf"] = "2"
		if encoder == "mpeg4" {
			set["bf"] = "0" // packed B-frames in AVI trouble players
		}
		rate := p.BitRate()
		if !same || rate <= 0 {
			avplane.SetQScale(ec, 2)
			break
		}
		ec.SetBitRate(rate)
		avplane.SetBitRateLimits(ec, rate, rate)
	case "mjpeg":
		avplane.SetQScale(ec, 2)
	}
	return nil
}

// proresProfile is the input's own profile, else the one a master in this pixel format has. The numbers are FFmpeg's:
// 0 proxy, 1 LT, 2 standard, 3 HQ, 4 4444, 5 4444 XQ.
func proresProfile(same bool, profile int, format string) int {
	if same && profile >= 0 && profile <= 5 {
		return profile
	}
	if format == "yuv444p10le" || format == "yuva444p10le" {
		return 4
	}
	return 3
}

// dnxhdRates are the nominal rates of VC-3 (SMPTE ST 2019-1) in Mb/s, over all frame rates.
var dnxhdRates = []float64{36, 45, 50, 60, 75, 80, 85, 90, 100, 110, 115, 120, 145, 175, 180, 185, 220, 240, 290, 350, 365, 390, 440}

// likeDNxHD keeps profile and rate: DNxHR has profiles; DNxHD is chosen by its exact nominal rate, found from the size of
// a coded frame, which is constant.
func likeDNxHD(ec *astiav.CodecContext, same bool, p *astiav.CodecParameters, r *reader, set map[string]string) {
	const hrLB, hr444 = 1, 5 // AVProfile values of DNxHR: LB, SQ, HQ, HQX, 444
	profile := int(p.Profile())
	switch {
	case same && profile >= hrLB && profile <= hr444:
		set["profile"] = strconv.Itoa(profile)
	case same && r.end.videoBytes > 0:
		rate := float64(r.end.videoBytes) * 8 / r.given.interval.Float64() / 1e6
		best := dnxhdRates[0]
		for _, v := range dnxhdRates {
			if math.Abs(v-rate) < math.Abs(best-rate) {
				best = v
			}
		}
		ec.SetBitRate(int64(best) * 1e6)
	default:
		set["profile"] = "dnxhr_hq"
		if d, err := avplane.Layout(ec.PixelFormat()); err == nil && d.Components[0].Depth > 8 {
			set["profile"] = "dnxhr_hqx"
		}
	}
}
