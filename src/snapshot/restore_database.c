/* The new database: born closed, recognisable and empty; and gone again after a failure. */
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "pg/sql.h"
#include "snapshot/restore_state.h"
#include <string.h>

/* Memory for building indexes, for all workers together and for one. */
#define MAINTENANCE_MB 1024
#define MAINTENANCE_MIN_MB 64
#define MAINTENANCE_MAX_MB 512

/* How long a server that has crashed is given to come back, so that it can be cleaned up. */
#define COME_BACK_MS 15000
#define COME_BACK_POLL_MS 250

void database_shape_clear(DatabaseShape *shape)
{
    g_free(shape->encoding);
    g_free(shape->collate);
    g_free(shape->ctype);
    g_free(shape->locale);
    g_free(shape->icu_rules);
}

void database_shape_of(const Manifest *manifest, DatabaseShape *shape)
{
    const json_t *locale = json_object_get(manifest->source, "locale");
    const char *provider = json_get_text(locale, "provider");
    shape->encoding = g_strdup(json_get_text(manifest->source, "encoding"));
    shape->collate = g_strdup(json_get_text(locale, "collate"));
    shape->ctype = g_strdup(json_get_text(locale, "ctype"));
    shape->locale = g_strdup(json_get_text(locale, "locale"));
    shape->icu_rules = g_strdup(json_get_text(locale, "icu_rules"));
    shape->provider = (char)(provider != NULL ? provider[0] : 'c');
}

static void append_option(GString *sql, const char *keyword, const char *value)
{
    g_autofree char *quoted = value != NULL ? pg_literal(value) : NULL;
    if (quoted != NULL)
        g_string_append_printf(sql, " %s %s", keyword, quoted);
}

static bool append_provider(GString *sql, const DatabaseShape *shape, int server_version,
                            GError **error)
{
    const bool icu = shape->provider == 'i', builtin = shape->provider == 'b';
    if ((icu && server_version < 150000) || (builtin && server_version < 170000)) {
        error_set(error, ERROR_REFUSED,
                  "the snapshot's database has the locale provider '%s', which this server does "
                  "not know",
                  icu ? "icu" : "builtin");
        error_hint_set(error, "restore it into PostgreSQL %d or newer", icu ? 15 : 17);
        return false;
    }
    if (server_version >= 150000)
        g_string_append_printf(sql, " LOCALE_PROVIDER %s",
                               icu       ? "icu"
                               : builtin ? "builtin"
                                         : "libc");
    if (icu)
        append_option(sql, "ICU_LOCALE", shape->locale);
    if (icu && server_version >= 160000)
        append_option(sql, "ICU_RULES", shape->icu_rules);
    if (builtin)
        append_option(sql, "BUILTIN_LOCALE", shape->locale);
    return true;
}

static char *create_statement(const Restore *restore, const DatabaseShape *shape, GError **error)
{
    g_autofree char *name = pg_identifier(restore->options->database);
    g_autoptr(GString) sql = g_string_new(NULL);
    g_string_append_printf(sql, "CREATE DATABASE %s TEMPLATE template0 ALLOW_CONNECTIONS false",
                           name);
    if (restore->owner != NULL) {
        g_autofree char *owner = pg_identifier(restore->owner);
        g_string_append_printf(sql, " OWNER %s", owner);
    }
    append_option(sql, "ENCODING", shape->encoding);
    append_option(sql, "LC_COLLATE", shape->collate);
    append_option(sql, "LC_CTYPE", shape->ctype);
    if (shape->provider != '\0' &&
        !append_provider(sql, shape, pg_server_version(restore->control), error))
        return NULL;
    return g_strndup(sql->str, sql->len);
}

