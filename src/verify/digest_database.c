#include "verify/digest_database.h"

#include "base/error.h"
#include "pg/locks.h"

#define BEGIN_READING "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

/* A worker that waits behind somebody's ALTER TABLE, which waits for another worker, would wait for
 * ever. */
#define LOCK_TIMEOUT "SET lock_timeout = '10s'"

static PgConnection *connect_reader(const PgTarget *target, const DigestDatabaseOptions *options,
                                    GError **error)
{
    const PgConnectOptions connect = {.database = options->database,
                                      .application = options->application,
                                      .connect_timeout_s = options->connect_timeout_s,
                                      .read_only = true};
    g_autoptr(PgConnection) connection = pg_connect(target, &connect, error);
    if (connection == NULL || !digest_pin(connection, error) ||
        !pg_exec(connection, LOCK_TIMEOUT, error))
        return NULL;
    pg_set_deadline(connection, options->latest_us, NULL);
    return pg_exec(connection, BEGIN_READING, error) ? g_steal_pointer(&connection) : NULL;
}

/* The first session exports the snapshot that the others import, and reads as they do. */
static bool open_readers(const PgTarget *target, const DigestDatabaseOptions *options,
                         GPtrArray *readers, GError **error)
{
    g_autofree char *id = NULL;
    g_autofree char *quoted = NULL;
    PgConnection *reader = connect_reader(target, options, error);
    if (reader == NULL)
        return false;
    g_ptr_array_add(readers, reader);
    if (options->jobs > 1) {
        id = pg_query_text(reader, error, "SELECT pg_catalog.pg_export_snapshot()", 0);
        if (id == NULL)
            return false;
        quoted = pg_literal(id);
    }
    for (int i = 1; i < options->jobs; i++) {
        reader = connect_reader(target, options, error);
        if (reader == NULL)
            return false;
        g_ptr_array_add(readers, reader);
        if (!pg_execf(reader, error, "SET TRANSACTION SNAPSHOT %s", quoted))
            return false;
    }
    return true;
}

static DigestSet *read_digests(const GPtrArray *readers, const DigestSet *expected, GError **error)
{
    g_autoptr(DigestSet) set = digest_list(g_ptr_array_index(readers, 0), error);
    if (set == NULL)
        return NULL;
    if (expected != NULL)
        digest_align(set, expected);
    if (!digest_fill(set, (PgConnection *const *)readers->pdata, (int)readers->len, error))
        return NULL;
    return g_steal_pointer(&set);
}

/* While the readers are still there: whoever waits for them would be done and gone without them. */
static void name_blockers(const PgTarget *target, const DigestDatabaseOptions *options,
                          GError **error)
{
    const PgConnectOptions connect = {.database = options->database,
                                      .application = options->application,
                                      .connect_timeout_s = options->connect_timeout_s,
                                      .read_only = true,
                                      .catalog_only = true};
    g_autoptr(PgConnection) connection = pg_connect(target, &connect, NULL);
    if (connection != NULL)
        locks_name_blockers(connection, error);
}

DigestSet *digest_database(const PgTarget *target, const DigestDatabaseOptions *options,
                           GError **error)
{
    g_autoptr(GPtrArray) readers = g_ptr_array_new_with_free_func((GDestroyNotify)pg_disconnect);
    g_autoptr(GError) cause = NULL;
    DigestSet *set = NULL;
    if (open_readers(target, options, readers, &cause))
        set = read_digests(readers, options->expected, &cause);
    if (set != NULL)
        return set;
    if (error_is(cause, ERROR_LOCK_TIMEOUT))
        name_blockers(target, options, &cause);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}
