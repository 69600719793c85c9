/*
 * A scratch folder: gone when its owner is done with it, and if that is killed, when the next one
 * of the same kind is made. Each is locked as long as its owner lives, so that what is not locked
 * belongs to the dead.
 */
#pragma once

#include <glib.h>

typedef struct Scratch Scratch;

/* A new folder in parent, for this user alone; kind is the beginning of its name. Those of the
 * same kind whose owner is dead are removed first. */
Scratch *scratch_new(const char *parent, const char *kind, GError **error);

const char *scratch_folder(const Scratch *scratch);

/* Removes it with everything in it. */
void scratch_free(Scratch *scratch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scratch, scratch_free)
