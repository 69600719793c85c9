#include "snapshot/reader.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/text.h"
#include "pg/locks.h"
#include "pg/sql.h"
#include "verify/health.h"
#include <string.h>

#define ATTEMPTS 5
#define SIGN_OF_LIFE_US (5 * G_USEC_PER_SEC)
#define BEGIN_READING "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

static PgConnection *connect_reader(const PgTarget *target, const SnapshotOptions *options,
                                    GError **error)
{
    const PgConnectOptions connect = {
        .database = options->database, .application = options->application, .read_only = true};
    g_autoptr(PgConnection) connection = pg_connect(target, &connect, error);
    g_autoptr(PgResult) pinned = NULL;
    if (connection == NULL || !digest_pin(connection, error))
        return NULL;
    pinned = pg_query(connection, error, pg_sql_snapshot_pin, 0);
    if (pinned == NULL)
        return NULL;
    pg_set_deadline(connection, options->latest_us, NULL);
    return g_steal_pointer(&connection);
}

static bool lock_tables(PgConnection *connection, const PgResult *tables, GError **error)
{
    g_autoptr(GString) sql = g_string_new("LOCK TABLE ");
    if (pg_rows(tables) == 0)
        return true;
    for (int row = 0; row < pg_rows(tables); row++) {
        g_autofree char *name = pg_qualified(pg_value(tables, row, 1), pg_value(tables, row, 2));
        g_string_append_printf(sql, "%sONLY %s", row > 0 ? ", " : "", name);
    }
    g_string_append(sql, " IN ACCESS SHARE MODE NOWAIT");
    return pg_exec(connection, sql->str, error);
}

/* Whether every table of the second list is in the first; both are ordered by OID. */
static bool covers(const PgResult *locked, const PgResult *needed)
{
    int at = 0;
    for (int row = 0; row < pg_rows(needed); row++) {
        const int64_t oid = pg_integer(needed, row, 0);
        while (at < pg_rows(locked) && pg_integer(locked, at, 0) < oid)
            at++;
        if (at == pg_rows(locked) || pg_integer(locked, at, 0) != oid)
            return false;
    }
    return true;
}

/* A table or schema that was listed was dropped before it could be locked. */
static bool was_dropped(const GError *error)
{
    const char *sqlstate = error_sqlstate(error);
    return g_strcmp0(sqlstate, "42P01") == 0 || g_strcmp0(sqlstate, "3F000") == 0;
}

/* What came of one try to lock and export. */
typedef enum { EXPORT_DONE, EXPORT_CHANGED, EXPORT_LOCKED_OUT, EXPORT_FAILED } ExportOutcome;

/*
 * Takes the snapshot behind the locks: TRUNCATE and rewriting forms of ALTER TABLE are not seen
 * through snapshots (the table would look empty), so that a lock taken afterwards comes too late.
 * LOCK as the first statement of a transaction takes no snapshot.
 */
static ExportOutcome try_export(Reader *reader, GError **error)
{
    PgConnection *connection = reader->exporter;
    g_autoptr(PgResult) tables = pg_query(connection, error, pg_sql_snapshot_tables, 0);
    g_autoptr(PgResult) seen = NULL;
    g_autoptr(GError) cause = NULL;
    if (tables == NULL || !pg_exec(connection, BEGIN_READING, error))
        return EXPORT_FAILED;
    if (!lock_tables(connection, tables, &cause)) {
        if (was_dropped(cause))
            return EXPORT_CHANGED;
        if (error_is(cause, ERROR_LOCK_TIMEOUT))
            return EXPORT_LOCKED_OUT;
        g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                   "while locking the tables for reading: ");
        return EXPORT_FAILED;
    }
    failpoint("snapshot.locked");
    g_free(reader->snapshot_id);
    reader->snapshot_id = pg_query_text(connection, error, "SELECT pg_export_snapshot()", 0);
    if (reader->snapshot_id == NULL)
        return EXPORT_FAILED;
    seen = pg_query(connection, error, pg_sql_snapshot_tables, 0);
    if (seen == NULL)
        return EXPORT_FAILED;
    return covers(tables, seen) ? EXPORT_DONE : EXPORT_CHANGED;
}

static bool export_snapshot(Reader *reader, GError **error)
{
    const int64_t latest_us = locks_latest_us();
    for (int changed = 0; changed < ATTEMPTS;) {
        const ExportOutcome outcome = try_export(reader, error);
        if (outcome == EXPORT_DONE)
            return true;
        if (outcome == EXPORT_FAILED || !pg_exec(reader->exporter, "ROLLBACK", error))
            return false;
        if (outcome == EXPORT_CHANGED) {
            changed++;
        } else if (clock_monotonic_us() >= latest_us) {
            locks_set_error(reader->exporter, 0, "the tables cannot be locked for reading", error);
            return false;
        } else if (!locks_pause(error)) {
            return false;
        }
    }
    error_set(error, ERROR_FAILED,
              "tables were created or dropped each time that a snapshot was to be taken");
    error_hint_set(error, "try again when nobody changes the schema");
    return false;
}

static bool add_worker(Reader *reader, const PgTarget *target, const SnapshotOptions *options,
                       GError **error)
{
    g_autoptr(PgConnection) worker = connect_reader(target, options, error);
    g_autofree char *id = pg_literal(reader->snapshot_id);
    if (worker == NULL || !pg_exec(worker, BEGIN_READING, error) ||
        !pg_execf(worker, error, "SET TRANSACTION SNAPSHOT %s", id))
        return false;
    g_ptr_array_add(reader->workers, g_steal_pointer(&worker));
    return true;
}

