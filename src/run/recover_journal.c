#include "run/recover_journal.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "run/hooks.h"
#include "run/recover_online.h"
#include <string.h>

#define UNKNOWN_OUTCOME 9
#define NEEDS_PERSON 8

/* What a run that was killed leaves in its folder and nobody wants: a password file, half a
 * snapshot, an archive that was unpacked. */
static void tidy_folder(const char *folder)
{
    g_autofree char *partial = g_build_filename(folder, "snapshot.partial", NULL);
    g_autofree char *spool = g_build_filename(folder, "spool", NULL);
    g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
    g_autoptr(GError) error = NULL;
    for (const char *name = NULL; files != NULL && (name = g_dir_read_name(files)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_str_has_prefix(name, "passfile-") && error == NULL)
            (void)file_remove_tree(path, &error);
    }
    if (error == NULL)
        (void)file_remove_tree(partial, &error);
    if (error == NULL)
        (void)file_remove_tree(spool, &error);
    if (error != NULL)
        log_warning("%s", error->message);
}

static json_t *adopt_journal(Run *run, GError **error)
{
    g_autofree char *folder = g_build_filename(run->options->state_folder, "runs", run->id, NULL);
    g_autofree char *journal = g_build_filename(folder, "journal.jsonl", NULL);
    g_autofree char *head = g_build_filename(run->options->state_folder, "audit.head", NULL);
    g_autofree char *actor = g_strdup_printf("%s@%s as %s", g_get_user_name(), g_get_host_name(),
                                             pg_target_user(run->target));
    if (!file_exists(journal)) {
        log_warning("the state folder has no journal of run %s; going by what the server knows",
                    run->id);
        return json_array();
    }
    run->folder = g_steal_pointer(&folder);
    tidy_folder(run->folder);
    run->journal = journal_open(run->folder, error);
    if (run->journal == NULL)
        return NULL;
    run->audit = audit_open(run->folder, head, run->id, actor, error);
    return run->audit != NULL ? journal_read(run->folder, error) : NULL;
}

json_t *recover_adopt_journal(Run *run, GError **error)
{
    json_t *lines = adopt_journal(run, error);
    if (lines != NULL)
        hooks_adopt(run, lines);
    return lines;
}

/* Whether the journal tells an end; that the outcome is unknown is none. */
static bool has_ended(const json_t *lines)
{
    const json_t *end = journal_find(lines, "note", "run", "end");
    return end != NULL &&
           json_get_integer(json_object_get(end, "details"), "exit_code", 0) != UNKNOWN_OUTCOME;
}

/* The newest run of this database and its journal; NULL if there is none. */
static char *newest_run(const Run *run, json_t **newest_lines)
{
    g_autofree char *runs = g_build_filename(run->options->state_folder, "runs", NULL);
    g_autoptr(GDir) folder = g_dir_open(runs, 0, NULL);
    char *newest = NULL;
    for (const char *name = NULL; folder != NULL && (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *path = g_build_filename(runs, name, NULL);
        g_autoptr(json_t) lines = journal_read(path, NULL);
        const json_t *passed = journal_find(lines, "note", "preflight", "passed");
        const char *database = json_get_text(json_object_get(passed, "details"), "database");
        const char *command = json_get_text(json_object_get(passed, "details"), "command");
        /* They touch nothing that would have to be recovered. */
        if (g_strcmp0(database, run->database) != 0 || g_strcmp0(command, "rehearse") == 0 ||
            g_strcmp0(command, "restore") == 0 || (newest != NULL && strcmp(newest, name) >= 0))
            continue;
        g_free(newest);
        newest = g_strdup(name);
        json_decref(*newest_lines);
        *newest_lines = g_steal_pointer(&lines);
    }
    return newest;
}

char *recover_unfinished_run(const Run *run)
{
    g_autoptr(json_t) lines = NULL;
    g_autofree char *newest = newest_run(run, &lines);
    return newest == NULL || has_ended(lines) ? NULL : g_steal_pointer(&newest);
}

char *recover_unpublished_run(const Run *run)
{
    g_autoptr(json_t) lines = NULL;
    g_autofree char *newest = newest_run(run, &lines);
    return journal_find(lines, "note", "publish", "missing") != NULL ? g_steal_pointer(&newest)
                                                                     : NULL;
}

bool recover_may_be_marked(const Run *run)
{
    g_autoptr(json_t) lines = NULL;
    g_autofree char *newest = newest_run(run, &lines);
    const json_t *end = journal_find(lines, "note", "run", "end");
    if (newest == NULL)
        return run->policy->fence_how == FENCE_NONE;
    return recover_is_online(lines) &&
           (!has_ended(lines) ||
            json_get_integer(json_object_get(end, "details"), "exit_code", 0) == NEEDS_PERSON);
}
