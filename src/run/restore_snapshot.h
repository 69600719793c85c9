/*
 * The way back, tier "snapshot": the run's own local snapshot becomes a new database that gets the
 * name, proven by digests. What is left of the kept copy is evidence and steps aside. And what the
 * tiers share.
 */
#pragma once

#include "run/naming.h"

/* why: what is wrong with the kept copy, or that there is none. False without an error if this run
 * has no local snapshot. */
bool restore_from_snapshot(Run *run, bool kept, const char *why, GPtrArray *exceptions,
                           GError **error);

/* The work copy is closed and its sessions are ended; *drop: it was not migrated and goes when the
 * name is back, otherwise it steps aside. */
bool restore_settle_work(Run *run, bool *drop, GError **error);
NamingAside restore_work_aside(const Run *run);
void restore_drop_work(Run *run, GPtrArray *exceptions);

/* The content of the database of a session, as digest_set_hash() gives it; NULL with an error. The
 * caller frees it. */
char *restore_read_content(PgConnection *connection, GError **error);

/* As naming_give(), and again if the connection was lost on the way. */
bool restore_give_name(Run *run, const Naming *naming, GPtrArray *exceptions, GError **error);

/* The name is back: the words, and what comes after it. */
void restore_in_service(Run *run, const char *proof, bool drop, bool migrated,
                        GPtrArray *exceptions);
