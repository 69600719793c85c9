/* drydock status */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/table.h"
#include "migration/standing.h"
#include "pg/connection.h"
#include "run/marker.h"
#include <string.h>

static json_t *entry_json(const MigrationStatus *status, bool repeatable)
{
    const HistoryEntry *entry = status->entry;
    const Migration *migration = status->migration;
    json_t *object = json_object();
    json_set_text(object, "id", migration != NULL ? migration->id : entry->id);
    json_set_text(object, "name", migration != NULL ? migration->name : entry->name);
    json_set_text(object, "state", migration_state_name(status->state));
    json_object_set_new(object, "repeatable", json_boolean(repeatable));
    if (migration != NULL)
        json_set_text(object, "file", migration->up.path);
    if (status->state == STATE_PARTIAL) {
        json_set_integer(object, "steps_done", status->steps_done);
        json_set_integer(object, "steps", status->steps);
        json_set_text(object, "started", status->started != NULL ? status->started->title : NULL);
    }
    if (entry == NULL)
        return object;
    json_set_text(object, "applied_at", entry->applied_at);
    json_set_text(object, "applied_by", entry->applied_by);
    json_set_text(object, "run", entry->run);
    json_set_integer(object, "duration_ms", entry->duration_ms);
    json_object_set_new(object, "out_of_order", json_boolean(entry->out_of_order));
    if (entry->accepted != NULL)
        json_object_set_new(object, "accepted_change",
                            json_pack("{s:s, s:s, s:s}", "reason", entry->accepted, "by",
                                      entry->accepted_by, "at", entry->accepted_at));
    return object;
}

/* What the columns do not say. */
static char *remark(const MigrationStatus *status, bool repeatable)
{
    g_autoptr(GString) text = g_string_new(repeatable ? "repeatable" : "");
    const HistoryEntry *entry = status->entry;
    const char *const separator = ", ";
    if (repeatable && entry != NULL && status->state == STATE_PENDING)
        g_string_append(text, entry->stale ? ", to be applied again after an undo" : ", changed");
    if (entry != NULL && entry->out_of_order)
        g_string_append_printf(text, "%sout of order", text->len > 0 ? separator : "");
    if (status->state == STATE_PARTIAL)
        g_string_append_printf(text, "%d of %d steps %s", status->steps_done, status->steps,
                               entry != NULL ? "undone" : "done");
    if (status->state == STATE_PARTIAL && status->started != NULL)
        g_string_append_printf(text, ", started and not done: %s", status->started->title);
    if (status->state == STATE_UNKNOWN)
        g_string_append_printf(text, "%sits file is gone", text->len > 0 ? separator : "");
    if (entry != NULL && entry->accepted != NULL)
        g_string_append_printf(text, "%schange accepted %s by %s: %s",
                               text->len > 0 ? separator : "", entry->accepted_at,
                               entry->accepted_by, entry->accepted);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *title(const MigrationStatus *status)
{
    const HistoryEntry *entry = status->entry;
    if (status->migration != NULL)
        return g_strdup(status->migration->title);
    /* A repeatable one has nothing but its name. */
    return g_str_equal(entry->id, entry->name) ? g_strdup(entry->name)
                                               : g_strdup_printf("%s-%s", entry->id, entry->name);
}

static void add_row(Table *table, const MigrationStatus *status, bool repeatable)
{
    const HistoryEntry *entry = status->entry;
    g_autofree char *what = title(status);
    g_autofree char *note = remark(status, repeatable);
    g_autofree char *took = NULL;
    if (entry == NULL) {
        table_add(table, migration_state_name(status->state), what, "", "", "", "", note, NULL);
        return;
    }
    took = clock_format_duration(entry->duration_ms * 1000);
    table_add(table, migration_state_name(status->state), what, entry->applied_at,
              entry->applied_by, took, entry->run, note, NULL);
}

#define STATES (STATE_PARTIAL + 1)

typedef struct {
    bool json;
    json_t *list; /* filled with --json */
    Table *table; /* filled without */
    int count[STATES];
    int pending;
} Listing;

static void list_all(Listing *listing, const GPtrArray *statuses, bool repeatable)
{
    for (guint i = 0; i < statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(statuses, i);
        if (listing->json)
            json_array_append_new(listing->list, entry_json(status, repeatable));
        else
            add_row(listing->table, status, repeatable);
        listing->count[status->state]++;
        listing->pending += standing_is_pending(status);
    }
}

/* "8 applied, 1 pending", and what else there is. */
static char *summary(const Listing *listing)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%d applied", listing->count[STATE_APPLIED]);
    for (int state = STATE_PENDING; state < STATES; state++)
        if (state == STATE_PENDING || listing->count[state] > 0)
            g_string_append_printf(text, ", %d %s", listing->count[state],
                                   migration_state_name((MigrationState)state));
    return g_string_free(text, FALSE);
}

