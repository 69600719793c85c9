/* pg_dump as a child, for the archive's table of contents alone: in the custom format, written to a
 * pipe, that comes first and is complete. The rows behind it are not read. */
#pragma once

#include "snapshot/snapshot.h"
#include "snapshot/toc.h"

typedef struct Dump Dump;

/* Starts pg_dump in a snapshot that somebody else holds; server_version_num chooses the program,
 * encoding is that of the archive; a password goes into a file in passfolder. */
Dump *dump_start(const PgTarget *target, const SnapshotOptions *options, const char *passfolder,
                 const char *encoding, const char *snapshot_id, int server_version_num,
                 GError **error);

/* Waits for its end or timeout_ms (-1: no limit; 0: looks only). Once it has ended: an error if it
 * failed, without anything that may be a row; ERROR_LOCK_TIMEOUT if it waited for a lock. */
bool dump_wait(Dump *dump, int64_t timeout_ms, bool *ended, GError **error);

/* Reads the table of contents and stops it. */
Toc *dump_read_toc(Dump *dump, GError **error);

const char *dump_version(const Dump *dump); /* "15.18" */

/* Stops it if it still runs, and removes its password file. */
void dump_free(Dump *dump);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dump, dump_free)

/* What may be repeated of pg_dump's words: its own errors and the server's messages, redacted; no
 * DETAIL, CONTEXT or statement, which may hold rows. The caller frees it. */
char *dump_filter_message(const char *message);

/* Whether it failed because a lock was not to be had: message is all of its standard error. */
bool dump_waited_for_lock(const char *message, int64_t took_us);
