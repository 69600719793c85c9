/* Where the history comes from, and what it says about our migrations. */
#include "adopt/state.h"
#include "base/error.h"
#include "base/text.h"
#include "pg/sql.h"
#include <string.h>

#define DEFAULT_TABLE "SequelizeMeta"

static void set_not_found(const AdoptOptions *options, const char *table, GError **error)
{
    error_set(error, ERROR_REFUSED, "there is no table '%s' in %s%s of database '%s'", table,
              options->schema != NULL ? "schema " : "any schema",
              options->schema != NULL ? options->schema : "", pg_target_database(options->target));
    error_hint_set(error, "--schema and --table name the history of sequelize-cli (the setting "
                          "migrationStorageTableName of its project)");
}

static void set_several(const PgResult *tables, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (int row = 0; row < pg_rows(tables); row++)
        g_string_append_printf(list, "%s%s", row > 0 ? ", " : "", pg_value(tables, row, 2));
    error_set(error, ERROR_REFUSED, "several tables may be the history of sequelize-cli: %s",
              list->str);
    error_hint_set(error, "name the schema of the right one with --schema");
}

/* The table that is adopted already, if there is one. */
static bool read_adopted(Adoption *adoption, GError **error)
{
    g_autoptr(PgResult) table = pg_query(adoption->live, error, pg_sql_adopt_adopted_table, 0);
    if (table == NULL)
        return false;
    adoption->adopted = pg_rows(table) > 0;
    if (adoption->adopted) {
        adoption->schema = g_strdup(pg_value(table, 0, 0));
        adoption->table = g_strdup(pg_value(table, 0, 1));
    }
    return true;
}

/* A second history beside the adopted one would be kept in step by nobody. */
static bool take_table(Adoption *adoption, const PgResult *tables, GError **error)
{
    const char *schema = pg_value(tables, 0, 0), *table = pg_value(tables, 0, 1);
    if (adoption->adopted &&
        (strcmp(schema, adoption->schema) != 0 || strcmp(table, adoption->table) != 0)) {
        error_set(error, ERROR_REFUSED, "another table is adopted already: '%s' in schema %s",
                  adoption->table, adoption->schema);
        error_hint_set(error, "leave out --schema and --table; or end that one: "
                              "DROP VIEW drydock.sequelize_meta");
        return false;
    }
    if (!adoption->adopted) {
        adoption->schema = g_strdup(schema);
        adoption->table = g_strdup(table);
    }
    adoption->quoted = g_strdup(pg_value(tables, 0, 2));
    return true;
}

static bool find_table(Adoption *adoption, GError **error)
{
    const AdoptOptions *options = adoption->options;
    const bool known = adoption->adopted && options->schema == NULL && options->table == NULL;
    const char *schema = known ? adoption->schema : options->schema;
    const char *wanted = options->table != NULL ? options->table : DEFAULT_TABLE;
    const char *table = known ? adoption->table : wanted;
    g_autoptr(PgResult) tables =
        pg_query(adoption->live, error, pg_sql_adopt_tables, 2, schema, table);
    if (tables == NULL)
        return false;
    if (pg_rows(tables) == 0)
        set_not_found(options, table, error);
    else if (pg_rows(tables) > 1)
        set_several(tables, error);
    else if (!pg_flag(tables, 0, 3)) {
        error_set(error, ERROR_REFUSED,
                  "table %s does not look like the history of sequelize-cli: it has one text "
                  "column 'name', and nothing else that must be filled",
                  pg_value(tables, 0, 2));
        error_hint_set(error, "--schema and --table name another one");
    } else {
        return take_table(adoption, tables, error);
    }
    return false;
}

static bool read_names(Adoption *adoption, GError **error)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_autofree char *sql =
        g_strdup_printf("SELECT name FROM %s ORDER BY name COLLATE \"C\"", adoption->quoted);
    g_autoptr(PgResult) result = pg_query(adoption->live, error, sql, 0);
    if (result == NULL) {
        g_prefix_error(error, "cannot read the history of sequelize-cli: ");
        return false;
    }
    for (int row = 0; row < pg_rows(result); row++)
        g_strv_builder_add(names, pg_value(result, row, 0));
    adoption->names = g_strv_builder_end(names);
    adoption->rows = sequelize_map(adoption->options->set, (const char *const *)adoption->names);
    return true;
}

static bool is_mapped(const Adoption *adoption, const Migration *migration)
{
    if (adoption->options->baseline)
        return strcmp(migration->id, adoption->options->to) <= 0;
    for (guint i = 0; i < adoption->rows->len; i++)
        if (((const SequelizeRow *)g_ptr_array_index(adoption->rows, i))->migration == migration)
            return true;
    return false;
}

