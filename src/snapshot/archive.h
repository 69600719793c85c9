/* The archive's table of contents, made to say what is in the snapshot's folder. */
#pragma once

#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"
#include "snapshot/toc.h"

/* "1.14" */
char *archive_version(const Toc *toc);

/* The database by its real name and with its properties, the compression, and toc.dat. */
bool archive_finish(Toc *toc, const SnapshotOptions *options, Manifest *manifest,
                    const char *folder, GError **error);
