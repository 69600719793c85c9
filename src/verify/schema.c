#include "verify/schema.h"

#include "base/error.h"
#include "pg/shared.h"
#include "pg/sql.h"

static bool add(json_t *schema, const char *kind, const char *name, const char *hash)
{
    json_t *things = json_object_get(schema, kind);
    if (things == NULL) {
        things = json_object();
        json_object_set_new(schema, kind, things);
    }
    return json_object_set_new(things, name, json_pack("{s:s}", "definition", hash)) == 0;
}

json_t *schema_read(PgConnection *connection, GError **error)
{
    g_autoptr(json_t) schema = json_object();
    g_autoptr(PgResult) things = NULL;
    if (pg_exec(connection, "SET LOCAL search_path = ''", error))
        things = pg_query(connection, error, pg_sql_schema_read, 0);
    if (things == NULL) {
        g_prefix_error(error, "while reading the schema: ");
        return NULL;
    }
    for (int row = 0; row < pg_rows(things); row++) {
        if (add(schema, pg_value(things, row, 0), pg_value(things, row, 1),
                pg_value(things, row, 2)))
            continue;
        error_set(error, ERROR_INTEGRITY, "the name of a %s in the schema is not valid UTF-8",
                  pg_value(things, row, 0));
        return NULL;
    }
    return g_steal_pointer(&schema);
}

GPtrArray *schema_compare(const json_t *before, const json_t *after)
{
    return shared_compare(before, after);
}
