/* Constraints, indexes, triggers and functions of the repair migration. */
#include "adopt/repair_parts.h"
#include <string.h>

static bool is_type(const CatalogItem *constraint, char type)
{
    const char *found = catalog_note(constraint, "type");
    return found != NULL && *found == type;
}

static void drop_constraint(Repair *repair, const CatalogItem *live)
{
    repair_add(repair, PART_DROPS, "ALTER TABLE %s DROP CONSTRAINT %s", catalog_note(live, "table"),
               catalog_note(live, "quoted"));
    g_hash_table_add(repair->used, (gpointer)live);
}

static void add_constraint(Repair *repair, const CatalogItem *expected)
{
    RepairPart part = PART_KEYS;
    if (is_type(expected, 'f'))
        part = PART_FOREIGN_KEYS;
    else if (is_type(expected, 'c'))
        part = PART_CHECKS;
    repair_add(repair, part, "ALTER TABLE %s ADD CONSTRAINT %s %s", catalog_note(expected, "table"),
               catalog_note(expected, "quoted"), catalog_fact(expected, "definition"));
}

static void change_constraint(Repair *repair, Difference *difference)
{
    const CatalogItem *live = difference->live, *expected = difference->expected;
    if (repair_differs(difference, "definition")) {
        if (is_type(expected, 'p') || is_type(expected, 'u') ||
            !is_type(live, *catalog_note(expected, "type"))) {
            repair_propose(repair, difference, "Foreign keys may need the key that is there.",
                           "ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s",
                           catalog_note(live, "table"), catalog_note(live, "quoted"),
                           catalog_note(expected, "quoted"), catalog_fact(expected, "definition"));
            return;
        }
        if (!g_hash_table_contains(repair->used, live)) {
            drop_constraint(repair, live);
            add_constraint(repair, expected);
        }
    }
    difference->remedy = REMEDY_REPAIRED;
}

/* Whether the expected table has this key under another name; an extra one is then one too many. */
static void propose_extra_constraint(Repair *repair, Difference *difference)
{
    const CatalogItem *live = difference->live;
    if (g_hash_table_contains(repair->used, live)) {
        difference->remedy = REMEDY_REPAIRED;
        return;
    }
    repair_propose(repair, difference, "The migrations do not make this constraint.",
                   "ALTER TABLE %s DROP CONSTRAINT %s", catalog_note(live, "table"),
                   catalog_note(live, "quoted"));
}

void repair_constraint(Repair *repair, Difference *difference)
{
    const CatalogItem *expected = difference->expected, *same = NULL;
    g_autofree char *object = NULL;
    if (expected == NULL) {
        propose_extra_constraint(repair, difference);
        return;
    }
    object = g_strdup_printf("CONSTRAINT %s ON %s", catalog_note(expected, "quoted"),
                             catalog_note(expected, "table"));
    same = difference->live == NULL ? repair_find_extra(repair, expected, "definition") : NULL;
    if (difference->live != NULL) {
        change_constraint(repair, difference);
    } else if (same != NULL && json_get_flag(same->notes, "validated", true)) {
        repair_add(repair, PART_RENAMES, "ALTER TABLE %s RENAME CONSTRAINT %s TO %s",
                   catalog_note(same, "table"), catalog_note(same, "quoted"),
                   catalog_note(expected, "quoted"));
        g_hash_table_add(repair->used, (gpointer)same);
        difference->remedy = REMEDY_REPAIRED;
    } else {
        add_constraint(repair, expected);
        difference->remedy = REMEDY_REPAIRED;
    }
    if (difference->remedy == REMEDY_REPAIRED) {
        repair_comment(repair, expected, difference->live, object);
        repair_check_object(repair, expected);
    }
}

/* ---- indexes ---- */

static void drop_index(Repair *repair, const CatalogItem *live)
{
    repair_add(repair, PART_DROPS, "DROP INDEX %s", catalog_note(live, "quoted"));
    g_hash_table_add(repair->used, (gpointer)live);
}

/* Whether an expected index or key of the same table does what this index does. */
static bool is_duplicate(const Repair *repair, const CatalogItem *live)
{
    const char *shape = catalog_note(live, "shape");
    for (guint i = 0; i < repair->expected->items->len; i++) {
        const CatalogItem *item = g_ptr_array_index(repair->expected->items, i);
        if (strcmp(item->table, live->table) == 0 && strcmp(item->schema, live->schema) == 0 &&
            shape != NULL && g_strcmp0(catalog_note(item, "shape"), shape) == 0)
            return true;
    }
    return false;
}

static void extra_index(Repair *repair, Difference *difference)
{
    const CatalogItem *live = difference->live;
    if (!g_hash_table_contains(repair->used, live)) {
        if (!is_duplicate(repair, live)) {
            repair_propose(repair, difference, "The migrations do not make this index.",
                           "DROP INDEX %s", catalog_note(live, "quoted"));
            return;
        }
        drop_index(repair, live);
        repair_check_presence(repair, "no index", catalog_note(live, "quoted"));
    }
    difference->remedy = REMEDY_REPAIRED;
}