/* Encodings and locales are what the server's operating system has: it says so itself. */
static bool run_create(Restore *restore, const char *sql, const DatabaseShape *shape,
                       GError **error)
{
    g_autoptr(GError) cause = NULL;
    const char *sqlstate = NULL;
    if (pg_exec(restore->control, sql, &cause)) {
        restore->created = true;
        return true;
    }
    sqlstate = error_sqlstate(cause);
    /* The server may have gone on without us. */
    restore->created = error_is(cause, ERROR_CONNECTION) || error_is(cause, ERROR_TIMEOUT) ||
                       error_is(cause, ERROR_INTERRUPTED);
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "while creating database '%s': ", restore->options->database);
    if (g_strcmp0(sqlstate, "42809") == 0 || g_strcmp0(sqlstate, "22023") == 0 ||
        g_strcmp0(sqlstate, "0A000") == 0) {
        error_recode(error, ERROR_REFUSED);
        error_hint_set(error,
                       "the snapshot's database has encoding %s, LC_COLLATE '%s' and "
                       "LC_CTYPE '%s': this server's operating system must have them "
                       "(locale -a)",
                       shape->encoding != NULL ? shape->encoding : "of the template",
                       shape->collate != NULL ? shape->collate : "of the template",
                       shape->ctype != NULL ? shape->ctype : "of the template");
    } else if (g_strcmp0(sqlstate, "42P04") == 0) {
        error_recode(error, ERROR_REFUSED);
    } else if (g_strcmp0(sqlstate, "42501") == 0) {
        error_recode(error, ERROR_REFUSED);
        error_hint_set(error, "ALTER ROLE ... CREATEDB lets a role create databases");
    }
    return false;
}

/* Nobody can enter before this, so that there is no moment at which it is open and unmarked. */
static bool dress(const Restore *restore, GError **error)
{
    g_autofree char *name = pg_identifier(restore->options->database);
    g_autofree char *comment =
        restore->options->comment != NULL ? pg_literal(restore->options->comment) : NULL;
    g_autoptr(GString) sql = g_string_new(NULL);
    if (comment != NULL)
        g_string_append_printf(sql, "COMMENT ON DATABASE %s IS %s;", name, comment);
    g_string_append_printf(sql,
                           "REVOKE CONNECT, TEMPORARY ON DATABASE %s FROM PUBLIC;"
                           "ALTER DATABASE %s ALLOW_CONNECTIONS true",
                           name, name);
    return pg_exec(restore->control, sql->str, error);
}

bool restore_create_database(Restore *restore, const DatabaseShape *shape, GError **error)
{
    g_autofree char *sql = create_statement(restore, shape, error);
    if (sql == NULL || !run_create(restore, sql, shape, error) || !dress(restore, error))
        return false;
    failpoint("restore.after_create");
    return true;
}

/* ---- sessions in it ---- */

PgConnection *restore_connect(Restore *restore, GError **error)
{
    const RestoreOptions *options = restore->options;
    const PgConnectOptions connect = {.database = options->database,
                                      .application = options->application};
    PgConnection *connection = pg_connect(restore->target, &connect, error);
    if (connection != NULL)
        pg_set_deadline(connection, options->latest_us, NULL);
    return connection;
}

bool restore_prepare_session(const Restore *restore, PgConnection *connection, GError **error)
{
    const int share_mb = MAINTENANCE_MB / restore->options->jobs;
    g_autofree char *memory =
        g_strdup_printf("%d", CLAMP(share_mb, MAINTENANCE_MIN_MB, MAINTENANCE_MAX_MB));
    g_autoptr(PgResult) set =
        pg_query(connection, error, pg_sql_restore_session, 3, restore->client_encoding,
                 restore->conforming_strings, memory);
    return set != NULL;
}

static bool add_worker(Restore *restore, GError **error)
{
    g_autoptr(PgConnection) connection = restore_connect(restore, error);
    if (connection == NULL || !restore_prepare_session(restore, connection, error))
        return false;
    g_ptr_array_add(restore->workers, g_steal_pointer(&connection));
    return true;
}

bool restore_connect_workers(Restore *restore, GError **error)
{
    for (int i = 0; i < restore->options->jobs; i++) {
        if (!add_worker(restore, error)) {
            g_prefix_error(error, "while opening worker %d of %d: ", i + 1, restore->options->jobs);
            return false;
        }
    }
    return true;
}

bool restore_tell_entered(const Restore *restore, GError **error)
{
    const RestoreOptions *options = restore->options;
    return options->entered == NULL || options->entered(options->data, error);
}

void restore_end_workers(Restore *restore)
{
    for (guint i = 0; i < restore->workers->len && pg_is_alive(restore->control); i++) {
        const PgConnection *worker = g_ptr_array_index(restore->workers, i);
        g_autofree char *pid = g_strdup_printf("%d", pg_backend_pid(worker));
        pg_result_free(pg_query(restore->control, NULL,
                                "SELECT pg_catalog.pg_terminate_backend($1::int)", 1, pid));
    }
}

