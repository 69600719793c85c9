/*
 * The folder that a snapshot is made in: FOLDER.partial until it is complete. It is locked while
 * somebody works there, so that one that was cut short is known, and gives way to the next attempt.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Partial Partial;

/* Makes FOLDER.partial. What an attempt that was killed has left there is removed, if it is nothing
 * but files of a snapshot; ERROR_IO if folder exists, if somebody works there, or if there is
 * something else. */
Partial *partial_make(const char *folder, GError **error);

/* Removes the folder unless it was published. */
void partial_free(Partial *partial);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Partial, partial_free)

const char *partial_path(const Partial *partial);

/* Gives it its name. On failure there is neither. */
bool partial_publish(Partial *partial, GError **error);

/* Where a snapshot that is a file is written, and giving that file the name in the folder's place.
 * Never over something that has it. The folder goes with partial_free(). */
#define PARTIAL_FILE "snapshot.tar"
bool partial_publish_file(const Partial *partial, GError **error);
