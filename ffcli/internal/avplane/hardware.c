#include "avplane.h"

#include <libavutil/hwcontext.h>

// Puts a picture of system memory in the place of one that lies on a device. want is taken when the device offers it.
int ksn_hw_download(AVFrame *f, int want)
{
	enum AVPixelFormat *list = NULL;
	AVFrame *sw = av_frame_alloc();
	int r = sw ? av_hwframe_transfer_get_formats(f->hw_frames_ctx, AV_HWFRAME_TRANSFER_DIRECTION_FROM, &list, 0) : AVERROR(ENOMEM);
	if (r >= 0) {
		for (enum AVPixelFormat *p = list; *p != AV_PIX_FMT_NONE; p++)
			if (*p == want)
				sw->format = want;
		av_freep(&list);
		r = av_hwframe_transfer_data(sw, f, 0);
	}
	if (r >= 0)
		r = av_frame_copy_props(sw, f);
	if (r >= 0) {
		av_frame_unref(f);
		av_frame_move_ref(f, sw);
	}
	av_frame_free(&sw);
	return r;
}

// Puts the same picture in another arrangement of its samples in f's place: nv12 and yuv420p, p010 and yuv420p10. Formats
// that do not hold the same samples are refused.
int ksn_repack(AVFrame *f, int want)
{
	const AVPixFmtDescriptor *sd = av_pix_fmt_desc_get(f->format), *dd = av_pix_fmt_desc_get(want);
	const uint64_t other = AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT;
	AVFrame *o;
	int r;

	if (!sd || !dd || sd->nb_components != dd->nb_components || sd->log2_chroma_w != dd->log2_chroma_w || sd->log2_chroma_h != dd->log2_chroma_h ||
	    ((sd->flags ^ dd->flags) & AV_PIX_FMT_FLAG_RGB) || ((sd->flags | dd->flags) & other))
		return AVERROR(EINVAL);
	for (int c = 0; c < sd->nb_components; c++)
		if (sd->comp[c].depth != dd->comp[c].depth || sd->comp[c].depth > 16 || (sd->comp[c].depth <= 8 && (sd->comp[c].shift || dd->comp[c].shift)))
			return AVERROR(EINVAL);
	o = av_frame_alloc();
	if (!o)
		return AVERROR(ENOMEM);
	o->format = want;
	o->width = f->width;
	o->height = f->height;
	r = av_frame_get_buffer(o, 0);
	for (int c = 0; r >= 0 && c < sd->nb_components; c++) {
		const AVComponentDescriptor *s = &sd->comp[c], *d = &dd->comp[c];
		int chroma = c == 1 || c == 2;
		int w = chroma ? AV_CEIL_RSHIFT(f->width, sd->log2_chroma_w) : f->width;
		int h = chroma ? AV_CEIL_RSHIFT(f->height, sd->log2_chroma_h) : f->height;
		for (int y = 0; y < h; y++) {
			const uint8_t *from = f->data[s->plane] + (ptrdiff_t)y * f->linesize[s->plane] + s->offset;
			uint8_t *to = o->data[d->plane] + (ptrdiff_t)y * o->linesize[d->plane] + d->offset;
			if (s->depth <= 8)
				for (int x = 0; x < w; x++, from += s->step, to += d->step)
					*to = *from;
			else
				for (int x = 0; x < w; x++, from += s->step, to += d->step)
					*(uint16_t *)to = *(const uint16_t *)from >> s->shift << d->shift;
		}
	}
	if (r >= 0)
		r = av_frame_copy_props(o, f);
	if (r >= 0) {
		av_frame_unref(f);
		av_frame_move_ref(f, o);
	}
	av_frame_free(&o);
	return r < 0 ? r : 0;
}

// Gives an encoder whose pictures lie on a device a device and a pool of pictures there, of samples in the format sw.
int ksn_hw_pool(AVCodecContext *e, int type, const char *device, int hw, int sw)
{
	AVBufferRef *dev = NULL, *pool = NULL;
	int r = av_hwdevice_ctx_create(&dev, type, device, NULL, 0);
	if (r < 0)
		return r;
	pool = av_hwframe_ctx_alloc(dev);
	r = AVERROR(ENOMEM);
	if (pool) {
		AVHWFramesContext *c = (AVHWFramesContext *)pool->data;
		c->format = hw;
		c->sw_format = sw;
		c->width = e->width;
		c->height = e->height;
		c->initial_pool_size = 32; // what the encoder looks ahead at, and some
		r = av_hwframe_ctx_init(pool);
	}
	if (r >= 0) {
		e->hw_frames_ctx = av_buffer_ref(pool);
		e->pix_fmt = hw;
		r = e->hw_frames_ctx ? 0 : AVERROR(ENOMEM);
	}
	av_buffer_unref(&pool);
	av_buffer_unref(&dev);
	return r;
}

// Copies f to the device of the encoder, into o.
int ksn_hw_upload(AVCodecContext *e, AVFrame *o, const AVFrame *f)
{
	av_frame_unref(o);
	int r = av_hwframe_get_buffer(e->hw_frames_ctx, o, 0);
	if (r >= 0)
		r = av_hwframe_transfer_data(o, f, 0);
	return r < 0 ? r : av_frame_copy_props(o, f);
}
