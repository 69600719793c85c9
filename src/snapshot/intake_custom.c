#include "snapshot/intake_custom.h"

#include "base/error.h"
#include "base/interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)256 * 1024)
#define BLOCK_DATA 1
#define BLOCK_LARGE_OBJECTS 3

typedef struct {
    int fd;
    uint64_t size, at;   /* of the file, and of the next byte */
    uint64_t begin, end; /* of what is in the buffer */
    unsigned char *buffer;
    const Toc *toc;
    GHashTable *awaited; /* dump ids whose blocks have not come yet */
} Custom;

static bool torn(const Custom *custom, GError **error)
{
    error_set(error, ERROR_INTEGRITY,
              "it is torn: it ends at byte %" G_GUINT64_FORMAT ", in the middle", custom->size);
    return false;
}

static bool damaged(const Custom *custom, GError **error)
{
    error_set(error, ERROR_INTEGRITY,
              "it is damaged: at byte %" G_GUINT64_FORMAT
              " there is no data block as pg_dump writes it",
              custom->at);
    return false;
}

static bool fill(Custom *custom, GError **error)
{
    ssize_t got = 0;
    if (interrupt_check(error))
        return false;
    do {
        got = pread(custom->fd, custom->buffer, BUFFER_BYTES, (off_t)custom->at);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        error_set_errno(error, errno, "cannot read it");
        return false;
    }
    if (got == 0)
        return torn(custom, error);
    custom->begin = custom->at;
    custom->end = custom->at + (uint64_t)got;
    return true;
}

static bool take(Custom *custom, void *data, size_t size_bytes, GError **error)
{
    char *to = data;
    while (size_bytes > 0) {
        if ((custom->at < custom->begin || custom->at >= custom->end) && !fill(custom, error))
            return false;
        const size_t some = MIN(size_bytes, (size_t)(custom->end - custom->at));
        memcpy(to, custom->buffer + (custom->at - custom->begin), some);
        custom->at += some;
        to += some;
        size_bytes -= some;
    }
    return true;
}

static bool take_for_toc(void *data, size_t size_bytes, gpointer source, GError **error)
{
    return take(source, data, size_bytes, error);
}

/* A sign, then the value with its lowest byte first. */
static bool take_int(Custom *custom, int64_t *value, GError **error)
{
    unsigned char bytes[9];
    const size_t size = (size_t)CLAMP(custom->toc->int_bytes, 1, 8);
    if (!take(custom, bytes, size + 1, error))
        return false;
    *value = 0;
    for (size_t i = size; i > 0; i--) {
        if (i > 7 && bytes[i] != 0)
            return damaged(custom, error);
        *value = *value * 256 + bytes[i];
    }
    if (bytes[0] != 0)
        *value = -*value;
    return true;
}

/* Chunks with their length before them, up to one of no length. */
static bool pass_chunks(Custom *custom, GError **error)
{
    for (;;) {
        int64_t length = 0;
        if (!take_int(custom, &length, error))
            return false;
        if (length == 0)
            return true;
        if (length < 0 || length > G_MAXINT32)
            return damaged(custom, error);
        if ((uint64_t)length > custom->size - custom->at)
            return torn(custom, error);
        custom->at += (uint64_t)length;
    }
}

static bool pass_large_objects(Custom *custom, GError **error)
{
    for (;;) {
        int64_t oid = 0;
        if (!take_int(custom, &oid, error))
            return false;
        if (oid == 0)
            return true;
        if (!pass_chunks(custom, error))
            return false;
    }
}

static bool pass_block(Custom *custom, GError **error)
{
    unsigned char kind = 0;
    int64_t id = 0;
    if (!take(custom, &kind, 1, error) || !take_int(custom, &id, error))
        return false;
    if (id <= 0 || id > G_MAXINT || !g_hash_table_remove(custom->awaited, GINT_TO_POINTER(id)))
        return damaged(custom, error);
    if (kind == BLOCK_DATA)
        return pass_chunks(custom, error);
    return kind == BLOCK_LARGE_OBJECTS ? pass_large_objects(custom, error) : damaged(custom, error);
}

static void await_blocks(Custom *custom)
{
    for (guint i = 0; i < custom->toc->entries->len; i++) {
        const TocEntry *entry = g_ptr_array_index(custom->toc->entries, i);
        if (entry->has_data)
            g_hash_table_add(custom->awaited, GINT_TO_POINTER(entry->id));
    }
}

static Toc *read_all(Custom *custom, GError **error)
{
    g_autoptr(Toc) toc = toc_read(take_for_toc, custom, error);
    if (toc == NULL)
        return NULL;
    custom->toc = toc;
    await_blocks(custom);
    while (custom->at < custom->size)
        if (!pass_block(custom, error))
            return NULL;
    if (g_hash_table_size(custom->awaited) == 0)
        return g_steal_pointer(&toc);
    error_set(error, ERROR_INTEGRITY, "it is torn: the data of %u tables are missing",
              g_hash_table_size(custom->awaited));
    return NULL;
}

Toc *intake_custom_read(const char *path, GError **error)
{
    struct stat status;
    Custom custom = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    Toc *toc = NULL;
    if (custom.fd < 0 || fstat(custom.fd, &status) != 0) {
        error_set_errno(error, errno, "cannot open it");
    } else {
        custom.size = (uint64_t)status.st_size;
        custom.buffer = g_malloc(BUFFER_BYTES);
        custom.awaited = g_hash_table_new(NULL, NULL);
        toc = read_all(&custom, error);
        g_hash_table_unref(custom.awaited);
        g_free(custom.buffer);
    }
    if (custom.fd >= 0)
        close(custom.fd);
    return toc;
}
