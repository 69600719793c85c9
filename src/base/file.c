#include "base/file.h"

#include "base/error.h"
#include "base/failpoint.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct FileLog {
    int fd;
    char *path;
    GMutex lock;
};

bool file_write_all(int fd, const void *data, size_t size_bytes)
{
    const char *at = data;
    while (size_bytes > 0) {
        const ssize_t put = write(fd, at, size_bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        at += put;
        size_bytes -= (size_t)put;
    }
    return true;
}

bool file_read(const char *path, size_t max_bytes, char **text, size_t *size_bytes, GError **error)
{
    struct stat status;
    g_autofree char *buffer = NULL;
    size_t have = 0;
    ssize_t got = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > max_bytes) {
        error_set(error, ERROR_IO,
                  S_ISREG(status.st_mode) ? "cannot read '%s': larger than %zu bytes"
                                          : "cannot read '%s': not a regular file",
                  path, max_bytes);
        close(fd);
        return false;
    }
    buffer = g_malloc((size_t)status.st_size + 1);
    while (have < (size_t)status.st_size &&
           (got = read(fd, buffer + have, (size_t)status.st_size - have)) > 0)
        have += (size_t)got;
    if (got < 0)
        error_set_errno(error, errno, "cannot read '%s'", path);
    close(fd);
    if (got < 0)
        return false;
    buffer[have] = '\0';
    *text = g_steal_pointer(&buffer);
    *size_bytes = have;
    return true;
}

bool file_sync_folder(const char *path, GError **error)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = false;
    if (fd >= 0) {
        done = fsync(fd) == 0;
        if (!done)
            error_set_errno(error, errno, "cannot flush folder '%s'", path);
        close(fd);
    } else {
        error_set_errno(error, errno, "cannot open folder '%s'", path);
    }
    return done;
}

bool file_rename(const char *from, const char *to, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(to);
    if (!failpoint_error("file.before_rename", error))
        return false;
    if (rename(from, to) != 0) {
        error_set_errno(error, errno, "cannot rename '%s' to '%s'", from, to);
        return false;
    }
    failpoint("file.after_rename");
    return file_sync_folder(folder, error);
}

bool file_write_atomic(const char *path, const void *data, size_t size_bytes, GError **error)
{
    g_autofree char *partial = g_strconcat(path, ".partial", NULL);
    const int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = false;
    if (fd < 0) {
        error_set_errno(error, errno, "cannot create '%s'", partial);
        return false;
    }
    done = file_write_all(fd, data, size_bytes) && fsync(fd) == 0;
    if (!done)
        error_set_errno(error, errno, "cannot write '%s'", partial);
    if (close(fd) != 0 && done) {
        error_set_errno(error, errno, "cannot close '%s'", partial);
        done = false;
    }
    done = done && file_rename(partial, path, error);
    if (!done)
        (void)unlink(partial);
    return done;
}

bool file_make_folder(const char *path, GError **error)
{
    struct stat status;
    g_autofree char *parent = NULL;
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return true;
        error_set(error, ERROR_IO, "cannot create folder '%s': something else has that name", path);
        return false;
    }
    parent = g_path_get_dirname(path);
    if (strcmp(parent, path) != 0 && !file_make_folder(parent, error))
        return false;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        error_set_errno(error, errno, "cannot create folder '%s'", path);
        return false;
    }
    return file_sync_folder(parent, error);
}

bool file_make_new_folder(const char *path, bool *existed, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    *existed = false;
    if (mkdir(path, 0700) != 0) {
        *existed = errno == EEXIST;
        error_set_errno(error, errno, "cannot create folder '%s'", path);
        return false;
    }
    return file_sync_folder(parent, error);
}

bool file_exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static bool remove_at(int parent_fd, const char *name, const char *path, GError **error);

static bool remove_members(int fd, const char *path, GError **error)
{
    DIR *folder = fdopendir(fd);
    bool done = folder != NULL;
    const struct dirent *entry = NULL;
    if (!done) {
        error_set_errno(error, errno, "cannot read folder '%s'", path);
        close(fd);
        return false;
    }
    while (done && (entry = readdir(folder)) != NULL) {
        g_autofree char *member = g_build_filename(path, entry->d_name, NULL);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            done = remove_at(dirfd(folder), entry->d_name, member, error);
    }
    closedir(folder);
    return done;
}

static bool remove_at(int parent_fd, const char *name, const char *path, GError **error)
{
    struct stat status;
    bool is_folder = false;
    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    is_folder = S_ISDIR(status.st_mode);
    if (is_folder) {
        const int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            error_set_errno(error, errno, "cannot open folder '%s'", path);
            return false;
        }
        if (!remove_members(fd, path, error))
            return false;
    }
    if (unlinkat(parent_fd, name, is_folder ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT) {
        error_set_errno(error, errno, "cannot remove '%s'", path);
        return false;
    }
    return true;
}

bool file_remove_tree(const char *path, GError **error)
{
    return remove_at(AT_FDCWD, path, path, error);
}

bool file_free_space(const char *path, uint64_t *free_bytes, GError **error)
{
    struct statvfs status;
    if (statvfs(path, &status) != 0) {
        error_set_errno(error, errno, "cannot measure the free space of '%s'", path);
        return false;
    }
    *free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return true;
}

/* A line that a crash tore is cut off, so that what follows stands on lines of its own. */
static bool mend_tail(int fd, const char *path, GError **error)
{
    char buffer[4096];
    off_t end = lseek(fd, 0, SEEK_END);
    while (end > 0) {
        const off_t start = end > (off_t)sizeof buffer ? end - (off_t)sizeof buffer : 0;
        ssize_t got = pread(fd, buffer, (size_t)(end - start), start);
        if (got != end - start) {
            error_set_errno(error, errno, "cannot read '%s'", path);
            return false;
        }
        while (got > 0 && buffer[got - 1] != '\n')
            got--;
        end = start + got;
        if (got > 0)
            break;
    }
    if (end == lseek(fd, 0, SEEK_END) || ftruncate(fd, end) == 0)
        return true;
    error_set_errno(error, errno, "cannot cut the torn end of '%s'", path);
    return false;
}

FileLog *file_log_open(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    FileLog *log = NULL;
    if (fd < 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
        return NULL;
    }
    if (!mend_tail(fd, path, error) || !file_sync_folder(folder, error)) {
        close(fd);
        return NULL;
    }
    log = g_new0(FileLog, 1);
    log->fd = fd;
    log->path = g_strdup(path);
    g_mutex_init(&log->lock);
    return log;
}

bool file_log_append(FileLog *log, const char *line, GError **error)
{
    g_autofree char *whole = g_strconcat(line, "\n", NULL);
    bool done = false;
    g_mutex_lock(&log->lock);
    done = file_write_all(log->fd, whole, strlen(whole)) && fdatasync(log->fd) == 0;
    if (!done)
        error_set_errno(error, errno, "cannot write '%s'", log->path);
    g_mutex_unlock(&log->lock);
    return done;
}

void file_log_close(FileLog *log)
{
    if (log == NULL)
        return;
    close(log->fd);
    g_mutex_clear(&log->lock);
    g_free(log->path);
    g_free(log);
}
