#include "avplane.h"

#include <libavutil/display.h>
#include <math.h>
#include <string.h>

void ksn_stream_describe(const AVStream *s, ksn_stream_info *o)
{
	size_t size = 0;
	const uint8_t *m = av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, &size);

	memset(o, 0, sizeof(*o));
	o->disposition = s->disposition;
	o->field_order = s->codecpar->field_order;
	o->attached_pic = !!(s->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS));
	o->index_entries = avformat_index_get_entries_count(s);
	if (m && size >= 9 * sizeof(int32_t)) {
		double r = av_display_rotation_get((const int32_t *)m);

		o->rotated = !isnan(r);
		o->rotation = o->rotated ? r : 0;
	}
}

int ksn_stream_copy_props(AVStream *o, const AVStream *i, int copied)
{
	int r;

	o->id = i->id;
	o->disposition = i->disposition;
	o->avg_frame_rate = i->avg_frame_rate;
	o->r_frame_rate = i->r_frame_rate;
	o->sample_aspect_ratio = i->sample_aspect_ratio;
	if ((r = av_dict_copy(&o->metadata, i->metadata, 0)) < 0)
		return r;
	if (!copied && (r = av_dict_set(&o->metadata, "encoder", NULL, 0)) < 0)
		return r;
	for (int k = 0; k < i->nb_side_data; k++) {
		const AVPacketSideData *s = &i->side_data[k];
		uint8_t *d;

		// What describes the old coded stream, or is made anew from the first frame, must not be said twice.
		if (!copied && (s->type == AV_PKT_DATA_CPB_PROPERTIES || s->type == AV_PKT_DATA_NEW_EXTRADATA ||
				s->type == AV_PKT_DATA_MASTERING_DISPLAY_METADATA ||
				s->type == AV_PKT_DATA_CONTENT_LIGHT_LEVEL || s->type == AV_PKT_DATA_DOVI_CONF))
			continue;
		if (!(d = av_stream_new_side_data(o, s->type, s->size)))
			return AVERROR(ENOMEM);
		memcpy(d, s->data, s->size);
	}
	return 0;
}

int ksn_copy_metadata(AVFormatContext *o, const AVFormatContext *i)
{
	// as the ffmpeg tool does: these describe the old container
	static const char *const own[] = { "major_brand", "minor_version", "compatible_brands", "encoder" };
	int r = av_dict_copy(&o->metadata, i->metadata, 0);

	for (size_t k = 0; r >= 0 && k < sizeof(own) / sizeof(*own); k++)
		r = av_dict_set(&o->metadata, own[k], NULL, 0);
	return r < 0 ? r : 0;
}

int ksn_copy_chapters(AVFormatContext *o, const AVFormatContext *i)
{
	if (!i->nb_chapters)
		return 0;
	// avformat_free_context frees what is counted in nb_chapters
	if (!(o->chapters = av_calloc(i->nb_chapters, sizeof(*o->chapters))))
		return AVERROR(ENOMEM);
	for (unsigned k = 0; k < i->nb_chapters; k++) {
		const AVChapter *from = i->chapters[k];
		AVChapter *c = av_mallocz(sizeof(*c));
		int r;

		if (!c)
			return AVERROR(ENOMEM);
		o->chapters[o->nb_chapters++] = c;
		c->id = from->id;
		c->time_base = from->time_base;
		c->start = from->start;
		c->end = from->end;
		if ((r = av_dict_copy(&c->metadata, from->metadata, 0)) < 0)
			return r;
	}
	return 0;
}

int ksn_tag_valid(const AVFormatContext *o, const AVCodecParameters *p)
{
	const AVOutputFormat *f = o->oformat;
	unsigned int t;

	return !f->codec_tag || av_codec_get_id(f->codec_tag, p->codec_tag) == p->codec_id ||
	       !av_codec_get_tag2(f->codec_tag, p->codec_id, &t);
}

int ksn_can_mux(const AVFormatContext *o, int codec)
{
	return avformat_query_codec(o->oformat, codec, FF_COMPLIANCE_NORMAL) != 0;
}

int ksn_duration_declared(const AVFormatContext *in)
{
	return in->duration_estimation_method == AVFMT_DURATION_FROM_STREAM;
}
