/* What the file names of sequelize-cli mean: pure, without a server. */
#include "migration/file.h"
#include "migration/sequelize.h"
#include <string.h>

char *sequelize_stem(const char *name)
{
    static const char *const extensions[] = {".js", ".cjs", ".mjs", ".ts"};
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (g_str_has_suffix(name, extensions[i]))
            return g_strndup(name, strlen(name) - strlen(extensions[i]));
    }
    return g_strdup(name);
}

const char *sequelize_match_name(SequelizeMatch match)
{
    static const char *const names[] = {"name", "alias", "id", "unknown", "ambiguous"};
    return names[match];
}

static void row_free(SequelizeRow *row)
{
    g_free(row->name);
    g_free(row);
}

/* The 14 digits that a name begins with, unless more digits follow; NULL if there are none. The
 * caller frees them. */
static char *leading_id(const char *stem)
{
    g_autofree char *id = g_strndup(stem, MIGRATION_ID_DIGITS);
    if (!migration_is_id(id) || g_ascii_isdigit(stem[MIGRATION_ID_DIGITS]))
        return NULL;
    return g_steal_pointer(&id);
}

static const Migration *find_by_name(const MigrationSet *set, const char *stem,
                                     SequelizeMatch *match)
{
    for (guint i = 0; i < set->migrations->len; i++) {
        const Migration *migration = g_ptr_array_index(set->migrations, i);
        const size_t size = strlen(migration->id);
        if (strncmp(stem, migration->id, size) == 0 && stem[size] == '-' &&
            strcmp(stem + size + 1, migration->name) == 0) {
            *match = SEQUELIZE_BY_NAME;
            return migration;
        }
        if (g_strv_contains((const char *const *)migration->aliases, stem)) {
            *match = SEQUELIZE_BY_ALIAS;
            return migration;
        }
    }
    return NULL;
}

static guint count_id(const char *const *names, const char *id)
{
    guint count = 0;
    for (; *names != NULL; names++) {
        g_autofree char *other = leading_id(*names);
        count += g_strcmp0(other, id) == 0;
    }
    return count;
}

static SequelizeRow *map_one(const MigrationSet *set, const char *const *names, const char *name)
{
    SequelizeRow *row = g_new0(SequelizeRow, 1);
    g_autofree char *stem = sequelize_stem(name);
    g_autofree char *id = leading_id(stem);
    row->name = g_strdup(name);
    row->match = SEQUELIZE_UNKNOWN;
    row->migration = find_by_name(set, stem, &row->match);
    if (row->migration != NULL || id == NULL || migration_find(set, id) == NULL)
        return row;
    if (count_id(names, id) > 1) {
        row->match = SEQUELIZE_AMBIGUOUS;
        return row;
    }
    row->match = SEQUELIZE_BY_ID;
    row->migration = migration_find(set, id);
    return row;
}

/* A row of another id may have this migration as its alias: then two rows mean it, and the one that
 * is matched by its id alone may be another version that was renamed. */
static void doubt_ids(GPtrArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        SequelizeRow *row = g_ptr_array_index(rows, i);
        for (guint j = 0; row->match == SEQUELIZE_BY_ID && j < rows->len; j++) {
            const SequelizeRow *other = g_ptr_array_index(rows, j);
            if (other == row || other->migration != row->migration)
                continue;
            row->match = SEQUELIZE_AMBIGUOUS;
            row->migration = NULL;
        }
    }
}

GPtrArray *sequelize_map(const MigrationSet *set, const char *const *names)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)row_free);
    for (const char *const *name = names; *name != NULL; name++)
        g_ptr_array_add(rows, map_one(set, names, *name));
    doubt_ids(rows);
    return rows;
}
