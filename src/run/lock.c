#include "run/lock.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "pg/sql.h"
#include <string.h>

#define ATTEMPTS 5
#define ATTEMPT_MS 100

struct RunLock {
    PgConnection *connection;
    char *database;
    char *key;
};

/* The first 64 bits of the SHA-256 of the name, as a signed decimal number. */
static char *lock_key(const char *database)
{
    g_autofree char *text = g_strconcat("drydock:", database, NULL);
    HashHex hash = hash_text(text);
    hash.hex[16] = '\0';
    return g_strdup_printf("%" G_GINT64_FORMAT, (gint64)g_ascii_strtoull(hash.hex, NULL, 16));
}

char *run_application(const char *command, const char *run)
{
    g_autofree char *whole = g_strdup_printf("drydock %s %s %s", command, run, g_get_host_name());
    return text_shorten(whole, 63);
}

static void set_holder(const RunLock *lock, const char *holder, GError **error)
{
    error_set(error, ERROR_LOCKED, "another run holds the lock for database '%s': %s",
              lock->database, holder != NULL ? holder : "it has just ended");
    error_hint_set(error, "wait until it ends; drydock status and the log of that host say how far "
                          "it is");
}

/* Such locks are of one database: of those who work from another control database, everybody sees
 * everybody's, so that of two at least one ends here. */
static bool check_elsewhere(const RunLock *lock, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *holder =
        pg_query_text(lock->connection, &cause, pg_sql_lock_holder, 2, lock->key, "f");
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (holder == NULL)
        return true;
    set_holder(lock, holder, error);
    return false;
}

bool run_lock_possible(PgConnection *connection, GError **error)
{
    bool pooled = false;
    if (!pg_is_pooled(connection, &pooled, error))
        return false;
    if (!pooled)
        return true;
    error_set(error, ERROR_REFUSED, "there is a connection pooler between drydock and the server");
    error_hint_set(error, "connect to the server itself: a pooler loses session locks");
    return false;
}

RunLock *run_lock_take(const PgTarget *target, const char *control_database, const char *database,
                       const char *application, int connect_timeout_s, GError **error)
{
    const PgConnectOptions options = {.database = control_database,
                                      .application = application,
                                      .connect_timeout_s = connect_timeout_s,
                                      .catalog_only = true};
    g_autoptr(RunLock) lock = g_new0(RunLock, 1);
    g_autofree char *holder = NULL;
    lock->database = g_strdup(database);
    lock->key = lock_key(database);
    lock->connection = pg_connect(target, &options, error);
    if (lock->connection == NULL || !run_lock_possible(lock->connection, error))
        return NULL;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        g_autoptr(PgResult) result = pg_query(
            lock->connection, error, "SELECT pg_try_advisory_lock($1::bigint)", 1, lock->key);
        if (result == NULL)
            return NULL;
        /* Who takes it in the database itself has it in the control database already. */
        if (pg_flag(result, 0, 0))
            return strcmp(control_database, database) == 0 || check_elsewhere(lock, error)
                       ? g_steal_pointer(&lock)
                       : NULL;
        (void)clock_sleep_ms(ATTEMPT_MS);
        if (interrupt_check(error))
            return NULL;
    }
    holder = pg_query_text(lock->connection, NULL, pg_sql_lock_holder, 2, lock->key, "t");
    set_holder(lock, holder, error);
    return NULL;
}

bool run_lock_check(RunLock *lock, GError **error)
{
    return run_lock_check_both(lock, NULL, error);
}

bool run_lock_check_both(RunLock *lock, const RunLock *other, GError **error)
{
    g_autofree char *pids =
        other != NULL ? g_strdup_printf("{%d,%d}", run_lock_pid(lock), run_lock_pid(other))
                      : g_strdup_printf("{%d}", run_lock_pid(lock));
    g_autoptr(PgResult) result =
        pg_query(lock->connection, error, pg_sql_lock_held, 2, lock->key, pids);
    if (result == NULL) {
        g_prefix_error(error, "the session that holds the lock is gone: ");
        return false;
    }
    if (pg_flag(result, 0, 0))
        return true;
    error_set(error, ERROR_LOCKED, "the lock for database '%s' was lost", lock->database);
    return false;
}

int run_lock_pid(const RunLock *lock)
{
    return pg_backend_pid(lock->connection);
}

void run_lock_release(RunLock *lock)
{
    if (lock == NULL)
        return;
    pg_disconnect(lock->connection);
    g_free(lock->database);
    g_free(lock->key);
    g_free(lock);
}
