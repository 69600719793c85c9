/* drydock verify snapshot DIR|FILE, drydock verify database */
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "pg/connection.h"
#include "pg/locks.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include "store/url.h"
#include "verify/digest_compare.h"
#include "verify/digest_database.h"
#include "verify/health.h"
#include <string.h>

/* Checking foreign keys and sequences reads tables. */
#define LOCK_TIMEOUT "SET lock_timeout = '10s'"

static int verify_snapshot(const Cli *cli, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) document = NULL;
    g_autofree char *size = NULL;
    g_autofree char *text = NULL;
    uint64_t size_bytes = 0;
    int files = 0;
    const bool is_file = store_url_is(path) || (g_file_test(path, G_FILE_TEST_EXISTS) &&
                                                !g_file_test(path, G_FILE_TEST_IS_DIR));
    const bool done = is_file
                          ? snapshot_verify_file(path, cli->identities, &size_bytes, &files, &error)
                          : snapshot_verify(path, &size_bytes, &files, &error);
    if (!done)
        return cli_fail(cli, error);
    size = size_format(size_bytes);
    document = json_pack("{s:i, s:s, s:I, s:i, s:i}", "schema", 1, "snapshot", path, "size_bytes",
                         (json_int_t)size_bytes, "files", files, "exit_code", 0);
    text = g_strdup_printf("verified: %d files, %s, every byte is as it was written (exit 0)\n",
                           files, size);
    cli_print(cli, document, text);
    return 0;
}

/* What is wrong with a database. */
typedef struct {
    GPtrArray *findings;    /* char *: its own health, then the differences */
    GPtrArray *differences; /* DigestDifference *, notes too; NULL without --against */
} Found;

static void found_clear(Found *found)
{
    g_clear_pointer(&found->findings, g_ptr_array_unref);
    g_clear_pointer(&found->differences, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

static bool find_differences(const Cli *cli, const DigestSet *expected, Found *found,
                             GError **error)
{
    g_autoptr(DigestSet) actual = NULL;
    const DigestDatabaseOptions options = {.application = "drydock verify",
                                           .connect_timeout_s =
                                               (int)(cli->policy->connect_timeout_ms / 1000),
                                           .jobs = cli->jobs,
                                           .expected = expected};
    actual = digest_database(cli->target, &options, error);
    if (actual == NULL)
        return false;
    found->differences = digest_differences(expected, actual, true);
    for (guint i = 0; i < found->differences->len; i++) {
        const DigestDifference *difference = g_ptr_array_index(found->differences, i);
        if (!difference->is_note)
            g_ptr_array_add(found->findings, g_strdup(difference->line));
    }
    return true;
}

/* What was not valid when the snapshot was taken is not valid after a restore. */
static GHashTable *read_baseline(const Manifest *manifest)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const json_t *list = json_object_get(manifest->source, "not_valid");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name != NULL)
            g_hash_table_add(names, g_strdup(name));
    }
    return names;
}

static bool examine(const Cli *cli, Found *found, GError **error)
{
    g_autoptr(Manifest) manifest = cli->against != NULL ? manifest_read(cli->against, error) : NULL;
    g_autoptr(GHashTable) baseline = manifest != NULL ? read_baseline(manifest) : NULL;
    g_autoptr(PgConnection) connection = NULL;
    if (cli->against != NULL && manifest == NULL)
        return false;
    connection = cli_connect(cli, "drydock verify", error);
    if (connection == NULL || !pg_exec(connection, LOCK_TIMEOUT, error))
        return false;
    found->findings = health_check(connection, baseline, NULL, error);
    if (found->findings == NULL) {
        locks_name_blockers(connection, error);
        return false;
    }
    return manifest == NULL || find_differences(cli, manifest->digests, found, error);
}

static json_t *found_to_json(const Cli *cli, const Found *found, int exit_code)
{
    json_t *document = json_object(), *findings = json_array();
    json_set_integer(document, "schema", 1);
    json_set_text(document, "database", pg_target_database(cli->target));
    for (guint i = 0; i < found->findings->len; i++)
        json_array_append_new(findings, json_string(g_ptr_array_index(found->findings, i)));
    json_object_set_new(document, "findings", findings);
    if (found->differences != NULL) {
        json_t *differences = json_array(), *notes = json_array();
        for (guint i = 0; i < found->differences->len; i++) {
            const DigestDifference *difference = g_ptr_array_index(found->differences, i);
            json_array_append_new(difference->is_note ? notes : differences,
                                  digest_difference_to_json(difference));
        }
        json_set_text(document, "against", cli->against);
        json_object_set_new(document, "differences", differences);
        json_object_set_new(document, "notes", notes);
    }
    json_set_integer(document, "exit_code", exit_code);
    return document;
}

static char *found_to_text(const Cli *cli, const Found *found, int exit_code)
{
    GString *text = g_string_new(NULL);
    const guint n = found->findings->len;
    for (guint i = 0; i < n; i++)
        text_append_line(text, "%s", (const char *)g_ptr_array_index(found->findings, i));
    for (guint i = 0; found->differences != NULL && i < found->differences->len; i++) {
        const DigestDifference *difference = g_ptr_array_index(found->differences, i);
        if (difference->is_note)
            text_append_line(text,
                             "note: %s; it was not fresh when the snapshot was taken, "
                             "or is not now",
                             difference->line);
    }
    text_append_line(text, "%s: '%s' has %u finding%s%s (exit %d)", n > 0 ? "failed" : "verified",
                     pg_target_database(cli->target), n, n == 1 ? "" : "s",
                     cli->against != NULL ? ", compared with the snapshot" : "", exit_code);
    return g_string_free(text, FALSE);
}

static int verify_database(const Cli *cli)
{
    g_autoptr(GError) error = NULL;
    g_auto(Found) found = {0};
    g_autoptr(json_t) document = NULL;
    g_autofree char *text = NULL;
    int exit_code = 0;
    if (!examine(cli, &found, &error))
        return cli_fail(cli, error);
    exit_code = found.findings->len > 0 ? error_code_exit(ERROR_INTEGRITY) : 0;
    document = found_to_json(cli, &found, exit_code);
    text = found_to_text(cli, &found, exit_code);
    cli_print(cli, document, text);
    return exit_code;
}

int command_verify(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    guint words = 0;
    if (!cli_read(
            &cli, "verify", CLI_AGAINST | CLI_JOBS | CLI_IDENTITY,
            "snapshot DIR|FILE|URL | database",
            "snapshot DIR: re-reads every byte of a snapshot and compares it with the "
            "manifest.\nsnapshot FILE|URL: the same for a tar of one, which may be encrypted; "
            "nothing is unpacked.\ndatabase: constraints, indexes, foreign keys and "
            "sequences; with "
            "--against DIR also the content\nagainst the digests of a snapshot: each table, "
            "sequence and the large objects.\n"
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
                   "drydock verify snapshot DIR|FILE, or drydock verify database [--against DIR]");
    return cli_fail(&cli, error);
}
