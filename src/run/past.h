/*
 * Past runs, as the state folder has them: <state>/runs/<run>/ with journal, audit log, snapshot
 * and, once the run has ended, its report. No server is asked.
 */
#pragma once

#include "base/json.h"
#include <glib.h>

/* All runs, the newest first: an array of objects with run, database, command, policy, started,
 * ended, duration_ms, downtime_ms, exit_code, result, finished (false: no report was written, since
 * it runs or died), folder, report, snapshot (paths; null where there is none) and problem (why its
 * files do not tell; null). No state folder means no runs. ERROR_IO if it cannot be read. */
json_t *past_runs(const char *state_folder, GError **error);

/* One of them, by its name or the beginning of it. ERROR_USAGE if there is none, or several.
 * Borrowed. */
const json_t *past_runs_find(const json_t *runs, const char *name, GError **error);

/* The reports of runs of one database that were written, the newest first, at most so many; one
 * that cannot be read is passed over. */
json_t *past_reports(const char *state_folder, const char *database, guint most);
