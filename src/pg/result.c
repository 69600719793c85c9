/* Values of results, and quoting. */
#include "pg/connection.h"
#include "pg/target_private.h"
#include <string.h>

int pg_rows(const PgResult *result)
{
    return PQntuples(result);
}

int pg_columns(const PgResult *result)
{
    return PQnfields(result);
}

const char *pg_column_name(const PgResult *result, int column)
{
    return PQfname(result, column);
}

bool pg_is_null(const PgResult *result, int row, int column)
{
    return PQgetisnull(result, row, column) != 0;
}

const char *pg_value(const PgResult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

const char *pg_value_or_null(const PgResult *result, int row, int column)
{
    return pg_is_null(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

int64_t pg_integer(const PgResult *result, int row, int column)
{
    return g_ascii_strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool pg_flag(const PgResult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

int64_t pg_affected(const PgResult *result)
{
    return g_ascii_strtoll(PQcmdTuples((PGresult *)result), NULL, 10);
}

void pg_result_free(PgResult *result)
{
    PQclear(result);
}

char *pg_identifier(const char *name)
{
    GString *out = g_string_new("\"");
    for (; *name != '\0'; name++) {
        if (*name == '"')
            g_string_append_c(out, '"');
        g_string_append_c(out, *name);
    }
    g_string_append_c(out, '"');
    return g_string_free(out, FALSE);
}

char *pg_literal(const char *text)
{
    const bool escapes = strchr(text, '\\') != NULL;
    GString *out = g_string_new(escapes ? " E'" : "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            g_string_append_c(out, *text);
        g_string_append_c(out, *text);
    }
    g_string_append_c(out, '\'');
    return g_string_free(out, FALSE);
}

char *pg_qualified(const char *schema, const char *name)
{
    g_autofree char *quoted_schema = pg_identifier(schema);
    g_autofree char *quoted_name = pg_identifier(name);
    return g_strconcat(quoted_schema, ".", quoted_name, NULL);
}
