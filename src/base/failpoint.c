#include "base/failpoint.h"

#ifdef DRYDOCK_FAILPOINTS
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

void failpoint(const char *name)
{
    const char *wanted = getenv("DRYDOCK_FAILPOINT");
    const size_t length = strlen(name);
    const char *action = NULL;
    log_name(name);
    if (wanted == NULL || strncmp(wanted, name, length) != 0 || wanted[length] != '=')
        return;
    action = wanted + length + 1;
    if (strcmp(action, "kill") == 0)
        (void)kill(getpid(), SIGKILL);
    else if (strcmp(action, "stop") == 0)
        (void)kill(getpid(), SIGSTOP);
    else if (g_str_has_prefix(action, "sleep:"))
        g_usleep((gulong)g_ascii_strtoull(action + 6, NULL, 10) * 1000);
}
#else
/* ISO C wants a declaration in every file. */
typedef int failpoint_not_compiled;
#endif
