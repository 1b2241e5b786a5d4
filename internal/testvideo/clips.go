package testvideo

// Names of files that are no clips.
const (
	Empty     = "empty.mp4"
	Garbage   = "garbage.mp4"
	Directory = "directory.mp4"
)

// A Clip is how to make a file: calls of the ffmpeg tool, to which the file's name is added. Where there are several, each
// reads the one before as "step" with the file's extension.
type Clip struct {
	Steps  []string
	Files  map[string]string // written beside it first
	Frames int               // pictures of its video
}

const (
	picture = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 "
	tones   = "-f lavfi -i sine=f=440:d=2 -f lavfi -i sine=f=880:r=48000:d=2 "
	x264    = "-c:v libx264 -preset veryfast -g 12 "
)

var subtitles = map[string]string{
	"s.srt": "1\n00:00:00,100 --> 00:00:00,900\nhello\n\n2\n00:00:01,000 --> 00:00:01,800\nworld\n",
	"c.txt": ";FFMETADATA1\ntitle=A title\nartist=Someone\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n",
}

// Clips are the recipes by file name.
var Clips = map[string]Clip{
	"h264.mp4": {Frames: 50, Files: subtitles, Steps: []string{picture + tones + "-i s.srt -i c.txt -map 0 -map 1 -map 2 -map 3 -map_metadata 4 -map_chapters 4 " + x264 +
		"-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv -c:a aac -c:s mov_text -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra -disposition:a:0 0 -disposition:a:1 default"}},
	"plain.mp4": {Frames: 50, Steps: []string{picture + x264}},
	"hdr.mkv": {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=d=1 -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc " +
		"-x265-params log-level=error:hdr10=1:repeat-headers=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400 -c:a flac"}},
	"prores.mov": {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=r=48000:d=1 -vf setfield=tff,format=yuv422p10le -flags +ildct -top 1 -c:v prores_ks -profile:v 2 -aspect 16:9 -c:a pcm_s24le -timecode 01:00:00:00"}},
	"vfr.mp4":    {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=2 -vf select='not(mod(n,3))+lt(n,12)' -vsync vfr " + x264}},
	"rotated.mp4": {Frames: 25, Steps: []string{
		"-f lavfi -i testsrc2=s=320x240:r=25:d=1 " + x264,
		"-i step.mp4 -c copy -metadata:s:v:0 rotate=90"}},
	"interlaced.mp4": {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=352x288:r=50:d=1 -vf interlace=scan=tff -flags +ildct+ilme " + x264 + "-x264-params tff=1"}},
	"stream.ts":      {Frames: 50, Steps: []string{picture + tones + "-map 0 -map 1 " + x264 + "-c:a aac"}},
	"odd.mkv":        {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=321x241:r=25:d=0.4 -pix_fmt yuv420p " + "-c:v ffv1"}},
	"odd444.mp4":     {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=321x241:r=25:d=0.4 -pix_fmt yuv444p " + x264}},
	"rgb.mkv":        {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=321x241:r=25:d=0.4 -pix_fmt gbrp -c:v ffv1"}},
	"gray.mkv":       {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt gray -c:v ffv1"}},
	"alpha.mov":      {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt argb -c:v qtrle"}},
	"pal.avi":        {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt rgb24 -c:v rawvideo"}},
	"bottomup.avi":   {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt bgr24 -c:v rawvideo"}},
	"mpeg2.mpg":      {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=d=1 -c:v mpeg2video -b:v 4M -bf 2 -c:a mp2"}},
	"mpeg4.avi":      {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=d=1 -c:v mpeg4 -q:v 3 -bf 2 -c:a mp3"}},
	"dnxhd.mxf":      {Frames: 5, Steps: []string{"-f lavfi -i testsrc2=s=1920x1080:r=25:d=0.2 -f lavfi -i sine=r=48000:d=0.2 -pix_fmt yuv422p -c:v dnxhd -b:v 120M -c:a pcm_s24le"}},
	"dnxhr.mov":      {Frames: 5, Steps: []string{"-f lavfi -i testsrc2=s=1280x720:r=25:d=0.2 -pix_fmt yuv422p -c:v dnxhd -profile:v dnxhr_sq"}},
	"vp9.webm":       {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -f lavfi -i sine=r=48000:d=0.4 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"}},
	"av1.mkv":        {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 -usage realtime"}},
	"mjpeg.mov":      {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -c:v mjpeg -pix_fmt yuvj422p -q:v 3"}},
	"raw.h264":       {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 " + x264}},
	"ass.mkv": {Frames: 25, Files: map[string]string{"s.srt": subtitles["s.srt"], "font.ttf": "not a font, but bytes"}, Steps: []string{
		"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=d=1 -i s.srt -map 0 -map 1 -map 2 " + x264 + "-c:a flac -c:s ass -attach font.ttf -metadata:s:t mimetype=application/x-truetype-font -disposition:s:0 forced"}},
	"cover.mp4": {Frames: 25, Steps: []string{
		"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i sine=d=1 -f lavfi -i color=red:s=64x64:r=1:d=1 -map 2 -map 0 -map 1 -c:v:0 mjpeg -c:v:1 libx264 -preset:v:1 veryfast -c:a aac -disposition:v:0 attached_pic"}},
	"trimmed.mp4": {Frames: 32, Steps: []string{ // the edit list hides the pictures before 0.72 s
		picture + x264 + "-g 50",
		"-ss 0.72 -i step.mp4 -c copy"}},
	"offset.mp4": {Frames: 50, Steps: []string{
		picture + x264,
		"-i step.mp4 -c copy -output_ts_offset 5"}},
	"zero.ts":       {Frames: 50, Steps: []string{picture + tones + "-map 0 -map 1 " + x264 + "-c:a aac -muxdelay 0 -muxpreload 0"}},
	"twofilms.mp4":  {Frames: 25, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i testsrc=s=320x240:r=25:d=1 -map 0 -map 1 " + x264}},
	"sound.m4a":     {Steps: []string{"-f lavfi -i sine=d=1 -c:a aac"}},
	"soundfirst.ts": {Frames: 25, Steps: []string{"-f lavfi -i sine=d=2 -f lavfi -itsoffset 0.6 -i testsrc2=s=320x240:r=25:d=1 -c:a aac " + x264}},
	"pcm.mov":       {Frames: 10, Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=0.4 -f lavfi -i sine=r=48000:d=0.4 " + x264 + "-c:a pcm_s16le"}},
}
