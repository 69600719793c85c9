/*
 * What the databases of a server share: roles, memberships, settings, databases, tablespaces,
 * subscriptions, replication slots. A migration that changes one of them has reached outside its
 * database, where neither a copy nor a rename brings it back; comparing what was before with what
 * is after finds it, however it was done. A role's password and the server's configuration files
 * are not readable for a plain role and not seen.
 */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include <glib.h>

/* {"role": {"name": {attribute: value, ...}, ...}, "membership": ..., ...}. What belongs to the
 * databases of the NULL-terminated list (may be NULL: none) is left out. Of settings only a hash is
 * kept. A new reference. */
json_t *shared_read(PgConnection *connection, const char *const *without_databases, GError **error);

/* A line for each object that was created, dropped or changed ("role 'x' was created"), with names
 * of attributes and never their values; empty if there is no difference. char *; the caller frees
 * the array. */
GPtrArray *shared_compare(const json_t *before, const json_t *after);
