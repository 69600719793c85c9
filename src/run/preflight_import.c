/* Preflight of what begins with a snapshot: the lock, the snapshot, and everything that can be
 * known before it is restored. */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "run/context.h"
#include "run/discard.h"
#include "run/import.h"
#include "run/leftover.h"
#include "snapshot/restore.h"
#include "snapshot/snapshot.h"
#include <string.h>

/* Where archives are unpacked and password files stand: what a kill leaves there is found. */
static bool make_room(Run *run, GError **error)
{
    g_autofree char *spool = NULL;
    if (run->kind == RUN_RESTORE && !discard_has_consent(run)) {
        run->scratch = scratch_new(g_get_tmp_dir(), "drydock-restore", error);
        return run->scratch != NULL;
    }
    if (!run_make_folder(run, error))
        return false;
    spool = g_build_filename(run->folder, "spool", NULL);
    if (!file_make_folder(spool, error))
        return false;
    run->scratch = scratch_new(spool, "drydock-run", error);
    return run->scratch != NULL;
}

static bool open_snapshot(Run *run, GError **error)
{
    const IntakeOptions options = {.from = run->given != NULL ? run->given : run->options->from,
                                   .spool_parent = scratch_folder(run->scratch),
                                   .identities = run->options->identities};
    run->from = intake_open(&options, error);
    if (run->from == NULL)
        return false;
    log_info("preflight: '%s' is %s", run->from->given, run->from->description);
    json_object_set_new(run->report, "from",
                        json_pack("{s:s, s:s, s:s?}", "given", run->from->given, "description",
                                  run->from->description, "database", run->from->database));
    return true;
}

static bool check_run(const Run *run, GError **error)
{
    const Manifest *manifest = run->from->manifest;
    if (manifest != NULL && g_strcmp0(manifest->run, run->options->back) == 0 &&
        g_strcmp0(manifest->database, run->database) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "the snapshot '%s' is not the one of run %s", run->given,
              run->options->back);
    return false;
}

/* Restoring checks them too, but then there is a database already; and the last window is no time
 * to learn it. */
static bool check_bytes(const Run *run, GError **error)
{
    return run->kind == RUN_RESTORE || run->from->kind != INTAKE_SNAPSHOT ||
           snapshot_verify(run->from->path, NULL, NULL, error);
}

/* A rehearsal is of the database that the snapshot speaks of. */
static bool name_rehearsal(Run *run, GError **error)
{
    if (run->from->database != NULL) {
        g_free(run->database);
        run->database = g_strdup(run->from->database);
    }
    run_take_names(run);
    json_set_text(run->report, "database", run->database);
    run->lock_name = g_strdup_printf("%s (rehearsal)", run->database);
    if (strlen(run->database) <= NAME_MAX_BYTES)
        return true;
    error_set(error, ERROR_CONFIG, "the database name '%s' is longer than %d bytes", run->database,
              NAME_MAX_BYTES);
    return false;
}

static bool look_at_name(Run *run, GError **error)
{
    if (!run_survey_names(run, error) || !run_survey_displaced(run, &run->displaces, error))
        return false;
    run->looked = true;
    if (run->displaces && run->kind == RUN_RESTORE && !run->options->swap &&
        run->options->back == NULL) {
        error_set(error, ERROR_REFUSED, "there is a database '%s' already", run->database);
        error_hint_set(error,
                       "--swap restores beside it and then takes its name; it is kept as "
                       "'%s'",
                       run->names->replaced);
        return false;
    }
    return true;
}

/* The snapshot's own, else those of the database whose name it takes, as they are then. */
static bool choose_properties(Run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;
    run->before = restore_properties(run->from, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (run->before == NULL && run->displaces) {
        run->before = pg_properties_read(run->control, run->database, error);
        run->before_is_live = true;
    }
    return run->before != NULL || !run->displaces;
}

static bool consider_server(Run *run, GError **error)
{
    if (!run_connect_first(run, error) || !run_survey_server(run, error))
        return false;
    if (run->kind != RUN_IMPORT && !leftover_drop(run, error))
        return false;
    if (run->kind == RUN_IMPORT)
        run_survey_stores(run);
    return (run->kind == RUN_REHEARSAL || look_at_name(run, error)) && run_judge(run, error);
}

/* What the server lacks is one finding among the others, so that all are named at once. */
static bool check_server(Run *run, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (import_check(run, &cause))
        return true;
    if (!error_is(cause, ERROR_REFUSED)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    run_finding(run, "missing", true, error_hint(cause), "%s", cause->message);
    return true;
}

/* What takes the name: a snapshot, or the copy from before a run. */
static bool open_source(Run *run, GError **error)
{
    if (run->options->back == NULL)
        return open_snapshot(run, error) && (run->kind != RUN_RESTORE || discard_check(run, error));
    if (!discard_choose(run, error))
        return false;
    return run->stands || (open_snapshot(run, error) && check_run(run, error));
}

/* A rehearsal learns its name from the snapshot; for others it need not be unpacked to be refused.
 */
static bool consider(Run *run, GError **error)
{
    if (run->kind == RUN_REHEARSAL) {
        if (!open_snapshot(run, error) || !name_rehearsal(run, error) ||
            !consider_server(run, error))
            return false;
    } else if (!consider_server(run, error) || !open_source(run, error)) {
        return false;
    }
    if (run->stands)
        return true;
    if (!check_bytes(run, error) || !choose_properties(run, error) || !check_server(run, error) ||
        !run_survey_import_properties(run, error))
        return false;
    run->shared = run_read_shared(run, run->control, error);
    return run->shared != NULL && run_judge(run, error);
}

/* A run that changes nothing leaves nothing. */
static void clear_room(Run *run)
{
    g_clear_pointer(&run->from, intake_free);
    g_clear_pointer(&run->scratch, scratch_free);
    if (run->folder != NULL)
        (void)file_remove_tree(run->folder, NULL);
    g_clear_pointer(&run->folder, g_free);
}

/* A rehearsal gets its database from the snapshot, and connects later. */
static bool begin(Run *run, GError **error)
{
    bool again = run->kind != RUN_REHEARSAL;
    if (!make_room(run, error))
        return false;
    while (again) {
        if (!run_connect_new(run, &again, error))
            return false;
        if (!again)
            break;
        clear_room(run);
        if (!make_room(run, error))
            return false;
    }
    return true;
}

bool run_preflight_import(Run *run, GError **error)
{
    if (run->kind == RUN_IMPORT && run->options->needs_policy_window &&
        !policy_window_end(run->policy, clock_wall_us(), &run->window_end_us, error))
        return false;
    if (begin(run, error) && consider(run, error))
        return run->scratch == NULL || run->folder == NULL ||
               (run_open_logs(run, error) && run_write_plan(run, error));
    clear_room(run);
    return false;
}
