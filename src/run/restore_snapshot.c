#include "run/restore_snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "run/gate.h"
#include "run/import.h"
#include "run/leftover.h"
#include "snapshot/snapshot.h"
#include <string.h>

/* The snapshot must be the one that was taken before the first migrating statement. */
static bool check_identity(const Run *run, const Intake *from, GError **error)
{
    const Manifest *manifest = from->manifest;
    if (manifest == NULL || g_strcmp0(manifest->run, run->id) != 0 ||
        g_strcmp0(manifest->database, run->database) != 0 ||
        (run->content != NULL && g_strcmp0(manifest->content_hash, run->content) != 0)) {
        error_set(error, ERROR_INTEGRITY, "the snapshot '%s' is not the one of this run",
                  from->given);
        return false;
    }
    return true;
}

/* What an earlier try that died has left. */
static bool drop_earlier(Run *run, GError **error)
{
    g_autoptr(PgProperties) properties = NULL;
    RunRecord *record = NULL;
    const char *comment = NULL;
    bool exists = false, open = false, ours = false;
    if (!run_database_exists(run, run->names->restore, &exists, error))
        return false;
    if (!exists)
        return true;
    properties = pg_properties_read(run->control, run->names->restore, error);
    if (properties == NULL || !gate_is_open(run->control, run->names->restore, &open, error))
        return false;
    comment = pg_properties_comment(properties);
    record = run_record_parse(run->names->restore, comment);
    /* It is born closed, and opened with its record on it. */
    ours = comment == NULL ? !open : (record != NULL && strcmp(record->run, run->id) == 0);
    run_record_free(record);
    if (ours)
        return run_drop_copy(run, run->names->restore, error);
    error_set(error, ERROR_NEEDS_PERSON, "a database '%s' exists that is not of this run",
              run->names->restore);
    return false;
}

static bool restore_and_prove(Run *run, const Intake *from, GError **error)
{
    const RunRecord record = {.run = run->id,
                              .database = run->database,
                              .role = (char *)"restore",
                              .phase = (char *)"restore",
                              .comment = (char *)pg_properties_comment(run->before)};
    g_autoptr(RestoreResult) result = NULL;
    if (!drop_earlier(run, error) ||
        !journal_intent(run->journal, "restore", "snapshot",
                        json_pack("{s:s, s:s}", "folder", from->given, "name", run->names->restore),
                        error))
        return false;
    result = import_restore(run, from, run->names->restore, &record, true, error);
    if (result == NULL)
        return false;
    if (!result->proven) {
        error_set(error, ERROR_INTEGRITY, "not every digest could be compared");
        return false;
    }
    return journal_done(run->journal, "restore", "snapshot",
                        json_pack("{s:s}", "content", result->content_hash), error);
}

static bool give_name(Run *run, bool kept, GPtrArray *exceptions, GError **error)
{
    Naming naming = {.chosen = run->names->restore, .current = kept ? run->names->keep : NULL};
    if (kept)
        naming.asides[naming.n_asides++] = (NamingAside){.name = run->names->keep,
                                                         .aside = run->names->unproven,
                                                         .role = "unproven",
                                                         .phase = "restored"};
    if (run->migrating)
        naming.asides[naming.n_asides++] = restore_work_aside(run);
    return journal_intent(run->journal, "restore", "rename", NULL, error) &&
           restore_give_name(run, &naming, exceptions, error);
}

static bool restore(Run *run, const char *folder, bool kept, GPtrArray *exceptions, GError **error)
{
    const IntakeOptions options = {.from = folder, .spool_parent = run->folder};
    const bool migrated = run->migrating;
    g_autoptr(Intake) from = NULL;
    g_autofree char *proof =
        g_strdup_printf("restored from the snapshot '%s': every digest equals the one taken before "
                        "the first migrating statement",
                        folder);
    bool drop = false;
    if (!snapshot_verify(folder, NULL, NULL, error))
        return false;
    from = intake_open(&options, error);
    if (from == NULL || !check_identity(run, from, error))
        return false;
    if (run->before == NULL)
        run->before = restore_properties(from, error);
    if (run->before == NULL || !restore_and_prove(run, from, error) ||
        !restore_settle_work(run, &drop, error) || !give_name(run, kept, exceptions, error))
        return false;
    run->unproven_left = kept;
    run->restored_anew = true;
    restore_in_service(run, proof, drop, migrated, exceptions);
    return true;
}

bool restore_from_snapshot(Run *run, bool kept, const char *why, GPtrArray *exceptions,
                           GError **error)
{
    g_autofree char *folder =
        run->folder != NULL ? g_build_filename(run->folder, "snapshot", NULL) : NULL;
    g_autofree char *manifest =
        folder != NULL ? g_build_filename(folder, MANIFEST_NAME, NULL) : NULL;
    g_autoptr(GError) cause = NULL;
    if (manifest == NULL || !file_exists(manifest))
        return false;
    log_warning("restore: %s; restoring the snapshot '%s'", why, folder);
    if (restore(run, folder, kept, exceptions, error))
        return true;
    /* Half a database is no evidence. */
    if (pg_is_alive(run->control) && !run->restored_anew && !drop_earlier(run, &cause) &&
        !error_is(cause, ERROR_NEEDS_PERSON))
        g_prefix_error(error, "the restored copy '%s' is left (%s): ", run->names->restore,
                       cause->message);
    return false;
}
