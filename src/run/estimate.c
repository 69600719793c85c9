#include "run/estimate.h"

#include "migration/lexer.h"
#include "pg/sql.h"
#include "run/past.h"
#include "run/publish.h"
#include <string.h>

#define MOST_REPORTS 50
#define CLONE_BYTES_PER_SECOND 150000000
#define READ_BYTES_PER_SECOND 50000000    /* a snapshot, a copy in a store, a statement, a proof */
#define RESTORE_BYTES_PER_SECOND 20000000 /* with its indexes */
#define RESTORE_TO_SNAPSHOT 4             /* restoring takes so many times as long as reading */
#define BY_SIZE "size"

static int64_t by_size_us(int64_t size_bytes, int64_t bytes_per_second)
{
    return (int64_t)((double)size_bytes / (double)bytes_per_second * G_USEC_PER_SEC);
}

static void put(json_t *object, const char *step, int64_t duration_us, const char *source)
{
    json_object_set_new(
        object, step,
        json_pack("{s:I, s:s}", "ms", (json_int_t)(duration_us / 1000), "source", source));
}

/* What a report measured, for the size of today. Fixed costs do not shrink. */
static void put_measured(const Run *run, json_t *object, const char *step, const json_t *report,
                         int64_t duration_ms)
{
    const int64_t size_then = json_get_integer(report, "size_bytes", 0);
    const double growth = size_then > 0 ? (double)run->size_bytes / (double)size_then : 1.0;
    g_autofree char *source =
        g_strdup_printf("%s %s", json_get_text(report, "command"), json_get_text(report, "run"));
    put(object, step, (int64_t)((double)duration_ms * 1000 * MAX(growth, 1.0)), source);
}

static const json_t *find_by(const json_t *list, const char *key, const char *value)
{
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        if (g_strcmp0(json_get_text(item, key), value) == 0)
            return item;
    }
    return NULL;
}

/* A phase that was done in an earlier run, the newest that has it. */
static bool put_phase(const Run *run, const json_t *reports, const char *step, const char *phase)
{
    size_t i = 0;
    const json_t *report = NULL;
    json_array_foreach(reports, i, report)
    {
        const json_t *found = find_by(json_object_get(report, "phases"), "phase", phase);
        if (g_strcmp0(json_get_text(found, "result"), "done") != 0)
            continue;
        /* What it waited for another lane is none of its own time. */
        put_measured(run, run->estimates, step, report,
                     json_get_integer(found, "duration_ms", 0) -
                         json_get_integer(found, "waited_ms", 0));
        return true;
    }
    return false;
}

/* A migration that was applied with the same text. */
static bool put_migration(const Run *run, const json_t *reports, json_t *each,
                          const Migration *migration)
{
    size_t i = 0;
    const json_t *report = NULL;
    json_array_foreach(reports, i, report)
    {
        const json_t *pending = find_by(json_object_get(report, "pending"), "id", migration->id);
        const json_t *applied = find_by(json_object_get(report, "migrations"), "id", migration->id);
        if (applied == NULL ||
            g_strcmp0(json_get_text(pending, "sha256"), migration->up.sha256.hex) != 0)
            continue;
        put_measured(run, each, migration->id, report, json_get_integer(applied, "duration_ms", 0));
        return true;
    }
    return false;
}

/* Sizes by the tables' names, in whatever schema they are. */
static GHashTable *read_tables(PgConnection *inside, GError **error)
{
    g_autoptr(PgResult) rows = pg_query(inside, error, pg_sql_estimate_tables, 0);
    GHashTable *sizes = NULL;
    if (rows == NULL)
        return NULL;
    sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int row = 0; row < pg_rows(rows); row++) {
        const int64_t *other = g_hash_table_lookup(sizes, pg_value(rows, row, 0));
        int64_t *size = g_new(int64_t, 1);
        *size = pg_integer(rows, row, 1) + (other != NULL ? *other : 0);
        g_hash_table_replace(sizes, g_strdup(pg_value(rows, row, 0)), size);
    }
    return sizes;
}

/* Adds up the tables that the text names, each once; those that it is the first to name go into
 * named. */
static int64_t named_bytes(Lexer lexer, GHashTable *sizes, GHashTable *seen, GHashTable *named)
{
    int64_t bytes = 0;
    for (Token token = lexer_next(&lexer); token.kind != TOKEN_END && !token.open;
         token = lexer_next(&lexer)) {
        g_autofree char *name = token_name(&token);
        const int64_t *size = name != NULL ? g_hash_table_lookup(sizes, name) : NULL;
        if (token.kind == TOKEN_DOLLAR)
            bytes += named_bytes(token_dollar_body(&token), sizes, seen, named);
        if (size == NULL || g_hash_table_contains(seen, name))
            continue;
        bytes += *size;
        g_hash_table_add(seen, g_strdup(name));
        g_hash_table_add(named, g_steal_pointer(&name));
    }
    return bytes;
}

/* Each statement may read or write again all of what it names. */
static int64_t touched_bytes(const Migration *migration, GHashTable *sizes, GHashTable *named)
{
    int64_t bytes = 0;
    for (guint i = 0; i < migration->up.statements->len; i++) {
        const SqlStatement *statement = g_ptr_array_index(migration->up.statements, i);
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        bytes += named_bytes(lexer_on(statement->text, statement->size_bytes), sizes, seen, named);
    }
    return bytes;
}

