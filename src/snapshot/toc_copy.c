/* The COPY statement of a data entry: COPY schema.table (a, "b c", "d""e") FROM stdin; */
#include "snapshot/toc.h"

#include "base/error.h"
#include "snapshot/toc_private.h"
#include <string.h>

#define FROM_TEXT " FROM stdin;\n"
#define FROM_BINARY " FROM stdin WITH (FORMAT binary);\n"

/* The quoted name that begins at text, behind its quote; NULL if it does not end. */
static const char *read_quoted(const char *text, GString *name)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' && *++text != '"')
            return text;
        g_string_append_c(name, *text);
    }
    return NULL;
}

const char *toc_name_read(const char *text, char **name)
{
    g_autoptr(GString) read = g_string_new(NULL);
    *name = NULL;
    if (*text == '"') {
        text = read_quoted(text + 1, read);
    } else if (*text == '_' || g_ascii_islower(*text)) {
        for (; *text == '_' || g_ascii_islower(*text) || g_ascii_isdigit(*text); text++)
            g_string_append_c(read, *text);
    }
    if (text == NULL || read->len == 0)
        return NULL;
    *name = g_strdup(read->str);
    return text;
}

static const char *skip(const char *text, const char *expected)
{
    return text != NULL && g_str_has_prefix(text, expected) ? text + strlen(expected) : NULL;
}

static const char *skip_name(const char *text)
{
    g_autofree char *name = NULL;
    return text != NULL ? toc_name_read(text, &name) : NULL;
}

/* The list in parentheses; gives what follows it. */
static const char *read_list(const char *text, GPtrArray *columns)
{
    do {
        char *name = NULL;
        text = toc_name_read(text, &name);
        if (text == NULL)
            return NULL;
        g_ptr_array_add(columns, name);
    } while (*text == ',' && *++text == ' ' && *++text != '\0');
    return skip(text, ")");
}

/* Without columns there is no list, and two blanks (dumpTableData() in pg_dump.c). */
static bool read_statement(const char *text, GPtrArray *columns)
{
    const char *at = skip_name(skip(text, "COPY "));
    const char *table = at != NULL && *at == '.' ? skip_name(at + 1) : at;
    const char *list = skip(table, " (");
    const char *end = list != NULL ? read_list(list, columns) : skip(table, " ");
    return end != NULL && (strcmp(end, FROM_TEXT) == 0 || strcmp(end, FROM_BINARY) == 0);
}

GPtrArray *toc_copy_columns(const TocEntry *entry, GError **error)
{
    g_autoptr(GPtrArray) columns = g_ptr_array_new_with_free_func(g_free);
    if (entry->copy != NULL && read_statement(entry->copy, columns))
        return g_steal_pointer(&columns);
    error_set(
        error, ERROR_INTEGRITY,
        "the data of '%s.%s' (entry %d of the archive) %s COPY statement as pg_dump writes it",
        entry->schema != NULL ? entry->schema : "", entry->tag, entry->id,
        entry->copy != NULL ? "have no" : "come without a");
    return NULL;
}

void toc_copy_set_binary(TocEntry *entry)
{
    if (entry->copy == NULL || !g_str_has_suffix(entry->copy, FROM_TEXT))
        return;
    char *text = entry->copy;
    const size_t head_bytes = strlen(text) - strlen(FROM_TEXT);
    entry->copy = g_strdup_printf("%.*s%s", (int)head_bytes, text, FROM_BINARY);
    g_free(text);
}
