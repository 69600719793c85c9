#include "adopt/repair.h"

#include "adopt/repair_parts.h"
#include "base/text.h"
#include <stdarg.h>
#include <string.h>

static const char *const HEADINGS[PART_COUNT] = {
    [PART_GUARDS] = "Before anything else: what could not be taken over must not be touched.",
    [PART_SCHEMAS] = "Schemas.",
    [PART_TYPES] = "Types.",
    [PART_DROPS] = "Indexes and constraints that others replace.",
    [PART_TABLES] = "Tables.",
    [PART_COLUMNS] = "Columns.",
    [PART_FUNCTIONS] = "Functions.",
    [PART_RENAMES] = "The same under another name.",
    [PART_KEYS] = "Keys.",
    [PART_CHECKS] = "Checks. A row that does not meet one stops the migration.",
    [PART_FOREIGN_KEYS] = "Foreign keys. A row that refers to nothing stops the migration.",
    [PART_INDEXES] = "Indexes.",
    [PART_TRIGGERS] = "Triggers.",
    [PART_OLD_TYPES] = "Types that no column has any more.",
    [PART_COMMENTS] = "Comments.",
};

void repair_add(Repair *repair, RepairPart part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_append_vprintf(repair->parts[part], format, arguments);
    va_end(arguments);
    g_string_append(repair->parts[part], ";\n");
}

/* Each line a comment: a name that holds a line feed must not end it. */
static void append_comment(GString *text, const char *words)
{
    g_auto(GStrv) lines = g_strsplit_set(words, "\n\r", -1);
    for (char **line = lines; *line != NULL; line++)
        g_string_append_printf(text, "-- %s\n", *line);
}

void repair_propose(Repair *repair, Difference *difference, const char *why, const char *format,
                    ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *statement = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *whole = g_strdup_printf("%s\n    %s;", why, statement);
    append_comment(repair->proposals, whole);
    difference->remedy = REMEDY_PROPOSED;
}

/* For the inside of a string that RAISE formats. */
static char *raise_text(const char *text)
{
    g_autoptr(GString) escaped = g_string_new(text);
    g_string_replace(escaped, "'", "''", 0);
    g_string_replace(escaped, "%", "%%", 0);
    return g_strdup(escaped->str);
}

void repair_guard(Repair *repair, const char *table, const char *condition, const char *what,
                  const char *hint)
{
    g_autofree char *name = raise_text(table);
    g_autofree char *words = raise_text(what);
    g_autofree char *hint_literal = pg_literal(hint);
    repair_add(repair, PART_GUARDS,
               "SELECT count(*) INTO offending FROM %s WHERE %s;\n"
               "IF offending > 0 THEN\n"
               "    RAISE EXCEPTION '%% rows of %s %s', offending\n"
               "        USING HINT = %s;\n"
               "END IF",
               table, condition, name, words, hint_literal);
}

void repair_comment(Repair *repair, const CatalogItem *expected, const CatalogItem *live,
                    const char *object)
{
    const char *wanted = catalog_fact(expected, "comment");
    const char *there = live != NULL ? catalog_fact(live, "comment") : NULL;
    g_autofree char *literal = wanted != NULL ? pg_literal(wanted) : g_strdup("NULL");
    if (g_strcmp0(wanted, there) != 0)
        repair_add(repair, PART_COMMENTS, "COMMENT ON %s IS %s", object, literal);
}

bool repair_differs(const Difference *difference, const char *fact)
{
    for (guint i = 0; i < difference->facts->len; i++)
        if (strcmp(g_ptr_array_index(difference->facts, i), fact) == 0)
            return true;
    return false;
}

static const char *said(const CatalogItem *item, const char *key)
{
    const char *fact = catalog_fact(item, key);
    return fact != NULL ? fact : catalog_note(item, key);
}

const CatalogItem *repair_find_extra(const Repair *repair, const CatalogItem *wanted,
                                     const char *key)
{
    for (guint i = 0; i < repair->differences->len; i++) {
        const Difference *other = g_ptr_array_index(repair->differences, i);
        const CatalogItem *live = other->live;
        if (other->expected != NULL || strcmp(live->kind, wanted->kind) != 0 ||
            strcmp(live->schema, wanted->schema) != 0 || strcmp(live->table, wanted->table) != 0 ||
            g_hash_table_contains(repair->used, live))
            continue;
        if (said(wanted, key) != NULL && g_strcmp0(said(live, key), said(wanted, key)) == 0)
            return live;
    }
    return NULL;
}

