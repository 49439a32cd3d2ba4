// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way from a source to sinks: batches, limits, ends, selection.
 */
#define _GNU_SOURCE
#include "pipeline.h"
#include "sink/json.h"
#include "sink/sink.h"
#include "sink/table.h"
#include "source/source.h"
#include "reading.h"

#include <fcntl.h>
#include <linux/setnsmon.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- batches ---- */

/* A newer module may have larger records, an older one smaller records. */
static void batches_of_other_sizes(void)
{
	static const int differences[] = { -64, 0, 64 };
	u8 batch[3 * (sizeof(struct setnsmon_record) + 64)];
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(differences); i++) {
		size_t step = sizeof(struct setnsmon_record) + differences[i];
		struct source source = { .record_size = step, .batch = batch, .count = 3 };
		struct setnsmon_record rec;

		for (n = 0; n < 3; n++)
			memset(batch + n * step, 'a' + n, step);
		for (n = 0; n < 3; n++) {
			source_record(&source, n, &rec);
			EQ(*(u8 *)&rec, 'a' + n);
			EQ(rec.setns.comm[0], differences[i] < 0 ? 0 : 'a' + n);
		}
	}
}

/* ---- the pipeline ---- */

/*
 * A source with records in memory instead of a device. Their stamps grow by 10. @now is the
 * time that the source reports. After its last batch it has ended or, with @live, is drained.
 * @checks counts the looks for troubles.
 */
struct memory {
	struct source source;
	struct setnsmon_record recs[8];
	unsigned int batches;
	u64 stamp;
	u64 now;
	bool live;
	unsigned int checks;
};

static enum source_read read_memory(struct source *source)
{
	struct memory *memory = (struct memory *)source;
	unsigned int i;

	if (!memory->batches)
		return memory->live ? SOURCE_DRAINED : SOURCE_END;
	memory->batches--;
	source->count = ARRAY_SIZE(memory->recs);
	for (i = 0; i < source->count; i++)
		memory->recs[i].boot_ns = memory->stamp += 10;
	return SOURCE_BATCH;
}

static bool memory_now(const struct source *source, u64 *boot_ns)
{
	*boot_ns = ((const struct memory *)source)->now;
	return *boot_ns;
}

static unsigned int memory_troubles(const struct source *source, unsigned int known)
{
	((struct memory *)source)->checks++;
	EQ(known, 0);
	return SOURCE_UNARMED;
}

static const struct source_ops memory_ops = { .read = read_memory,
					      .now = memory_now,
					      .troubles = memory_troubles };

/* Prepares @batches batches, each of seven calls and a loss of 37 records. */
static void fill_memory(struct memory *memory, unsigned int batches)
{
	unsigned int i;

	*memory = (struct memory){ .source = { .ops = &memory_ops, .path = "memory" } };
	memory->source.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	memory->source.record_size = sizeof(memory->recs[0]);
	memory->source.batch = (u8 *)memory->recs;
	memory->batches = batches;
	for (i = 0; i < ARRAY_SIZE(memory->recs); i++)
		memory->recs[i] = i == 3 ? lost(37) : full();
}

struct output {
	struct sink *sink;
	FILE *out;
	char *text;
	size_t len;
};

static void open_output(struct output *output, const struct sink_type *type)
{
	struct sink_options options = { 0 };

	output->out = options.out = open_memstream(&output->text, &output->len);
	output->sink = type->open(&options);
}

static void close_output(struct output *output)
{
	output->sink->type->close(output->sink);
	fclose(output->out);
}

/* Runs a pipeline, with @end one that is to end now. Returns the lines written. */
static unsigned int run_pipeline(struct pipeline *pipeline, struct memory *memory, bool end)
{
	struct output output;
	unsigned int lines;

	open_output(&output, &sink_logfmt);
	pipeline->source = &memory->source;
	pipeline->sinks = &output.sink;
	pipeline->sink_count = 1;
	if (end)
		CHECK(pipeline_end_now(pipeline));
	CHECK(pipeline_run(pipeline));
	close_output(&output);
	close(memory->source.fd);
	lines = lines_in(output.text);
	free(output.text);
	return lines;
}

static void a_pipeline_feeds_two_sinks(void)
{
	struct output outputs[3];
	struct sink *sinks[3];
	struct memory memory;
	struct pipeline pipeline = { .source = &memory.source, .sinks = sinks, .sink_count = 3 };
	unsigned int i;

	fill_memory(&memory, 2);
	for (i = 0; i < ARRAY_SIZE(outputs); i++) {
		open_output(&outputs[i], i ? &sink_json : &sink_table);
		sinks[i] = outputs[i].sink;
	}
	CHECK(pipeline_run(&pipeline));
	EQ(pipeline.calls, 14);
	EQ(pipeline.lost, 74);
	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		close_output(&outputs[i]);
	close(memory.source.fd);
	EQ(lines_in(outputs[1].text), 16);
	CHECK(!strcmp(outputs[1].text, outputs[2].text));
	CHECK(has(outputs[0].text, "--- 37 records lost on CPU 3 ---"));
	CHECK(has(outputs[0].text, " nsenter "));
	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		free(outputs[i].text);
}

