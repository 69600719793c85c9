#include "adopt/difference.h"

#include "base/text.h"
#include <string.h>

static void difference_free(Difference *difference)
{
    g_ptr_array_unref(difference->facts);
    g_free(difference);
}

static Difference *difference_new(const CatalogItem *live, const CatalogItem *expected)
{
    Difference *difference = g_new0(Difference, 1);
    difference->live = live;
    difference->expected = expected;
    difference->facts = g_ptr_array_new();
    return difference;
}

static void compare_facts(Difference *difference)
{
    const char *key = NULL;
    json_t *wanted = NULL;
    json_object_foreach(difference->expected->facts, key, wanted)
    {
        if (!json_equal(wanted, json_object_get(difference->live->facts, key)))
            g_ptr_array_add(difference->facts, (gpointer)key);
    }
    /* A constraint that is not validated yet is not there yet. */
    if (catalog_is(difference->live, "constraint") &&
        !json_get_flag(difference->live->notes, "validated", true) && difference->facts->len == 0 &&
        json_get_flag(difference->expected->notes, "validated", true))
        g_ptr_array_add(difference->facts, (gpointer) "definition");
}

static bool is_part_of_absent_table(const Catalog *other, const CatalogItem *item)
{
    return *item->table != '\0' && !catalog_is(item, "table") &&
           catalog_find(other, "table", item->schema, item->table, item->table) == NULL;
}

GPtrArray *difference_find(const Catalog *live, const Catalog *expected)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)difference_free);
    for (guint i = 0; i < expected->items->len; i++) {
        const CatalogItem *wanted = g_ptr_array_index(expected->items, i);
        const CatalogItem *there = catalog_same(live, wanted);
        Difference *difference = difference_new(there, wanted);
        if (there != NULL)
            compare_facts(difference);
        difference->covered = there == NULL && is_part_of_absent_table(live, wanted);
        if (there == NULL || difference->facts->len > 0)
            g_ptr_array_add(found, difference);
        else
            difference_free(difference);
    }
    for (guint i = 0; i < live->items->len; i++) {
        const CatalogItem *there = g_ptr_array_index(live->items, i);
        if (catalog_same(expected, there) != NULL)
            continue;
        Difference *difference = difference_new(there, NULL);
        difference->covered = is_part_of_absent_table(expected, there);
        g_ptr_array_add(found, difference);
    }
    return found;
}

guint difference_count(const GPtrArray *differences)
{
    guint count = 0;
    for (guint i = 0; i < differences->len; i++)
        count += !((const Difference *)g_ptr_array_index(differences, i))->covered;
    return count;
}

const CatalogItem *difference_item(const Difference *difference)
{
    return difference->expected != NULL ? difference->expected : difference->live;
}

const char *difference_what(const Difference *difference)
{
    if (difference->live == NULL)
        return "missing";
    return difference->expected == NULL ? "extra" : "differs";
}

const char *remedy_name(Remedy remedy)
{
    static const char *const names[] = {"none", "proposed", "repaired"};
    return names[remedy];
}

char *difference_fact(const CatalogItem *item, const char *key)
{
    const json_t *value = json_object_get(item->facts, key);
    if (value == NULL || json_is_null(value))
        return g_strdup("none");
    if (json_is_string(value))
        return text_printable(json_string_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_array(value)) {
        g_autoptr(GString) list = g_string_new(NULL);
        size_t i = 0;
        const json_t *element = NULL;
        json_array_foreach(value, i, element)
            g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", json_string_value(element));
        return text_printable(list->str);
    }
    return json_to_line(value);
}

json_t *difference_to_json(const GPtrArray *differences)
{
    json_t *list = json_array();
    for (guint i = 0; i < differences->len; i++) {
        const Difference *difference = g_ptr_array_index(differences, i);
        const CatalogItem *item = difference_item(difference);
        json_t *facts = json_object();
        if (difference->covered) {
            json_decref(facts);
            continue;
        }
        for (guint j = 0; j < difference->facts->len; j++) {
            const char *key = g_ptr_array_index(difference->facts, j);
            json_object_set_new(facts, key,
                                json_pack("{s:O, s:O}", "live",
                                          json_object_get(difference->live->facts, key), "expected",
                                          json_object_get(difference->expected->facts, key)));
        }
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "kind", item->kind,
                                        "schema", item->schema, "table", item->table, "name",
                                        item->name, "what", difference_what(difference), "remedy",
                                        remedy_name(difference->remedy), "facts", facts));
    }
    return list;
}

/* What a missing or extra thing is, in a few words. */
static char *describe(const CatalogItem *item)
{
    static const char *const keys[] = {"type", "definition", "labels", NULL};
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (catalog_is(item, "function") || json_object_get(item->facts, keys[i]) == NULL)
            continue;
        g_autofree char *fact = difference_fact(item, keys[i]);
        g_autofree char *shorter = text_shorten(fact, 120);
        return g_strdup_printf(" (%s%s)", shorter, strlen(shorter) < strlen(fact) ? "..." : "");
    }
    return g_strdup("");
}

static void append_one(GString *text, const Difference *difference)
{
    static const char *const said[] = {"", " [proposed]", " [repaired]"};
    const CatalogItem *item = difference_item(difference);
    g_autofree char *name = text_printable(item->name);
    const char *remedy = said[difference->remedy];
    g_string_append_printf(text, "    %s %s: ", item->kind, name);
    if (difference->live == NULL || difference->expected == NULL) {
        g_autofree char *description = describe(item);
        g_string_append_printf(text, "%s%s%s\n",
                               difference->live == NULL ? "missing" : "not made by the migrations",
                               description, remedy);
        return;
    }
    for (guint i = 0; i < difference->facts->len; i++) {
        const char *key = g_ptr_array_index(difference->facts, i);
        g_autofree char *live = difference_fact(difference->live, key);
        g_autofree char *expected = difference_fact(difference->expected, key);
        if (catalog_is(item, "function"))
            g_string_append_printf(text, "%sanother %s", i > 0 ? "; " : "", key);
        else
            g_string_append_printf(text, "%s%s %s, expected %s", i > 0 ? "; " : "", key, live,
                                   expected);
    }
    g_string_append_printf(text, "%s\n", remedy);
}

void difference_append_text(GString *text, const GPtrArray *differences)
{
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    /* What is extra stands behind what is expected in the list, and with its table here. */
    for (guint i = 0; i < differences->len; i++) {
        const CatalogItem *first = difference_item(g_ptr_array_index(differences, i));
        g_autofree char *group = g_strjoin("\x1f", first->schema, first->table, NULL);
        g_autofree char *place =
            g_strdup_printf("%s%s%s", first->schema, *first->table ? "." : "", first->table);
        g_autofree char *heading = text_printable(place);
        bool empty = true;
        if (!g_hash_table_add(told, g_strdup(group)))
            continue;
        for (guint j = i; j < differences->len; j++) {
            const Difference *difference = g_ptr_array_index(differences, j);
            const CatalogItem *item = difference_item(difference);
            if (difference->covered || strcmp(item->schema, first->schema) != 0 ||
                strcmp(item->table, first->table) != 0)
                continue;
            if (empty)
                g_string_append_printf(text, "  %s %s\n", *first->table ? "table" : "schema",
                                       heading);
            empty = false;
            append_one(text, difference);
        }
    }
}
