/* Names of members of an archive from outside: what is refused, and where they belong. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* All files of an archive lie in one folder, whose name does not matter. */
typedef struct {
    char *folder;     /* of the files; NULL before the first one */
    GPtrArray *above; /* char *: folders that were named before it */
} IntakeNames;

void intake_names_init(IntakeNames *names);
void intake_names_clear(IntakeNames *names);

/* Takes in a member's name. *file gets the file's own name, or NULL for a folder (the caller frees
 * it). ERROR_INTEGRITY says what is wrong with it. */
bool intake_names_add(IntakeNames *names, const char *name, bool is_folder, char **file,
                      GError **error);

/* Whether a file of that name belongs to a dump's folder or a snapshot: "toc.dat", "12.dat.gz". */
bool intake_is_dump_member(const char *name);

/* A name for messages: without control characters, not too long. The caller frees it. */
char *intake_printable(const char *name);
