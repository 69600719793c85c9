/*
 * Locks for reading. They are not waited for on the server, or not for long: somebody's ALTER TABLE
 * that waits behind our own first lock would let our next reader wait behind it, for ever, and no
 * deadlock would be seen, since what waits in between is this process. They are tried again for ten
 * seconds instead, and then it is said who is in the way.
 */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* When the tries that begin now are to end, and a pause between two of them, with jitter; false
 * with an error at a signal. */
int64_t locks_latest_us(void);
bool locks_pause(GError **error);

/* Locks one table in the transaction that is open on connection. ERROR_LOCK_TIMEOUT names who
 * waits; ERROR_FAILED soon after *stop was set. */
bool locks_take(PgConnection *connection, uint32_t oid, const char *qualified,
                const atomic_bool *stop, GError **error);

/* "pid 7 (alice, psql) waits for ACCESS EXCLUSIVE on public.students", several joined by "; "; oid
 * 0: of any table. NULL if nobody is seen. The caller frees it. */
char *locks_describe(PgConnection *connection, uint32_t oid);

/* Adds to an ERROR_LOCK_TIMEOUT that was not explained who is in the way, and what to do. */
void locks_name_blockers(PgConnection *connection, GError **error);

/* The error for a lock that was not to be had: what could not be done, and by whose fault. */
void locks_set_error(PgConnection *connection, uint32_t oid, const char *what, GError **error);
