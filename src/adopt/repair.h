/*
 * Writes the migration that turns a live catalog into the expected one.
 *
 * What would lose values, or what nobody can decide from two catalogs alone, is never a statement
 * of it: it stands in the file as a comment, and in the report. Every statement names its schema.
 */
#pragma once

#include "adopt/catalog.h"
#include "adopt/difference.h"
#include <glib.h>

typedef struct {
    char *up;     /* text of the .up.sql file; NULL if there is nothing to repair */
    char *verify; /* text of the .verify.sql file */
} RepairText;

/* Sets the remedy of each difference. after is the last migration that is adopted. */
void repair_write(const Catalog *live, const Catalog *expected, GPtrArray *differences,
                  const char *after, RepairText *out);
void repair_text_clear(RepairText *text);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RepairText, repair_text_clear)
