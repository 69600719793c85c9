#include "verify/digest_compare.h"

#include "base/text.h"
#include "verify/digest_read.h"
#include <string.h>

static const char *const kind_names[] = {
    [DIGEST_MISSING] = "missing", [DIGEST_EXTRA] = "extra",     [DIGEST_KIND] = "kind",
    [DIGEST_COLUMNS] = "columns", [DIGEST_ROWS] = "rows",       [DIGEST_CONTENT] = "content",
    [DIGEST_VALUE] = "value",     [DIGEST_OBJECTS] = "objects", [DIGEST_ACCESS] = "access",
};

typedef struct {
    const DigestSet *expected, *actual;
    bool restored;
    GPtrArray *differences;
    GPtrArray *spreads; /* Spread *, in the order of their partitions */
} Comparison;

/* A table among whose partitions the rows were divided anew: they are compared together. */
typedef struct {
    DigestTable *expected, *actual;
} Spread;

static void spread_free(Spread *spread)
{
    digest_table_free(spread->expected);
    digest_table_free(spread->actual);
    g_free(spread);
}

void digest_difference_free(DigestDifference *difference)
{
    if (difference == NULL)
        return;
    g_free(difference->schema);
    g_free(difference->name);
    g_free(difference->value_expected);
    g_free(difference->value_found);
    g_free(difference->line);
    g_free(difference);
}

/* "7", or "7 (not used yet)" */
static char *sequence_value(const DigestTable *table)
{
    const char *comma = table->value != NULL ? strchr(table->value, ',') : NULL;
    if (comma == NULL)
        return g_strdup(table->value);
    return g_strdup_printf("%.*s%s", (int)(comma - table->value), table->value,
                           strcmp(comma, ",f") == 0 ? " (not used yet)" : "");
}

static void add_table(Comparison *comparison, DigestDifferenceKind kind,
                      const DigestTable *expected, const DigestTable *actual, const char *format,
                      ...) G_GNUC_PRINTF(5, 6);

/* The format says what is the matter with the table, which is named before it. Either table may be
 * NULL. */
static void add_table(Comparison *comparison, DigestDifferenceKind kind,
                      const DigestTable *expected, const DigestTable *actual, const char *format,
                      ...)
{
    const DigestTable *table = expected != NULL ? expected : actual;
    DigestDifference *difference = g_new0(DigestDifference, 1);
    g_autofree char *name = digest_describe(table);
    g_autofree char *what = NULL;
    va_list arguments;
    va_start(arguments, format);
    what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    difference->kind = kind;
    difference->is_note = comparison->restored && table->kind == 'm' && expected != NULL &&
                          actual != NULL && (kind == DIGEST_ROWS || kind == DIGEST_CONTENT);
    difference->relkind = table->kind;
    difference->schema = g_strdup(table->schema);
    difference->name = g_strdup(table->name);
    difference->rows_expected =
        expected != NULL && expected->kind != 'S' ? expected->digest.rows : -1;
    difference->rows_found = actual != NULL && actual->kind != 'S' ? actual->digest.rows : -1;
    if (expected != NULL && expected->kind == 'S')
        difference->value_expected = sequence_value(expected);
    if (actual != NULL && actual->kind == 'S')
        difference->value_found = sequence_value(actual);
    difference->line = g_strconcat(name, what, NULL);
    g_ptr_array_add(comparison->differences, difference);
}

static void add_objects(Comparison *comparison, DigestDifferenceKind kind, char *line)
{
    DigestDifference *difference = g_new0(DigestDifference, 1);
    difference->kind = kind;
    difference->relkind = 'L';
    difference->rows_expected = comparison->expected->large_objects.rows;
    difference->rows_found = comparison->actual->large_objects.rows;
    difference->line = line;
    g_ptr_array_add(comparison->differences, difference);
}

