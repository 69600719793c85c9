/* The bytes of a regular file, read once from front to back. */
#include "base/error.h"
#include "stream/source.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Source source;
    int fd;
    char *path;
} FileSource;

static bool read_file(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    const FileSource *file = (FileSource *)source;
    ssize_t n = 0;
    do
        n = read(file->fd, data, size_bytes);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        error_set_errno(error, errno, "cannot read '%s'", file->path);
        return false;
    }
    *got = (size_t)n;
    return true;
}

static void clear_file(Source *source)
{
    FileSource *file = (FileSource *)source;
    if (file->fd >= 0)
        close(file->fd);
    g_free(file->path);
}

Source *source_file_new(const char *path, GError **error)
{
    static const SourceKind kind = {read_file, clear_file};
    struct stat status;
    FileSource *file = g_new0(FileSource, 1);
    g_autoptr(Source) source = &file->source;
    source->kind = &kind;
    file->path = g_strdup(path);
    /* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(error, ERROR_INTEGRITY, "'%s' is not a regular file", path);
        return NULL;
    }
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return g_steal_pointer(&source);
}
