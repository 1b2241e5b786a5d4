#include "avplane.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static char last[512];
static atomic_llong decoder_errors;

static int from_decoder(void *ctx)
{
	const AVClass *c = ctx ? *(const AVClass *const *)ctx : NULL;

	return c && c == avcodec_get_class() && av_codec_is_decoder(((AVCodecContext *)ctx)->codec);
}

static void keep_last(void *ctx, int level, const char *fmt, va_list args)
{
	char line[sizeof(last)];
	int prefix = 1;

	if (level > AV_LOG_ERROR)
		return;
	if (from_decoder(ctx))
		atomic_fetch_add(&decoder_errors, 1);
	av_log_format_line2(ctx, level, fmt, args, line, sizeof(line), &prefix);
	/* Encoders with threads say why they do not open, and then that they do not. */
	if (strstr(line, "ff_frame_thread_encoder_init failed"))
		return;
	pthread_mutex_lock(&mu);
	memcpy(last, line, sizeof(last));
	pthread_mutex_unlock(&mu);
}

void ksn_log_capture(void)
{
	av_log_set_callback(keep_last);
}

int ksn_log_take(char *buf, int size)
{
	pthread_mutex_lock(&mu);
	strncpy(buf, last, size - 1);
	buf[size - 1] = 0;
	last[0] = 0;
	pthread_mutex_unlock(&mu);
	return (int)strlen(buf);
}

int64_t ksn_log_decoder_errors(void)
{
	return atomic_load(&decoder_errors);
}
