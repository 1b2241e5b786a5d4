//go:build e2e

package examples

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/require"
)

// record is a SINK that keeps what would be on the screen.
func record(video string) string {
	return "SINK=x264enc tune=zerolatency quantizer=12 pass=quant ! mp4mux ! filesink location=" + video
}

// A file of the sample, 640 px wide, with sound: every picture, its time and its sound arrive, every face of every
// picture is gone.
func TestFileToFile(t *testing.T) {
	need(t, "qtdemux", "mp4mux", "avdec_aac", "avenc_aac", "audioconvert", "audioresample")
	const frames, w, h, scale = 20, 640, 360, .5
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in put.mp4"), filepath.Join(dir, "out put.mp4") // names with spaces are names
	tool(t, "ffmpeg", "-nostdin", "-v", "error", "-i", sample, "-frames:v", fmt.Sprint(frames), "-t", "0.8", "-vf", "scale=640:360:flags=area",
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-crf", "12", "-c:a", "aac", in)
	start(t, nil, script("file-to-file.sh"), in, out, "uncertified=true").finish()
	times := func(video string) string {
		return string(tool(t, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0", video))
	}
	if got, want := spans(t, times(out)), spans(t, times(in)); got != want {
		t.Errorf("distances of pictures are %s, were %s", got, want)
	}
	if kinds := string(tool(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", out)); !strings.Contains(kinds, "aac") {
		t.Errorf("streams %q: the sound is lost", kinds)
	}
	before, after := grey(t, in), grey(t, out)
	if len(before) != frames*w*h || len(after) != len(before) {
		t.Fatalf("%d bytes, want %d", len(after), len(before))
	}
	for i := range frames {
		faces := truth(t, i)
		for n := range faces {
			for e := range faces[n] {
				faces[n][e] *= scale
			}
		}
		compare(t, i, after[i*w*h:(i+1)*w*h], before[i*w*h:(i+1)*w*h], w, faces)
	}
}

// spans are the distances of times in milliseconds: a muxer may move all of them alike.
func spans(t *testing.T, times string) string {
	t.Helper()
	var all []string
	var last float64
	for i, s := range strings.Fields(strings.ReplaceAll(times, ",", " ")) {
		var v float64
		if _, err := fmt.Sscan(s, &v); err != nil {
			t.Fatalf("time %q: %v", s, err)
		}
		if i > 0 {
			all = append(all, fmt.Sprintf("%.0f", 1000*(v-last)))
		}
		last = v
	}
	return strings.Join(all, " ")
}

func TestTestToScreen(t *testing.T) {
	need(t, "qtdemux", "mp4mux", "fakesink")
	clip, still := stillClip(t, 12)
	out := filepath.Join(t.TempDir(), "screen.mp4")
	start(t, []string{record(out)}, script("test-to-screen.sh"), with(clip)...).finish()
	redacted(t, out, still, 12)
}

func TestRTSP(t *testing.T) {
	need(t, "rtspsrc", "rtspclientsink", "rtph264pay", "rtph264depay", "qtdemux")
	clip, still := stillClip(t, 25*200) // a camera does not end
	out, port := filepath.Join(t.TempDir(), "out.h264"), freePort(t)
	server := start(t, nil, python(t, "GstRtspServer"), "examples/python/rtsp_server.py", clip, out, port)
	server.until("the server listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	url := "rtsp://127.0.0.1:" + port
	relay := start(t, nil, script("rtsp-to-rtsp.sh"), with(url+"/in", url+"/out")...)
	relay.until("pictures arrive", larger(out, enough))
	relay.interrupt()
	relay.finish()
	server.interrupt()
	server.finish()
	redacted(t, out, still, 3)
}

func TestRTP(t *testing.T) {
	need(t, "udpsrc", "udpsink", "rtpjitterbuffer", "rtph264pay", "rtph264depay", "qtdemux")
	clip, still := stillClip(t, 250)
	out, from, to := filepath.Join(t.TempDir(), "out.h264"), freePort(t), freePort(t)
	receiver := start(t, nil, "gst-launch-1.0", strings.Fields("-e --no-fault udpsrc port="+to+
		" caps=application/x-rtp,media=video,encoding-name=H264,clock-rate=90000 ! rtpjitterbuffer ! rtph264depay ! h264parse !"+
		" video/x-h264,stream-format=byte-stream,alignment=au ! filesink buffer-mode=unbuffered location="+out)...)
	relay := start(t, nil, script("rtp-to-rtp.sh"), with(from, "127.0.0.1", to)...)
	start(t, nil, "gst-launch-1.0", strings.Fields("--no-fault multifilesrc loop=true location="+h264(t, clip)+
		" ! h264parse config-interval=-1 ! video/x-h264,framerate=25/1,alignment=au ! identity datarate=100000 sync=true ! rtph264pay ! udpsink host=127.0.0.1 port="+from)...)
	receiver.until("pictures arrive", larger(out, enough))
	relay.interrupt()
	relay.finish()
	receiver.interrupt()
	receiver.finish()
	redacted(t, out, still, 3)
}

// enough bytes of a stream hold several pictures of it.
const enough = 30000

func TestSRT(t *testing.T) {
	need(t, "srtsrc", "srtsink", "tsdemux", "mpegtsmux")
	clip, still := stillClip(t, 100)
	out, from, to := filepath.Join(t.TempDir(), "out.ts"), freePort(t), freePort(t)
	relay := start(t, nil, script("srt-to-srt.sh"), with("srt://127.0.0.1:"+from+"?mode=listener", "srt://127.0.0.1:"+to+"?mode=listener")...)
	// The callers wait for their listeners.
	receiver := start(t, nil, "gst-launch-1.0", strings.Fields("-e --no-fault srtsrc uri=srt://127.0.0.1:"+to+"?mode=caller ! filesink buffer-mode=unbuffered location="+out)...)
	sender := start(t, nil, "ffmpeg", strings.Fields("-nostdin -v error -re -stream_loop -1 -i "+clip+" -c copy -f mpegts srt://127.0.0.1:"+from+"?connect_timeout=60000")...)
	receiver.until("pictures arrive", larger(out, enough))
	sender.interrupt()
	relay.finish() // ends with its sender
	receiver.interrupt()
	receiver.finish()
	redacted(t, out, still, 3)
}

func TestHLS(t *testing.T) {
	need(t, "hlssink", "qtdemux")
	clip, still := stillClip(t, 120)
	dir := t.TempDir()
	start(t, nil, script("hls.sh"), with(clip, dir)...).finish()
	if segments, err := filepath.Glob(filepath.Join(dir, "*.ts")); err != nil || len(segments) < 2 {
		t.Errorf("segments %v, %v; want two or more", segments, err)
	}
	redacted(t, filepath.Join(dir, "index.m3u8"), still, 120)
}

// Four instances of the element in one pipeline.
func TestMosaic(t *testing.T) {
	need(t, "compositor", "videoscale", "mp4mux", "qtdemux")
	clip, still := stillClip(t, 10)
	out := filepath.Join(t.TempDir(), "wall.mp4")
	start(t, []string{record(out)}, script("mosaic.sh"), with(clip, clip, clip, clip)...).finish()
	if w, h := size(t, out); w != 1280 || h != 720 {
		t.Fatalf("the wall is %dx%d", w, h)
	}
	// Each quarter of it is the still again, twice as large.
	quarters := filepath.Join(t.TempDir(), "quarters.mp4")
	for i, at := range []string{"0:0", "640:0", "0:360", "640:360"} {
		tool(t, "ffmpeg", "-nostdin", "-v", "error", "-y", "-i", out, "-vf", "crop=640:360:"+at+",scale=320:180:flags=area", "-c:v", "libx264", "-crf", "8", quarters)
		t.Logf("quarter %d", i)
		redacted(t, quarters, still, 10)
	}
}

// The clear pictures are nowhere but in the record, and in the record for the key's holder alone.
func TestTeeRecord(t *testing.T) {
	need(t, "tee", "matroskamux", "fdsink", "mp4mux", "qtdemux")
	if _, err := exec.LookPath("openssl"); err != nil {
		require.Missing(t, "gst", err.Error())
	}
	clip, still := stillClip(t, 12)
	dir := t.TempDir()
	screen, sealed, key, certificate, opened := filepath.Join(dir, "screen.mp4"), filepath.Join(dir, "record.cms"), filepath.Join(dir, "record.key"), filepath.Join(dir, "record.pem"), filepath.Join(dir, "clear.mkv")
	tool(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=record", "-keyout", key, "-out", certificate)

	start(t, []string{record(screen)}, script("tee-record.sh"), with(clip)...).finish()
	redacted(t, screen, still, 12)
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
		t.Errorf("without a certificate something more than the redacted picture was kept: %v", left)
	}

	start(t, []string{record(screen)}, script("tee-record.sh"), with(clip, sealed, certificate)...).finish()
	redacted(t, screen, still, 12)
	if out, err := exec.Command("ffprobe", "-v", "error", sealed).CombinedOutput(); err == nil {
		t.Errorf("the record is readable without the key: %s", out)
	}
	tool(t, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", sealed, "-inkey", key, "-out", opened)
	clear := grey(t, opened)
	if len(clear) != 12*len(still) {
		t.Fatalf("%d bytes in the opened record, want 12 pictures", len(clear))
	}
	if d := difference(clear[:len(still)], still, stillW, stillFace(t)[0].middle); !(d < mostNoise) {
		t.Errorf("the face in the opened record differs by %.1f levels", d)
	}
}

// The plugin under the leaks tracer: after the pipeline nothing of it is alive.
func TestNothingLeaks(t *testing.T) {
	need(t, "videotestsrc", "qtdemux")
	clip, _ := stillClip(t, 12)
	out := start(t, []string{"GST_TRACERS=leaks", "GST_DEBUG=GST_TRACER:7", "SINK=fakesink"}, script("test-to-screen.sh"), with(clip)...).finish()
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "object-alive, type-name=(string)") && !strings.Contains(line, "format string") {
			t.Error(line)
		}
	}
	if !strings.Contains(out, "object-alive.class") || !strings.Contains(out, "Freeing pipeline") {
		t.Errorf("the tracer did not watch a pipeline to its end:\n%s", out)
	}
}

func TestWrongUseIsToldApart(t *testing.T) {
	for _, name := range []string{"file-to-file.sh", "rtsp-to-rtsp.sh", "rtp-to-rtp.sh", "srt-to-srt.sh", "hls.sh", "mosaic.sh", "tee-record.sh"} {
		out, err := exec.Command(script(name)).CombinedOutput()
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 2 || !strings.Contains(string(out), "Usage: "+name) {
			t.Errorf("%s without arguments: %v, %q", name, err, out)
		}
	}
}

// Every script is run here; a new one has to be.
func TestEveryScriptIsRun(t *testing.T) {
	scripts, err := filepath.Glob("examples/pipelines/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	text, err := os.ReadFile("examples/pipelines_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		if !strings.Contains(string(text), `script("`+filepath.Base(s)+`")`) {
			t.Errorf("no test runs %s", s)
		}
	}
}

// h264 is a clip's bare stream, which can be played again and again.
func h264(t *testing.T, clip string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "loop.h264")
	tool(t, "ffmpeg", "-nostdin", "-v", "error", "-i", clip, "-c", "copy", "-bsf:v", "h264_mp4toannexb", out)
	return out
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
