#include "report/report.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include <string.h>

#define LABEL_WIDTH 16

static void add_line(GString *text, const char *label, const char *value)
{
    if (value != NULL)
        text_append_line(text, "%-*s%s", LABEL_WIDTH, label, value);
}

static void add_duration(GString *text, const char *label, int64_t duration_ms)
{
    g_autofree char *duration = clock_format_duration(duration_ms * 1000);
    g_string_append_printf(text, "%-*s%s\n", LABEL_WIDTH, label, duration);
}

static void add_phases(GString *text, const json_t *phases)
{
    size_t i = 0;
    const json_t *phase = NULL;
    if (json_array_size(phases) == 0)
        return;
    g_string_append(text, "\nPhases\n");
    json_array_foreach(phases, i, phase)
    {
        g_autofree char *duration =
            clock_format_duration(json_get_integer(phase, "duration_ms", 0) * 1000);
        g_string_append_printf(text, "  %-12s%-10s%10s   %s%s\n", json_get_text(phase, "phase"),
                               json_get_text(phase, "result"), duration,
                               json_get_text(phase, "started"),
                               json_get_text(phase, "lane") != NULL ? "   beside the others" : "");
    }
}

/* A run that failed beside its snapshot has none, which is better said than left out. */
static void add_snapshot(GString *text, const json_t *report)
{
    const char *folder = json_get_text(json_object_get(report, "snapshot"), "folder");
    size_t i = 0;
    const json_t *phase = NULL;
    json_array_foreach(json_object_get(report, "phases"), i, phase)
    {
        if (folder == NULL && g_strcmp0(json_get_text(phase, "phase"), "snapshot") == 0 &&
            g_strcmp0(json_get_text(phase, "result"), "failed") == 0)
            folder = "none: the run failed before it was complete";
    }
    add_line(text, "snapshot", folder);
}

static void add_migrations(GString *text, const json_t *migrations)
{
    size_t i = 0;
    const json_t *migration = NULL;
    if (json_array_size(migrations) == 0)
        return;
    g_string_append(text, "\nMigrations applied\n");
    json_array_foreach(migrations, i, migration)
    {
        g_autofree char *duration =
            clock_format_duration(json_get_integer(migration, "duration_ms", 0) * 1000);
        g_string_append_printf(
            text, "  %s  %s, %d tables and sequences touched%s%s\n",
            json_get_text(migration, "title"), duration,
            (int)json_array_size(json_object_get(migration, "tables")),
            json_get_flag(migration, "repeatable", false) ? "  (repeatable)" : "",
            json_get_flag(migration, "out_of_order", false) ? "  (out of order, allowed)" : "");
    }
}

static void add_list(GString *text, const char *title, const json_t *list)
{
    size_t i = 0;
    const json_t *item = NULL;
    if (json_array_size(list) == 0)
        return;
    g_string_append_printf(text, "\n%s\n", title);
    json_array_foreach(list, i, item)
    {
        const char *line =
            json_is_string(item) ? json_string_value(item) : json_get_text(item, "text");
        text_append_line(text, "  %s", line != NULL ? line : "?");
    }
}

static void add_proof(GString *text, const json_t *proof)
{
    size_t i = 0;
    const json_t *table = NULL;
    const json_t *tables = json_object_get(proof, "tables");
    if (json_array_size(tables) == 0)
        return;
    g_string_append(text, "\nData proof\n");
    json_array_foreach(tables, i, table)
    {
        const char *how = json_get_text(table, "how");
        if (how != NULL && strcmp(how, "not locked for writing") == 0)
            continue;
        text_append_line(text, "  %-40s%s", json_get_text(table, "name"), how != NULL ? how : "?");
    }
    g_string_append_printf(text,
                           "  %d tables and sequences in all; the others were not locked for "
                           "writing by any migration\n",
                           (int)json_array_size(tables));
}

char *report_text(const json_t *report)
{
    GString *text = g_string_new(NULL);
    const json_t *copies = json_object_get(report, "copies");
    text_append_line(text, "%s", json_get_text(report, "result"));
    g_string_append_c(text, '\n');
    add_line(text, "run", json_get_text(report, "run"));
    add_line(text, "database", json_get_text(report, "database"));
    add_line(text, "policy", json_get_text(report, "policy"));
    add_line(text, "cause", json_get_text(report, "cause"));
    add_line(text, "hint", json_get_text(report, "hint"));
    add_line(text, "proof", json_get_text(report, "proof"));
    if (json_get_integer(report, "downtime_ms", 0) > 0)
        add_duration(text, "out of service", json_get_integer(report, "downtime_ms", 0));
    add_line(text, "before", json_get_text(copies, "before"));
    add_line(text, "failed", json_get_text(copies, "failed"));
    add_snapshot(text, report);
    add_line(text, "ended", json_get_text(report, "ended"));
    add_list(text, "Findings of preflight", json_object_get(report, "findings"));
    add_phases(text, json_object_get(report, "phases"));
    add_migrations(text, json_object_get(report, "migrations"));
    add_list(text, "Findings of the verification", json_object_get(report, "verification"));
    add_proof(text, json_object_get(report, "data_proof"));
    add_list(text, "Exceptions", json_object_get(report, "exceptions"));
    add_list(text, "Published at", json_object_get(report, "published"));
    return g_string_free(text, FALSE);
}

bool report_write(const char *folder, const json_t *report, GError **error)
{
    g_autofree char *json_path = g_build_filename(folder, "report.json", NULL);
    g_autofree char *text_path = g_build_filename(folder, "report.txt", NULL);
    g_autofree char *json = json_to_text(report);
    g_autofree char *text = report_text(report);
    return file_write_atomic(json_path, json, strlen(json), error) &&
           file_write_atomic(text_path, text, strlen(text), error);
}
