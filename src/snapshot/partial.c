#include "snapshot/partial.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS 3

struct Partial {
    char *folder, *path;
    int lock; /* of the folder at path */
    bool published;
};

/* -1 if somebody else has it, or it is not there. */
static int lock_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat locked, there;
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &locked) == 0 && stat(path, &there) == 0 &&
        locked.st_ino == there.st_ino && locked.st_dev == there.st_dev)
        return fd;
    (void)close(fd);
    return -1;
}

/* A folder of somebody else, which has that name by chance, is not removed. */
static bool is_of_snapshot(const char *name)
{
    static GRegex *known = NULL;
    if (known == NULL)
        known =
            g_regex_new("^(toc\\.dat|\\d+\\.dat(\\.zst)?|blobs?(_\\d+)?\\.(dat|toc)(\\.zst)?|"
                        "README\\.txt|manifest\\.json|snapshot\\.tar|passfile-\\w+)(\\.\\w+|~)?$",
                        G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
    return g_regex_match(known, name, G_REGEX_MATCH_DEFAULT, NULL);
}

static bool holds_snapshot_only(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name = NULL;
    bool only = folder != NULL;
    while (only && (name = g_dir_read_name(folder)) != NULL)
        only = is_of_snapshot(name);
    return only;
}

/* What a killed attempt has left. */
static bool remove_left(const char *path, GError **error)
{
    const int lock = lock_folder(path);
    bool removed = false;
    if (lock < 0) {
        error_set(error, ERROR_IO, "another snapshot is being taken in '%s'", path);
        error_hint_set(error, "let it end, or choose another name");
        return false;
    }
    if (holds_snapshot_only(path)) {
        log_info("removing '%s', which a snapshot that was cut short has left", path);
        removed = file_remove_tree(path, error);
    } else {
        error_set(error, ERROR_IO, "'%s' is in the way: it has files that are no snapshot's", path);
        error_hint_set(error, "move it away, or choose another name");
    }
    (void)close(lock);
    return removed;
}

static bool make_folder(Partial *partial, GError **error)
{
    for (int attempt = 1;; attempt++) {
        g_autoptr(GError) cause = NULL;
        bool existed = false;
        if (file_make_new_folder(partial->path, &existed, &cause)) {
            partial->lock = lock_folder(partial->path);
            if (partial->lock >= 0)
                return true;
            error_set(&cause, ERROR_IO, "cannot lock folder '%s'", partial->path);
        } else if (existed && !remove_left(partial->path, error)) {
            return false;
        }
        if (!existed || attempt == ATTEMPTS) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }
}

Partial *partial_make(const char *folder, GError **error)
{
    g_autoptr(Partial) partial = g_new0(Partial, 1);
    partial->lock = -1;
    partial->folder = g_strdup(folder);
    partial->path = g_strconcat(folder, ".partial", NULL);
    if (file_exists(folder)) {
        error_set(error, ERROR_IO, "cannot take a snapshot into '%s': it exists already", folder);
        error_hint_set(error, "choose another name; a snapshot is never overwritten");
        return NULL;
    }
    return make_folder(partial, error) ? g_steal_pointer(&partial) : NULL;
}

void partial_free(Partial *partial)
{
    if (partial == NULL)
        return;
    if (partial->lock >= 0 && !partial->published && !file_remove_tree(partial->path, NULL))
        log_warning("cannot remove the unfinished snapshot '%s': remove it by hand", partial->path);
    if (partial->lock >= 0)
        (void)close(partial->lock);
    g_free(partial->folder);
    g_free(partial->path);
    g_free(partial);
}

const char *partial_path(const Partial *partial)
{
    return partial->path;
}

bool partial_publish(Partial *partial, GError **error)
{
    partial->published = file_rename(partial->path, partial->folder, error);
    /* Renamed, but it cannot be known whether that lasts: a failure leaves nothing. */
    if (!partial->published && !file_exists(partial->path))
        (void)file_remove_tree(partial->folder, NULL);
    return partial->published;
}

bool partial_publish_file(const Partial *partial, GError **error)
{
    g_autofree char *path = g_build_filename(partial->path, PARTIAL_FILE, NULL);
    g_autofree char *parent = g_path_get_dirname(partial->folder);
    const bool renamed =
        renameat2(AT_FDCWD, path, AT_FDCWD, partial->folder, RENAME_NOREPLACE) == 0 ||
        /* Not every file system knows how not to replace. */
        (errno == EINVAL && !file_exists(partial->folder) && rename(path, partial->folder) == 0);
    if (!renamed) {
        error_set_errno(error, errno, "cannot rename '%s' to '%s'", path, partial->folder);
        return false;
    }
    if (file_sync_folder(parent, error))
        return true;
    (void)unlink(partial->folder);
    return false;
}
