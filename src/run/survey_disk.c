/* How much room a run needs, and how much there is, as far as that can be measured. */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "pg/sql.h"
#include "run/context.h"
#include "run/hooks.h"
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* Whether the server runs on this very host: then the process of our own session is here. A tunnel
 * or a container has another one by that number, or none. */
static bool is_same_host(PgConnection *live)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pg_backend_pid(live));
    g_autofree char *title = NULL;
    return g_file_get_contents(path, &title, NULL, NULL) && g_str_has_prefix(title, "postgres") &&
           strstr(title, pg_database(live)) != NULL;
}

/* A session's process works in the data folder; where we may not see that, the server may tell. */
static char *data_folder(PgConnection *live)
{
    char folder[PATH_BYTES] = "";
    g_autofree char *link = g_strdup_printf("/proc/%d/cwd", pg_backend_pid(live));
    const ssize_t length = readlink(link, folder, sizeof folder - 1);
    if (length > 0)
        return g_strndup(folder, (gsize)length);
    return pg_query_text(live, NULL,
                         "SELECT setting FROM pg_settings WHERE name = 'data_directory'", 0);
}

/* Where the files of the database are, if they are on this host and in one place; else NULL. */
static char *database_folder(PgConnection *live)
{
    g_autofree char *tablespace = NULL;
    if (!is_same_host(live))
        return NULL;
    tablespace = pg_query_text(live, NULL,
                               "SELECT nullif(pg_tablespace_location(dattablespace), '') FROM "
                               "pg_database WHERE datname = current_database()",
                               0);
    return tablespace != NULL ? g_steal_pointer(&tablespace) : data_folder(live);
}

/* What the policy's command says is free: a number of bytes. */
static bool told_free(const Run *run, uint64_t *free_bytes, GError **error)
{
    g_autofree char *output = hooks_read(run, "'clone.free'", run->policy->clone_free, error);
    if (output == NULL)
        return false;
    if (g_ascii_string_to_unsigned(g_strstrip(output), 10, 0, G_MAXUINT64, free_bytes, NULL))
        return true;
    error_set(error, ERROR_CONFIG,
              "'clone.free': it must print a number of bytes, and nothing else");
    return false;
}

/* By the policy's command, else where the database's files are. */
static bool measure_free(const Run *run, PgConnection *live, char **where, uint64_t *free_bytes,
                         GError **error)
{
    *free_bytes = 0;
    if (run->policy->clone_free != NULL) {
        *where = g_strdup("the server ('clone.free')");
        return told_free(run, free_bytes, error);
    }
    *where = database_folder(live);
    if (*where != NULL)
        return file_free_space(*where, free_bytes, error);
    error_set(error, ERROR_FAILED, "the server is on another host, or its folder cannot be seen");
    return false;
}

/* Without a clone the same room is needed on the way back, for what is restored beside the migrated
 * database. */
static void survey_copy(Run *run, PgConnection *live)
{
    const char *what = run->alone ? "restoring the snapshot on the way back" : "the clone";
    const char *fix = run->alone
                          ? "give it room, or accept it with \"accept: [disk]\""
                          : "give it room, accept it with \"accept: [disk]\", or migrate "
                            "without a clone: \"strategy: in_place\" with \"clone: { method: "
                            "none }\"";
    const uint64_t need_bytes = (uint64_t)run->size_bytes;
    g_autofree char *where = NULL;
    g_autoptr(GError) cause = NULL;
    g_autofree char *need = size_format(need_bytes);
    g_autofree char *have = NULL;
    uint64_t free_bytes = 0;
    if (!measure_free(run, live, &where, &free_bytes, &cause)) {
        run_finding(run, "disk", false,
                    "look at it there, or have 'clone.free' in the policy do so",
                    "how much room the server has is not known: %s; %s needs %s", cause->message,
                    what, need);
        return;
    }
    have = size_format(free_bytes);
    if (free_bytes < need_bytes)
        run_finding(run, "disk", true, fix, "%s has %s free, %s needs %s", where, have, what, need);
}

void run_survey_disk(Run *run, PgConnection *live)
{
    const char *folder = run->options->state_folder;
    const uint64_t need_bytes = (uint64_t)run->size_bytes / 2;
    g_autofree char *need = size_format(need_bytes);
    g_autofree char *have = NULL;
    uint64_t free_bytes = 0;
    if (run->kind != RUN_ONLINE)
        survey_copy(run, live);
    if (!file_exists(folder) || !file_free_space(folder, &free_bytes, NULL) ||
        free_bytes >= need_bytes)
        return;
    have = size_format(free_bytes);
    run_finding(run, "disk", true, "give it room, or --state another folder",
                "'%s' has %s free, a snapshot may need %s", folder, have, need);
}
