#include "avplane.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static char last[512];

static void keep_last(void *ctx, int level, const char *fmt, va_list args)
{
	char line[sizeof(last)];
	int prefix = 1;

	if (level > AV_LOG_ERROR)
		return;
	av_log_format_line2(ctx, level, fmt, args, line, sizeof(line), &prefix);
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
