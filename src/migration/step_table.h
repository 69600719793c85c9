/*
 * How far the migrations are that are not one transaction: table drydock.steps in the database
 * itself. A step in a transaction has a row once it is committed; one outside of a transaction has
 * a row from before it starts. The rows of a migration go with its last transaction.
 */
#pragma once

#include "migration/migration.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *migration;
    int number, count; /* from 1 */
    bool down;         /* it is being taken back */
    char *canonical;   /* of the file */
    int line;
    char *title;
    bool done;      /* or only started */
    char *run;      /* that wrote it last */
    char *before;   /* what the catalog said before it started (leftover.h) */
    char *decision; /* "again" or "done", by a person; NULL */
    char *note;     /* what people decided, and why; "" */
} StepRecord;

/* StepRecord * by migration and number; empty where there is no table yet. */
GPtrArray *step_table_read(PgConnection *connection, GError **error);

/* Creates the table if it is not there. */
bool step_table_create(PgConnection *connection, GError **error);

/* Writes a row, or makes a started one done; of a row that is there before and note stay. */
bool step_table_put(PgConnection *connection, const StepRecord *record, GError **error);

/* Removes the row of one step (number), or all of a migration's (0); their notes go to the
 * history, if it has the migration. */
bool step_table_remove(PgConnection *connection, const char *migration, int number, GError **error);

/* A person says what became of a started step: "again" or "done", and why. ERROR_USAGE if the
 * migration has none. */
bool step_table_decide(PgConnection *connection, const char *migration, const char *decision,
                       const char *reason, GError **error);

/* NULL if there is none. */
const StepRecord *step_table_find(const GPtrArray *records, const char *migration, int number);

/* ERROR_INTEGRITY that names every migration whose steps were done from another text than its file
 * holds, or that has no file. */
bool step_table_check(const GPtrArray *records, const MigrationSet *set, GError **error);
