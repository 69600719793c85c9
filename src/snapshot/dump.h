/* pg_dump as a child: one directory archive of one database, in a snapshot that somebody else
 * holds. */
#pragma once

#include "snapshot/snapshot.h"

typedef struct Dump Dump;

/* Starts pg_dump into folder, which is empty; server_version_num chooses the program. */
Dump *dump_start(const PgTarget *target, const SnapshotOptions *options, const char *folder,
                 const char *snapshot_id, int server_version_num, GError **error);

/* Waits for its end or timeout_ms (-1: no limit; 0: looks only). Once it has ended: an error if it
 * failed, without anything that may be a row. */
bool dump_wait(Dump *dump, int64_t timeout_ms, bool *ended, GError **error);

const char *dump_version(const Dump *dump); /* "15.18" */
int dump_sessions(const Dump *dump);        /* how many it opens */

/* Stops it if it still runs, and removes its password file. */
void dump_free(Dump *dump);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dump, dump_free)

/* What may be repeated of pg_dump's words: its own errors and the server's messages, redacted; no
 * DETAIL, CONTEXT or statement, which may hold rows. The caller frees it. */
char *dump_filter_message(const char *message);
