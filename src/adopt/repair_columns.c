/* Types, tables and columns of the repair migration. */
#include "adopt/repair_parts.h"
#include <string.h>

#define OLD_SUFFIX "_before_repair"

/* Live columns of an enum type, or of arrays of it. */
static GPtrArray *columns_of(const Repair *repair, const char *type, bool arrays)
{
    GPtrArray *columns = g_ptr_array_new();
    g_autofree char *wanted = arrays ? g_strconcat(type, "[]", NULL) : g_strdup(type);
    for (guint i = 0; i < repair->live->items->len; i++) {
        const CatalogItem *item = g_ptr_array_index(repair->live->items, i);
        if (catalog_is(item, "column") && g_strcmp0(catalog_note(item, "base"), wanted) == 0)
            g_ptr_array_add(columns, (gpointer)item);
    }
    return columns;
}

static void create_type(Repair *repair, const CatalogItem *type)
{
    repair_add(repair, PART_TYPES, "CREATE TYPE %s AS ENUM (%s)", catalog_note(type, "quoted"),
               catalog_note(type, "sql_labels"));
    repair_check_type(repair, type);
}

/* Rows whose value the type does not have stop the migration before it begins. */
static void guard_labels(Repair *repair, const CatalogItem *live, const CatalogItem *expected)
{
    const char *column = catalog_note(live, "quoted");
    g_autofree char *condition = g_strdup_printf("%s::text <> ALL (ARRAY[%s]::text[])", column,
                                                 catalog_note(expected, "sql_labels"));
    g_autofree char *what = g_strdup_printf("hold in %s what the type %s does not have", column,
                                            catalog_note(expected, "base"));
    repair_guard(repair, catalog_note(live, "table"), condition, what,
                 "Give these rows one of its labels, and run this again. Nothing was changed.");
}

/* The values go through their text: that is what two enum types have in common. The default is not
 * converted by the server and is set again. */
static void convert(Repair *repair, const CatalogItem *live, const CatalogItem *expected,
                    const char *using)
{
    const char *table = catalog_note(live, "table"), *column = catalog_note(live, "quoted");
    const char *value = catalog_fact(expected, "default");
    if (catalog_fact(live, "default") != NULL)
        repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", table,
                   column);
    repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ALTER COLUMN %s TYPE %s%s%s", table, column,
               catalog_fact(expected, "type"), using != NULL ? " USING " : "",
               using != NULL ? using : "");
    if (value != NULL)
        repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", table,
                   column, value);
    g_hash_table_add(repair->retyped, (gpointer)live);
}

static void convert_enum(Repair *repair, const CatalogItem *live, const CatalogItem *expected)
{
    g_autofree char *using = g_strdup_printf("%s::text::%s", catalog_note(live, "quoted"),
                                             catalog_fact(expected, "type"));
    guard_labels(repair, live, expected);
    convert(repair, live, expected, using);
}

/* Labels are not added to the type that is there: within the transaction that adds one, it cannot
 * be used. The type is made anew, which also removes labels and puts them in order. */
static void replace_type(Repair *repair, Difference *difference)
{
    const CatalogItem *live = difference->live, *expected = difference->expected;
    const char *quoted = catalog_note(expected, "quoted");
    g_autoptr(GPtrArray) columns = columns_of(repair, quoted, false);
    g_autoptr(GPtrArray) arrays = columns_of(repair, quoted, true);
    if (arrays->len > 0) {
        repair_propose(repair, difference, "There are columns with arrays of this type.",
                       "ALTER TYPE %s ADD VALUE ...", quoted);
        return;
    }
    if (columns->len == 0) {
        repair_add(repair, PART_TYPES, "DROP TYPE %s", quoted);
    } else {
        g_autofree char *old_name = g_strconcat(live->name, OLD_SUFFIX, NULL);
        g_autofree char *old = pg_identifier(old_name);
        g_autofree char *old_quoted = pg_qualified(live->schema, old_name);
        repair_add(repair, PART_TYPES, "ALTER TYPE %s RENAME TO %s", quoted, old);
        repair_add(repair, PART_OLD_TYPES, "DROP TYPE %s", old_quoted);
    }
    create_type(repair, expected);
    for (guint i = 0; i < columns->len; i++) {
        const CatalogItem *column = g_ptr_array_index(columns, i);
        const CatalogItem *wanted = catalog_same(repair->expected, column);
        /* A column whose type differs anyway is converted by repair_column(). */
        if (wanted == NULL || strcmp(catalog_fact(wanted, "type"), quoted) == 0)
            convert_enum(repair, column, wanted != NULL ? wanted : column);
    }
    difference->remedy = REMEDY_REPAIRED;
}

void repair_type(Repair *repair, Difference *difference)
{
    g_autofree char *object =
        g_strdup_printf("TYPE %s", catalog_note(difference->expected, "quoted"));
    const CatalogItem *live = difference->live;
    if (live == NULL) {
        create_type(repair, difference->expected);
        difference->remedy = REMEDY_REPAIRED;
    } else if (repair_differs(difference, "labels")) {
        replace_type(repair, difference);
        live = NULL;
    } else {
        difference->remedy = REMEDY_REPAIRED;
    }
    if (difference->remedy == REMEDY_REPAIRED)
        repair_comment(repair, difference->expected, live, object);
}

