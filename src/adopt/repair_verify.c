/* The verify file of the repair migration. It asks whether things are there and fit, not for every
 * detail: it must also hold after the migrations that follow. */
#include "adopt/repair_parts.h"

static const char TEXT[] =
    "-- Every query returns no row when the repair holds, also after the migrations that follow "
    "it.\n\n"
    "-- What the repair made: there, valid, and switched on.\n"
    "WITH wanted (kind, place, name) AS (VALUES\n"
    "        %s\n"
    ")\n"
    "SELECT kind, place, name FROM wanted AS w\n"
    "WHERE NOT CASE kind\n"
    "    WHEN 'label' THEN EXISTS (\n"
    "        SELECT FROM pg_catalog.pg_enum\n"
    "        WHERE enumtypid = to_regtype(w.place) AND enumlabel = w.name)\n"
    "    WHEN 'column' THEN EXISTS (\n"
    "        SELECT FROM pg_catalog.pg_attribute\n"
    "        WHERE attrelid = to_regclass(w.place) AND attname = w.name AND NOT attisdropped)\n"
    "    WHEN 'constraint' THEN EXISTS (\n"
    "        SELECT FROM pg_catalog.pg_constraint\n"
    "        WHERE conrelid = to_regclass(w.place) AND conname = w.name AND convalidated)\n"
    "    WHEN 'index' THEN EXISTS (\n"
    "        SELECT FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_class AS c ON c.oid = "
    "x.indexrelid\n"
    "        WHERE x.indrelid = to_regclass(w.place) AND c.relname = w.name AND x.indisvalid AND "
    "x.indisready)\n"
    "    ELSE EXISTS (\n"
    "        SELECT FROM pg_catalog.pg_trigger\n"
    "        WHERE tgrelid = to_regclass(w.place) AND tgname = w.name AND tgenabled <> 'D')\n"
    "END;\n";

char *repair_verify_text(const Repair *repair)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (repair->checks->len > 0)
        g_string_append_printf(text, TEXT, repair->checks->str);
    if (repair->parts[PART_OLD_TYPES]->len > 0) {
        g_autoptr(GString) names = g_string_new(NULL);
        for (guint i = 0; i < repair->differences->len; i++) {
            const Difference *difference = g_ptr_array_index(repair->differences, i);
            if (difference->expected != NULL || difference->remedy != REMEDY_REPAIRED ||
                !catalog_is(difference->live, "type"))
                continue;
            g_autofree char *literal = pg_literal(catalog_note(difference->live, "quoted"));
            g_string_append_printf(names, "%s(%s)", names->len > 0 ? ", " : "", literal);
        }
        if (names->len > 0)
            g_string_append_printf(text,
                                   "\n-- The types that the repair took away stay away.\n"
                                   "SELECT name FROM (VALUES %s) AS gone (name)\n"
                                   "WHERE to_regtype(name) IS NOT NULL;\n",
                                   names->str);
    }
    return text->len > 0 ? g_strdup(text->str) : NULL;
}
