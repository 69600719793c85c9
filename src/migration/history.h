/*
 * The history of a database: table drydock.migrations in the database itself (and
 * drydock.repeatables, drydock.changes beside it), so that it is restored with it. A row commits in
 * the transaction of its migration.
 */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
#include "migration/step_table.h"
#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *id;
    char *name;
    char *sha256;
    char *canonical;
    char *applied_at; /* UTC, ISO 8601 */
    char *applied_by;
    char *run;
    int64_t duration_ms;
    int64_t position;  /* in the order in which they were applied; 0 for repeatables */
    bool out_of_order; /* applied after a newer one */
    bool stale;        /* a repeatable one that must be applied again, whatever its text */
    char *accepted;    /* why a change of its file was accepted last; NULL: none was */
    char *accepted_at; /* UTC, ISO 8601 */
    char *accepted_by;
} HistoryEntry;

/* HistoryEntry * by id; empty where there is no history yet. */
GPtrArray *history_read(PgConnection *connection, GError **error);

/* Likewise the repeatable ones, by name, which is their id. */
GPtrArray *history_read_repeatables(PgConnection *connection, GError **error);

/* Creates the tables if they are not there, and brings those of an earlier version up to date; in a
 * transaction of the caller it is part of it. */
bool history_create(PgConnection *connection, GError **error);

/* Whether a run has committed anything of a migration: its rows go into the history, or into the
 * steps, with it. */
bool history_has_run(PgConnection *connection, const char *run, bool *has, GError **error);

/* Whether the table is there. */
bool history_exists(PgConnection *connection, bool *exists, GError **error);

/* What writing a row tells along the way. */
typedef struct {
    char xid[24]; /* of the transaction */
    bool adopted; /* the history of another tool is kept in step (migration/sequelize.h) */
} HistoryWritten;

/* Records what was applied; of a repeatable one, its last time. */
bool history_insert(PgConnection *connection, const Migration *migration, const char *run,
                    int64_t duration_ms, HistoryWritten *written, GError **error);

/* Records a migration that another tool has run: how ("sequelize") and who adopted it stand in
 * applied_by. */
bool history_adopt(PgConnection *connection, const Migration *migration, const char *run,
                   const char *how, GError **error);

/* Removes a migration that was taken back. What that did to objects of repeatable ones (CASCADE)
 * cannot be known, so that they become stale. */
bool history_delete(PgConnection *connection, const char *id, GError **error);

/* Records the files of an applied migration as they are now, and why. */
bool history_accept(PgConnection *connection, const Migration *migration, const HistoryEntry *entry,
                    const char *reason, const char *run, GError **error);

/* How files and history stand to each other. */
typedef enum {
    STATE_APPLIED,
    STATE_PENDING,
    STATE_CHANGED, /* applied from a text that differs in more than line ends and trailing blanks */
    STATE_UNKNOWN, /* in the history, no file */
    STATE_OUT_OF_ORDER, /* pending, and older than an applied one */
    STATE_PARTIAL, /* some steps are applied (no entry) or undone (entry): history_add_steps() */
} MigrationState;

typedef struct {
    MigrationState state;
    const Migration *migration; /* NULL if unknown; belongs to the set */
    HistoryEntry *entry;        /* NULL if pending; belongs to the history */
    bool out_of_order;          /* pending, older than an applied one, and allowed to be */

    /* Of a partial one. */
    int steps_done, steps;
    const StepRecord *started; /* the step that was started and is not done; NULL: none. Belongs to
                                  the records */
} MigrationStatus;

const char *migration_state_name(MigrationState state);

/* MigrationStatus * by id; the caller frees the array. It refers to set and history. */
GPtrArray *history_compare(const MigrationSet *set, const GPtrArray *history);

/* Lets these (NULL-terminated; NULL: none) be applied although newer ones are: they become pending.
 * ERROR_USAGE if one is not known. One that is applied, or in order, is fine: the same command may
 * be given again, and for other databases. */
bool history_allow(GPtrArray *statuses, char *const *ids, GError **error);

/* Says of pending and applied migrations that are partly applied or undone how far they are.
 * records: step_table_read(). */
void history_add_steps(GPtrArray *statuses, const GPtrArray *records);

/* ERROR_INTEGRITY that names everything that is changed, unknown or out of order. */
bool history_check(const GPtrArray *statuses, GError **error);

/* As above, but pending ones that are out of order are no matter: to take something back is what
 * may mend that. */
bool history_check_applied(const GPtrArray *statuses, GError **error);

/* Pending migrations up to and including `to` (NULL: all), in order, partly applied ones among
 * them; const Migration *. ERROR_USAGE if `to` is not known or is applied already, ERROR_REFUSED if
 * one is partly undone. */
GPtrArray *history_pending(const GPtrArray *statuses, const char *to, GError **error);
