/*
 * libFuzzer on the splitter, the classes and the titles of statements: any bytes either split or
 * give an error, each statement splits into itself alone, and its place lies in the file.
 */
#include "migration/splitter.h"
#include "migration/statement.h"
#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_statement(const SqlStatement *statement)
{
    int line = 0, column = 0;
    g_autofree char *words = NULL;
    g_autofree char *title = statement_title(statement);
    splitter_locate(statement, 1, &line, &column);
    g_assert_true(line == statement->line && column == statement->column);
    g_assert_true(strlen(statement->text) == statement->size_bytes);
    const StatementClass kind = statement_classify(statement, "app", &words);
    g_assert_true(title != NULL && g_utf8_validate(title, -1, NULL));
    g_assert_true((words != NULL) == (kind != STATEMENT_OTHER));
    /* Data stay behind, and a byte order mark is one at the beginning of a file only. */
    if (statement->copy_data != NULL || g_str_has_prefix(statement->text, "\xEF\xBB\xBF"))
        return;
    g_autoptr(GPtrArray) again =
        splitter_split(statement->text, statement->size_bytes, "again", NULL);
    g_assert_true(again != NULL && again->len == 1);
    const SqlStatement *same = g_ptr_array_index(again, 0);
    g_assert_cmpstr(same->text, ==, statement->text);
}

/* One at a time they are the same; data that are not asked for are passed over. */
static void check_views(const uint8_t *data, size_t size, const GPtrArray *statements)
{
    g_autoptr(SqlSplitter) splitter = splitter_open((const char *)data, size, "fuzz", NULL, NULL);
    SqlView view;
    bool found = false;
    for (guint i = 0; i < statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(statements, i);
        g_assert_true(splitter_next(splitter, &view, &found, NULL) && found);
        g_assert_true(view.size_bytes == statement->size_bytes && view.line == statement->line &&
                      view.column == statement->column &&
                      memcmp(view.text, statement->text, view.size_bytes) == 0 &&
                      view.has_data == (statement->copy_data != NULL));
    }
    g_assert_true(splitter_next(splitter, &view, &found, NULL) && !found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) statements = splitter_split((const char *)data, size, "fuzz", &error);
    g_assert_true((statements == NULL) == (error != NULL));
    for (guint i = 0; statements != NULL && i < statements->len; i++)
        check_statement(g_ptr_array_index(statements, i));
    if (statements != NULL)
        check_views(data, size, statements);
    return 0;
}
