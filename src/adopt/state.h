/* One adoption while it goes on; shared by the files of this folder. */
#pragma once

#include "adopt/adopt.h"
#include "adopt/difference.h"
#include "adopt/repair.h"
#include "migration/history.h"
#include "migration/sequelize.h"
#include "pg/connection.h"
#include "run/lock.h"

typedef struct {
    const AdoptOptions *options;
    char *run;
    char *application;
    char *search_path;
    RunLock *lock;        /* in the control database: against runs */
    RunLock *target_lock; /* in the target: against others that know only it */
    PgConnection *live;
    PgConnection *control;

    char *schema, *table, *quoted; /* of the other tool's history; NULL for a baseline */
    char **names;                  /* its rows; NULL-terminated; NULL for a baseline */
    GPtrArray *rows;               /* SequelizeRow *, what they mean */
    GPtrArray *history;            /* HistoryEntry *, ours before */
    bool adopted;                  /* its table is adopted already */

    GPtrArray *applied; /* const Migration *, in order: what counts as applied */
    GPtrArray *record;  /* those of them that are not in our history yet */
    GPtrArray *gaps;    /* older than an applied one, and not applied */

    Catalog *actual, *expected; /* NULL: not compared */
    GPtrArray *differences;     /* NULL: not compared */
    RepairText repair;
    char *repair_path; /* of the .up.sql that was written; NULL: none */
    bool written;
} Adoption;

/* Finds and reads the table of sequelize-cli, or takes --to, and fills rows, applied, record and
 * gaps. */
bool adoption_read(Adoption *adoption, GError **error);

/* Sets *error to what is in the way of writing; true if nothing is. */
bool adoption_check(const Adoption *adoption, GError **error);

/* Writes our history, in one transaction. */
bool adoption_write(Adoption *adoption, GError **error);

/* Writes the files of the repair migration into the folder of the migrations. */
bool adoption_write_repair(Adoption *adoption, GError **error);

json_t *adoption_report(const Adoption *adoption, const GError *refused);
char *adoption_text(const Adoption *adoption, const GError *refused);
