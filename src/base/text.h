/* Text: the nearest known word for a misspelt one, shortening to a byte limit, safe output. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* The word of a NULL-terminated list that is nearest to text by edit distance; NULL if none is
 * near. */
const char *text_nearest(const char *text, const char *const *words);

/* Shortens valid UTF-8 to at most max_bytes without cutting a character. The caller frees it. */
char *text_shorten(const char *text, size_t max_bytes);

/* Control characters (line feeds, escapes) as visible escapes, so that outside text cannot forge a
 * line. The caller frees it. */
char *text_printable(const char *text);

/* Appends one line: what the format gives, made printable, and a line feed. Names of databases may
 * hold line feeds, and what is told in one line must stay in one. */
void text_append_line(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);