/* Sizes are asked for under a lock, also of what was not locked before: materialized views. */
static bool list_content(Reader *reader, GError **error)
{
    g_autoptr(GError) cause = NULL;
    reader->list = digest_list(reader->exporter, &cause);
    if (reader->list != NULL)
        return true;
    if (error_is(cause, ERROR_LOCK_TIMEOUT) && pg_exec(reader->exporter, "ROLLBACK", NULL))
        locks_set_error(reader->exporter, 0, "what is in the database cannot be listed", error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

Reader *reader_open(const PgTarget *target, const SnapshotOptions *options, GError **error)
{
    g_autoptr(Reader) reader = g_new0(Reader, 1);
    reader->workers = g_ptr_array_new_with_free_func((GDestroyNotify)pg_disconnect);
    reader->exporter = connect_reader(target, options, error);
    if (reader->exporter == NULL || !export_snapshot(reader, error))
        return NULL;
    for (int i = 0; i < options->jobs; i++) {
        if (!add_worker(reader, target, options, error)) {
            g_prefix_error(error, "while opening worker %d of %d: ", i + 1, options->jobs);
            return NULL;
        }
    }
    failpoint("snapshot.exported");
    reader->seen_us = clock_monotonic_us();
    return list_content(reader, error) ? g_steal_pointer(&reader) : NULL;
}

/* What must not be valid after a restore either. */
static json_t *list_not_valid(Reader *reader, GError **error)
{
    g_autoptr(GPtrArray) names = health_not_valid(reader->exporter, error);
    json_t *list = names != NULL ? json_array() : NULL;
    for (guint i = 0; list != NULL && i < names->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(names, i)));
    return list;
}

json_t *reader_facts(Reader *reader, GError **error)
{
    PgConnection *connection = reader->exporter;
    g_autofree char *text = pg_query_text(connection, error, pg_sql_snapshot_facts, 0);
    g_autofree char *identifier = NULL;
    json_t *not_valid = text != NULL ? list_not_valid(reader, error) : NULL;
    json_t *facts = NULL;
    if (not_valid == NULL)
        return NULL;
    facts = json_parse(text, strlen(text), "what the server says about itself", error);
    if (facts == NULL) {
        json_decref(not_valid);
        return NULL;
    }
    json_object_set_new(facts, "not_valid", not_valid);
    if (json_get_flag(facts, "may_read_identifier", false)) {
        identifier = pg_query_text(connection, error, pg_sql_snapshot_identifier, 0);
        if (identifier == NULL) {
            json_decref(facts);
            return NULL;
        }
    }
    json_object_del(facts, "may_read_identifier");
    json_set_text(facts, "system_identifier", identifier);
    json_set_integer(facts, "server_version_num", pg_server_version(connection));
    return facts;
}

/* The list of sessions is remembered until the end of a transaction, unless it is forgotten. */
static PgResult *list_sessions(Reader *reader, const char *except, GError **error)
{
    if (!pg_exec(reader->exporter, "SELECT pg_stat_clear_snapshot()", error))
        return NULL;
    return pg_query(reader->exporter, error, pg_sql_snapshot_sessions, 1, except);
}

char *reader_known_sessions(Reader *reader, GError **error)
{
    g_autoptr(PgResult) sessions = list_sessions(reader, "{}", error);
    GString *known = NULL;
    if (sessions == NULL)
        return NULL;
    known = g_string_new("{");
    for (int row = 0; row < pg_rows(sessions); row++)
        g_string_append_printf(known, "%s%s", row > 0 ? "," : "", pg_value(sessions, row, 0));
    g_string_append_c(known, '}');
    return g_string_free(known, FALSE);
}

bool reader_count_others(Reader *reader, const char *known, int *count, GError **error)
{
    g_autoptr(PgResult) sessions = list_sessions(reader, known, error);
    if (sessions == NULL)
        return false;
    *count = pg_rows(sessions);
    return true;
}

bool reader_sign_of_life(Reader *reader, GError **error)
{
    const int64_t now_us = clock_monotonic_us();
    if (now_us - reader->seen_us < SIGN_OF_LIFE_US)
        return true;
    reader->seen_us = now_us;
    if (pg_exec(reader->exporter, "SELECT 1", error))
        return true;
    g_prefix_error(error, "the session that holds the snapshot is lost: ");
    return false;
}

/* Workers find tables by name, and labels of enums are read as they are called now, whereas the
 * table of contents has the names of the snapshot: no lock on a table keeps either from changing.
 */
static bool check_names(Reader *reader, const char *names, GError **error)
{
    g_autoptr(PgResult) renamed =
        pg_query(reader->exporter, error, pg_sql_snapshot_renamed, 1, names);
    if (renamed == NULL)
        return false;
    if (pg_rows(renamed) == 0)
        return true;
    g_autofree char *what = text_printable(pg_value(renamed, 0, 0));
    error_set(error, ERROR_FAILED, "%s was renamed while the snapshot was taken", what);
    error_hint_set(error, "try again when nobody changes the schema");
    return false;
}

bool reader_finish(Reader *reader, GError **error)
{
    g_autofree char *names = pg_query_text(reader->exporter, error, pg_sql_snapshot_names, 0);
    bool done = names != NULL && pg_exec(reader->exporter, "COMMIT", error);
    for (guint i = 0; done && i < reader->workers->len; i++)
        done = pg_exec(g_ptr_array_index(reader->workers, i), "COMMIT", error);
    if (done)
        done = check_names(reader, names, error);
    if (!done)
        g_prefix_error(error, "while ending the snapshot's transactions: ");
    return done;
}

void reader_free(Reader *reader)
{
    if (reader == NULL)
        return;
    g_ptr_array_free(reader->workers, TRUE);
    pg_disconnect(reader->exporter);
    digest_set_free(reader->list);
    g_free(reader->snapshot_id);
    g_free(reader);
}
