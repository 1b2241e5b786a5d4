#include "avplane.h"

#include <libavutil/frame.h>
#include <libavutil/mastering_display_metadata.h>
#include <stdio.h>
#include <string.h>

int ksn_pixel_layout(int format, ksn_layout *out)
{
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
	const uint64_t refused = AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
				 AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER;

	if (!d || (d->flags & refused) || !strncmp(d->name, "xyz", 3))
		return AVERROR(ENOSYS);
	memset(out, 0, sizeof(*out));
	out->components = d->nb_components;
	out->planes = av_pix_fmt_count_planes(format);
	out->rgb = !!(d->flags & AV_PIX_FMT_FLAG_RGB);
	out->alpha = !!(d->flags & AV_PIX_FMT_FLAG_ALPHA);
	// libswscale's rule: these formats are full range whatever the stream says, or leaves unsaid
	out->full_range = out->rgb || !strncmp(d->name, "yuvj", 4);
	for (int i = 0; i < d->nb_components; i++) {
		const AVComponentDescriptor *c = &d->comp[i];
		int chroma = !out->rgb && (i == 1 || i == 2) && d->nb_components >= 3;

		out->c[i] = (ksn_component){ c->plane, c->offset, c->step, c->shift, c->depth,
					     chroma ? d->log2_chroma_w : 0, chroma ? d->log2_chroma_h : 0 };
	}
	return 0;
}

// Bottom-up pictures (raw video in AVI) come with negative strides; give them an own, top-down buffer.
static int top_down(AVFrame *f)
{
	int flip = 0, r;
	AVFrame *t;

	for (int i = 0; i < 4; i++)
		flip |= f->linesize[i] < 0;
	if (!flip)
		return 0;
	if (!(t = av_frame_alloc()))
		return AVERROR(ENOMEM);
	t->format = f->format;
	t->width = f->width;
	t->height = f->height;
	if ((r = av_frame_get_buffer(t, 0)) >= 0 && (r = av_frame_copy(t, f)) >= 0 && (r = av_frame_copy_props(t, f)) >= 0) {
		av_frame_unref(f);
		av_frame_move_ref(f, t);
	}
	av_frame_free(&t);
	return r;
}

int ksn_frame_planes(AVFrame *f, int writable, ksn_planes *out)
{
	int r;

	if ((r = top_down(f)) < 0 || (writable && (r = av_frame_make_writable(f)) < 0))
		return r;
	for (int i = 0; i < 4; i++) {
		out->data[i] = f->data[i];
		out->stride[i] = f->linesize[i];
	}
	return 0;
}

void ksn_frame_describe(const AVFrame *f, ksn_frame_info *o)
{
	*o = (ksn_frame_info){
		.pts = f->pts, .best_pts = f->best_effort_timestamp, .duration = f->pkt_duration,
		.interlaced = f->interlaced_frame, .top_field_first = f->top_field_first,
		.corrupt = (f->flags & AV_FRAME_FLAG_CORRUPT) || f->decode_error_flags,
		.primaries = f->color_primaries, .transfer = f->color_trc, .matrix = f->colorspace,
		.range = f->color_range, .chroma_location = f->chroma_location,
	};
}

static int scaled(AVRational q, int scale)
{
	return (int)(av_q2d(q) * scale + 0.5);
}

// libx265 in FFmpeg 5.1 does not read HDR10 from the frame, so it is told by x265-params (units of CTA-861.3).
int ksn_x265_hdr(const AVFrame *f, char *buf, int size)
{
	AVFrameSideData *s = av_frame_get_side_data(f, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
	int n = 0;

	buf[0] = 0;
	if (s) {
		const AVMasteringDisplayMetadata *m = (const AVMasteringDisplayMetadata *)s->data;
		const AVRational (*p)[2] = m->display_primaries;

		if (m->has_primaries && m->has_luminance)
			n += snprintf(buf, size,
				      "hdr10=1:repeat-headers=1:master-display=G(%d,%d)B(%d,%d)R(%d,%d)WP(%d,%d)L(%d,%d)",
				      scaled(p[1][0], 50000), scaled(p[1][1], 50000), scaled(p[2][0], 50000),
				      scaled(p[2][1], 50000), scaled(p[0][0], 50000), scaled(p[0][1], 50000),
				      scaled(m->white_point[0], 50000), scaled(m->white_point[1], 50000),
				      scaled(m->max_luminance, 10000), scaled(m->min_luminance, 10000));
	}
	s = av_frame_get_side_data(f, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
	if (s && n < size) {
		const AVContentLightMetadata *c = (const AVContentLightMetadata *)s->data;

		n += snprintf(buf + n, size - n, "%smax-cll=%u,%u", n ? ":" : "", c->MaxCLL, c->MaxFALL);
	}
	return n < size ? n : AVERROR(ENOBUFS);
}

static int add_side_data(AVStream *out, enum AVPacketSideDataType type, const AVFrameSideData *s)
{
	uint8_t *d;

	if (!s)
		return 0;
	if (!(d = av_stream_new_side_data(out, type, s->size)))
		return AVERROR(ENOMEM);
	memcpy(d, s->data, s->size);
	return 0;
}

int ksn_stream_add_hdr(AVStream *out, const AVFrame *f)
{
	int r = add_side_data(out, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
			      av_frame_get_side_data(f, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA));

	return r < 0 ? r : add_side_data(out, AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
					 av_frame_get_side_data(f, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL));
}
