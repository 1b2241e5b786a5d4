// What go-astiav v0.16.0 does not reach in FFmpeg 5.1. Every function takes FFmpeg's own objects and returns an AVERROR or 0.
#ifndef KSN_AVPLANE_H
#define KSN_AVPLANE_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>

typedef struct {
	int plane, offset, step, shift, depth, sub_x, sub_y;
} ksn_component;

typedef struct {
	int components, planes, rgb, alpha, full_range;
	ksn_component c[4];
} ksn_layout;

typedef struct {
	uint8_t *data[4];
	int stride[4];
} ksn_planes;

typedef struct {
	int64_t pts, best_pts, duration;
	int interlaced, top_field_first, corrupt;
	int primaries, transfer, matrix, range, chroma_location;
} ksn_frame_info;

typedef struct {
	int disposition, field_order, attached_pic;
	int64_t index_entries;
	int rotated;
	double rotation;
} ksn_stream_info;

// Pixel formats and frames (frame.c).
int ksn_pixel_layout(int format, ksn_layout *out);
int ksn_frame_planes(AVFrame *f, int writable, ksn_planes *out);
void ksn_frame_describe(const AVFrame *f, ksn_frame_info *out);
int ksn_x265_hdr(const AVFrame *f, char *buf, int size);
int ksn_stream_add_hdr(AVStream *out, const AVFrame *f);

// Streams and containers (stream.c).
void ksn_stream_describe(const AVStream *s, ksn_stream_info *out);
int ksn_stream_copy_props(AVStream *out, const AVStream *in, int copied);
int ksn_copy_metadata(AVFormatContext *out, const AVFormatContext *in);
int ksn_copy_chapters(AVFormatContext *out, const AVFormatContext *in);
int ksn_tag_valid(const AVFormatContext *out, const AVCodecParameters *p);
int ksn_can_mux(const AVFormatContext *out, int codec);
int ksn_duration_declared(const AVFormatContext *in);

// Devices (hardware.c).
int ksn_hw_download(AVFrame *f, int want);
int ksn_repack(AVFrame *f, int want);
int ksn_hw_pool(AVCodecContext *e, int type, const char *device, int hw, int sw);
int ksn_hw_upload(AVCodecContext *e, AVFrame *o, const AVFrame *f);

// The last line that FFmpeg logged as an error, and how many its decoders did (log.c). Safe from any thread.
void ksn_log_capture(void);
int ksn_log_take(char *buf, int size);
int64_t ksn_log_decoder_errors(void);

#endif