/* enum_<table>_<column> is how sequelize calls the type that it makes for a column. */
void repair_extra_type(Repair *repair, Difference *difference)
{
    const CatalogItem *live = difference->live;
    const char *quoted = catalog_note(live, "quoted");
    g_autoptr(GPtrArray) columns = columns_of(repair, quoted, false);
    g_autoptr(GPtrArray) arrays = columns_of(repair, quoted, true);
    guint kept = arrays->len;
    for (guint i = 0; i < columns->len; i++)
        kept += !g_hash_table_contains(repair->retyped, g_ptr_array_index(columns, i));
    if (kept > 0)
        return;
    if (columns->len > 0 || g_str_has_prefix(live->name, "enum_")) {
        repair_add(repair, PART_OLD_TYPES, "DROP TYPE %s", quoted);
        repair_check_presence(repair, "no type", quoted);
        difference->remedy = REMEDY_REPAIRED;
    } else {
        repair_propose(repair, difference, "No column has this type.", "DROP TYPE %s", quoted);
    }
}

/* ---- tables ---- */

static char *column_definition(const CatalogItem *column)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *collation = catalog_fact(column, "collation");
    const char *value = catalog_fact(column, "default");
    const char *generated = catalog_fact(column, "generated");
    const char *identity = catalog_fact(column, "identity");
    g_string_append_printf(text, "%s %s", catalog_note(column, "quoted"),
                           catalog_fact(column, "type"));
    if (collation != NULL)
        g_string_append_printf(text, " COLLATE %s", collation);
    if (generated != NULL)
        g_string_append_printf(text, " GENERATED ALWAYS AS (%s) STORED", generated);
    if (identity != NULL)
        g_string_append_printf(text, " GENERATED %s AS IDENTITY",
                               *identity == 'a' ? "ALWAYS" : "BY DEFAULT");
    if (!json_get_flag(column->facts, "nullable", true))
        g_string_append(text, " NOT NULL");
    if (value != NULL)
        g_string_append_printf(text, " DEFAULT %s", value);
    return g_strdup(text->str);
}

static void create_table(Repair *repair, const CatalogItem *table)
{
    g_autoptr(GString) columns = g_string_new(NULL);
    for (guint i = 0; i < repair->expected->items->len; i++) {
        const CatalogItem *item = g_ptr_array_index(repair->expected->items, i);
        if (!catalog_is(item, "column") || strcmp(item->table, table->table) != 0 ||
            strcmp(item->schema, table->schema) != 0)
            continue;
        g_autofree char *definition = column_definition(item);
        g_string_append_printf(columns, "%s\n    %s", columns->len > 0 ? "," : "", definition);
        repair_check_column(repair, item);
    }
    repair_add(repair, PART_TABLES, "CREATE %sTABLE %s (%s\n)",
               g_strcmp0(catalog_fact(table, "persistence"), "u") == 0 ? "UNLOGGED " : "",
               catalog_note(table, "quoted"), columns->str);
}

void repair_table(Repair *repair, Difference *difference)
{
    static const char *const special[] = {"partitioned", "partition", "inherits"};
    const CatalogItem *expected = difference->expected;
    g_autofree char *object = g_strdup_printf("TABLE %s", catalog_note(expected, "quoted"));
    bool plain = !json_get_flag(expected->facts, "row security", false);
    for (size_t i = 0; i < G_N_ELEMENTS(special); i++)
        plain = plain && json_is_null(json_object_get(expected->facts, special[i]));
    if (difference->live == NULL && plain) {
        create_table(repair, expected);
    } else if (difference->live == NULL) {
        g_hash_table_add(repair->by_hand, (gpointer)expected);
        return;
    } else if (difference->facts->len > 1 || !repair_differs(difference, "comment")) {
        return;
    }
    repair_comment(repair, expected, difference->live, object);
    difference->remedy = REMEDY_REPAIRED;
}

/* ---- columns ---- */

static void add_column(Repair *repair, Difference *difference)
{
    const CatalogItem *expected = difference->expected;
    const char *table = catalog_note(expected, "table");
    g_autofree char *definition = column_definition(expected);
    const bool bare = !json_get_flag(expected->facts, "nullable", true) &&
                      catalog_fact(expected, "default") == NULL &&
                      catalog_fact(expected, "generated") == NULL &&
                      catalog_fact(expected, "identity") == NULL;
    if (bare) {
        g_autofree char *what = g_strdup_printf("would have no value in the new column %s",
                                                catalog_note(expected, "quoted"));
        repair_guard(repair, table, "true", what,
                     "It must have one: add the column and fill it, and run this again. "
                     "Nothing was changed.");
    }
    repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ADD COLUMN %s", table, definition);
    repair_check_column(repair, expected);
    difference->remedy = REMEDY_REPAIRED;
}

/* Conversions that lose nothing, or that the server itself refuses when they would: one type name
 * to another, and the expression where assignment is not enough (%s: the column). */
