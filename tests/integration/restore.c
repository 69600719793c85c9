/*
 * Taking and restoring by the engine alone, for tests/integration/test_restore_engine.py:
 *
 *   restore take DSN DATABASE FOLDER JOBS SPLIT_BYTES
 *   restore load DSN FROM DATABASE JOBS         FROM: a snapshot's folder, or an archive for
 * pg_restore
 *
 * Prints one line of JSON; an error has "error", "hint" and "exit_code".
 */
#include "snapshot/restore.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "snapshot/snapshot.h"
#include <stdio.h>
#include <string.h>

#define APPLICATION "drydock restore test"

static bool take(char **argv, json_t *out, GError **error)
{
    g_autoptr(PgTarget) target = pg_target_new(argv[0], error);
    const PgConnectOptions connect = {.database = "postgres", .application = APPLICATION};
    g_autoptr(PgConnection) control = target != NULL ? pg_connect(target, &connect, error) : NULL;
    g_autoptr(PgProperties) properties =
        control != NULL ? pg_properties_read(control, argv[1], error) : NULL;
    g_autoptr(json_t) json = properties != NULL ? pg_properties_to_json(properties) : NULL;
    g_autoptr(SnapshotResult) result = NULL;
    const SnapshotOptions options = {.folder = argv[2],
                                     .database = argv[1],
                                     .run = "test",
                                     .application = APPLICATION,
                                     .jobs = (int)g_ascii_strtoll(argv[3], NULL, 10),
                                     .split_bytes = g_ascii_strtoull(argv[4], NULL, 10),
                                     .properties = json};
    if (json == NULL)
        return false;
    result = snapshot_take(target, &options, error);
    if (result == NULL)
        return false;
    json_set_text(out, "content_hash", result->content_hash);
    json_set_integer(out, "duration_ms", result->duration_us / 1000);
    return true;
}

static void tell(const RestoreResult *result, json_t *out)
{
    json_t *notes = json_array();
    for (guint i = 0; i < result->notes->len; i++)
        json_array_append_new(notes, json_string(g_ptr_array_index(result->notes, i)));
    json_object_set_new(out, "notes", notes);
    json_object_set_new(out, "proven", json_boolean(result->proven));
    json_set_text(out, "content_hash", result->content_hash);
    json_set_integer(out, "pre_data_ms", result->pre_data_us / 1000);
    json_set_integer(out, "data_ms", result->data_us / 1000);
    json_set_integer(out, "post_data_ms", result->post_data_us / 1000);
    json_set_integer(out, "verify_ms", result->verify_us / 1000);
    json_set_integer(out, "duration_ms", result->duration_us / 1000);
}

static bool load(char **argv, json_t *out, GError **error)
{
    g_autofree char *manifest = g_build_filename(argv[1], MANIFEST_NAME, NULL);
    const bool snapshot = g_file_test(manifest, G_FILE_TEST_EXISTS);
    /* A snapshot is not looked at before the engine does. */
    Intake unseen = {.kind = INTAKE_SNAPSHOT, .given = argv[1], .path = argv[1]};
    const IntakeOptions from = {.from = argv[1], .spool_parent = g_get_tmp_dir()};
    g_autoptr(Intake) archive = snapshot ? NULL : intake_open(&from, error);
    g_autoptr(Manifest) held = snapshot ? manifest_read(argv[1], error) : NULL;
    g_autoptr(PgTarget) target =
        held != NULL || archive != NULL ? pg_target_new(argv[0], error) : NULL;
    g_autoptr(RestoreResult) result = NULL;
    const RestoreOptions options = {.from = snapshot ? &unseen : archive,
                                    .database = argv[2],
                                    .control_database = "postgres",
                                    .comment = "a restore that is not finished",
                                    .application = APPLICATION,
                                    .jobs = (int)g_ascii_strtoll(argv[3], NULL, 10),
                                    .allow_known_holes = true};
    unseen.manifest = held;
    if (target == NULL)
        return false;
    result = snapshot_restore(target, &options, error);
    if (result == NULL)
        return false;
    tell(result, out);
    return true;
}

int main(int argc, char **argv)
{
    g_autoptr(json_t) out = json_object();
    g_autoptr(GError) error = NULL;
    bool done = false;
    interrupt_install();
    if (argc == 7 && strcmp(argv[1], "take") == 0)
        done = take(argv + 2, out, &error);
    else if (argc == 6 && strcmp(argv[1], "load") == 0)
        done = load(argv + 2, out, &error);
    else
        return 2;
    if (!done) {
        json_set_text(out, "error", error->message);
        json_set_text(out, "hint", error_hint(error));
        json_set_integer(out, "exit_code", error_exit_code(error));
    }
    g_autofree char *line = json_to_line(out);
    (void)puts(line);
    return done ? 0 : 1;
}