static void repair_schema(Repair *repair, Difference *difference)
{
    if (difference->live != NULL)
        return;
    repair_add(repair, PART_SCHEMAS, "CREATE SCHEMA %s",
               catalog_note(difference->expected, "quoted"));
    repair_check_presence(repair, "schema", catalog_note(difference->expected, "quoted"));
    difference->remedy = REMEDY_REPAIRED;
}

/* In this order: what comes later asks what the earlier ones have done. Extra types last, because
 * they may lose their columns on the way. */
static const struct {
    const char *kind;
    bool extra;
    void (*repair)(Repair *repair, Difference *difference);
} STEPS[] = {
    {"schema", false, repair_schema},   {"type", false, repair_type},
    {"table", false, repair_table},     {"column", false, repair_column},
    {"column", true, repair_column},    {"constraint", false, repair_constraint},
    {"index", false, repair_index},     {"constraint", true, repair_constraint},
    {"index", true, repair_index},      {"function", false, repair_function},
    {"trigger", false, repair_trigger}, {"trigger", true, repair_trigger},
    {"type", true, repair_extra_type},
};

static bool is_ours(const Repair *repair, const Difference *difference)
{
    const CatalogItem *item = difference_item(difference);
    const CatalogItem *table = NULL;
    if (difference->expected == NULL)
        return !difference->covered;
    table = catalog_find(repair->expected, "table", item->schema, item->table, item->table);
    return table == NULL || !g_hash_table_contains(repair->by_hand, table);
}

static void run_steps(Repair *repair)
{
    for (size_t step = 0; step < G_N_ELEMENTS(STEPS); step++) {
        for (guint i = 0; i < repair->differences->len; i++) {
            Difference *difference = g_ptr_array_index(repair->differences, i);
            const CatalogItem *item = difference_item(difference);
            if (catalog_is(item, STEPS[step].kind) &&
                (difference->expected == NULL) == STEPS[step].extra && is_ours(repair, difference))
                STEPS[step].repair(repair, difference);
        }
        if (strcmp(STEPS[step].kind, "column") == 0 && STEPS[step].extra)
            repair_retyped(repair);
    }
}

static gint by_table(gconstpointer a, gconstpointer b)
{
    const CatalogItem *one = *(CatalogItem *const *)a;
    const CatalogItem *two = *(CatalogItem *const *)b;
    int order = strcmp(one->schema, two->schema);
    order = order != 0 ? order : strcmp(one->table, two->table);
    return order != 0 ? order : strcmp(one->name, two->name);
}

static bool same_table(const CatalogItem *one, const CatalogItem *two)
{
    return strcmp(one->schema, two->schema) == 0 && strcmp(one->table, two->table) == 0;
}

/* Declares the columns whose values are written anew. */
static void append_writes(GString *text, const Repair *repair)
{
    g_autoptr(GPtrArray) columns = g_ptr_array_new();
    GHashTableIter iter;
    gpointer column = NULL;
    g_hash_table_iter_init(&iter, repair->retyped);
    while (g_hash_table_iter_next(&iter, &column, NULL))
        g_ptr_array_add(columns, column);
    g_ptr_array_sort(columns, by_table);
    for (guint i = 0; i < columns->len; i++) {
        const CatalogItem *item = g_ptr_array_index(columns, i);
        const CatalogItem *before = i > 0 ? g_ptr_array_index(columns, i - 1) : NULL;
        const CatalogItem *next = i + 1 < columns->len ? g_ptr_array_index(columns, i + 1) : NULL;
        g_autofree char *schema = pg_identifier(item->schema);
        g_autofree char *table = pg_identifier(item->table);
        g_autofree char *name = pg_identifier(item->name);
        if (before == NULL || !same_table(before, item))
            g_string_append_printf(text, "-- drydock: writes %s.%s(", schema, table);
        g_string_append_printf(text, "%s%s", name,
                               next != NULL && same_table(item, next) ? ", " : ")\n");
    }
}

