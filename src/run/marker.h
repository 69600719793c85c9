/*
 * How a database says of itself that an online run of it has not ended: a row in
 * drydock.unfinished, from the run's first transaction to its last. It holds what the way back is
 * measured by, the history and the schema before, so that recovery needs nothing else.
 */
#pragma once

#include "base/json.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *run;
    char *phase; /* migrate; verified; undo: it is being taken back */
    char *began_at, *began_by, *host;
    json_t *history; /* {"migration": {ID: {"text": HASH}}, "repeatable migration": ...} */
    json_t *schema;  /* schema_read() */
} Marker;

void marker_free(Marker *marker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Marker, marker_free)

/* Makes the table and the row, in the transaction that is open; the history is there. */
bool marker_begin(PgConnection *connection, const char *run, GError **error);

/* NULL without an error if no run is under way, or this role may not know. */
Marker *marker_read(PgConnection *connection, GError **error);

bool marker_set_phase(PgConnection *connection, const char *run, const char *phase, GError **error);

/* Takes the row away, in the transaction that is open; ERROR_INTEGRITY if it is not there. */
bool marker_end(PgConnection *connection, const char *run, GError **error);

/* ERROR_NEEDS_PERSON: the row of a run that has begun is not there, and the run did not take it
 * away, so that nothing tells what is to be taken back. */
void marker_set_taken(const char *run, GError **error);

/* What is not as it was when the run began, read in the transaction that is open: a line for each
 * difference of history and schema; char *. Empty: everything is as before. */
GPtrArray *marker_compare(PgConnection *connection, const Marker *marker, GError **error);

/* ERROR_REFUSED if a run is under way, or has died: nothing else may change the database then. */
bool marker_check(PgConnection *connection, GError **error);

/* "run 20261122t134547 has been migrating it since ...": for people. The caller frees it. */
char *marker_text(const Marker *marker);
