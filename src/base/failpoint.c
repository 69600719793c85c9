#include "base/failpoint.h"

#ifdef DRYDOCK_FAILPOINTS
#include "base/error.h"
#include "base/guardian.h"
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void log_name(const char *name)
{
    const char *path = getenv("DRYDOCK_FAILPOINT_LOG");
    FILE *file = path != NULL ? fopen(path, "ae") : NULL;
    if (file == NULL)
        return;
    (void)fprintf(file, "%s\n", name);
    (void)fclose(file);
}

static void act(const char *action)
{
    if (strcmp(action, "kill") == 0) {
        if (guardian_pid() > 0)
            (void)kill(guardian_pid(), SIGKILL);
        (void)kill(getpid(), SIGKILL);
    } else if (strcmp(action, "die") == 0 && guardian_pid() > 0) {
        (void)kill(getpid(), SIGKILL);
    } else if (strcmp(action, "stop") == 0) {
        (void)raise(SIGSTOP); /* to this very thread, which goes on for a moment otherwise */
    } else if (strcmp(action, "term") == 0) {
        (void)kill(getpid(), SIGTERM);
    } else if (g_str_has_prefix(action, "sleep:")) {
        g_usleep((gulong)g_ascii_strtoull(action + 6, NULL, 10) * 1000);
    }
}

/* How often the point has been passed, this time included. */
static guint count(const char *name)
{
    static GMutex mutex;
    static GHashTable *passed = NULL;
    guint times = 0;
    g_mutex_lock(&mutex);
    if (passed == NULL)
        passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    times = GPOINTER_TO_UINT(g_hash_table_lookup(passed, name)) + 1;
    g_hash_table_replace(passed, g_strdup(name), GUINT_TO_POINTER(times));
    g_mutex_unlock(&mutex);
    return times;
}

/* Does what is wanted of the point; whether it is to fail. */
static bool pass(const char *name)
{
    const char *wanted = getenv("DRYDOCK_FAILPOINT");
    g_auto(GStrv) list = NULL;
    guint times = 0;
    bool fails = false;
    log_name(name);
    if (wanted == NULL)
        return false;
    times = count(name);
    list = g_strsplit(wanted, ",", -1);
    for (char **entry = list; *entry != NULL; entry++) {
        g_auto(GStrv) sides = g_strsplit(*entry, "=", 2);
        g_auto(GStrv) point = g_strsplit(sides[0] != NULL ? sides[0] : "", "#", 2);
        const guint at = g_strv_length(point) == 2 ? (guint)atoi(point[1]) : 1;
        if (g_strv_length(sides) != 2 || g_strcmp0(point[0], name) != 0 || times != at)
            continue;
        fails |= strcmp(sides[1], "error") == 0;
        act(sides[1]);
    }
    return fails;
}

void failpoint(const char *name)
{
    (void)pass(name);
}

bool failpoint_error(const char *name, GError **error)
{
    if (!pass(name))
        return true;
    error_set(error, ERROR_IO, "failpoint %s", name);
    return false;
}
#else
/* ISO C wants a declaration in every file. */
typedef int failpoint_not_compiled;
#endif
