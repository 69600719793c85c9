/* Prints the statements of an SQL file as JSON lines (line, column, text, data of a COPY), for the
 * comparison with psql. */
#include "base/file.h"
#include "base/json.h"
#include "migration/splitter.h"
#include <stdio.h>

#define MAX_BYTES ((size_t)64 * 1024 * 1024)

int main(int argc, char **argv)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) statements = NULL;
    size_t size_bytes = 0;
    if (argc == 2 && file_read(argv[1], MAX_BYTES, &text, &size_bytes, &error))
        statements = splitter_split(text, size_bytes, argv[1], &error);
    if (statements == NULL) {
        (void)fprintf(stderr, "%s\n", error != NULL ? error->message : "split FILE");
        return 1;
    }
    for (guint i = 0; i < statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(statements, i);
        g_autoptr(json_t) object = json_object();
        g_autofree char *line = NULL;
        json_set_integer(object, "line", statement->line);
        json_set_integer(object, "column", statement->column);
        json_set_text(object, "text", statement->text);
        json_set_text(object, "data", statement->copy_data);
        line = json_to_line(object);
        (void)puts(line);
    }
    return 0;
}
