/*
 * A pg_dump custom archive from outside, read from front to back: its table of contents, and that
 * behind it every data block is whole and known, and nothing is missing or left over. pg_restore
 * finds out only while it restores.
 *
 * Source: pg_backup_custom.c (_StartData, _WriteData, _EndData, _StartLOs, _StartLO).
 */
#pragma once

#include "snapshot/toc.h"

/* ERROR_INTEGRITY if it is not so. */
Toc *intake_custom_read(const char *path, GError **error);