static void compare_rows(Comparison *comparison, const DigestTable *expected,
                         const DigestTable *actual)
{
    const RowDigest was = expected->digest, is = actual->digest;
    if (was.rows != is.rows)
        add_table(comparison, DIGEST_ROWS, expected, actual,
                  ": %" G_GINT64_FORMAT " rows expected, %" G_GINT64_FORMAT " found", was.rows,
                  is.rows);
    else if (!digest_equal(was, is))
        add_table(comparison, DIGEST_CONTENT, expected, actual,
                  ": %" G_GINT64_FORMAT " rows as expected, but their content differs", is.rows);
}

static bool same_spread(const DigestTable *a, const DigestTable *b)
{
    return a->spread_name != NULL && g_strcmp0(a->spread_name, b->spread_name) == 0 &&
           g_strcmp0(a->spread_schema, b->spread_schema) == 0;
}

static DigestTable *spread_table(const DigestTable *partition)
{
    DigestTable *table = digest_table_new();
    table->kind = partition->kind;
    table->schema = g_strdup(partition->spread_schema);
    table->name = g_strdup(partition->spread_name);
    return table;
}

static void add_spread(Comparison *comparison, const DigestTable *expected,
                       const DigestTable *actual)
{
    Spread *spread = NULL;
    for (guint i = 0; spread == NULL && i < comparison->spreads->len; i++) {
        Spread *known = g_ptr_array_index(comparison->spreads, i);
        if (strcmp(known->expected->name, expected->spread_name) == 0 &&
            strcmp(known->expected->schema, expected->spread_schema) == 0)
            spread = known;
    }
    if (spread == NULL) {
        spread = g_new0(Spread, 1);
        spread->expected = spread_table(expected);
        spread->actual = spread_table(actual);
        g_ptr_array_add(comparison->spreads, spread);
    }
    digest_add(&spread->expected->digest, expected->digest);
    digest_add(&spread->actual->digest, actual->digest);
}

static void compare_sequences(Comparison *comparison, const DigestTable *expected,
                              const DigestTable *actual)
{
    g_autofree char *was = sequence_value(expected);
    g_autofree char *is = sequence_value(actual);
    if (g_strcmp0(expected->value, actual->value) != 0)
        add_table(comparison, DIGEST_VALUE, expected, actual, ": value %s expected, %s found", was,
                  is);
}

static void compare_tables(Comparison *comparison, const DigestTable *expected,
                           const DigestTable *actual)
{
    if (expected->kind != actual->kind) {
        g_autofree char *found = digest_describe(actual);
        add_table(comparison, DIGEST_KIND, expected, actual, " expected, %s found", found);
    } else if (expected->kind == 'S') {
        compare_sequences(comparison, expected, actual);
    } else if (!digest_same_columns(expected, actual)) {
        add_table(comparison, DIGEST_COLUMNS, expected, actual, ": its columns differ");
    } else if (expected->format != actual->format) {
        add_table(comparison, DIGEST_COLUMNS, expected, actual,
                  ": its columns have other types (digests of %s rows expected, of %s rows found)",
                  copy_format_name(expected->format), copy_format_name(actual->format));
    } else if (comparison->restored && same_spread(expected, actual)) {
        add_spread(comparison, expected, actual);
    } else {
        compare_rows(comparison, expected, actual);
    }
}

static void compare_objects(Comparison *comparison)
{
    const RowDigest was = comparison->expected->large_objects;
    const RowDigest is = comparison->actual->large_objects;
    if (was.rows != is.rows)
        add_objects(comparison, DIGEST_OBJECTS,
                    g_strdup_printf("large objects: %" G_GINT64_FORMAT
                                    " expected, %" G_GINT64_FORMAT " found",
                                    was.rows, is.rows));
    else if (!digest_equal(was, is))
        add_objects(comparison, DIGEST_OBJECTS,
                    g_strdup_printf("large objects: %" G_GINT64_FORMAT
                                    " as expected, but their content differs",
                                    is.rows));
    if (was.rows == is.rows && !digest_equal(comparison->expected->large_object_access,
                                             comparison->actual->large_object_access))
        add_objects(comparison, DIGEST_ACCESS,
                    g_strdup("large objects: their owners or access rights differ"));
}

