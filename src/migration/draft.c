#include "migration/draft.h"

#include "base/error.h"
#include "migration/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ID_FORMAT "%Y%m%d%H%M%S"
#define ID_LIMIT G_GUINT64_CONSTANT(99999999999999)

/* A directive is one only where it stands first in its comment: behind the second hyphens it is
 * none until the first ones are taken away. */
#define DIRECTIVES                                                                                 \
    "-- What holds true of it loses its first two hyphens, the rest can go:\n"                     \
    "-- -- drydock: requires 20250103000000\n"                                                     \
    "-- -- drydock: risk low\n"                                                                    \
    "-- -- drydock: phi no\n"                                                                      \
    "-- -- drydock: ticket ABC-123\n"                                                              \
    "-- -- drydock: lock_timeout 2s\n"                                                             \
    "-- -- drydock: statement_timeout 10min\n"                                                     \
    "-- What happens to rows that exist, a table a line; what is not said must not happen:\n"      \
    "-- -- drydock: writes public.students(grade)\n"                                               \
    "-- -- drydock: adds public.students\n"                                                        \
    "-- -- drydock: removes public.students\n"

static const struct {
    const char *end, *text;
} versioned[] = {
    {"up",
     "-- What it does, and why.\n--\n" DIRECTIVES "-- It cannot be taken back (then there is no "
     "down file):\n-- -- drydock: irreversible REASON\n\n"},
    {"down",
     "-- Takes back what the up file did, in the opposite order. If that cannot be done, remove "
     "this file\n-- and say why in the up file: drydock: irreversible REASON\n\n"},
    {"verify",
     "-- Queries that look for what must not be: each returns no row when all is well.\n\n"},
};

static const char repeatable_text[] =
    "-- What it is for. It is applied behind all other migrations, and again whenever this file "
    "differs\n-- from what was applied: CREATE OR REPLACE, or DROP ... IF EXISTS and CREATE.\n"
    "-- requires takes ids, and names of other repeatable ones.\n--\n" DIRECTIVES "\n";

void draft_free(Draft *draft)
{
    if (draft == NULL)
        return;
    g_free(draft->id);
    g_clear_pointer(&draft->paths, g_ptr_array_unref);
    g_free(draft);
}

char *draft_newest_id(const char *folder)
{
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    char *newest = NULL;
    for (const char *name = directory != NULL ? g_dir_read_name(directory) : NULL; name != NULL;
         name = g_dir_read_name(directory)) {
        g_auto(MigrationFileName) parsed = {0};
        g_autofree char *why = NULL;
        if (!migration_file_name_parse(name, &parsed, &why) || parsed.id == NULL ||
            (newest != NULL && strcmp(parsed.id, newest) <= 0))
            continue;
        g_free(newest);
        newest = g_steal_pointer(&parsed.id);
    }
    return newest;
}

/* An id as the moment that it names; NULL if it names none. */
static GDateTime *moment_of(const char *id)
{
    g_autoptr(GDateTime) moment = NULL;
    g_autofree char *iso = g_strdup_printf("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6,
                                           id + 8, id + 10, id + 12);
    moment = g_date_time_new_from_iso8601(iso, NULL);
    return g_steal_pointer(&moment);
}

char *draft_id(int64_t wall_us, const char *newest)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(wall_us / G_USEC_PER_SEC);
    g_autofree char *id = g_date_time_format(now, ID_FORMAT);
    g_autoptr(GDateTime) moment = NULL;
    g_autoptr(GDateTime) next = NULL;
    if (newest == NULL || strcmp(id, newest) > 0)
        return g_steal_pointer(&id);
    moment = moment_of(newest);
    next = moment != NULL ? g_date_time_add_seconds(moment, 1) : NULL;
    g_clear_pointer(&id, g_free);
    if (next != NULL)
        id = g_date_time_format(next, ID_FORMAT);
    else if (g_ascii_strtoull(newest, NULL, 10) < ID_LIMIT)
        id = g_strdup_printf("%014" G_GUINT64_FORMAT, g_ascii_strtoull(newest, NULL, 10) + 1);
    return id != NULL && migration_is_id(id) && strcmp(id, newest) > 0 ? g_steal_pointer(&id)
                                                                       : NULL;
}

/* These files belong to the one who runs this and to the repository: umask decides who reads them.
 */
static bool write_new(const char *path, const char *text, GError **error)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const size_t size = strlen(text);
    bool done = fd >= 0;
    if (!done && errno == EEXIST)
        error_set(error, ERROR_USAGE, "there is a file '%s' already", path);
    else if (!done)
        error_set_errno(error, errno, "cannot create '%s'", path);
    if (done && write(fd, text, size) != (ssize_t)size) {
        error_set_errno(error, errno, "cannot write '%s'", path);
        done = false;
    }
    if (fd >= 0 && close(fd) != 0 && done) {
        error_set_errno(error, errno, "cannot close '%s'", path);
        done = false;
    }
    if (!done && fd >= 0)
        (void)unlink(path);
    return done;
}

static bool add_file(Draft *draft, const char *folder, const char *file_name, const char *text,
                     GError **error)
{
    g_autofree char *path = g_build_filename(folder, file_name, NULL);
    if (!write_new(path, text, error))
        return false;
    g_ptr_array_add(draft->paths, g_steal_pointer(&path));
    return true;
}

static bool write_files(Draft *draft, const char *folder, const char *name, bool repeatable,
                        GError **error)
{
    if (repeatable) {
        g_autofree char *file_name = g_strdup_printf("%s.repeat.sql", name);
        return add_file(draft, folder, file_name, repeatable_text, error);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(versioned); i++) {
        g_autofree char *file_name =
            g_strdup_printf("%s-%s.%s.sql", draft->id, name, versioned[i].end);
        if (add_file(draft, folder, file_name, versioned[i].text, error))
            continue;
        /* A down file without its up file is an error wherever the folder is read. */
        for (guint j = 0; j < draft->paths->len; j++)
            (void)unlink(g_ptr_array_index(draft->paths, j));
        return false;
    }
    return true;
}

Draft *draft_write(const char *folder, const char *name, bool repeatable, int64_t wall_us,
                   GError **error)
{
    g_autoptr(Draft) draft = g_new0(Draft, 1);
    g_autofree char *newest = draft_newest_id(folder);
    const char *fault = migration_name_fault(name, repeatable);
    draft->paths = g_ptr_array_new_with_free_func(g_free);
    if (fault != NULL) {
        error_set(error, ERROR_USAGE, "'%s' cannot be the name of a migration: %s", name, fault);
        error_hint_set(error, "a name is made of letters, digits, '-' and '_', such as "
                              "add-severity-to-allergies");
        return NULL;
    }
    draft->id = repeatable ? g_strdup(name) : draft_id(wall_us, newest);
    if (draft->id == NULL) {
        error_set(error, ERROR_CONFIG, "there is no id above %s, the newest one in '%s'", newest,
                  folder);
        return NULL;
    }
    if (g_mkdir_with_parents(folder, 0777) != 0) {
        error_set_errno(error, errno, "cannot create the folder '%s'", folder);
        return NULL;
    }
    return write_files(draft, folder, name, repeatable, error) ? g_steal_pointer(&draft) : NULL;
}
