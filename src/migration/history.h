/*
 * The history of a database: table drydock.migrations in the database itself, so that it is
 * restored with it. A row commits in the transaction of its migration.
 */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
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
} HistoryEntry;

/* HistoryEntry * by id; empty where there is no history yet. */
GPtrArray *history_read(PgConnection *connection, GError **error);

/* Creates the table if it is not there; in a transaction of the caller it is part of it. */
bool history_create(PgConnection *connection, GError **error);

/* Whether the table is there. */
bool history_exists(PgConnection *connection, bool *exists, GError **error);

/* A row in, a row out; the history of sequelize-cli goes with it once it is adopted. */
bool history_insert(PgConnection *connection, const Migration *migration, const char *run,
                    int64_t duration_ms, GError **error);
/* Records a migration that another tool has run: how ("sequelize") and who adopted it stand in
 * applied_by. */
bool history_adopt(PgConnection *connection, const Migration *migration, const char *run,
                   const char *how, GError **error);
bool history_delete(PgConnection *connection, const Migration *migration, GError **error);

/* How files and history stand to each other. */
typedef enum {
    STATE_APPLIED,
    STATE_PENDING,
    STATE_CHANGED, /* applied from a text that differs in more than line ends and trailing blanks */
    STATE_UNKNOWN, /* in the history, no file */
    STATE_OUT_OF_ORDER, /* pending, and older than an applied one */
} MigrationState;

typedef struct {
    MigrationState state;
    const Migration *migration; /* NULL if unknown; belongs to the set */
    HistoryEntry *entry;        /* NULL if pending; belongs to the history */
} MigrationStatus;

const char *migration_state_name(MigrationState state);

/* MigrationStatus * by id; the caller frees the array. It refers to set and history. */
GPtrArray *history_compare(const MigrationSet *set, const GPtrArray *history);

/* ERROR_INTEGRITY that names everything that is changed, unknown or out of order. */
bool history_check(const GPtrArray *statuses, GError **error);

/* Pending migrations up to and including `to` (NULL: all), in order; const Migration *. ERROR_USAGE
 * if `to` is not known or is applied already. */
GPtrArray *history_pending(const GPtrArray *statuses, const char *to, GError **error);
