/* What an adoption says, as JSON and as text. */
#include "adopt/state.h"
#include "base/error.h"
#include "base/text.h"

static json_t *migrations_json(const GPtrArray *migrations)
{
    json_t *list = json_array();
    for (guint i = 0; i < migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(migrations, i);
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "id", migration->id, "name", migration->name));
    }
    return list;
}

static json_t *rows_json(const GPtrArray *rows)
{
    json_t *list = json_array();
    for (guint i = 0; rows != NULL && i < rows->len; i++) {
        const SequelizeRow *row = g_ptr_array_index(rows, i);
        json_t *object = json_object();
        json_set_text(object, "name", row->name);
        json_set_text(object, "by", sequelize_match_name(row->match));
        json_set_text(object, "id", row->migration != NULL ? row->migration->id : NULL);
        json_array_append_new(list, object);
    }
    return list;
}

json_t *adoption_report(const Adoption *adoption, const GError *refused)
{
    const AdoptOptions *options = adoption->options;
    json_t *report = json_object();
    json_set_integer(report, "schema", 1);
    json_set_text(report, "database", pg_target_database(options->target));
    json_set_text(report, "how", options->baseline ? "baseline" : "sequelize");
    json_set_text(report, "table", adoption->quoted);
    json_object_set_new(report, "adopted_before", json_boolean(adoption->adopted));
    json_object_set_new(report, "rows", rows_json(adoption->rows));
    json_object_set_new(report, "applied", migrations_json(adoption->applied));
    json_object_set_new(report, "to_record", migrations_json(adoption->record));
    json_object_set_new(report, "gaps", migrations_json(adoption->gaps));
    json_object_set_new(report, "differences",
                        adoption->differences != NULL ? difference_to_json(adoption->differences)
                                                      : json_null());
    json_set_text(report, "repair", adoption->repair_path);
    json_object_set_new(report, "written", json_boolean(adoption->written));
    json_set_text(report, "refused", refused != NULL ? refused->message : NULL);
    json_set_text(report, "hint", refused != NULL ? error_hint(refused) : NULL);
    json_set_integer(report, "exit_code", refused != NULL ? error_exit_code(refused) : 0);
    return report;
}

static void append_rows(GString *text, const Adoption *adoption)
{
    g_string_append_printf(text, "%s: %u rows\n", adoption->quoted, adoption->rows->len);
    for (guint i = 0; i < adoption->rows->len; i++) {
        const SequelizeRow *row = g_ptr_array_index(adoption->rows, i);
        g_autofree char *name = text_printable(row->name);
        if (row->migration != NULL)
            g_string_append_printf(
                text, "  %s  is %s-%s%s%s\n", name, row->migration->id, row->migration->name,
                row->match == SEQUELIZE_BY_NAME ? "" : ", by its ",
                row->match == SEQUELIZE_BY_NAME ? "" : sequelize_match_name(row->match));
        else
            g_string_append_printf(text, "  %s  is %s\n", name, sequelize_match_name(row->match));
    }
}

static void append_migrations(GString *text, const char *heading, const GPtrArray *migrations)
{
    if (migrations->len == 0)
        return;
    g_string_append_printf(text, "%s:\n", heading);
    for (guint i = 0; i < migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(migrations, i);
        g_string_append_printf(text, "  %s-%s\n", migration->id, migration->name);
    }
}

static void append_comparison(GString *text, const Adoption *adoption)
{
    if (adoption->differences == NULL) {
        g_string_append(text, "The catalog was not compared.\n");
        return;
    }
    const guint count = difference_count(adoption->differences);
    if (count == 0) {
        g_string_append(text, "The catalog is what these migrations give.\n");
        return;
    }
    g_string_append_printf(text,
                           "The catalog differs in %u place%s from what these migrations "
                           "give:\n",
                           count, count == 1 ? "" : "s");
    difference_append_text(text, adoption->differences);
    if (adoption->repair_path != NULL)
        g_string_append_printf(text,
                               "The repair is written to %s: read it, then apply it before "
                               "any other.\n",
                               adoption->repair_path);
    else
        g_string_append(text, "--repair NAME writes a migration that repairs what is marked so.\n");
}

static void append_last_line(GString *text, const Adoption *adoption, const GError *refused)
{
    const char *database = pg_target_database(adoption->options->target);
    const guint count = adoption->record->len;
    if (refused != NULL)
        text_append_line(text, "refused: %s; nothing was recorded in '%s' (exit %d)",
                         refused->message, database, error_exit_code(refused));
    else if (adoption->written)
        text_append_line(text, "done: %u migration%s recorded as applied in '%s' (exit 0)", count,
                         count == 1 ? "" : "s", database);
    else
        text_append_line(text,
                         "%u migration%s would be recorded as applied in '%s'; --yes "
                         "does it (exit 0)",
                         count, count == 1 ? "" : "s", database);
}

char *adoption_text(const Adoption *adoption, const GError *refused)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (adoption->rows != NULL)
        append_rows(text, adoption);
    append_migrations(text, "Not applied, but older than what is", adoption->gaps);
    append_migrations(text, adoption->written ? "Recorded" : "To be recorded", adoption->record);
    append_comparison(text, adoption);
    append_last_line(text, adoption, refused);
    return g_strdup(text->str);
}
