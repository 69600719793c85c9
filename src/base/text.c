#include "base/text.h"

#include <string.h>

/* Levenshtein distance, case-insensitive for ASCII; words are short. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t length = strlen(b);
    g_autofree size_t *row = g_new(size_t, length + 1);
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            const size_t above = row[j];
            const bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]);
            row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1), diagonal + (same ? 0 : 1));
            diagonal = above;
        }
    }
    return row[length];
}

const char *text_nearest(const char *text, const char *const *words)
{
    const char *best = NULL;
    size_t best_distance = 0;
    if (strlen(text) > 64)
        return NULL;
    for (; *words != NULL; words++) {
        const size_t distance = edit_distance(text, *words);
        if (distance * 2 <= strlen(*words) && (best == NULL || distance < best_distance)) {
            best = *words;
            best_distance = distance;
        }
    }
    return best;
}

char *text_shorten(const char *text, size_t max_bytes)
{
    const size_t length = strlen(text);
    size_t keep = MIN(length, max_bytes);
    while (keep > 0 && keep < length && ((unsigned char)text[keep] & 0xC0) == 0x80)
        keep--;
    return g_strndup(text, keep);
}

char *text_printable(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        const gunichar character = g_utf8_get_char(at);
        if (g_unichar_iscntrl(character))
            g_string_append_printf(out, "\\x%02x", character);
        else
            g_string_append_unichar(out, character);
    }
    return g_string_free(out, FALSE);
}

void text_append_line(GString *text, const char *format, ...)
{
    g_autofree char *line = NULL;
    g_autofree char *printable = NULL;
    va_list args;
    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    printable = text_printable(line);
    g_string_append(text, printable);
    g_string_append_c(text, '\n');
}
