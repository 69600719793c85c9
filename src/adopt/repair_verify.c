/*
 * What the repair leads to, asked twice. Before it, exactly: where everything is as it shall be
 * already (a database that the migrations made from scratch), nothing is done. After it, in the
 * verify file, only whether things are there and fit, because that must also hold after the
 * migrations that follow.
 */
#include "adopt/repair_parts.h"
#include <string.h>

static void add_row(GString *rows, const char *kind, const char *place, const char *name,
                    const char *wanted)
{
    g_autofree char *place_literal = pg_literal(place);
    g_autofree char *name_literal = pg_literal(name);
    g_autofree char *wanted_literal = wanted != NULL ? pg_literal(wanted) : NULL;
    g_string_append_printf(rows, "%s    ('%s', %s, %s%s%s)", rows->len > 0 ? ",\n" : "", kind,
                           place_literal, name_literal, wanted != NULL ? ", " : "",
                           wanted != NULL ? wanted_literal : "");
}

void repair_check_type(Repair *repair, const CatalogItem *type)
{
    const char *quoted = catalog_note(type, "quoted");
    size_t i = 0;
    const json_t *label = NULL;
    add_row(repair->states, "type", quoted, "", catalog_note(type, "sql_labels"));
    json_array_foreach(json_object_get(type->facts, "labels"), i, label)
        add_row(repair->checks, "label", quoted, json_string_value(label), NULL);
}

void repair_check_column(Repair *repair, const CatalogItem *column)
{
    const char *table = catalog_note(column, "table");
    const char *value = catalog_fact(column, "default");
    g_autofree char *wanted = NULL;
    value = value != NULL ? value : catalog_fact(column, "generated");
    wanted = g_strdup_printf("%s%s%s%s", catalog_fact(column, "type"),
                             json_get_flag(column->facts, "nullable", true) ? "" : " not null",
                             value != NULL ? " default " : "", value != NULL ? value : "");
    add_row(repair->states, "column", table, column->name, wanted);
    add_row(repair->checks, "column", table, column->name, NULL);
}

void repair_check_object(Repair *repair, const CatalogItem *item)
{
    add_row(repair->states, item->kind, catalog_note(item, "table"), item->name,
            catalog_fact(item, "definition"));
    add_row(repair->checks, item->kind, catalog_note(item, "table"), item->name, NULL);
}

void repair_check_presence(Repair *repair, const char *kind, const char *quoted)
{
    add_row(repair->states, kind, quoted, "", "true");
    if (strcmp(kind, "no index") != 0)
        add_row(repair->checks, kind, quoted, "", NULL);
}

/* The search_path is empty, so that definitions read as they do in the catalogs that were compared.
 */
static const char QUESTION[] =
    "\n-- Is there anything to repair? Not in a database that the migrations have made from "
    "scratch.\n"
    "DO $question$\nBEGIN\nSET LOCAL search_path = '';\n"
    "PERFORM set_config('drydock.repair', CASE WHEN EXISTS (\n"
    "WITH wanted (kind, place, name, definition) AS (VALUES\n%s\n)\n"
    "SELECT FROM wanted AS w\n"
    "WHERE definition IS DISTINCT FROM CASE kind\n"
    "    WHEN 'schema' THEN (to_regnamespace(w.place) IS NOT NULL)::text\n"
    "    WHEN 'function' THEN (to_regprocedure(w.place) IS NOT NULL)::text\n"
    "    WHEN 'no type' THEN (to_regtype(w.place) IS NULL)::text\n"
    "    WHEN 'no index' THEN (\n"
    "        SELECT count(*) = 0 FROM pg_catalog.pg_index AS x\n"
    "        WHERE x.indexrelid = to_regclass(w.place) AND NOT EXISTS (\n"
    "            SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conindid = "
    "x.indexrelid))::text\n"
    "    WHEN 'type' THEN (\n"
    "        SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)\n"
    "        FROM pg_catalog.pg_enum WHERE enumtypid = to_regtype(w.place))\n"
    "    WHEN 'column' THEN (\n"
    "        SELECT concat_ws(' ', format_type(a.atttypid, a.atttypmod),\n"
    "                         CASE WHEN a.attnotnull THEN 'not null' END,\n"
    "                         'default ' || pg_get_expr(d.adbin, d.adrelid))\n"
    "        FROM pg_catalog.pg_attribute AS a\n"
    "        LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = "
    "a.attnum\n"
    "        WHERE a.attrelid = to_regclass(w.place) AND a.attname = w.name AND NOT "
    "a.attisdropped)\n"
    "    WHEN 'constraint' THEN (\n"
    "        SELECT pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint\n"
    "        WHERE conrelid = to_regclass(w.place) AND conname = w.name)\n"
    "    WHEN 'index' THEN (\n"
    "        SELECT pg_get_indexdef(x.indexrelid)\n"
    "        FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid\n"
    "        WHERE x.indrelid = to_regclass(w.place) AND c.relname = w.name)\n"
    "    WHEN 'trigger' THEN (\n"
    "        SELECT pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger\n"
    "        WHERE tgrelid = to_regclass(w.place) AND tgname = w.name)\n"
    "END) THEN 'needed' ELSE 'done' END, true);\nEND\n$question$;\n";

static const char VERIFY[] =
    "-- The query returns no row when the repair holds, also after the migrations that follow "
    "it:\n-- what it made is there, valid and switched on, what it took away is gone.\n"
    "WITH wanted (kind, place, name) AS (VALUES\n%s\n)\n"
    "SELECT kind, place, name FROM wanted AS w\n"
    "WHERE NOT CASE kind\n"
    "    WHEN 'schema' THEN to_regnamespace(w.place) IS NOT NULL\n"
    "    WHEN 'function' THEN to_regprocedure(w.place) IS NOT NULL\n"
    "    WHEN 'no type' THEN to_regtype(w.place) IS NULL\n"
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
    "        SELECT FROM pg_catalog.pg_index AS x\n"
    "        JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid\n"
    "        WHERE x.indrelid = to_regclass(w.place) AND c.relname = w.name\n"
    "            AND x.indisvalid AND x.indisready)\n"
    "    ELSE EXISTS (\n"
    "        SELECT FROM pg_catalog.pg_trigger\n"
    "        WHERE tgrelid = to_regclass(w.place) AND tgname = w.name AND tgenabled <> 'D')\n"
    "END;\n";

/* Places a list of rows where the template says %s, once. */
static char *fill(const char *template, const char *rows)
{
    const char *place = strstr(template, "%s");
    g_autofree char *head = g_strndup(template, (gsize)(place - template));
    return g_strconcat(head, rows, place + 2, NULL);
}

char *repair_question_text(const Repair *repair)
{
    return repair->states->len > 0 ? fill(QUESTION, repair->states->str) : g_strdup("");
}

char *repair_verify_text(const Repair *repair)
{
    return repair->checks->len > 0 ? fill(VERIFY, repair->checks->str) : NULL;
}
