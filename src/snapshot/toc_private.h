/* What the files of the table of contents share. */
#pragma once

/* Reads an identifier as pg_dump writes it, quoted or not, and gives what follows it; NULL (and no
 * name) if there is none. *name is unquoted; the caller frees it. */
const char *toc_name_read(const char *text, char **name);
