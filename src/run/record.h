/*
 * What the server itself knows about a run: a JSON object in COMMENT ON DATABASE of every copy,
 * written in the transaction that gives the copy its name. Recovery needs nothing else.
 */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *name; /* of the copy on the server; NULL in a record that is to be written */
    char *run;
    char *database; /* the name in service */
    char *role;     /* keep, work, before, failed, restore, replaced, rehearsal, unproven */
    char *strategy; /* shadow, in_place; import: the data comes from a snapshot; NULL: shadow */
    char *phase;    /* keep: fence, snapshot, migrate; work: clone or import, migrate, verified */
    char *comment;  /* of the original; NULL: none */
    char *gate;     /* keep: the row version while closed (run/gate.h), and of the work copy that
                       is the database itself, before anybody is let in; of any work copy that is
                       verified: since then; NULL: not known */
    char *content;  /* keep, and of that work copy: hash of the content (digest_set_hash); NULL: not
                       known */
    char *read_only; /* keep: the original's own default_transaction_read_only; NULL: not set */

    /* Of the copy on the server. */
    char *owner;
    bool trusted; /* its owner is beyond forging it (run/trust.h) */
} RunRecord;

void run_record_free(RunRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunRecord, run_record_free)

/* A record as the comment's text. The caller frees it. */
char *run_record_text(const RunRecord *record);

/* The statement that puts a record on database `name`. The caller frees it. */
char *run_record_statement(const char *name, const RunRecord *record);

/* A comment as a record; NULL if it is none of ours. */
RunRecord *run_record_parse(const char *name, const char *comment);

/* Every record on the server for a database name, ordered by the copy's name; RunRecord *. */
GPtrArray *run_records_read(PgConnection *connection, const char *database, GError **error);

/* The record with this role, and run (NULL: any), of those that are trusted; NULL if there is none.
 */
RunRecord *run_records_find(const GPtrArray *records, const char *run, const char *role);

/* Says why there is no database of this name: a run that has not ended has it (ERROR_REFUSED), or
 * it never was (ERROR_CONFIG). */
void run_records_explain_missing(PgConnection *connection, const PgTarget *target,
                                 const char *database, GError **error);
