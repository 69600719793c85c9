#include "snapshot/intake_spool.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 * 1024)
#define RESERVE_BYTES ((uint64_t)64 * 1024 * 1024) /* that a file system keeps for others */
#define LOOK_EVERY_BYTES ((uint64_t)16 * 1024 * 1024)
#define MEMBER_BYTES 4096 /* what even an empty file costs */

struct IntakeSpool {
    char *folder;
    uint64_t max_bytes, written, looked_at;
};

IntakeSpool *intake_spool_new(const char *parent, uint64_t max_bytes, GError **error)
{
    g_autofree char *template = g_build_filename(parent, "drydock-intake-XXXXXX", NULL);
    IntakeSpool *spool = NULL;
    if (mkdtemp(template) == NULL) {
        error_set_errno(error, errno, "cannot make a folder for unpacking in '%s'", parent);
        return NULL;
    }
    spool = g_new0(IntakeSpool, 1);
    spool->folder = g_steal_pointer(&template);
    spool->max_bytes = max_bytes;
    return spool;
}

const char *intake_spool_folder(const IntakeSpool *spool)
{
    return spool->folder;
}

char *intake_spool_keep(IntakeSpool *spool)
{
    return g_steal_pointer(&spool->folder);
}

void intake_spool_free(IntakeSpool *spool)
{
    g_autoptr(GError) error = NULL;
    if (spool == NULL)
        return;
    if (spool->folder != NULL && !file_remove_tree(spool->folder, &error))
        log_error(error);
    g_free(spool->folder);
    g_free(spool);
}

bool intake_spool_allows(IntakeSpool *spool, uint64_t size_bytes, GError **error)
{
    uint64_t free_bytes = 0;
    if (spool->max_bytes > 0 &&
        (size_bytes > spool->max_bytes || spool->written > spool->max_bytes - size_bytes)) {
        g_autofree char *bound = size_format(spool->max_bytes);
        error_set(error, ERROR_INTEGRITY, "it unpacks to more than %s", bound);
        error_hint_set(error, "an archive that is larger than it should be may be meant to fill "
                              "the disk");
        return false;
    }
    if (!file_free_space(spool->folder, &free_bytes, error))
        return false;
    if (free_bytes > RESERVE_BYTES && size_bytes <= free_bytes - RESERVE_BYTES)
        return true;
    g_autofree char *have = size_format(free_bytes);
    g_autofree char *need = size_format(size_bytes + RESERVE_BYTES);
    error_set(error, ERROR_IO, "no room to unpack it in '%s': %s are free, %s or more are needed",
              spool->folder, have, need);
    error_hint_set(error, "unpack it yourself where there is room, or name another folder");
    return false;
}

static bool charge(IntakeSpool *spool, uint64_t size_bytes, GError **error)
{
    const bool beyond = spool->max_bytes > 0 && spool->written + size_bytes > spool->max_bytes;
    if (interrupt_check(error))
        return false;
    if (beyond || spool->looked_at == 0 ||
        spool->written + size_bytes - spool->looked_at >= LOOK_EVERY_BYTES) {
        if (!intake_spool_allows(spool, size_bytes, error))
            return false;
        spool->looked_at = spool->written + size_bytes;
    }
    spool->written += size_bytes;
    return true;
}

static bool copy(IntakeSpool *spool, int fd, const char *path, Source *source, GError **error)
{
    g_autofree char *block = g_malloc(BLOCK_BYTES);
    for (;;) {
        size_t got = 0;
        if (!source_read(source, block, BLOCK_BYTES, &got, error))
            return false;
        if (got == 0)
            return true;
        if (!charge(spool, got, error))
            return false;
        if (!file_write_all(fd, block, got)) {
            error_set_errno(error, errno, "cannot write '%s'", path);
            return false;
        }
    }
}

bool intake_spool_write(IntakeSpool *spool, const char *path, Source *source, GError **error)
{
    int fd = -1;
    if (!charge(spool, MEMBER_BYTES, error))
        return false;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) {
        g_autofree char *name = g_path_get_basename(path);
        error_set(error, ERROR_INTEGRITY, "there are two members of the name '%s'", name);
        return false;
    }
    if (fd < 0) {
        error_set_errno(error, errno, "cannot create '%s'", path);
        return false;
    }
    const bool copied = copy(spool, fd, path, source, error);
    if (close(fd) != 0 && copied) {
        error_set_errno(error, errno, "cannot close '%s'", path);
        return false;
    }
    return copied;
}