static const struct {
    const char *from, *to, *using, *remark;
} CONVERSIONS[] = {
    {"json", "jsonb", "%s::jsonb", NULL},
    {"character varying", "character varying", NULL, NULL},
    {"character varying", "text", NULL, NULL},
    {"text", "character varying", NULL, NULL},
    {"character varying", "uuid", "%s::uuid", NULL},
    {"text", "uuid", "%s::uuid", NULL},
    {"smallint", "integer", NULL, NULL},
    {"smallint", "bigint", NULL, NULL},
    {"integer", "bigint", NULL, NULL},
    {"timestamp without time zone", "timestamp with time zone", "%s AT TIME ZONE 'UTC'",
     "The values without a time zone are taken for UTC, which is what sequelize writes."},
};

static bool is_zoneless(const CatalogItem *item)
{
    return g_strcmp0(catalog_note(item, "base"), "timestamp without time zone") == 0;
}

/* Whether the type of the column is brought to the expected one. */
static bool change_type(Repair *repair, const CatalogItem *live, const CatalogItem *expected)
{
    const char *from = catalog_note(live, "base"), *to = catalog_note(expected, "base");
    if (g_strcmp0(catalog_note(expected, "category"), "E") == 0) {
        convert_enum(repair, live, expected);
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(CONVERSIONS); i++) {
        g_autofree char *using = NULL;
        if (g_strcmp0(CONVERSIONS[i].from, from) != 0 || g_strcmp0(CONVERSIONS[i].to, to) != 0)
            continue;
        /* Fewer digits of a second would be cut without a word. */
        if (is_zoneless(live) && json_get_integer(expected->notes, "modifier", -1) >= 0)
            return false;
        if (CONVERSIONS[i].using != NULL) {
            g_auto(GStrv) halves = g_strsplit(CONVERSIONS[i].using, "%s", 2);
            using = g_strconcat(halves[0], catalog_note(live, "quoted"), halves[1], NULL);
        }
        if (CONVERSIONS[i].remark != NULL)
            g_string_append_printf(repair->parts[PART_COLUMNS], "-- %s\n", CONVERSIONS[i].remark);
        convert(repair, live, expected, using);
        return true;
    }
    return false;
}

static void change_nullable(Repair *repair, const CatalogItem *live, const CatalogItem *expected)
{
    const char *table = catalog_note(live, "table"), *column = catalog_note(live, "quoted");
    const bool nullable = json_get_flag(expected->facts, "nullable", true);
    if (!nullable) {
        g_autofree char *condition = g_strdup_printf("%s IS NULL", column);
        g_autofree char *what = g_strdup_printf("have no value in %s", column);
        repair_guard(repair, table, condition, what,
                     "Fill them, and run this again. Nothing was changed.");
    }
    repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ALTER COLUMN %s %s NOT NULL", table, column,
               nullable ? "DROP" : "SET");
}

static void change_default(Repair *repair, const CatalogItem *live, const CatalogItem *expected)
{
    const char *table = catalog_note(live, "table"), *column = catalog_note(live, "quoted");
    const char *value = catalog_fact(expected, "default");
    if (value != NULL)
        repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", table,
                   column, value);
    else
        repair_add(repair, PART_COLUMNS, "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", table,
                   column);
}

static void change_column(Repair *repair, Difference *difference)
{
    const CatalogItem *live = difference->live, *expected = difference->expected;
    bool retyped = false;
    if (repair_differs(difference, "generated") || repair_differs(difference, "identity") ||
        repair_differs(difference, "collation"))
        return;
    if (repair_differs(difference, "type")) {
        if (!change_type(repair, live, expected)) {
            repair_propose(repair, difference,
                           "The values must be converted: whether this loses any is not known.",
                           "ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s::%s",
                           catalog_note(live, "table"), catalog_note(live, "quoted"),
                           catalog_fact(expected, "type"), catalog_note(live, "quoted"),
                           catalog_fact(expected, "type"));
            return;
        }
        retyped = true;
    }
    if (repair_differs(difference, "nullable"))
        change_nullable(repair, live, expected);
    /* A default that names the old type reads the same after a type was made anew. */
    if (!retyped && repair_differs(difference, "default"))
        change_default(repair, live, expected);
    repair_check_column(repair, expected);
    difference->remedy = REMEDY_REPAIRED;
}

void repair_column(Repair *repair, Difference *difference)
{
    const CatalogItem *item = difference_item(difference);
    g_autofree char *object =
        g_strdup_printf("COLUMN %s.%s", catalog_note(item, "table"), catalog_note(item, "quoted"));
    if (difference->expected == NULL) {
        repair_propose(repair, difference, "Its values would be lost.",
                       "ALTER TABLE %s DROP COLUMN %s", catalog_note(item, "table"),
                       catalog_note(item, "quoted"));
        return;
    }
    if (difference->live != NULL)
        change_column(repair, difference);
    else if (!difference->covered)
        add_column(repair, difference);
    else
        difference->remedy = REMEDY_REPAIRED; /* by CREATE TABLE */
    if (difference->remedy == REMEDY_REPAIRED)
        repair_comment(repair, difference->expected, difference->live, object);
}
