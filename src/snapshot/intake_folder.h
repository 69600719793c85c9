/*
 * The folder of a dump or of a snapshot, from outside: every file that its table of contents or its
 * manifest speaks of is there, lies in the folder itself, and is a regular file.
 */
#pragma once

#include "snapshot/manifest.h"
#include "snapshot/toc.h"

typedef struct {
    Manifest *manifest; /* of a snapshot; else NULL */
    Toc *toc;
    uint64_t size_bytes; /* of all files */
} IntakeFolder;

/* ERROR_CONFIG if it is neither; ERROR_INTEGRITY if it is not as it should be. */
bool intake_folder_read(const char *path, IntakeFolder *folder, GError **error);
/* Makes the members of a pg_dump tar a directory of pg_dump: without the script that is for
 * reading, and with large objects where that format has them (the tar's table of contents says
 * N.dat, which is no member; _ArchiveEntry() and _StartBlobs() in pg_backup_tar.c and
 * pg_backup_directory.c). */
bool intake_folder_from_tar(const char *path, GError **error);

void intake_folder_clear(IntakeFolder *folder);
