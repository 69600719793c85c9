#include "pg/shared.h"
#include "base/error.h"
#include "base/text.h"
#include "pg/sql.h"
#include <string.h>

#define PARAMETER_PRIVILEGES_VERSION 150000

static bool add_objects(json_t *shared, const PgResult *result, GError **error)
{
    for (int row = 0; row < pg_rows(result); row++) {
        const char *kind = pg_value(result, row, 0);
        const char *attributes = pg_value(result, row, 2);
        json_t *object = json_parse(attributes, strlen(attributes), "shared catalogs", error);
        if (!object)
            return false;
        json_t *objects = json_object_get(shared, kind);
        if (!objects) {
            objects = json_object();
            json_object_set_new(shared, kind, objects);
        }
        if (json_object_set_new(objects, pg_value(result, row, 1), object) != 0) {
            error_set(error, ERROR_INTEGRITY,
                      "the name of a %s in the server's shared catalogs is not valid UTF-8", kind);
            return false;
        }
    }
    return true;
}

static char *database_list(const char *const *databases)
{
    g_autoptr(json_t) list = json_array();
    for (; databases && *databases; databases++)
        json_array_append_new(list, json_string(*databases));
    return json_to_line(list);
}

json_t *shared_read(PgConnection *connection, const char *const *without_databases, GError **error)
{
    g_autofree char *without = database_list(without_databases);
    g_autoptr(json_t) shared = json_object();
    g_autoptr(PgResult) objects = pg_query(connection, error, pg_sql_shared_read, 1, without);
    if (!objects || !add_objects(shared, objects, error)) {
        g_prefix_error(error, "while reading the server's shared catalogs: ");
        return NULL;
    }
    if (pg_server_version(connection) >= PARAMETER_PRIVILEGES_VERSION) {
        g_autoptr(PgResult) parameters = pg_query(connection, error, pg_sql_shared_parameters, 0);
        if (!parameters || !add_objects(shared, parameters, error)) {
            g_prefix_error(error, "while reading the server's shared catalogs: ");
            return NULL;
        }
    }
    return g_steal_pointer(&shared);
}

static void add_line(GPtrArray *lines, const char *kind, const char *name, const char *what)
{
    g_autofree char *line = g_strdup_printf("%s '%s' was %s", kind, name, what);
    g_ptr_array_add(lines, text_printable(line));
}

/* "changed: rolsuper, rolcreatedb"; NULL if the attributes are equal. */
static char *changed_attributes(const json_t *before, const json_t *after)
{
    g_autoptr(GString) changed = g_string_new(NULL);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)before, name, value)
    {
        const json_t *now = json_object_get(after, name);
        if (!now || !json_equal(value, now))
            g_string_append_printf(changed, "%s%s", changed->len > 0 ? ", " : "", name);
    }
    json_object_foreach((json_t *)after, name, value)
    {
        if (!json_object_get(before, name))
            g_string_append_printf(changed, "%s%s", changed->len > 0 ? ", " : "", name);
    }
    return changed->len > 0 ? g_strdup_printf("changed: %s", changed->str) : NULL;
}

static void compare_kind(GPtrArray *lines, const char *kind, const json_t *before,
                         const json_t *after)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)before, name, value)
    {
        const json_t *now = json_object_get(after, name);
        g_autofree char *changed = now ? changed_attributes(value, now) : g_strdup("dropped");
        if (changed)
            add_line(lines, kind, name, changed);
    }
    json_object_foreach((json_t *)after, name, value)
    {
        if (!json_object_get(before, name))
            add_line(lines, kind, name, "created");
    }
}

GPtrArray *shared_compare(const json_t *before, const json_t *after)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    const char *kind;
    json_t *objects;
    json_object_foreach((json_t *)before, kind, objects)
    {
        compare_kind(lines, kind, objects, json_object_get(after, kind));
    }
    json_object_foreach((json_t *)after, kind, objects)
    {
        if (!json_object_get(before, kind))
            compare_kind(lines, kind, NULL, objects);
    }
    return lines;
}
