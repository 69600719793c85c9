#include "snapshot/dump.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "pg/redact.h"
#include "pg/tools.h"
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 10000
#define TAIL_BYTES 1000
#define READ_BYTES ((size_t)64 * 1024)
#define END_WAIT_MS 2000

struct Dump {
    Child *child;
    char *version;
    char *passfile;
    bool ended;
    int64_t started_us, latest_us;
    char *buffer; /* what was read of its output and not yet taken */
    size_t at, filled;
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

/* The server's words may be in any language, and pg_dump says no SQLSTATE: but what its statement
 * was, and only a lock that was not to be had takes that long. */
bool dump_waited_for_lock(const char *message, int64_t took_us)
{
    return took_us >= LOCK_WAIT_MS * (int64_t)1000 &&
           strstr(message, "pg_dump: detail: Query was: LOCK TABLE ") != NULL;
}

static bool check_end(Dump *dump, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *words = NULL;
    const char *colon = NULL, *tail = NULL;
    bool locked_out = false;
    if (child_check(dump->child, &cause))
        return true;
    /* "pg_dump failed with status 1: <its words>" */
    colon = strstr(cause->message, ": ");
    words = dump_filter_message(child_errors(dump->child));
    tail = strlen(words) > TAIL_BYTES ? words + strlen(words) - TAIL_BYTES : words;
    locked_out =
        dump_waited_for_lock(child_errors(dump->child), clock_monotonic_us() - dump->started_us);
    error_set(error, locked_out ? ERROR_LOCK_TIMEOUT : ERROR_CHILD, "%.*s%s%s",
              (int)(colon != NULL ? colon - cause->message : (ptrdiff_t)strlen("pg_dump failed")),
              colon != NULL ? cause->message : "pg_dump failed", tail[0] != '\0' ? ": " : "", tail);
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

static char **make_arguments(const char *program, const char *encoding, const char *snapshot_id)
{
    GPtrArray *argv = g_ptr_array_new();
    g_ptr_array_add(argv, g_strdup(program));
    g_ptr_array_add(argv, g_strdup("--format=custom"));
    g_ptr_array_add(argv, g_strdup("--compress=0"));
    g_ptr_array_add(argv, g_strdup_printf("--snapshot=%s", snapshot_id));
    g_ptr_array_add(argv, g_strdup_printf("--encoding=%s", encoding));
    g_ptr_array_add(argv, g_strdup("--no-password"));
    g_ptr_array_add(argv, g_strdup_printf("--lock-wait-timeout=%d", LOCK_WAIT_MS));
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

Dump *dump_start(const PgTarget *target, const SnapshotOptions *options, const char *passfolder,
                 const char *encoding, const char *snapshot_id, int server_version_num,
                 GError **error)
{
    g_autoptr(Dump) dump = g_new0(Dump, 1);
    g_autofree char *program = pg_tool_find("pg_dump", server_version_num, &dump->version, error);
    g_auto(GStrv) environment = NULL;
    g_auto(GStrv) argv = NULL;
    if (program == NULL)
        return NULL;
    environment = pg_target_environment(target, options->database, options->application,
                                        server_version_num, passfolder, &dump->passfile, error);
    if (environment == NULL)
        return NULL;
    argv = make_arguments(program, encoding, snapshot_id);
    dump->started_us = clock_monotonic_us();
    dump->latest_us = options->latest_us;
    dump->buffer = g_malloc(READ_BYTES);
    dump->child =
        child_start_reading((const char *const *)argv, (const char *const *)environment, error);
    return dump->child != NULL ? g_steal_pointer(&dump) : NULL;
}

static bool fill(Dump *dump, GError **error)
{
    bool ended = false;
    dump->at = 0;
    if (!child_read(dump->child, dump->buffer, READ_BYTES, dump->latest_us, &dump->filled, error))
        return false;
    if (dump->filled > 0)
        return true;
    if (dump_wait(dump, END_WAIT_MS, &ended, error))
        error_set(error, ERROR_CHILD, "pg_dump ended before its table of contents was complete");
    return false;
}

static bool take_bytes(void *data, size_t size_bytes, gpointer source, GError **error)
{
    Dump *dump = source;
    char *to = data;
    while (size_bytes > 0) {
        size_t piece = 0;
        if (dump->at == dump->filled && !fill(dump, error))
            return false;
        piece = MIN(size_bytes, dump->filled - dump->at);
        memcpy(to, dump->buffer + dump->at, piece);
        dump->at += piece;
        to += piece;
        size_bytes -= piece;
    }
    return true;
}

static void remove_passfile(Dump *dump)
{
    if (dump->passfile != NULL)
        (void)unlink(dump->passfile);
    g_clear_pointer(&dump->passfile, g_free);
}

Toc *dump_read_toc(Dump *dump, GError **error)
{
    Toc *toc = toc_read(take_bytes, dump, error);
    if (toc == NULL)
        return NULL;
    child_stop(dump->child);
    remove_passfile(dump);
    return toc;
}

const char *dump_version(const Dump *dump)
{
    return dump->version;
}

void dump_free(Dump *dump)
{
    if (dump == NULL)
        return;
    child_free(dump->child);
    remove_passfile(dump);
    g_free(dump->buffer);
    g_free(dump->version);
    g_free(dump);
}
