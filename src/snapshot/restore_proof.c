/* The proof: every table, sequence and large object of the new database is read, and compared with
 * what was read when the snapshot was taken. */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "snapshot/restore_state.h"

#define LINES_IN_ERROR 20
#define BEGIN_READING "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

/* All workers see one state. */
static bool share_snapshot(const Restore *restore, GError **error)
{
    PgConnection *first = g_ptr_array_index(restore->workers, 0);
    g_autofree char *id = NULL;
    g_autofree char *quoted = NULL;
    if (!pg_exec(first, BEGIN_READING, error))
        return false;
    id = pg_query_text(first, error, "SELECT pg_catalog.pg_export_snapshot()", 0);
    if (id == NULL)
        return false;
    quoted = pg_literal(id);
    for (guint i = 1; i < restore->workers->len; i++) {
        PgConnection *worker = g_ptr_array_index(restore->workers, i);
        if (!pg_exec(worker, BEGIN_READING, error) ||
            !pg_execf(worker, error, "SET TRANSACTION SNAPSHOT %s", quoted))
            return false;
    }
    return true;
}

static bool go_on(gpointer data, GError **error)
{
    const Restore *restore = data;
    if (restore->options->latest_us == 0 || clock_monotonic_us() < restore->options->latest_us)
        return true;
    error_set(error, ERROR_TIMEOUT, "the restore was stopped at its time limit");
    return false;
}

static DigestSet *read_digests(Restore *restore, GError **error)
{
    GPtrArray *workers = restore->workers;
    g_autoptr(DigestSet) set = NULL;
    for (guint i = 0; i < workers->len; i++) {
        PgConnection *worker = g_ptr_array_index(workers, i);
        if (!pg_reset_session(worker, "", error) || !digest_pin(worker, error))
            return NULL;
    }
    if (!share_snapshot(restore, error))
        return NULL;
    set = digest_list(g_ptr_array_index(workers, 0), error);
    if (set == NULL)
        return NULL;
    if (restore->manifest != NULL)
        digest_align(set, restore->manifest->digests);
    if (!digest_fill_while(set, (PgConnection *const *)workers->pdata, (int)workers->len, go_on,
                           restore, error))
        return NULL;
    for (guint i = 0; i < workers->len; i++) {
        if (!pg_exec(g_ptr_array_index(workers, i), "COMMIT", error))
            return NULL;
    }
    return g_steal_pointer(&set);
}

bool restore_take_digests(Restore *restore, GError **error)
{
    RestoreResult *result = restore->result;
    const int64_t began_us = clock_monotonic_us();
    failpoint("restore.before_digests");
    result->digests = read_digests(restore, error);
    if (result->digests == NULL) {
        g_prefix_error(error, "while reading the restored database: ");
        return false;
    }
    result->content_hash = digest_set_hash(result->digests);
    result->verify_us = clock_monotonic_us() - began_us;
    return true;
}

static void set_different(const GPtrArray *lines, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < lines->len && i < LINES_IN_ERROR; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "",
                               (const char *)g_ptr_array_index(lines, i));
    if (lines->len > LINES_IN_ERROR)
        g_string_append_printf(text, "; and %u more", lines->len - LINES_IN_ERROR);
    error_set(error, ERROR_INTEGRITY, "what was restored is not what the snapshot holds: %s",
              text->str);
}

bool restore_compare(Restore *restore, GError **error)
{
    g_autoptr(GPtrArray) lines = digest_compare_restored(
        restore->manifest->digests, restore->result->digests, restore->result->notes);
    if (lines->len > 0) {
        set_different(lines, error);
        return false;
    }
    restore->result->proven = true;
    return true;
}
