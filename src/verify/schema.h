/*
 * The fingerprint of a database's schema: what it consists of, without its rows. Two readings of
 * one database tell whether what was changed in between was taken back.
 */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include <glib.h>

/* {"table": {"public.ships": {"definition": HASH}, ...}, "column": ..., ...}, with owners and
 * privileges, without schema drydock and the order of columns; in the transaction that is open,
 * whose search_path is empty from then on. A new reference. */
json_t *schema_read(PgConnection *connection, GError **error);

/* A line for each thing that was created, dropped or changed ("column 'public.ships.flag' was
 * created"); empty if there is no difference. char *; the caller frees the array. */
GPtrArray *schema_compare(const json_t *before, const json_t *after);
