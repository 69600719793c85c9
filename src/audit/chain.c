#include "audit/chain.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include <string.h>

#define AUDIT_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define HEAD_MAX_BYTES ((size_t)4096)
#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

struct Audit {
    GMutex lock; /* of the log, its sequence and its hash */
    FileLog *log;
    char *head_path;
    char *run, *actor;
    int64_t sequence;
    HashHex previous;
};

static bool is_hash(const char *text)
{
    return strlen(text) == HASH_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == 64;
}

/* Goes over the lines of a log; stops at the first whose "previous" is not the hash of the line
 * before. */
static bool walk(const char *path, HashHex *last, int64_t *lines, GError **error)
{
    g_autofree char *text = NULL;
    size_t size_bytes = 0;
    *lines = 0;
    if (!file_read(path, AUDIT_MAX_BYTES, &text, &size_bytes, error))
        return false;
    for (char *line = text, *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        g_autoptr(json_t) object = json_parse(line, (size_t)(end - line), path, error);
        if (object == NULL)
            return false;
        if (*lines > 0 && g_strcmp0(json_get_text(object, "previous"), last->hex) != 0) {
            error_set(error, ERROR_INTEGRITY,
                      "%s:%" G_GINT64_FORMAT ": the line does not follow from the one before", path,
                      *lines + 1);
            return false;
        }
        *last = hash_bytes(line, (size_t)(end - line));
        (*lines)++;
    }
    return true;
}

bool audit_verify(const char *path, GError **error)
{
    HashHex last = {{0}};
    int64_t lines = 0;
    return walk(path, &last, &lines, error);
}

static bool find_previous(Audit *audit, const char *path, GError **error)
{
    g_autofree char *head = NULL;
    size_t size_bytes = 0;
    if (file_exists(path) && !walk(path, &audit->previous, &audit->sequence, error))
        return false;
    if (audit->sequence > 0)
        return true;
    g_strlcpy(audit->previous.hex, NO_HASH, sizeof audit->previous.hex);
    if (!file_exists(audit->head_path))
        return true;
    if (!file_read(audit->head_path, HEAD_MAX_BYTES, &head, &size_bytes, error))
        return false;
    g_strstrip(head);
    if (!is_hash(head)) {
        error_set(error, ERROR_INTEGRITY, "'%s' does not hold the hash of an audit line",
                  audit->head_path);
        return false;
    }
    g_strlcpy(audit->previous.hex, head, sizeof audit->previous.hex);
    return true;
}

Audit *audit_open(const char *folder, const char *head_path, const char *run, const char *actor,
                  GError **error)
{
    g_autofree char *path = g_build_filename(folder, "audit.jsonl", NULL);
    g_autoptr(Audit) audit = g_new0(Audit, 1);
    g_mutex_init(&audit->lock);
    audit->head_path = g_strdup(head_path);
    audit->run = g_strdup(run);
    audit->actor = g_strdup(actor);
    if (!find_previous(audit, path, error))
        return NULL;
    audit->log = file_log_open(path, error);
    return audit->log != NULL ? g_steal_pointer(&audit) : NULL;
}

void audit_close(Audit *audit)
{
    if (audit == NULL)
        return;
    file_log_close(audit->log);
    g_free(audit->head_path);
    g_free(audit->run);
    g_free(audit->actor);
    g_mutex_clear(&audit->lock);
    g_free(audit);
}

/* Sequence, time and hash are those of the place that the line gets. */
static bool append(Audit *audit, const char *event, json_t *details, GError **error)
{
    g_autoptr(json_t) line = json_object();
    g_autofree char *time = clock_format_utc(clock_wall_us());
    g_autofree char *text = NULL;
    g_autofree char *head = NULL;
    json_set_integer(line, "sequence", audit->sequence + 1);
    json_set_text(line, "time", time);
    json_set_text(line, "run", audit->run);
    json_set_text(line, "event", event);
    json_set_text(line, "actor", audit->actor);
    json_set_text(line, "previous", audit->previous.hex);
    if (details != NULL)
        json_object_set_new(line, "details", details);
    text = json_to_line(line);
    if (!file_log_append(audit->log, text, error))
        return false;
    audit->sequence++;
    audit->previous = hash_text(text);
    head = g_strconcat(audit->previous.hex, "\n", NULL);
    return file_write_atomic(audit->head_path, head, strlen(head), error);
}

bool audit_event(Audit *audit, const char *event, json_t *details, GError **error)
{
    bool done = false;
    if (audit == NULL) {
        json_decref(details);
        return true;
    }
    g_mutex_lock(&audit->lock);
    done = append(audit, event, details, error);
    g_mutex_unlock(&audit->lock);
    return done;
}
