/* What an adoption writes: our history in the database, and the repair migration as files. */
#include "adopt/state.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "migration/file.h"
#include "pg/sql.h"
#include <string.h>

static bool lock_table(Adoption *adoption, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT name FROM %s ORDER BY name COLLATE \"C\"", adoption->quoted);
    g_autoptr(PgResult) names = NULL;
    bool same = true;
    if (!pg_execf(adoption->live, error,
                  "SET LOCAL lock_timeout = '10s'; LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE",
                  adoption->quoted))
        return false;
    names = pg_query(adoption->live, error, sql, 0);
    if (names == NULL)
        return false;
    same = pg_rows(names) == (int)g_strv_length(adoption->names);
    for (int row = 0; same && row < pg_rows(names); row++)
        same = strcmp(pg_value(names, row, 0), adoption->names[row]) == 0;
    if (same)
        return true;
    error_set(error, ERROR_REFUSED, "%s has changed since it was read", adoption->quoted);
    error_hint_set(error, "somebody runs sequelize-cli: stop that, and adopt again");
    return false;
}

static bool insert_adopted(Adoption *adoption, const char *how, const char *name, const char *id,
                           GError **error)
{
    g_autofree char *count = adoption->differences != NULL
                                 ? g_strdup_printf("%u", difference_count(adoption->differences))
                                 : NULL;
    g_autoptr(PgResult) result =
        pg_query(adoption->live, error,
                 "INSERT INTO drydock.adopted (how, name, id, run, differences, reason) "
                 "VALUES ($1, $2, $3, $4, $5::bigint, $6) ON CONFLICT DO NOTHING",
                 6, how, name, id, adoption->run, count, adoption->options->reason);
    return result != NULL;
}

static bool insert_rows(Adoption *adoption, GError **error)
{
    const bool baseline = adoption->options->baseline;
    const char *how = baseline ? "baseline" : "sequelize";
    for (guint i = 0; i < adoption->record->len; i++) {
        const Migration *migration = g_ptr_array_index(adoption->record, i);
        g_autofree char *name = g_strdup_printf("%s-%s", migration->id, migration->name);
        if (!history_adopt(adoption->live, migration, adoption->run, how, error) ||
            (baseline && !insert_adopted(adoption, how, name, migration->id, error)))
            return false;
    }
    for (guint i = 0; !baseline && i < adoption->rows->len; i++) {
        const SequelizeRow *row = g_ptr_array_index(adoption->rows, i);
        if (!insert_adopted(adoption, how, row->name, row->migration->id, error))
            return false;
    }
    return true;
}

static bool write_in_transaction(Adoption *adoption, GError **error)
{
    const bool sequelize = !adoption->options->baseline;
    if ((sequelize && !lock_table(adoption, error)) || !history_create(adoption->live, error) ||
        !pg_exec(adoption->live, pg_sql_adopt_record, error) ||
        (sequelize && !pg_execf(adoption->live, error,
                                "CREATE OR REPLACE VIEW drydock.sequelize_meta AS "
                                "SELECT name FROM %s; COMMENT ON VIEW drydock.sequelize_meta IS "
                                "'The history of sequelize-cli, kept in step'",
                                adoption->quoted)) ||
        !insert_rows(adoption, error))
        return false;
    if (!sequelize_check(adoption->live, error))
        return false;
    failpoint("adopt.before_commit");
    return run_lock_check_both(adoption->lock, adoption->target_lock, error);
}

static bool commit(Adoption *adoption, GError **error)
{
    if (pg_exec(adoption->live, "COMMIT", error))
        return true;
    if (!pg_is_alive(adoption->live)) {
        error_recode(error, ERROR_UNKNOWN_OUTCOME);
        error_hint_set(error, "the answer to COMMIT was lost: drydock status says whether it is "
                              "recorded; adopting again does no harm");
    }
    return false;
}

bool adoption_write(Adoption *adoption, GError **error)
{
    if (!pg_exec(adoption->live, "BEGIN", error))
        return false;
    adoption->written = write_in_transaction(adoption, error) && commit(adoption, error);
    if (adoption->written)
        return true;
    g_prefix_error(error, "while recording what is adopted: ");
    if (pg_is_alive(adoption->live) && pg_transaction(adoption->live) != PG_IDLE)
        (void)pg_exec(adoption->live, "ROLLBACK", NULL);
    return false;
}

/* ---- the repair migration ---- */

/* The id behind the last adopted one, so that the repair runs before everything that is pending. */
static char *next_id(const Adoption *adoption, GError **error)
{
    const Migration *last = g_ptr_array_index(adoption->applied, adoption->applied->len - 1);
    const guint64 number = g_ascii_strtoull(last->id, NULL, 10) + 1;
    g_autofree char *id = g_strdup_printf("%0*" G_GUINT64_FORMAT, MIGRATION_ID_DIGITS, number);
    const Migration *taken = migration_find(adoption->options->set, id);
    if (taken == NULL && migration_is_id(id))
        return g_steal_pointer(&id);
    error_set(error, ERROR_REFUSED, "there is no id between %s and the migration behind it",
              last->id);
    if (taken != NULL)
        error_hint_set(error,
                       "%s-%s has the next id; if that is an earlier repair, remove its files or "
                       "apply it",
                       taken->id, taken->name);
    return NULL;
}

static bool write_part(const Adoption *adoption, const char *id, const char *part, const char *text,
                       char **path, GError **error)
{
    g_autofree char *file = g_strdup_printf("%s-%s.%s.sql", id, adoption->options->repair, part);
    g_auto(MigrationFileName) name = {0};
    g_autofree char *why = NULL;
    *path = g_build_filename(adoption->options->set->folder, file, NULL);
    if (!migration_file_name_parse(file, &name, &why)) {
        error_set(error, ERROR_USAGE, "--repair %s: %s", adoption->options->repair, why);
        return false;
    }
    return file_write_atomic(*path, text, strlen(text), error);
}

bool adoption_write_repair(Adoption *adoption, GError **error)
{
    g_autofree char *id = NULL;
    g_autofree char *verify_path = NULL;
    g_autofree char *path = NULL;
    if (adoption->repair.up == NULL)
        return true;
    id = next_id(adoption, error);
    /* The verify file first: without its .up.sql it is an error, so that a half is noticed. */
    if (id == NULL ||
        (adoption->repair.verify != NULL &&
         !write_part(adoption, id, "verify", adoption->repair.verify, &verify_path, error)) ||
        !write_part(adoption, id, "up", adoption->repair.up, &path, error))
        return false;
    adoption->repair_path = g_steal_pointer(&path);
    return true;
}
