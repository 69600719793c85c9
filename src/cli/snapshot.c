/* drydock snapshot --out DIR|[URL/]FILE.tar[.age] */
#include "snapshot/snapshot.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/scratch.h"
#include "base/text.h"
#include "cli/command.h"
#include "pg/properties.h"
#include "run/lock.h"
#include "run/names.h"
#include "store/url.h"
#include <string.h>

/* The sessions that a snapshot needs besides its own: while it is taken nobody may begin a run or
 * migrate, and neither may it be taken meanwhile. */
typedef struct {
    char *id, *application;
    RunLock *lock, *target_lock;
    json_t *properties;
    char *folder;
    Scratch *scratch; /* with a URL: where parts wait */
} Snapshot;

static void snapshot_clear(Snapshot *snapshot)
{
    run_lock_release(snapshot->target_lock);
    run_lock_release(snapshot->lock);
    json_decref(snapshot->properties);
    g_free(snapshot->folder);
    scratch_free(snapshot->scratch);
    g_free(snapshot->application);
    g_free(snapshot->id);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Snapshot, snapshot_clear)

static bool bad_option(GError **error, const char *option, const char *must)
{
    error_set(error, ERROR_USAGE, "%s must be %s", option, must);
    error_hint_set(error, "drydock snapshot --help lists the options");
    return false;
}

/* Options first, then the policy, then defaults. */
static bool read_options(const Cli *cli, SnapshotOptions *options, GError **error)
{
    const Policy *policy = cli->policy;
    const bool text =
        cli->format != NULL ? strcmp(cli->format, "text") == 0 : policy->snapshot_text;
    if (cli->out == NULL || cli->out[0] == '\0')
        return bad_option(error, "--out", "given: the folder or file to make");
    if (cli->level < 0 || cli->level > SNAPSHOT_LEVEL_MAX)
        return bad_option(error, "--level", "from 1 to 9");
    if (cli->format != NULL && !text && strcmp(cli->format, "auto") != 0)
        return bad_option(error, "--format", "auto or text");
    options->jobs = cli->jobs;
    options->level = cli->level > 0 ? cli->level : policy->snapshot_level;
    options->format = text ? SNAPSHOT_TEXT : SNAPSHOT_AUTO;
    options->split_bytes = policy->snapshot_split_bytes;
    if (cli->split != NULL &&
        (!size_parse(cli->split, &options->split_bytes) ||
         options->split_bytes < POLICY_SPLIT_MIN || options->split_bytes > POLICY_SPLIT_MAX))
        return bad_option(error, "--split", "a size from 1MiB to 1TiB");
    return true;
}

/* The name's end says what is made, so that nobody takes one for the other. */
static bool read_recipients(const Cli *cli, SnapshotOptions *options, AgeKey **keys, GError **error)
{
    g_autofree char *name = store_url_is(cli->out) ? store_url_name(cli->out) : g_strdup(cli->out);
    const bool encrypted = g_str_has_suffix(name, ".tar.age");
    const guint n = cli->recipients != NULL ? g_strv_length(cli->recipients) : 0;
    options->as_tar = encrypted || g_str_has_suffix(name, ".tar");
    if (store_url_is(cli->out) && !options->as_tar)
        return bad_option(error, "--out", "a name that ends with .tar or .tar.age, for a URL");
    if (n > 0 && !encrypted)
        return bad_option(error, "--out", "a file whose name ends with .tar.age, for --recipient");
    if (n == 0 && encrypted)
        return bad_option(error, "--recipient",
                          "given for a file of age: the public key of who may decrypt it");
    *keys = g_new0(AgeKey, n);
    for (guint i = 0; i < n; i++) {
        if (!age_recipient_parse(cli->recipients[i], &(*keys)[i], error))
            return false;
    }
    options->recipients = *keys;
    options->n_recipients = n;
    return true;
}

/* The lock comes first: during a run there is no database of that name to connect to. */
static bool open_sessions(Snapshot *snapshot, const Cli *cli, GError **error)
{
    const char *database = pg_target_database(cli->target);
    const int timeout_s = (int)(cli->policy->connect_timeout_ms / 1000);
    g_autoptr(PgConnection) connection = NULL;
    g_autoptr(PgProperties) properties = NULL;
    snapshot->id = run_id_new(clock_wall_us());
    snapshot->application = run_application("snapshot", snapshot->id);
    snapshot->lock = run_lock_take(cli->target, cli->policy->control_database, database,
                                   snapshot->application, timeout_s, error);
    if (snapshot->lock == NULL)
        return false;
    connection = cli_connect(cli, snapshot->application, error);
    if (connection == NULL)
        return false;
    snapshot->target_lock =
        run_lock_take(cli->target, database, database, snapshot->application, timeout_s, error);
    properties =
        snapshot->target_lock != NULL ? pg_properties_read(connection, database, error) : NULL;
    if (properties == NULL)
        return false;
    snapshot->properties = pg_properties_to_json(properties);
    return true;
}

