/*
 * Large objects in a directory archive: a file for each, blob_OID.dat, and lists of them. Up to
 * version 1.15 of the format one entry BLOBS stands for all, with the list blobs.toc; since 1.16
 * there is one for each group of objects, with a list of its own.
 */
#pragma once

#include "snapshot/part.h"
#include "snapshot/reader.h"

/* Adds the parts that read them, and names the files of the lists. */
bool objects_plan(Toc *toc, Reader *reader, int jobs, GPtrArray *parts, GError **error);

/* Reads those of one part. */
bool objects_take(Part *part, PartContext *context, PgConnection *connection, GError **error);

/* Once all parts are done: adds up their digests and writes the lists. ERROR_FAILED if the archive
 * does not speak of the objects that were read. */
bool objects_finish(const Toc *toc, const GPtrArray *parts, DigestSet *digests, Manifest *manifest,
                    const char *folder, GError **error);