/* An extension fills its own tables, as its version does it; no archive holds them. */
static bool is_left_out(const Comparison *comparison, const DigestTable *table)
{
    return comparison->restored && !table->archived && table->kind != 'm';
}

static void compare_all(Comparison *comparison)
{
    for (guint i = 0; i < comparison->expected->tables->len; i++) {
        const DigestTable *table = g_ptr_array_index(comparison->expected->tables, i);
        const DigestTable *other = digest_find_name(comparison->actual, table->schema, table->name);
        if (is_left_out(comparison, table))
            continue;
        if (other == NULL)
            add_table(comparison, DIGEST_MISSING, table, NULL, " is missing");
        else
            compare_tables(comparison, table, other);
    }
    for (guint i = 0; i < comparison->actual->tables->len; i++) {
        const DigestTable *table = g_ptr_array_index(comparison->actual->tables, i);
        if (!is_left_out(comparison, table) &&
            digest_find_name(comparison->expected, table->schema, table->name) == NULL)
            add_table(comparison, DIGEST_EXTRA, NULL, table, " was not expected");
    }
    for (guint i = 0; i < comparison->spreads->len; i++) {
        const Spread *spread = g_ptr_array_index(comparison->spreads, i);
        compare_rows(comparison, spread->expected, spread->actual);
    }
    compare_objects(comparison);
}

GPtrArray *digest_differences(const DigestSet *expected, const DigestSet *actual, bool restored)
{
    g_autoptr(GPtrArray) spreads = g_ptr_array_new_with_free_func((GDestroyNotify)spread_free);
    Comparison comparison = {
        .expected = expected,
        .actual = actual,
        .restored = restored,
        .spreads = spreads,
        .differences = g_ptr_array_new_with_free_func((GDestroyNotify)digest_difference_free)};
    compare_all(&comparison);
    return comparison.differences;
}

static GPtrArray *take_lines(const DigestSet *expected, const DigestSet *actual, bool restored,
                             GPtrArray *notes)
{
    g_autoptr(GPtrArray) differences = digest_differences(expected, actual, restored);
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < differences->len; i++) {
        DigestDifference *difference = g_ptr_array_index(differences, i);
        if (!difference->is_note)
            g_ptr_array_add(lines, g_steal_pointer(&difference->line));
        else if (notes != NULL)
            g_ptr_array_add(notes, g_steal_pointer(&difference->line));
    }
    return lines;
}

GPtrArray *digest_compare(const DigestSet *expected, const DigestSet *actual)
{
    return take_lines(expected, actual, false, NULL);
}

GPtrArray *digest_compare_restored(const DigestSet *expected, const DigestSet *actual,
                                   GPtrArray *notes)
{
    return take_lines(expected, actual, true, notes);
}

static const char *object_name(char relkind)
{
    switch (relkind) {
    case 'S':
        return "sequence";
    case 'm':
        return "materialized view";
    case 'L':
        return "large objects";
    default:
        return "table";
    }
}

json_t *digest_difference_to_json(const DigestDifference *difference)
{
    json_t *object = json_object();
    json_set_text(object, "difference", kind_names[difference->kind]);
    json_set_text(object, "object", object_name(difference->relkind));
    if (difference->name != NULL) {
        json_set_text(object, "schema", difference->schema);
        json_set_text(object, "name", difference->name);
    }
    if (difference->rows_expected >= 0)
        json_set_integer(object, "rows_expected", difference->rows_expected);
    if (difference->rows_found >= 0)
        json_set_integer(object, "rows_found", difference->rows_found);
    if (difference->value_expected != NULL)
        json_set_text(object, "value_expected", difference->value_expected);
    if (difference->value_found != NULL)
        json_set_text(object, "value_found", difference->value_found);
    json_set_text(object, "text", difference->line);
    return object;
}