/* *marker gets the run that has not ended, if there is one. */
static Standing *read_standing(const Cli *cli, Marker **marker, GError **error)
{
    g_autoptr(PgConnection) connection = cli_connect(cli, "drydock status", error);
    g_autoptr(GError) cause = NULL;
    *marker = connection != NULL ? marker_read(connection, &cause) : NULL;
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    return connection != NULL ? standing_read(connection, cli->set, NULL, error) : NULL;
}

static void add_unfinished(const Cli *cli, const Marker *marker, json_t *document, GString *text)
{
    g_autofree char *line = marker != NULL ? marker_text(marker) : NULL;
    json_set_text(document, "unfinished_run", marker != NULL ? marker->run : NULL);
    if (line != NULL)
        text_append_line(text, "'%s': %s; if it died, drydock recover ends it",
                         pg_target_database(cli->target), line);
}

static void print_status(const Cli *cli, const Listing *listing, const Marker *marker,
                         int exit_code, const GError *drift)
{
    g_autofree char *counts = summary(listing);
    g_autofree char *rows = table_text(listing->table);
    g_autoptr(GString) text = g_string_new(rows);
    g_autoptr(json_t) document = json_pack(
        "{s:i, s:s, s:O, s:i, s:i}", "schema", 1, "database", pg_target_database(cli->target),
        "migrations", listing->list, "pending", listing->pending, "exit_code", exit_code);
    add_unfinished(cli, marker, document, text);
    text_append_line(text, "%s in '%s' (exit %d)", counts, pg_target_database(cli->target),
                     exit_code);
    json_set_text(document, "error", drift != NULL ? drift->message : NULL);
    json_set_text(document, "hint", drift != NULL ? error_hint(drift) : NULL);
    cli_print(cli, document, text->str);
}

int command_status(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Standing) standing = NULL;
    g_autoptr(Marker) marker = NULL;
    g_autoptr(json_t) list = json_array();
    g_autoptr(Table) table =
        table_new("State", "Migration", "Applied", "By", "Took", "Run", "Remark", NULL);
    Listing listing = {.list = list, .table = table};
    int exit_code = 0;
    if (!cli_read(&cli, "status", CLI_MIGRATIONS | CLI_EXIT_CODE, "",
                  "Applied, pending, partial, changed, unknown and out-of-order migrations.\n"
                  "Exits with 4 if history and files disagree.",
                  argc, argv, &error))
        return cli_fail(&cli, error);
    standing = read_standing(&cli, &marker, &error);
    if (standing == NULL)
        return cli_fail(&cli, error);
    listing.json = cli.json;
    list_all(&listing, standing->statuses, false);
    list_all(&listing, standing->repeatables, true);
    if (!standing_check(standing, &error)) {
        log_error(error);
        exit_code = error_exit_code(error);
    } else if (cli.exit_code && listing.pending > 0) {
        exit_code = error_code_exit(ERROR_PENDING);
    }
    print_status(&cli, &listing, marker, exit_code, error);
    return exit_code;
}