/* ---- and gone ---- */

static PgConnection *connect_control(const Restore *restore, GError **error)
{
    const PgConnectOptions connect = {.database = restore->options->control_database,
                                      .application = restore->options->application,
                                      .catalog_only = true};
    return pg_connect(restore->target, &connect, error);
}

/* A subscription keeps its database from being dropped. Its slot, at the publisher, was never ours.
 */
static bool drop_subscriptions(PgConnection *connection, GError **error)
{
    g_autoptr(PgResult) names =
        pg_query(connection, error,
                 "SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid FROM "
                 "pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
                 0);
    for (int row = 0; names != NULL && row < pg_rows(names); row++) {
        g_autofree char *name = pg_identifier(pg_value(names, row, 0));
        if (!pg_execf(connection, error, "ALTER SUBSCRIPTION %s DISABLE", name) ||
            !pg_execf(connection, error, "ALTER SUBSCRIPTION %s SET (slot_name = NONE)", name) ||
            !pg_execf(connection, error, "DROP SUBSCRIPTION %s", name))
            return false;
    }
    return names != NULL;
}

static bool drop(PgConnection *control, const char *database, GError **error)
{
    g_autofree char *name = pg_identifier(database);
    return pg_execf(control, error, "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
}

static bool set_open(PgConnection *control, const char *database, bool open, GError **error)
{
    g_autofree char *name = pg_identifier(database);
    return pg_execf(control, error, "ALTER DATABASE %s ALLOW_CONNECTIONS %s", name,
                    open ? "true" : "false");
}

/* Subscriptions can be taken out of an open database alone. */
static bool empty_and_drop(const PgTarget *target, PgConnection *control, const char *database,
                           const char *application, GError **error)
{
    const PgConnectOptions connect = {
        .database = database, .application = application, .catalog_only = true};
    g_autoptr(PgConnection) inside = NULL;
    if (!set_open(control, database, true, error))
        return false;
    inside = pg_connect(target, &connect, error);
    if (inside == NULL || !drop_subscriptions(inside, error))
        return false;
    g_clear_pointer(&inside, pg_disconnect);
    return drop(control, database, error);
}

bool restore_drop_database(const PgTarget *target, PgConnection *control, const char *database,
                           const char *application, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (drop(control, database, &cause))
        return true;
    if (g_strcmp0(error_sqlstate(cause), "55006") == 0) { /* object in use */
        g_clear_error(&cause);
        if (empty_and_drop(target, control, database, application, &cause))
            return true;
        /* What is left lets nobody in. */
        if (pg_is_alive(control))
            (void)set_open(control, database, false, NULL);
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* A server that crashed comes back in a moment, and may take connections with it while it does. */
static bool drop_patiently(Restore *restore, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + COME_BACK_MS * (int64_t)1000;
    for (;;) {
        g_autoptr(GError) cause = NULL;
        if (restore->control == NULL || !pg_is_alive(restore->control)) {
            pg_disconnect(restore->control);
            restore->control = connect_control(restore, &cause);
        }
        if (restore->control != NULL &&
            restore_drop_database(restore->target, restore->control, restore->options->database,
                                  restore->options->application, &cause))
            return true;
        if (!error_is(cause, ERROR_CONNECTION) || clock_monotonic_us() >= end_us) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_usleep(COME_BACK_POLL_MS * 1000);
    }
}

void restore_remove_database(Restore *restore, GError **error)
{
    const bool shielded = interrupt_shield(true);
    g_autoptr(GError) cause = NULL;
    g_ptr_array_set_size(restore->workers, 0);
    if (restore->created) {
        pg_set_deadline(restore->control, 0, NULL);
        if (!drop_patiently(restore, &cause)) {
            log_warning("the unfinished database '%s' could not be dropped: %s",
                        restore->options->database, cause->message);
            g_prefix_error(error,
                           "the unfinished database '%s' is left, drop it by hand (%s); it was: ",
                           restore->options->database, cause->message);
        }
    }
    (void)interrupt_shield(shielded);
}
