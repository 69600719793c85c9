/*
 * Where an archive from outside is unpacked: a folder of its own (0700) that is removed with
 * everything in it, and the bounds of what may be written there: the caller's, and what the file
 * system has free less a reserve, looked at while writing.
 */
#pragma once

#include "stream/source.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct IntakeSpool IntakeSpool;

/* Makes the folder in parent. max_bytes: 0 is no bound but the file system's. */
IntakeSpool *intake_spool_new(const char *parent, uint64_t max_bytes, GError **error);
const char *intake_spool_folder(const IntakeSpool *spool);
/* The folder is removed unless it was taken over (the caller removes it then). */
char *intake_spool_keep(IntakeSpool *spool);
void intake_spool_free(IntakeSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IntakeSpool, intake_spool_free)

/* Whether so many bytes more may be written: ERROR_INTEGRITY beyond the caller's bound, ERROR_IO
 * without room. */
bool intake_spool_allows(IntakeSpool *spool, uint64_t size_bytes, GError **error);

/* Creates the file (0600, must not exist) from all that source gives. ERROR_INTEGRITY if there is
 * one of that name. */
bool intake_spool_write(IntakeSpool *spool, const char *path, Source *source, GError **error);
