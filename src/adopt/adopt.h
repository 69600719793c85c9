/*
 * Takes over a live schema: the history of sequelize-cli, or a baseline (a migration up to which
 * everything counts as applied). First a report, with the live catalog compared to the one that
 * the migrations give; then, if it is wanted, our history is written in one transaction. The schema
 * itself is never changed: what differs is repaired by a migration that is written to a file.
 */
#pragma once

#include "base/json.h"
#include "migration/migration.h"
#include "pg/target.h"
#include "policy/policy.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    const PgTarget *target;
    const Policy *policy;
    const MigrationSet *set;
    bool baseline;      /* else sequelize */
    const char *to;     /* baseline: the last migration that counts as applied */
    const char *schema; /* sequelize: where the table is; NULL: found */
    const char *table;  /* sequelize: NULL: SequelizeMeta */
    bool skip_compare;
    const char *repair; /* name of the repair migration to write; NULL: none */
    bool accept_differences;
    const char *reason; /* why; with accept_differences */
    bool write;         /* else the report alone */
} AdoptOptions;

typedef struct {
    json_t *report;
    char *text;
    GError *refused; /* why nothing was (or would be) written; NULL: nothing is in the way */
} AdoptResult;

void adopt_result_free(AdoptResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AdoptResult, adopt_result_free)

/* NULL with an error if there is no report at all. */
AdoptResult *adopt_run(const AdoptOptions *options, GError **error);
