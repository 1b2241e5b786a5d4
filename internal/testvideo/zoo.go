package testvideo

import (
	"os"
	"path/filepath"
	"testing"
)

// An Animal is a file of the zoo: what kinds of files are given to the tool, and what should become of them.
type Animal struct {
	Name string // its extension tells the container
	What string // in a few words
	Make func(testing.TB) string
	// Refused is part of the reason for which the run must refuse the file; empty when it must be carried over whole.
	Refused string
	// Partial says that the output must be named .partial, because the input ends early.
	Partial bool
}

func clip(name, what string) Animal {
	return Animal{Name: name, What: what, Make: func(t testing.TB) string { return Make(t, name) }}
}

func made(name, what string, steps ...string) Animal {
	return Animal{Name: name, What: what, Make: func(t testing.TB) string { return MakeClip(t, name, Clip{Steps: steps}) }}
}

func (a Animal) refused(why string) Animal {
	a.Refused = why
	return a
}

func (a Animal) with(f func(testing.TB, string) string) Animal {
	of := a.Make
	a.Make = func(t testing.TB) string { return f(t, of(t)) }
	return a
}

// Zoo is made anew by the ffmpeg tool in every run. sample is the path of a film with faces in it.
func Zoo(sample string) []Animal {
	people := "-ss 2.8 -i " + sample + " "
	quad := "-f lavfi -i sine=r=48000:d=0.4 -f lavfi -i sine=f=880:r=48000:d=0.4 "
	mono := ""
	for range 8 {
		mono += "-map 1:a "
	}
	return []Animal{
		clip("h264.mp4", "H.264, 2 AAC with languages, timed text, chapters"),
		made("people.mp4", "H.264 1280×720 with faces, AAC", people+"-t 0.48 -c:v libx264 -preset veryfast -c:a aac"),
		made("prores422.mov", "ProRes HQ 10-bit 4:2:2 with faces, 2 × PCM 24, timecode",
			people+quad+"-map 0:v -map 1 -map 2 -t 0.4 -pix_fmt yuv422p10le -c:v prores_ks -profile:v 3 -c:a pcm_s24le -timecode 10:00:00:00"),
		clip("prores.mov", "ProRes interlaced, anamorphic, timecode"),
		made("prores4444.mov", "ProRes 4444 with alpha", "-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt yuva444p10le -c:v prores_ks -profile:v 4").refused("does not take yuva444p12le"), // FFmpeg decodes 12 bits and codes 10
		made("xdcam.mxf", "XDCAM HD422: MPEG-2 4:2:2 50 Mb/s 1080i, 8 × mono PCM 24, timecode",
			"-f lavfi -i testsrc2=s=1920x1080:r=25:d=0.4 -f lavfi -i sine=r=48000:d=0.4 -map 0:v "+mono+
				"-vf setfield=tff -pix_fmt yuv422p -c:v mpeg2video -b:v 50M -minrate 50M -maxrate 50M -bufsize 36408333 -flags +ildct+ilme -top 1 -g 12 -bf 2 -intra_vlc 1 -non_linear_quant 1 -dc 10 -qmin 1 -qmax 12 -c:a pcm_s24le -ac 1 -timecode 09:59:50:00"),
		clip("dnxhd.mxf", "DNxHD 120 1080p, PCM 24, MXF"),
		clip("dnxhr.mov", "DNxHR SQ 720p"),
		made("dnxhr10.mov", "DNxHR HQX 10-bit", "-f lavfi -i testsrc2=s=1280x720:r=25:d=0.2 -pix_fmt yuv422p10le -c:v dnxhd -profile:v dnxhr_hqx"),
		clip("hdr.mkv", "HEVC 10-bit HDR10 (PQ, mastering display, light levels), FLAC"),
		made("hvc1.mov", "HEVC 4:2:2 10-bit, tag hvc1", "-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt yuv422p10le -c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1"),
		clip("av1.mkv", "AV1"),
		clip("vp9.webm", "VP9, Opus"),
		made("vp8.webm", "VP8, Vorbis", "-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -f lavfi -i sine=r=48000:d=0.4 -c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis"),
		made("ffv1.mkv", "FFV1 10-bit 4:2:2, FLAC", "-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -f lavfi -i sine=r=48000:d=0.4 -pix_fmt yuv422p10le -c:v ffv1 -level 3 -c:a flac"),
		clip("mjpeg.mov", "Motion JPEG, full range"),
		clip("mpeg2.mpg", "MPEG-2 programme stream, MP2"),
		made("dvb.ts", "MPEG-2 576i transport stream, MP2 and AC-3, anamorphic",
			"-f lavfi -i testsrc2=s=720x576:r=25:d=0.6 "+quad+"-map 0 -map 1 -map 2 -vf setfield=tff -c:v mpeg2video -b:v 6M -flags +ildct+ilme -top 1 -aspect 16:9 -c:a:0 mp2 -c:a:1 ac3"),
		made("dv.avi", "DV PAL", "-f lavfi -i testsrc2=s=720x576:r=25:d=0.2 -f lavfi -i sine=r=48000:d=0.2 -pix_fmt yuv420p -c:v dvvideo -c:a pcm_s16le"),
		clip("mpeg4.avi", "MPEG-4 part 2 with B-pictures, MP3"),
		clip("interlaced.mp4", "H.264 interlaced, top field first"),
		clip("vfr.mp4", "variable frame rate"),
		clip("rotated.mp4", "rotated by 90°"),
		clip("odd.mkv", "321×241, FFV1"),
		clip("odd444.mp4", "321×241, H.264 4:4:4"),
		clip("stream.ts", "H.264 transport stream with a start offset, AAC"),
		clip("soundfirst.ts", "sound begins before the film"),
		clip("offset.mp4", "film begins at 5 s"),
		clip("trimmed.mp4", "edit list hides the first pictures"),
		made("fragmented.mp4", "fragmented MP4", "-f lavfi -i testsrc2=s=320x240:r=25:d=1 -c:v libx264 -preset veryfast -g 10 -movflags frag_keyframe+empty_moov"),
		clip("ass.mkv", "ASS subtitles, a font attached, FLAC"),
		{Name: "captions.mp4", What: "H.264 with closed captions (A/53) in the pictures", Make: func(t testing.TB) string { return Captioned(t, ".mp4") }},
		clip("raw.h264", "raw H.264 without a container"),
		clip("cover.mp4", "a cover picture beside the film"),
		clip("rgb.mkv", "FFV1 in RGB"),
		clip("gray.mkv", "FFV1 in grey"),
		clip("alpha.mov", "QuickTime Animation with alpha"),
		made("8k.mov", "7680×4320, one picture", "-f lavfi -i testsrc2=s=7680x4320:r=25:d=0.04 -c:v mjpeg -pix_fmt yuvj420p -q:v 4"),
		made("tiny.mp4", "16×16", "-f lavfi -i testsrc2=s=16x16:r=25:d=0.4 -c:v libx264 -preset veryfast"),
		clip("plain.mp4", "damaged in the middle").with(func(t testing.TB, p string) string { return Damage(t, p, 0.5, 1500) }).named("damaged.mp4"),
		clip("ass.mkv", "cut off at 60 %").with(func(t testing.TB, p string) string { return Cut(t, p, 0.6) }).named("truncated.mkv").partial(),
		clip("twofilms.mp4", "two films in one file").refused("second video stream"),
		made("wmv.wmv", "WMV 2, for which no encoder is chosen", "-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -c:v wmv2 -b:v 2M").refused("no encoder is known for wmv2"),
		clip("sound.m4a", "sound alone").refused("has no video stream"),
		clip(Empty, "zero bytes").refused("is empty"),
		clip(Garbage, "no film at all").refused("not a media file"),
	}
}

func (a Animal) named(name string) Animal {
	a.Name = name
	return a
}

func (a Animal) partial() Animal {
	a.Partial = true
	return a
}

// House makes the animal and puts it into dir under its name.
func (a Animal) House(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, a.Name)
	if err := os.Rename(a.Make(t), path); err != nil {
		t.Fatal(err)
	}
	return path
}
