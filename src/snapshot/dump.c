#include "snapshot/dump.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "pg/redact.h"
#include "pg/tools.h"
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT "--lock-wait-timeout=10000"

struct Dump {
    Child *child;
    char *version;
    char *passfile;
    int sessions;
    bool ended;
    int64_t latest_us;
};

/* The server's part of a line goes through the same filter as our own connections' errors. */
static void append_line(GString *out, const char *line)
{
    static const char *const severities[] = {"ERROR:  ", "FATAL:  ", "PANIC:  "};
    const char *at = NULL;
    g_autofree char *words = NULL;
    size_t own_bytes = strlen(line);
    for (size_t i = 0; i < G_N_ELEMENTS(severities) && at == NULL; i++) {
        at = strstr(line, severities[i]);
        if (at != NULL)
            at += strlen(severities[i]);
    }
    if (at != NULL) {
        own_bytes = (size_t)(at - line);
        words = redact_message("XX000", at, NULL);
    }
    g_string_append(out, out->len > 0 ? "; " : "");
    g_string_append_len(out, line, (gssize)own_bytes);
    g_string_append(out, words != NULL ? words : "");
}

/* Lines are let through by what they begin with, so that the second line of a value that has line
 * feeds in it is dropped with the first. */
char *dump_filter_message(const char *message)
{
    static const char *const allowed[] = {
        "pg_dump: error: ", "pg_dump: warning: ", "pg_dump: hint: ",
        "pg_dump: detail: Error message from server: "};
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);
    GString *out = g_string_new(NULL);
    for (char **line = lines; *line != NULL; line++) {
        for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++) {
            if (g_str_has_prefix(*line, allowed[i]))
                append_line(out, *line + strlen("pg_dump: "));
        }
    }
    return g_string_free(out, FALSE);
}

static bool check_end(Dump *dump, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *words = NULL;
    const char *colon = NULL;
    if (child_check(dump->child, &cause))
        return true;
    /* "pg_dump failed with status 1: <its words>" */
    colon = strstr(cause->message, ": ");
    words = dump_filter_message(colon != NULL ? colon + 2 : cause->message);
    error_set(error, ERROR_CHILD, "%.*s%s%s",
              (int)(colon != NULL ? colon - cause->message : (ptrdiff_t)strlen("pg_dump failed")),
              colon != NULL ? cause->message : "pg_dump failed", words[0] != '\0' ? ": " : "",
              words);
    if (strstr(words, "No space left on device") != NULL)
        error_hint_set(error, "make room where the snapshot is written, then try again");
    return false;
}

bool dump_wait(Dump *dump, int64_t timeout_ms, bool *ended, GError **error)
{
    if (!dump->ended && !child_wait(dump->child, timeout_ms, &dump->ended, error))
        return false;
    if (!dump->ended && dump->latest_us != 0 && clock_monotonic_us() >= dump->latest_us) {
        error_set(error, ERROR_TIMEOUT, "pg_dump was stopped at its time limit");
        return false;
    }
    *ended = dump->ended;
    return !dump->ended || check_end(dump, error);
}

static char **make_arguments(const char *program, const SnapshotOptions *options,
                             const char *folder, const char *snapshot_id)
{
    GPtrArray *argv = g_ptr_array_new();
    g_ptr_array_add(argv, g_strdup(program));
    g_ptr_array_add(argv, g_strdup("--format=directory"));
    g_ptr_array_add(argv, g_strdup_printf("--file=%s", folder));
    g_ptr_array_add(argv, g_strdup_printf("--jobs=%d", options->jobs));
    g_ptr_array_add(argv, g_strdup_printf("--compress=%d", options->level));
    g_ptr_array_add(argv, g_strdup_printf("--snapshot=%s", snapshot_id));
    g_ptr_array_add(argv, g_strdup("--no-password"));
    g_ptr_array_add(argv, g_strdup("--no-sync")); /* the manifest's writer does it */
    g_ptr_array_add(argv, g_strdup(LOCK_WAIT));
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

Dump *dump_start(const PgTarget *target, const SnapshotOptions *options, const char *folder,
                 const char *snapshot_id, int server_version_num, GError **error)
{
    g_autoptr(Dump) dump = g_new0(Dump, 1);
    g_autofree char *program = pg_tool_find("pg_dump", server_version_num, &dump->version, error);
    g_autofree char *parent = g_path_get_dirname(folder);
    g_auto(GStrv) environment = NULL;
    g_auto(GStrv) argv = NULL;
    if (program == NULL)
        return NULL;
    environment = pg_target_environment(target, options->database, options->application,
                                        options->passfolder != NULL ? options->passfolder : parent,
                                        &dump->passfile, error);
    if (environment == NULL)
        return NULL;
    argv = make_arguments(program, options, folder, snapshot_id);
    dump->latest_us = options->latest_us;
    dump->sessions = options->jobs > 1 ? options->jobs + 1 : 1;
    dump->child = child_start((const char *const *)argv, (const char *const *)environment, error);
    return dump->child != NULL ? g_steal_pointer(&dump) : NULL;
}

const char *dump_version(const Dump *dump)
{
    return dump->version;
}

int dump_sessions(const Dump *dump)
{
    return dump->sessions;
}

void dump_free(Dump *dump)
{
    if (dump == NULL)
        return;
    child_free(dump->child);
    if (dump->passfile != NULL)
        (void)unlink(dump->passfile);
    g_free(dump->passfile);
    g_free(dump->version);
    g_free(dump);
}
