/*
 * The audit log: audit.jsonl, one JSON object a line with the SHA-256 of the line before it, so
 * that a line that is changed or left out shows. The first line of a run carries the last hash of
 * the run before (file audit.head in the state folder).
 *
 * A line's hash is that of its bytes without the line feed: `sha256sum` over the line gives it.
 */
#pragma once

#include "base/json.h"
#include <glib.h>
#include <stdbool.h>

typedef struct Audit Audit;

/* Opens <folder>/audit.jsonl, to be continued if it exists; head_path is the file audit.head. */
Audit *audit_open(const char *folder, const char *head_path, const char *run, const char *actor,
                  GError **error);
void audit_close(Audit *audit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Audit, audit_close)

/* Appends an event, from any thread; details (may be NULL) is taken and holds neither secrets nor
 * row data. Does nothing if audit is NULL. */
bool audit_event(Audit *audit, const char *event, json_t *details, GError **error);

/* Checks a log: every line's hash stands in the next. ERROR_INTEGRITY names the first line that
 * does not fit. */
bool audit_verify(const char *path, GError **error);