static int64_t sum_bytes(GHashTable *named, GHashTable *sizes)
{
    GHashTableIter iter;
    gpointer name = NULL;
    int64_t bytes = 0;
    g_hash_table_iter_init(&iter, named);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        bytes += *(const int64_t *)g_hash_table_lookup(sizes, name);
    return bytes;
}

static void fill_migrations(const Run *run, const json_t *reports, GHashTable *sizes,
                            GHashTable *named)
{
    json_t *each = json_object();
    const char *source = NULL;
    int64_t sum_us = 0;
    json_object_set_new(run->estimates, "each", each);
    for (guint i = 0; i < run->pending->len; i++) {
        const Migration *migration = g_ptr_array_index(run->pending, i);
        const int64_t bytes = touched_bytes(migration, sizes, named);
        if (!put_migration(run, reports, each, migration))
            put(each, migration->id, by_size_us(bytes, READ_BYTES_PER_SECOND), BY_SIZE);
        sum_us += estimate_migration_us(run, migration->id);
        /* As good as the worst of them. */
        if (source == NULL || strcmp(source, BY_SIZE) != 0)
            source = json_get_text(json_object_get(each, migration->id), "source");
    }
    put(run->estimates, "migrations", sum_us, source != NULL ? source : BY_SIZE);
}

static void fill_steps(const Run *run, const json_t *reports, int64_t touched)
{
    const int64_t size = run->size_bytes;
    const int64_t verified = run->policy->verify_all ? 2 * size : 2 * touched;
    guint stores = g_strv_length(run->policy->publish_to);
    json_t *all = run->estimates;
    if (!run->alone && run->kind != RUN_ONLINE && !put_phase(run, reports, "clone", "clone"))
        put(all, "clone", G_USEC_PER_SEC + by_size_us(size, CLONE_BYTES_PER_SECOND), BY_SIZE);
    if (!put_phase(run, reports, "snapshot", "snapshot"))
        put(all, "snapshot", G_USEC_PER_SEC + by_size_us(size, READ_BYTES_PER_SECOND), BY_SIZE);
    if (stores == 0 || !put_phase(run, reports, "publish", "publish"))
        put(all, "publish", stores * by_size_us(size, READ_BYTES_PER_SECOND), BY_SIZE);
    if (!put_phase(run, reports, "verify", "verify"))
        put(all, "verify", G_USEC_PER_SEC + by_size_us(verified, READ_BYTES_PER_SECOND), BY_SIZE);
    if (!put_phase(run, reports, "restore", "import"))
        put(all, "restore", G_USEC_PER_SEC + by_size_us(size, RESTORE_BYTES_PER_SECOND), BY_SIZE);
}

bool estimate_fill(Run *run, PgConnection *inside, GError **error)
{
    g_autoptr(json_t) reports =
        past_reports(run->options->state_folder, run->database, MOST_REPORTS);
    g_autoptr(GHashTable) sizes = read_tables(inside, error);
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (sizes == NULL)
        return false;
    json_decref(run->estimates);
    run->estimates = json_object();
    fill_migrations(run, reports, sizes, named);
    fill_steps(run, reports, sum_bytes(named, sizes));
    json_object_set(run->report, "estimates", run->estimates);
    return true;
}

void estimate_import(Run *run)
{
    g_autoptr(json_t) reports =
        past_reports(run->options->state_folder, run->database, MOST_REPORTS);
    json_decref(run->estimates);
    run->estimates = json_object();
    if (!put_phase(run, reports, "restore", "import"))
        put(run->estimates, "restore",
            G_USEC_PER_SEC + by_size_us((int64_t)run->from->size_bytes, RESTORE_BYTES_PER_SECOND),
            BY_SIZE);
}

static int64_t get_us(const json_t *object, const char *step)
{
    return json_get_integer(json_object_get(object, step), "ms", 0) * 1000;
}

int64_t estimate_us(const Run *run, const char *step)
{
    return get_us(run->estimates, step);
}

int64_t estimate_migration_us(const Run *run, const char *id)
{
    return get_us(json_object_get(run->estimates, "each"), id);
}

int64_t estimate_whole_us(const Run *run)
{
    const int64_t migrations_us = estimate_us(run, "migrations");
    int64_t backup_us = estimate_us(run, "snapshot");
    if (publish_before(run) != PUBLISH_BEFORE_NOTHING)
        backup_us += estimate_us(run, "publish");
    return estimate_us(run, "clone") + estimate_us(run, "verify") +
           (publish_before(run) == PUBLISH_BEFORE_MIGRATE ? backup_us + migrations_us
                                                          : MAX(backup_us, migrations_us));
}

void estimate_snapshot_took(Run *run, int64_t duration_us)
{
    const json_t *restore = json_object_get(run->estimates, "restore");
    if (g_strcmp0(json_get_text(restore, "source"), BY_SIZE) == 0)
        put(run->estimates, "restore", RESTORE_TO_SNAPSHOT * duration_us,
            "this run's own snapshot");
}