static int64_t count_rows(const DigestSet *digests)
{
    int64_t rows = 0;
    for (guint i = 0; i < digests->tables->len; i++)
        rows += ((const DigestTable *)g_ptr_array_index(digests->tables, i))->digest.rows;
    return rows;
}

static void print_result(const Cli *cli, const SnapshotResult *result, const char *folder)
{
    const int64_t rows = count_rows(result->digests);
    g_autofree char *size = size_format(result->size_bytes);
    g_autofree char *duration = clock_format_duration(result->duration_us);
    g_autoptr(json_t) document =
        json_pack("{s:i, s:s, s:s, s:I, s:i, s:i, s:I, s:s, s:I, s:i}", "schema", 1, "database",
                  pg_target_database(cli->target), "snapshot", folder, "size_bytes",
                  (json_int_t)result->size_bytes, "files", result->files, "tables",
                  (int)result->digests->tables->len, "rows", (json_int_t)rows, "content_hash",
                  result->content_hash, "duration_ms", (json_int_t)(result->duration_us / 1000),
                  "exit_code", 0);
    g_autoptr(GString) text = g_string_new(NULL);
    text_append_line(text,
                     "snapshot of '%s': %d tables and sequences, %" G_GINT64_FORMAT
                     " rows, %s in '%s', %s (exit 0)",
                     pg_target_database(cli->target), (int)result->digests->tables->len, rows, size,
                     folder, duration);
    cli_print(cli, document, text->str);
}

/* Where it is made; and where it goes, if it goes away. */
static bool open_out(const Cli *cli, Snapshot *snapshot, SnapshotOptions *options, GError **error)
{
    const StorePutOptions put = {.if_absent = true};
    if (!store_url_is(cli->out)) {
        snapshot->folder = g_canonicalize_filename(cli->out, NULL);
        options->folder = snapshot->folder;
        return true;
    }
    snapshot->scratch = scratch_new(g_get_tmp_dir(), "drydock-snapshot", error);
    if (snapshot->scratch == NULL)
        return false;
    snapshot->folder = g_build_filename(scratch_folder(snapshot->scratch), "snapshot", NULL);
    options->folder = snapshot->folder;
    options->sink = store_url_put(cli->out, &put, error);
    return options->sink != NULL;
}

static int take(const Cli *cli, GError **error)
{
    g_auto(Snapshot) snapshot = {0};
    g_autofree AgeKey *recipients = NULL;
    SnapshotOptions options = {0};
    g_autoptr(SnapshotResult) result = NULL;
    if (!read_options(cli, &options, error) ||
        !read_recipients(cli, &options, &recipients, error) ||
        !open_sessions(&snapshot, cli, error) || !open_out(cli, &snapshot, &options, error))
        return cli_fail(cli, *error);
    options.database = pg_target_database(cli->target);
    options.real_name = options.database;
    options.run = snapshot.id;
    options.application = snapshot.application;
    options.properties = snapshot.properties;
    result = snapshot_take(cli->target, &options, error);
    if (result == NULL)
        return cli_fail(cli, *error);
    print_result(cli, result, options.sink != NULL ? cli->out : options.folder);
    return 0;
}

int command_snapshot(int argc, char **argv)
{
    g_auto(Cli) cli = {0};
    g_autoptr(GError) error = NULL;
    if (!cli_read(
            &cli, "snapshot", CLI_SNAPSHOT | CLI_JOBS, "",
            "Takes a snapshot of the database into a new folder: an archive that pg_restore "
            "reads, with the digest\nof every table and the SHA-256 of every file. The "
            "database stays in service; schema changes must wait.\nIt appears under its name "
            "when it is complete. FILE.tar is that folder in one file, FILE.tar.age the same, "
            "encrypted\nto each --recipient; both are written while rows are being read.",
            argc, argv, &error))
        return cli_fail(&cli, error);
    return take(&cli, &error);
}
