/*
 * snapshot.tar: a snapshot's folder as one stream. Files are added as they are finished, so that
 * their sizes are known; the end mark comes with the commit of the sink.
 *
 *     age -d -i KEY snapshot.tar.age | tar -x      makes the folder
 */
#pragma once

#include "stream/sink.h"
#include <stdatomic.h>

#define TAR_FOLDER "snapshot" /* what the folder in the tar is called */

typedef struct TarWriter TarWriter;

/* Takes sink. folder is what the folder in the tar is called. When *stop becomes true it gives up
 * within a block (ERROR_FAILED). */
TarWriter *tar_writer_new(Sink *sink, const char *folder, const atomic_bool *stop, GError **error);

/* Adds the file at path under name. ERROR_IO if its size changes meanwhile. */
bool tar_writer_add(TarWriter *tar, const char *path, const char *name, GError **error);

/* The end mark, and the sink's commit. */
bool tar_writer_finish(TarWriter *tar, GError **error);

/* A whole snapshot that lies in a folder, its manifest last. Takes sink, and commits it.
 * *size_bytes gets what the files are together. */
bool tar_write_snapshot(Sink *sink, const char *folder, uint64_t *size_bytes, GError **error);

/* Discards what was not finished. */
void tar_writer_free(TarWriter *tar);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TarWriter, tar_writer_free)
