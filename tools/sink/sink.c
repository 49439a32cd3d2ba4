// SPDX-License-Identifier: GPL-2.0-only
#include "sink/sink.h"

const struct sink_type *const sink_types[] = { &sink_table, &sink_json, &sink_logfmt, NULL };
const char *const sink_names[] = { "table", "json", "logfmt", NULL };
