/* drydock accept */
#include "base/error.h"
#include "base/text.h"
#include "cli/session.h"
#include <string.h>

/* The migration whose file was changed; NULL with an error if there is nothing to accept. */
static const MigrationStatus *find_changed(const Standing *standing, const char *id, GError **error)
{
    const MigrationStatus *found = NULL;
    for (guint i = 0; i < standing->statuses->len; i++) {
        const MigrationStatus *status = g_ptr_array_index(standing->statuses, i);
        if (status->entry != NULL && strcmp(status->entry->id, id) == 0)
            found = status;
    }
    if (found == NULL) {
        error_set(error, ERROR_USAGE, "accept %s: no migration with that id is applied", id);
        error_hint_set(error, "drydock status lists them; what is pending or repeatable may change "
                              "as it likes");
    } else if (found->migration == NULL) {
        error_set(error, ERROR_USAGE, "accept %s: the file of that migration is gone", id);
        error_hint_set(error, "put it back; only a changed file can be accepted");
    } else if (found->state != STATE_CHANGED) {
        error_set(error, ERROR_USAGE, "accept %s: nothing has changed%s", id,
                  strcmp(found->entry->sha256, found->migration->up.sha256.hex) != 0
                      ? " but line ends or blanks at line ends, which are no matter"
                      : "");
    } else {
        return found;
    }
    return NULL;
}

static bool read_arguments(Cli *cli, int argc, char **argv, GError **error)
{
    if (!cli_read(cli, "accept", CLI_MIGRATIONS | CLI_REASON | CLI_YES, "ID --reason TEXT",
                  "Accepts that the file of an applied migration was changed: its digests in the "
                  "history become those of the file\nas it is now. The old ones, the reason, who "
                  "and when are kept in drydock.changes. Nothing else is done: the\ndatabase stays "
                  "as the old file made it. Where nobody can be asked it needs --yes.",
                  argc, argv, error))
        return false;
    if (cli->words[0] == NULL || cli->words[1] != NULL) {
        error_set(error, ERROR_USAGE, "accept takes the id of one migration");
    } else if (cli->reason == NULL || *g_strstrip(cli->reason) == '\0') {
        error_set(error, ERROR_USAGE, "accept %s: there is no reason", cli->words[0]);
        error_hint_set(error, "say with --reason TEXT why the change is harmless; it is recorded");
    } else {
        return true;
    }
    return false;
}

static void print_accepted(const Cli *cli, const MigrationStatus *status)
{
    const HistoryEntry *entry = status->entry;
    const Migration *migration = status->migration;
    g_autoptr(json_t) document =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "schema", 1, "database",
                  pg_target_database(cli->target), "accepted", migration->id, "reason", cli->reason,
                  "file", migration->up.path, "old_sha256", entry->sha256, "new_sha256",
                  migration->up.sha256.hex, "old_canonical_sha256", entry->canonical,
                  "new_canonical_sha256", migration->up.canonical.hex, "exit_code", 0);
    g_autoptr(GString) text = g_string_new(NULL);
    text_append_line(text, "migration  %s, applied %s by %s", migration->title, entry->applied_at,
                     entry->applied_by);
    text_append_line(text, "file       %s", migration->up.path);
    text_append_line(text, "old        %s", entry->sha256);
    text_append_line(text, "new        %s", migration->up.sha256.hex);
    text_append_line(text, "reason     %s", cli->reason);
    text_append_line(text, "done: the change of %s is accepted in '%s' (exit 0)", migration->id,
                     pg_target_database(cli->target));
    cli_print(cli, document, text->str);
}

int command_accept(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *question = NULL;
    const MigrationStatus *status = NULL;
    if (!read_arguments(&cli, argc, argv, &error) ||
        !session_open(&session, &cli, "accept", &error))
        return cli_fail(&cli, error);
    status = find_changed(session.standing, cli.words[0], &error);
    if (status == NULL)
        return cli_fail(&cli, error);
    question = g_strdup_printf("Accept '%s' as the text from which %s was applied to '%s'?",
                               status->migration->up.path, status->entry->id,
                               pg_target_database(cli.target));
    if (!cli_decide(&cli, question, &error) || !history_create(session.connection, &error) ||
        !run_lock_check(session.lock, &error) ||
        !history_accept(session.connection, status->migration, status->entry, cli.reason,
                        session.id, &error))
        return cli_fail(&cli, error);
    print_accepted(&cli, status);
    return 0;
}