static void append_left(GString *text, const Repair *repair)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < repair->differences->len; i++) {
        const Difference *difference = g_ptr_array_index(repair->differences, i);
        const CatalogItem *item = difference_item(difference);
        g_autofree char *place =
            g_strdup_printf("%s.%s%s%s %s: %s", item->schema, item->table, *item->table ? ": " : "",
                            item->kind, item->name, difference_what(difference));
        g_autofree char *printable = text_printable(place);
        if (!difference->covered && difference->remedy == REMEDY_NONE)
            g_string_append_printf(list, "--     %s\n", printable);
    }
    if (list->len > 0)
        g_string_append_printf(text, "\n-- Left as it is, for a person to look at:\n%s", list->str);
    if (repair->proposals->len > 0)
        g_string_append_printf(text,
                               "\n-- Not done, because it may lose something or needs a decision. "
                               "Take the dashes away from what is\n-- wanted, or put it into a "
                               "migration of its own:\n%s",
                               repair->proposals->str);
}

/* The statements of a part, in a block that does nothing where nothing is to be repaired. */
static void append_part(GString *text, RepairPart part, const char *statements)
{
    g_autofree char *tag = g_strdup("repair");
    while (strstr(statements, tag) != NULL) {
        char *longer = g_strconcat(tag, "_", NULL);
        g_free(tag);
        tag = longer;
    }
    g_string_append_printf(text, "\n-- %s\n", HEADINGS[part]);
    /* Saying a comment again changes nothing. */
    if (part == PART_COMMENTS) {
        g_string_append(text, statements);
        return;
    }
    g_string_append_printf(text,
                           "DO $%s$\n%sBEGIN\n"
                           "IF current_setting('drydock.repair') = 'needed' THEN\n\n"
                           "%s\nEND IF;\nEND\n$%s$;\n",
                           tag, part == PART_GUARDS ? "DECLARE\n    offending bigint;\n" : "",
                           statements, tag);
}

static char *up_text(const Repair *repair, const char *after)
{
    g_autoptr(GString) text = g_string_new(
        "-- Brings the schema that another tool left to the shape that the migrations before this "
        "one give.\n-- Written by drydock adopt from the two catalogs. Read it before it is run.\n"
        "--\n");
    g_string_append_printf(text, "-- drydock: requires %s\n-- drydock: risk critical\n", after);
    g_string_append(text, "-- drydock: phi yes\n-- drydock: irreversible it repairs what another "
                          "tool left, which nobody wants back\n");
    append_writes(text, repair);
    g_autofree char *question = repair_question_text(repair);
    g_string_append(text, question);
    for (int part = 0; part < PART_COUNT; part++) {
        if (repair->parts[part]->len > 0)
            append_part(text, (RepairPart)part, repair->parts[part]->str);
    }
    append_left(text, repair);
    return g_strdup(text->str);
}

static bool has_statements(const Repair *repair)
{
    for (int part = 0; part < PART_COUNT; part++)
        if (repair->parts[part]->len > 0)
            return true;
    return false;
}

void repair_write(const Catalog *live, const Catalog *expected, GPtrArray *differences,
                  const char *after, RepairText *out)
{
    g_autoptr(GHashTable) retyped = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) used = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) by_hand = g_hash_table_new(NULL, NULL);
    g_autoptr(GString) proposals = g_string_new(NULL);
    g_autoptr(GString) checks = g_string_new(NULL);
    g_autoptr(GString) states = g_string_new(NULL);
    Repair repair = {.live = live,
                     .expected = expected,
                     .differences = differences,
                     .proposals = proposals,
                     .checks = checks,
                     .states = states,
                     .retyped = retyped,
                     .used = used,
                     .by_hand = by_hand};
    for (int part = 0; part < PART_COUNT; part++)
        repair.parts[part] = g_string_new(NULL);
    run_steps(&repair);
    if (has_statements(&repair) || proposals->len > 0) {
        out->up = up_text(&repair, after);
        out->verify = repair_verify_text(&repair);
    }
    for (int part = 0; part < PART_COUNT; part++)
        g_string_free(repair.parts[part], TRUE);
}

void repair_text_clear(RepairText *text)
{
    g_free(text->up);
    g_free(text->verify);
}
