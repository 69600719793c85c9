/* Files as the end of a chain. */
#include "base/error.h"
#include "stream/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What was written is handed to the disk piece by piece, so that the flush at the end finds little
 * to do and dirty pages do not pile up. */
#define HAND_OVER_BYTES ((off_t)8 * 1024 * 1024)

typedef struct {
    Sink sink;
    int fd;
    char *path;
    off_t written, handed_over;
} FileSink;

static bool write_failed(const FileSink *file, GError **error)
{
    const int number = errno;
    error_set_errno(error, number, "cannot write '%s'", file->path);
    if (number == ENOSPC || number == EDQUOT)
        error_hint_set(error, "make room there, then try again");
    return false;
}

static bool file_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    FileSink *file = (FileSink *)sink;
    const char *at = data;
    while (size_bytes > 0) {
        const ssize_t put = write(file->fd, at, size_bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return write_failed(file, error);
        at += put;
        size_bytes -= (size_t)put;
        file->written += put;
    }
    if (file->written - file->handed_over >= HAND_OVER_BYTES) {
        (void)sync_file_range(file->fd, file->handed_over, file->written - file->handed_over,
                              SYNC_FILE_RANGE_WRITE);
        file->handed_over = file->written;
    }
    return true;
}

static bool file_commit(Sink *sink, GError **error)
{
    FileSink *file = (FileSink *)sink;
    const bool flushed = fsync(file->fd) == 0;
    if (!flushed)
        return write_failed(file, error);
    const int fd = file->fd;
    file->fd = -1;
    return close(fd) == 0 || write_failed(file, error);
}

static void file_discard(Sink *sink)
{
    FileSink *file = (FileSink *)sink;
    if (file->fd >= 0)
        close(file->fd);
    if (!sink->committed && file->path != NULL)
        (void)unlink(file->path);
    g_free(file->path);
}

Sink *sink_file_new(const char *path, GError **error)
{
    static const SinkKind kind = {file_write, file_commit, file_discard};
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FileSink *file = NULL;
    if (fd < 0) {
        error_set_errno(error, errno, "cannot create '%s'", path);
        return NULL;
    }
    file = g_new0(FileSink, 1);
    file->sink.kind = &kind;
    file->fd = fd;
    file->path = g_strdup(path);
    return &file->sink;
}
