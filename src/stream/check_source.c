/* Bytes that must be the ones that were recorded: counted and hashed as they pass. */
#include "base/error.h"
#include "stream/source.h"
#include <string.h>

typedef struct {
    Source source;
    char *what;
    char *sha256;
    uint64_t size_bytes, passed_bytes;
    HashStream *hash; /* NULL once the end was found to be right */
} CheckSource;

static bool check_end(CheckSource *check, GError **error)
{
    HashHex actual;
    if (check->hash == NULL)
        return true;
    if (check->passed_bytes != check->size_bytes) {
        error_set(error, ERROR_INTEGRITY,
                  "%s has %" G_GUINT64_FORMAT " bytes where %" G_GUINT64_FORMAT " were recorded",
                  check->what, check->passed_bytes, check->size_bytes);
        return false;
    }
    actual = hash_stream_end(check->hash);
    g_clear_pointer(&check->hash, hash_stream_free);
    if (strcmp(actual.hex, check->sha256) == 0)
        return true;
    error_set(error, ERROR_INTEGRITY, "%s was changed: its SHA-256 is not the recorded one",
              check->what);
    return false;
}

static bool read_checked(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    CheckSource *check = (CheckSource *)source;
    if (!source_read(source->next, data, size_bytes, got, error))
        return false;
    if (*got == 0)
        return check_end(check, error);
    check->passed_bytes += *got;
    if (check->passed_bytes > check->size_bytes || check->hash == NULL) {
        error_set(error, ERROR_INTEGRITY,
                  "%s has more than the %" G_GUINT64_FORMAT " bytes that were recorded",
                  check->what, check->size_bytes);
        return false;
    }
    hash_stream_update(check->hash, data, *got);
    return true;
}

static void clear_check(Source *source)
{
    CheckSource *check = (CheckSource *)source;
    hash_stream_free(check->hash);
    g_free(check->what);
    g_free(check->sha256);
}

Source *source_check_new(Source *next, const char *what, const char *sha256, uint64_t size_bytes)
{
    static const SourceKind kind = {read_checked, clear_check};
    CheckSource *check = g_new0(CheckSource, 1);
    check->source.kind = &kind;
    check->source.next = next;
    check->what = g_strdup(what);
    check->sha256 = g_strdup(sha256);
    check->size_bytes = size_bytes;
    check->hash = hash_stream_new();
    return &check->source;
}
