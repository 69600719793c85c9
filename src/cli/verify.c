/* drydock verify snapshot DIR, drydock verify database */
#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "pg/connection.h"
#include "snapshot/snapshot.h"
#include "verify/digest.h"
#include "verify/health.h"
#include <string.h>

static int verify_snapshot(const Cli *cli, const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) document = NULL;
    g_autofree char *size = NULL;
    g_autofree char *text = NULL;
    uint64_t size_bytes = 0;
    int files = 0;
    if (!snapshot_verify(folder, &size_bytes, &files, &error))
        return cli_fail(cli, error);
    size = size_format(size_bytes);
    document = json_pack("{s:i, s:s, s:I, s:i, s:i}", "schema", 1, "snapshot", folder, "size_bytes",
                         (json_int_t)size_bytes, "files", files, "exit_code", 0);
    text = g_strdup_printf("verified: %d files, %s, every byte is as it was written (exit 0)\n",
                           files, size);
    cli_print(cli, document, text);
    return 0;
}

static DigestSet *digest_database(PgConnection *connection, GError **error)
{
    g_autoptr(DigestSet) set = NULL;
    if (!digest_pin(connection, error) ||
        !pg_exec(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error))
        return NULL;
    set = digest_list(connection, error);
    if (set == NULL || !digest_fill(set, &connection, 1, error) ||
        !pg_exec(connection, "COMMIT", error))
        return NULL;
    return g_steal_pointer(&set);
}

static GPtrArray *findings_of(const Cli *cli, GError **error)
{
    g_autoptr(PgConnection) connection = cli_connect(cli, "drydock verify", error);
    g_autoptr(GPtrArray) findings = NULL;
    if (connection == NULL)
        return NULL;
    findings = health_check(connection, NULL, NULL, error);
    if (findings == NULL)
        return NULL;
    if (cli->against != NULL) {
        g_autoptr(DigestSet) expected = snapshot_digests(cli->against, error);
        g_autoptr(DigestSet) actual = expected != NULL ? digest_database(connection, error) : NULL;
        g_autoptr(GPtrArray) differences = NULL;
        if (actual == NULL)
            return NULL;
        differences = digest_compare(expected, actual);
        for (guint i = 0; i < differences->len; i++)
            g_ptr_array_add(findings, g_strdup(g_ptr_array_index(differences, i)));
    }
    return g_steal_pointer(&findings);
}

static int verify_database(const Cli *cli)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) findings = findings_of(cli, &error);
    g_autoptr(json_t) document = json_object();
    g_autoptr(GString) text = g_string_new(NULL);
    json_t *list = json_array();
    int exit_code = 0;
    if (findings == NULL) {
        json_decref(list);
        return cli_fail(cli, error);
    }
    for (guint i = 0; i < findings->len; i++) {
        const char *finding = g_ptr_array_index(findings, i);
        json_array_append_new(list, json_string(finding));
        g_string_append_printf(text, "%s\n", finding);
    }
    exit_code = findings->len > 0 ? error_code_exit(ERROR_INTEGRITY) : 0;
    g_string_append_printf(
        text, "%s: '%s' has %d finding%s%s (exit %d)\n", findings->len > 0 ? "failed" : "verified",
        pg_target_database(cli->target), (int)findings->len, findings->len == 1 ? "" : "s",
        cli->against != NULL ? ", compared with the snapshot" : "", exit_code);
    json_set_integer(document, "schema", 1);
    json_set_text(document, "database", pg_target_database(cli->target));
    json_object_set_new(document, "findings", list);
    json_set_integer(document, "exit_code", exit_code);
    cli_print(cli, document, text->str);
    return exit_code;
}

int command_verify(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    guint words = 0;
    if (!cli_read(&cli, "verify", CLI_AGAINST, "snapshot DIR | database",
                  "snapshot DIR: re-reads every byte of a snapshot and compares it with the "
                  "manifest.\ndatabase: constraints, indexes, foreign keys and sequences; with "
                  "--against DIR also the content\nagainst the digests of a snapshot.\n"
                  "Exits with 4 if something differs.",
                  argc, argv, &error))
        return cli_fail(&cli, error);
    words = g_strv_length(cli.words);
    if (words == 2 && strcmp(cli.words[0], "snapshot") == 0 && cli.against == NULL)
        return verify_snapshot(&cli, cli.words[1]);
    if (words == 1 && strcmp(cli.words[0], "database") == 0)
        return verify_database(&cli);
    error_set(&error, ERROR_USAGE, "verify what?");
    error_hint_set(&error,
                   "drydock verify snapshot DIR, or drydock verify database [--against DIR]");
    return cli_fail(&cli, error);
}
