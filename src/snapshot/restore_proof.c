/* The proof: every table, sequence and large object of the new database is read, and compared with
 * what was read when the snapshot was taken. */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "snapshot/restore_state.h"

#define LINES_IN_ERROR 20
#define READ_ONLY "SET default_transaction_read_only = on"

static bool go_on(gpointer data, GError **error)
{
    const Restore *restore = data;
    if (restore->options->latest_us == 0 || clock_monotonic_us() < restore->options->latest_us)
        return true;
    error_set(error, ERROR_TIMEOUT, "the restore was stopped at its time limit");
    return false;
}

/* Each table is read in a transaction of its own: nobody else is in the database, so that all see
 * one state without sharing a snapshot, and the locks of many thousand tables in one transaction
 * would be more than a server has room for. */
static DigestSet *read_digests(Restore *restore, GError **error)
{
    GPtrArray *workers = restore->workers;
    g_autoptr(DigestSet) set = NULL;
    for (guint i = 0; i < workers->len; i++) {
        PgConnection *worker = g_ptr_array_index(workers, i);
        if (!pg_reset_session(worker, "", error) || !digest_pin(worker, error) ||
            !pg_exec(worker, READ_ONLY, error))
            return NULL;
    }
    set = digest_list(g_ptr_array_index(workers, 0), error);
    if (set == NULL)
        return NULL;
    if (restore->manifest != NULL)
        digest_align(set, restore->manifest->digests);
    if (!digest_fill_while(set, (PgConnection *const *)workers->pdata, (int)workers->len, go_on,
                           restore, error))
        return NULL;
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
