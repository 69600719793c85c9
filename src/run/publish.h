/* Where a run's artifacts go: the stores of the policy, under DATABASE/RUN/. */
#pragma once

#include "run/context.h"

/* What waits for the snapshot to be in the stores. Where the lanes are not side by side, migrating
 * does, whatever the policy says. */
PublishBefore publish_before(const Run *run);
/* As the policy writes it. */
const char *publish_before_name(PublishBefore before);

/* Puts the snapshot and the audit log so far into every store; places gets where. No request of a
 * store waits beyond latest_us (0: a limit of its own). Uses of the run what does not change any
 * more, so that any thread may do it. */
bool publish_snapshot(const Run *run, int64_t latest_us, json_t *places, GError **error);

/* Recovery: puts the snapshot into the stores that do not have it, as far as the journal and they
 * themselves know; *any says whether there was one. */
bool publish_missing(Run *run, bool *any, GError **error);

/* The same where users are at work already: what fails is told and is no error. */
void publish_late(Run *run);

/* The last line says that it is not published, and the journal says it to recovery. */
void publish_leave(Run *run, const GError *cause);

/* The end of a run: audit log and reports as they are then. */
bool publish_end(const Run *run, GError **error);
