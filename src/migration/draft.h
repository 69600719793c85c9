/* New, empty migrations: their id and their files. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *id;         /* of a repeatable one its name */
    GPtrArray *paths; /* char *, of the files that were written */
} Draft;

void draft_free(Draft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Draft, draft_free)

/* Writes up, down and verify file with the directives as comments (or one repeatable file) into the
 * folder, which is made if it is not there. No file is replaced. ERROR_USAGE for a name that does
 * not fit, or is that of another repeatable one. */
Draft *draft_write(const char *folder, const char *name, bool repeatable, int64_t wall_us,
                   GError **error);

/* The id of a migration that is made now: the time in UTC, or one second above the newest id
 * (NULL: none) where that is not older. NULL if there is no id above it. The caller frees it. */
char *draft_id(int64_t wall_us, const char *newest);

/* The greatest id in the names of a folder's files; NULL if there is none. Only names are looked
 * at: a new migration can be begun while another does not load. The caller frees it. */
char *draft_newest_id(const char *folder);