void repair_index(Repair *repair, Difference *difference)
{
    const CatalogItem *expected = difference->expected, *live = difference->live, *same = NULL;
    g_autofree char *object = NULL;
    if (expected == NULL) {
        extra_index(repair, difference);
        return;
    }
    object = g_strdup_printf("INDEX %s", catalog_note(expected, "quoted"));
    same = live == NULL ? repair_find_extra(repair, expected, "shape") : NULL;
    if (same != NULL) {
        g_autofree char *name = pg_identifier(expected->name);
        repair_add(repair, PART_RENAMES, "ALTER INDEX %s RENAME TO %s",
                   catalog_note(same, "quoted"), name);
        g_hash_table_add(repair->used, (gpointer)same);
    } else if (live == NULL || repair_differs(difference, "definition") ||
               repair_differs(difference, "valid")) {
        /* One that was dropped already has been made anew, too. */
        const bool done = live != NULL && g_hash_table_contains(repair->used, live);
        if (live != NULL && !done)
            drop_index(repair, live);
        if (!done)
            repair_add(repair, PART_INDEXES, "%s", catalog_fact(expected, "definition"));
    }
    repair_comment(repair, expected, live, object);
    repair_check_object(repair, expected);
    difference->remedy = REMEDY_REPAIRED;
}

/* ---- triggers and functions ---- */

void repair_trigger(Repair *repair, Difference *difference)
{
    const CatalogItem *expected = difference->expected, *live = difference->live;
    g_autofree char *object = NULL;
    if (expected == NULL) {
        repair_propose(repair, difference, "The migrations do not make this trigger.",
                       "DROP TRIGGER %s ON %s", catalog_note(live, "quoted"),
                       catalog_note(live, "table"));
        return;
    }
    if (live != NULL && repair_differs(difference, "enabled"))
        return;
    if (live != NULL && repair_differs(difference, "definition"))
        repair_add(repair, PART_TRIGGERS, "DROP TRIGGER %s ON %s", catalog_note(live, "quoted"),
                   catalog_note(live, "table"));
    if (live == NULL || repair_differs(difference, "definition"))
        repair_add(repair, PART_TRIGGERS, "%s", catalog_fact(expected, "definition"));
    object = g_strdup_printf("TRIGGER %s ON %s", catalog_note(expected, "quoted"),
                             catalog_note(expected, "table"));
    repair_comment(repair, expected, live, object);
    repair_check_object(repair, expected);
    difference->remedy = REMEDY_REPAIRED;
}

void repair_function(Repair *repair, Difference *difference)
{
    const CatalogItem *expected = difference->expected;
    const char *object_kind = catalog_note(expected, "object");
    g_autofree char *object =
        g_strdup_printf("%s %s", object_kind, catalog_note(expected, "quoted"));
    g_autofree char *definition = g_strdup(catalog_fact(expected, "definition"));
    repair_check_presence(repair, "function", catalog_note(expected, "quoted"));
    if (difference->live == NULL)
        repair_add(repair, PART_FUNCTIONS, "%s", g_strchomp(definition));
    else if (repair_differs(difference, "definition")) {
        repair_propose(repair, difference,
                       "Another function of this name is there: who else calls it is not known.",
                       "%s", g_strchomp(definition));
        return;
    }
    repair_comment(repair, expected, difference->live, object);
    difference->remedy = REMEDY_REPAIRED;
}

/* ---- columns whose type changes ---- */

static bool names_retyped(const Repair *repair, const CatalogItem *item, const char *key)
{
    size_t i = 0;
    const json_t *name = NULL;
    json_array_foreach(json_object_get(item->notes, key), i, name)
    {
        const CatalogItem *column = catalog_find(repair->live, "column", item->schema, item->table,
                                                 json_string_value(name));
        if (column != NULL && g_hash_table_contains(repair->retyped, column))
            return true;
    }
    return false;
}

void repair_retyped(Repair *repair)
{
    for (guint i = 0; i < repair->live->items->len; i++) {
        const CatalogItem *item = g_ptr_array_index(repair->live->items, i);
        const CatalogItem *wanted = catalog_same(repair->expected, item);
        if (wanted == NULL)
            continue;
        if (catalog_is(item, "index") && names_retyped(repair, item, "expression_columns")) {
            drop_index(repair, item);
            repair_add(repair, PART_INDEXES, "%s", catalog_fact(wanted, "definition"));
        }
        if (catalog_is(item, "constraint") && is_type(item, 'c') && is_type(wanted, 'c') &&
            names_retyped(repair, item, "columns")) {
            drop_constraint(repair, item);
            add_constraint(repair, wanted);
        }
    }
}
