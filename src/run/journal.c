#include "run/journal.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include <string.h>

#define JOURNAL_MAX_BYTES ((size_t)256 * 1024 * 1024)

struct Journal {
    GMutex lock; /* of what follows */
    FileLog *log;
    int64_t sequence;
};

json_t *journal_read(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "journal.jsonl", NULL);
    g_autofree char *text = NULL;
    g_autoptr(json_t) lines = json_array();
    size_t size_bytes = 0;
    if (!file_read(path, JOURNAL_MAX_BYTES, &text, &size_bytes, error))
        return NULL;
    for (char *line = text, *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *object = json_parse(line, (size_t)(end - line), path, error);
        if (object == NULL)
            return NULL;
        json_array_append_new(lines, object);
    }
    return g_steal_pointer(&lines);
}

const json_t *journal_find(const json_t *lines, const char *kind, const char *phase,
                           const char *step)
{
    for (size_t i = json_array_size(lines); i-- > 0;) {
        const json_t *line = json_array_get(lines, i);
        if (g_strcmp0(json_get_text(line, "kind"), kind) == 0 &&
            g_strcmp0(json_get_text(line, "phase"), phase) == 0 &&
            g_strcmp0(json_get_text(line, "step"), step) == 0)
            return line;
    }
    return NULL;
}

/* How many whole lines there are. */
static bool count_lines(const char *path, int64_t *lines, GError **error)
{
    g_autofree char *text = NULL;
    size_t size_bytes = 0;
    *lines = 0;
    if (!file_exists(path))
        return true;
    if (!file_read(path, JOURNAL_MAX_BYTES, &text, &size_bytes, error))
        return false;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        (*lines)++;
    return true;
}

Journal *journal_open(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "journal.jsonl", NULL);
    int64_t sequence = 0;
    FileLog *log = count_lines(path, &sequence, error) ? file_log_open(path, error) : NULL;
    Journal *journal = NULL;
    if (log == NULL)
        return NULL;
    journal = g_new0(Journal, 1);
    g_mutex_init(&journal->lock);
    journal->log = log;
    journal->sequence = sequence;
    return journal;
}

void journal_close(Journal *journal)
{
    if (journal == NULL)
        return;
    file_log_close(journal->log);
    g_mutex_clear(&journal->lock);
    g_free(journal);
}

/* Sequence and time are those of the place that the line gets. */
static bool append_line(Journal *journal, const char *kind, const char *phase, const char *step,
                        json_t *details, GError **error)
{
    g_autoptr(json_t) line = json_object();
    g_autofree char *time = clock_format_utc(clock_wall_us());
    g_autofree char *text = NULL;
    json_set_integer(line, "sequence", ++journal->sequence);
    json_set_text(line, "time", time);
    json_set_text(line, "kind", kind);
    json_set_text(line, "phase", phase);
    json_set_text(line, "step", step);
    if (details != NULL)
        json_object_set_new(line, "details", details);
    text = json_to_line(line);
    return file_log_append(journal->log, text, error);
}

static bool append(Journal *journal, const char *kind, const char *phase, const char *step,
                   json_t *details, GError **error)
{
    bool done = false;
    if (journal == NULL) {
        json_decref(details);
        return true;
    }
    g_mutex_lock(&journal->lock);
    done = append_line(journal, kind, phase, step, details, error);
    g_mutex_unlock(&journal->lock);
    return done;
}

static bool pass_failpoint(const char *phase, const char *step, const char *moment, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.%s.%s", phase, step, moment);
    return failpoint_error(name, error);
}

bool journal_intent(Journal *journal, const char *phase, const char *step, json_t *details,
                    GError **error)
{
    return append(journal, "intent", phase, step, details, error) &&
           pass_failpoint(phase, step, "intent", error);
}

bool journal_done(Journal *journal, const char *phase, const char *step, json_t *details,
                  GError **error)
{
    if (!pass_failpoint(phase, step, "acted", error)) {
        json_decref(details);
        return false;
    }
    return append(journal, "done", phase, step, details, error) &&
           pass_failpoint(phase, step, "done", error);
}

bool journal_note(Journal *journal, const char *phase, const char *step, json_t *details,
                  GError **error)
{
    return append(journal, "note", phase, step, details, error) &&
           pass_failpoint(phase, step, "note", error);
}