static bool in_history(const Adoption *adoption, const char *id)
{
    for (guint i = 0; i < adoption->history->len; i++)
        if (strcmp(((const HistoryEntry *)g_ptr_array_index(adoption->history, i))->id, id) == 0)
            return true;
    return false;
}

static void sort_out(Adoption *adoption)
{
    const GPtrArray *all = adoption->options->set->migrations;
    const Migration *newest = NULL;
    for (guint i = 0; i < all->len; i++) {
        Migration *migration = g_ptr_array_index(all, i);
        if (!is_mapped(adoption, migration))
            continue;
        newest = migration;
        g_ptr_array_add(adoption->applied, migration);
        if (!in_history(adoption, migration->id))
            g_ptr_array_add(adoption->record, migration);
    }
    for (guint i = 0; newest != NULL && i < all->len; i++) {
        Migration *migration = g_ptr_array_index(all, i);
        if (strcmp(migration->id, newest->id) < 0 && !is_mapped(adoption, migration))
            g_ptr_array_add(adoption->gaps, migration);
    }
}

bool adoption_read(Adoption *adoption, GError **error)
{
    const AdoptOptions *options = adoption->options;
    adoption->history = history_read(adoption->live, error);
    if (adoption->history == NULL || !read_adopted(adoption, error))
        return false;
    if (!options->baseline) {
        if (!find_table(adoption, error) || !read_names(adoption, error))
            return false;
    } else if (migration_find(options->set, options->to) == NULL) {
        error_set(error, ERROR_USAGE, "--to %s: there is no such migration", options->to);
        error_hint_set(error, "drydock status lists them");
        return false;
    }
    sort_out(adoption);
    return true;
}

/* ---- what is in the way ---- */

static bool check_rows(const Adoption *adoption, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bool ambiguous = false;
    for (guint i = 0; adoption->rows != NULL && i < adoption->rows->len; i++) {
        const SequelizeRow *row = g_ptr_array_index(adoption->rows, i);
        g_autofree char *name = text_printable(row->name);
        if (row->migration != NULL)
            continue;
        ambiguous = ambiguous || row->match == SEQUELIZE_AMBIGUOUS;
        g_string_append_printf(text, "%s'%s' is %s", text->len > 0 ? "; " : "", name,
                               sequelize_match_name(row->match));
    }
    if (text->len == 0)
        return true;
    error_set(error, ERROR_REFUSED, "not every row of %s can be told: %s", adoption->quoted,
              text->str);
    error_hint_set(error,
                   "say '-- drydock: alias NAME' in the migration that it means%s; a file that is "
                   "gone for good has its row deleted there",
                   ambiguous ? " (files that share a timestamp need their full name)" : "");
    return false;
}

static bool check_gaps(const Adoption *adoption, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < adoption->gaps->len; i++) {
        const Migration *migration = g_ptr_array_index(adoption->gaps, i);
        g_string_append_printf(text, "%s%s-%s", i > 0 ? ", " : "", migration->id, migration->name);
    }
    if (text->len == 0)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "out of order: not applied according to %s, but older than what is: %s",
              adoption->quoted, text->str);
    error_hint_set(error, "apply it with the other tool first; or give the migration a newer id; "
                          "or, if its work was done by hand, insert its row there");
    return false;
}

/* Our history must not know more than what is taken over. */
static bool check_history(const Adoption *adoption, GError **error)
{
    g_autoptr(GPtrArray) statuses = history_compare(adoption->options->set, adoption->history);
    if (!history_check(statuses, error))
        return false;
    for (guint i = 0; i < adoption->history->len; i++) {
        const HistoryEntry *entry = g_ptr_array_index(adoption->history, i);
        const Migration *migration = migration_find(adoption->options->set, entry->id);
        if (migration != NULL && is_mapped(adoption, migration))
            continue;
        error_set(error, ERROR_INTEGRITY, "the history of drydock has %s-%s, %s", entry->id,
                  entry->name,
                  adoption->options->baseline ? "which is newer than the baseline"
                                              : "which that of sequelize-cli has not");
        error_hint_set(error, "drydock status shows the history of this database");
        return false;
    }
    return true;
}

static bool check_differences(const Adoption *adoption, GError **error)
{
    const AdoptOptions *options = adoption->options;
    const guint count = adoption->differences != NULL ? difference_count(adoption->differences) : 0;
    if (!options->baseline || count == 0 || options->accept_differences)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "the catalog of '%s' differs in %u place%s from what the migrations up to %s give",
              pg_target_database(options->target), count, count == 1 ? "" : "s", options->to);
    error_hint_set(error, "name another migration with --to; or repair it with --repair NAME and "
                          "--accept-differences --reason TEXT");
    return false;
}

bool adoption_check(const Adoption *adoption, GError **error)
{
    return check_rows(adoption, error) && check_gaps(adoption, error) &&
           check_history(adoption, error) && check_differences(adoption, error);
}
