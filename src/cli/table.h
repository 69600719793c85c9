/* Text in columns, for people. */
#pragma once

#include <glib.h>

typedef struct Table Table;

/* The titles of the columns, up to NULL. */
Table *table_new(const char *title, ...) G_GNUC_NULL_TERMINATED;
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* A row: as many cells as there are columns, up to NULL. They are copied, with control characters
 * made visible. */
void table_add(Table *table, const char *cell, ...) G_GNUC_NULL_TERMINATED;

/* Aligned, with a line of titles; a column without any content is left out, and so are blanks at
 * line ends. Nothing if there is no row. The caller frees it. */
char *table_text(const Table *table);