static void a_pipeline_ends_at_its_limit(void)
{
	struct pipeline pipeline = { .limit = 10 };
	struct memory memory;

	fill_memory(&memory, 100);
	EQ(run_pipeline(&pipeline, &memory, false), 11);
	EQ(pipeline.calls, 10);
}

/* The batches end at 80, 160, and so on. Nothing but the stamps tells which is the last. */
static void a_pipeline_ends_with_the_first_later_record(void)
{
	static const struct {
		u64 now;
		unsigned int batches;
	} cases[] = { { 1, 1 }, { 79, 1 }, { 80, 2 }, { 81, 2 }, { 160, 3 }, { 800, 11 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pipeline pipeline = { 0 };
		struct memory memory;

		fill_memory(&memory, 100);
		memory.now = cases[i].now;
		EQ(run_pipeline(&pipeline, &memory, true), 8 * cases[i].batches);
		EQ(pipeline.calls, 7 * cases[i].batches);
		EQ(pipeline.lost, 37 * cases[i].batches);
	}
}

static void a_pipeline_that_is_to_end_ends_when_drained(void)
{
	struct pipeline pipeline = { 0 };
	struct memory memory;

	fill_memory(&memory, 5);
	memory.live = true;
	memory.now = 100000;
	EQ(run_pipeline(&pipeline, &memory, true), 40);
	EQ(memory.checks, 1);
	EQ(pipeline.troubles, SOURCE_UNARMED);
}

/* Each batch has four calls of class plain, three of class exit, and a loss. */
static void a_pipeline_shows_the_selected_classes(void)
{
	static const struct {
		u32 classes;
		unsigned int calls;
	} cases[] = {
		{ 0, 7 },
		{ 1U << SETNSMON_CLASS_PLAIN, 4 },
		{ 1U << SETNSMON_CLASS_ENTRY, 0 },
		{ 1U << SETNSMON_CLASS_EXIT, 3 },
		{ 1U << SETNSMON_CLASS_EXIT | 1U << SETNSMON_CLASS_PLAIN, 7 },
	};
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct setnsmon_filter filter = { .classes = cases[i].classes };
		struct pipeline pipeline = { .filter = &filter };
		struct memory memory;

		fill_memory(&memory, 2);
		for (n = 0; n < ARRAY_SIZE(memory.recs); n++)
			if (n != 3)
				memory.recs[n].setns.call_class =
					n < 5 ? SETNSMON_CLASS_PLAIN : SETNSMON_CLASS_EXIT;
		EQ(run_pipeline(&pipeline, &memory, false), 2 * cases[i].calls + 2);
		EQ(pipeline.calls, 2 * cases[i].calls);
		EQ(pipeline.lost, 74);
	}
}

/* Calls that are not shown count neither as calls nor for the limit, but end a pipeline. */
static void a_pipeline_counts_selected_calls(void)
{
	const struct setnsmon_filter exits = { .classes = 1U << SETNSMON_CLASS_EXIT };
	struct pipeline pipeline = { .filter = &exits, .limit = 2 };
	struct pipeline ending = { .filter = &exits };
	struct memory memory;

	fill_memory(&memory, 10);
	memory.recs[6].setns.call_class = SETNSMON_CLASS_EXIT;
	memory.recs[7].setns.call_class = 255;
	EQ(run_pipeline(&pipeline, &memory, false), 4);
	EQ(pipeline.calls, 2);
	fill_memory(&memory, 10);
	memory.now = 81;
	EQ(run_pipeline(&ending, &memory, true), 2);
	EQ(ending.calls, 0);
}

static void a_pipeline_reports_a_clock_that_fails(void)
{
	struct memory memory;
	struct pipeline pipeline = { .source = &memory.source };

	fill_memory(&memory, 1);
	CHECK(!pipeline_end_now(&pipeline));
	close(memory.source.fd);
}

static const struct tap_case cases[] = {
	CASE(batches_of_other_sizes),
	CASE(a_pipeline_feeds_two_sinks),
	CASE(a_pipeline_ends_at_its_limit),
	CASE(a_pipeline_ends_with_the_first_later_record),
	CASE(a_pipeline_that_is_to_end_ends_when_drained),
	CASE(a_pipeline_shows_the_selected_classes),
	CASE(a_pipeline_counts_selected_calls),
	CASE(a_pipeline_reports_a_clock_that_fails),
};

int main(void)
{
	return run_cases(cases, ARRAY_SIZE(cases));
}
