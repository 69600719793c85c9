#include "cli/table.h"

#include "base/text.h"
#include <stdarg.h>

#define GAP 2

struct Table {
    guint columns;
    GPtrArray *cells; /* char *, row by row, the titles first */
};

static void add_cells(Table *table, const char *first, va_list arguments)
{
    for (const char *cell = first; cell != NULL; cell = va_arg(arguments, const char *))
        g_ptr_array_add(table->cells, text_printable(cell));
}

Table *table_new(const char *title, ...)
{
    Table *table = g_new0(Table, 1);
    va_list arguments;
    table->cells = g_ptr_array_new_with_free_func(g_free);
    va_start(arguments, title);
    add_cells(table, title, arguments);
    va_end(arguments);
    table->columns = table->cells->len;
    return table;
}

void table_free(Table *table)
{
    if (table == NULL)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void table_add(Table *table, const char *cell, ...)
{
    va_list arguments;
    va_start(arguments, cell);
    add_cells(table, cell, arguments);
    va_end(arguments);
}

/* Characters, not bytes; 0 if only the title has any. */
static int column_width(const Table *table, guint column)
{
    glong width = 0;
    for (guint i = column + table->columns; i < table->cells->len; i += table->columns)
        width = MAX(width, g_utf8_strlen(g_ptr_array_index(table->cells, i), -1));
    return (int)(width == 0
                     ? 0
                     : MAX(width, g_utf8_strlen(g_ptr_array_index(table->cells, column), -1)));
}

static void trim_line(GString *text)
{
    while (text->len > 0 && text->str[text->len - 1] == ' ')
        g_string_truncate(text, text->len - 1);
}

char *table_text(const Table *table)
{
    GString *text = g_string_new(NULL);
    g_autofree int *widths = g_new0(int, table->columns);
    if (table->cells->len <= table->columns)
        return g_string_free(text, FALSE);
    for (guint column = 0; column < table->columns; column++)
        widths[column] = column_width(table, column);
    for (guint i = 0; i < table->cells->len; i++) {
        const char *cell = g_ptr_array_index(table->cells, i);
        const int width = widths[i % table->columns];
        if (width > 0)
            g_string_append_printf(text, "%s%*s", cell, width + GAP - (int)g_utf8_strlen(cell, -1),
                                   "");
        if (i % table->columns == table->columns - 1) {
            trim_line(text);
            g_string_append_c(text, '\n');
        }
    }
    return g_string_free(text, FALSE);
}
