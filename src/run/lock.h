/*
 * The lock of a run: a session advisory lock on its own connection to the control database, so that
 * it dies with the session and the target is free of sessions. It is taken by trying, never by
 * waiting: a waiting pg_advisory_lock holds a snapshot, which deadlocks with CREATE INDEX
 * CONCURRENTLY.
 */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct RunLock RunLock;

/* ERROR_REFUSED if a pooler is in between: it lends the session that would hold the lock to others.
 */
bool run_lock_possible(PgConnection *connection, GError **error);

/* Takes the lock for a database name; ERROR_LOCKED names who holds it. ERROR_REFUSED as above. */
RunLock *run_lock_take(const PgTarget *target, const char *control_database, const char *database,
                       const char *application, int connect_timeout_s, GError **error);

/* Whether the session still lives and still holds it; ERROR_LOCKED or ERROR_CONNECTION if not.
 * Asked before every commit that matters. */
bool run_lock_check(RunLock *lock, GError **error);

/* The same for two locks of the same name, in one question. */
bool run_lock_check_both(RunLock *lock, const RunLock *other, GError **error);

/* The pid of its session on the server. */
int run_lock_pid(const RunLock *lock);

void run_lock_release(RunLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunLock, run_lock_release)

/* "drydock COMMAND RUN HOST", so that a plain role can see who holds the lock. The caller frees it.
 */
char *run_application(const char *command, const char *run);
