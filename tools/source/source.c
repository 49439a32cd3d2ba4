// SPDX-License-Identifier: GPL-2.0-only
#include "source/source.h"

void source_record(const struct source *source, unsigned int i, struct setnsmon_record *rec)
{
	size_t step = source->record_size;
	size_t known = step < sizeof(*rec) ? step : sizeof(*rec);

	memcpy(rec, source->batch + i * step, known);
	memset((u8 *)rec + known, 0, sizeof(*rec) - known);
}
