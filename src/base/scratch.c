#include "base/scratch.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct Scratch {
    char *folder;
    int lock;
};

/* A descriptor that holds the folder's lock; -1 if somebody else does, or it is not our own. */
static int lock_folder(const char *folder)
{
    const int lock = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (lock < 0)
        return -1;
    if (fstat(lock, &status) == 0 && status.st_uid == geteuid() &&
        flock(lock, LOCK_EX | LOCK_NB) == 0)
        return lock;
    (void)close(lock);
    return -1;
}

static void remove_dead(const char *parent, const char *prefix)
{
    g_autoptr(GDir) folders = g_dir_open(parent, 0, NULL);
    for (const char *name = NULL; folders != NULL && (name = g_dir_read_name(folders)) != NULL;) {
        g_autofree char *folder = g_build_filename(parent, name, NULL);
        g_autoptr(GError) cause = NULL;
        int lock = -1;
        if (!g_str_has_prefix(name, prefix))
            continue;
        lock = lock_folder(folder);
        if (lock < 0)
            continue;
        if (!file_remove_tree(folder, &cause))
            log_warning("a scratch folder of a dead process is left: %s", cause->message);
        (void)close(lock);
    }
}

Scratch *scratch_new(const char *parent, const char *kind, GError **error)
{
    g_autofree char *prefix = g_strdup_printf("%s-%u-", kind, (unsigned)geteuid());
    remove_dead(parent, prefix);
    for (;;) {
        g_autofree char *name = g_strconcat(prefix, "XXXXXX", NULL);
        g_autofree char *folder = g_build_filename(parent, name, NULL);
        Scratch *scratch = NULL;
        int lock = -1;
        if (g_mkdtemp_full(folder, 0700) == NULL) {
            error_set_errno(error, errno, "cannot create a scratch folder in '%s'", parent);
            return NULL;
        }
        lock = lock_folder(folder);
        /* Another process took it for a dead one's, before it was locked: it is being removed. */
        if (lock < 0)
            continue;
        scratch = g_new0(Scratch, 1);
        scratch->folder = g_steal_pointer(&folder);
        scratch->lock = lock;
        if (file_exists(scratch->folder))
            return scratch;
        scratch_free(scratch);
    }
}

const char *scratch_folder(const Scratch *scratch)
{
    return scratch->folder;
}

void scratch_free(Scratch *scratch)
{
    g_autoptr(GError) cause = NULL;
    if (scratch == NULL)
        return;
    if (!file_remove_tree(scratch->folder, &cause))
        log_warning("a scratch folder is left: %s", cause->message);
    (void)close(scratch->lock);
    g_free(scratch->folder);
    g_free(scratch);
}
