/* Running the SQL of entries: many in a message, because every message has its price, and few
 * enough that the locks of one transaction stay within what any server allows. */
#include "base/error.h"
#include "base/text.h"
#include "snapshot/restore_state.h"
#include <string.h>

#define STATEMENTS_AT_ONCE 100
#define BYTES_AT_ONCE ((gsize)256 * 1024)
#define DEADLOCK_ATTEMPTS 3

/* Names are bytes in the archive's encoding. */
char *restore_describe(const TocEntry *entry)
{
    g_autofree char *raw = entry->schema != NULL && entry->schema[0] != '\0'
                               ? g_strdup_printf("%s %s.%s", entry->desc, entry->schema, entry->tag)
                               : g_strdup_printf("%s %s", entry->desc, entry->tag);
    g_autofree char *valid = g_utf8_make_valid(raw, -1);
    return text_printable(valid);
}

static void append_settings(GString *sql, const EntrySql *entry, const EntrySql *before)
{
    for (int i = 0; i < ENTRY_SETTINGS; i++) {
        if (entry->settings[i] != NULL &&
            (before == NULL || g_strcmp0(entry->settings[i], before->settings[i]) != 0))
            g_string_append_printf(sql, "%s\n", entry->settings[i]);
    }
}

static void append_entry(GString *sql, const EntrySql *entry, const EntrySql *before)
{
    append_settings(sql, entry, before);
    g_string_append(sql, entry->sql);
}

/* Another session's lock and ours may be taken in different orders by what a statement does
 * besides: whoever is chosen as the victim just tries again. */
static bool run_message(PgConnection *connection, const char *sql, GError **error)
{
    for (int attempt = 1;; attempt++) {
        g_autoptr(GError) cause = NULL;
        if (pg_exec(connection, sql, &cause))
            return true;
        if (g_strcmp0(error_sqlstate(cause), "40P01") != 0 || attempt == DEADLOCK_ATTEMPTS) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }
}

static bool run_one(const Restore *restore, PgConnection *connection, const TocEntry *entry,
                    GError **error)
{
    const EntrySql *part = entry_script_find(restore->script, entry->id);
    g_autoptr(GString) sql = g_string_new(NULL);
    g_autofree char *what = NULL;
    if (part == NULL || part->statements == 0)
        return true;
    append_entry(sql, part, NULL);
    if (run_message(connection, sql->str, error))
        return true;
    what = restore_describe(entry);
    g_prefix_error(error, "while restoring %s: ", what);
    return false;
}

bool restore_build_index(const Restore *restore, PgConnection *connection, const TocEntry *entry,
                         GError **error)
{
    const EntrySql *part = entry_script_find(restore->script, entry->id);
    g_autoptr(GString) sql = g_string_new(NULL);
    g_autofree char *what = NULL;
    append_settings(sql, part, NULL);
    g_string_append(sql, part->index_sql);
    if (run_message(connection, sql->str, error))
        return true;
    what = restore_describe(entry);
    g_prefix_error(error, "while restoring %s: ", what);
    return false;
}

/* The transaction of a message that failed is undone as a whole: one by one, the entry that is to
 * blame shows. What failed for the size of the message does not fail then. */
static bool run_group(const Restore *restore, PgConnection *connection, const GPtrArray *entries,
                      guint from, guint to, const char *sql, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (to - from > 1) {
        if (sql[0] == '\0' || run_message(connection, sql, &cause))
            return true;
        if (!error_is(cause, ERROR_QUERY) || !pg_is_alive(connection)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
    }
    for (guint i = from; i < to; i++) {
        if (!run_one(restore, connection, g_ptr_array_index(entries, i), error))
            return false;
    }
    return true;
}

bool restore_run_entries(const Restore *restore, PgConnection *connection, const GPtrArray *entries,
                         GError **error)
{
    for (guint from = 0, to = 0; from < entries->len; from = to) {
        g_autoptr(GString) sql = g_string_new(NULL);
        const EntrySql *before = NULL;
        int statements = 0;
        if (atomic_load(&restore->stop)) {
            error_set(error, ERROR_FAILED, "given up because other work failed");
            return false;
        }
        for (to = from; to < entries->len; to++) {
            const TocEntry *entry = g_ptr_array_index(entries, to);
            const EntrySql *part = entry_script_find(restore->script, entry->id);
            if (part == NULL || part->statements == 0)
                continue;
            if (statements > 0 && (statements + part->statements > STATEMENTS_AT_ONCE ||
                                   sql->len + strlen(part->sql) > BYTES_AT_ONCE))
                break;
            append_entry(sql, part, before);
            statements += part->statements;
            before = part;
        }
        if (!run_group(restore, connection, entries, from, to, sql->str, error))
            return false;
    }
    return true;
}

static bool analyze(PgConnection *connection, const GPtrArray *entries, guint from, guint to,
                    GError **error)
{
    g_autoptr(GString) sql = g_string_new("ANALYZE ");
    for (guint i = from; i < to; i++) {
        const TocEntry *entry = g_ptr_array_index(entries, i);
        g_autofree char *name = pg_qualified(entry->schema, entry->tag);
        g_string_append_printf(sql, "%s%s", i > from ? ", " : "", name);
    }
    return pg_exec(connection, sql->str, error);
}

static void note_no_statistics(Restore *restore, const TocEntry *entry, const GError *cause)
{
    g_autofree char *what = restore_describe(entry);
    g_mutex_lock(&restore->notes_lock);
    g_ptr_array_add(restore->result->notes,
                    g_strdup_printf("%s has no statistics: %s", what, cause->message));
    g_mutex_unlock(&restore->notes_lock);
}

/* There are tables whose values cannot be ordered, so that ANALYZE always fails: statistics are no
 * content. */
bool restore_run_analyze(Restore *restore, PgConnection *connection, const GPtrArray *entries,
                         GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (entries->len == 0 || analyze(connection, entries, 0, entries->len, &cause))
        return true;
    for (guint i = 0; i < entries->len && (cause == NULL || error_is(cause, ERROR_QUERY)); i++) {
        g_clear_error(&cause);
        if (!analyze(connection, entries, i, i + 1, &cause) && error_is(cause, ERROR_QUERY))
            note_no_statistics(restore, g_ptr_array_index(entries, i), cause);
    }
    if (cause == NULL || error_is(cause, ERROR_QUERY))
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "while gathering statistics: ");
    return false;
}
