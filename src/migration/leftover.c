#include "migration/leftover.h"

#include "base/error.h"
#include "base/log.h"
#include "pg/sql.h"
#include <string.h>

#define DETACH_STATE                                                                               \
    "SELECT coalesce((SELECT CASE WHEN inhdetachpending THEN 'pending' ELSE 'attached' END"        \
    " FROM pg_catalog.pg_inherits"                                                                 \
    " WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)), '')"

/* The indexes that the statement is about, as far as they are there: (oid, name, can be used). Of
 * REINDEX those that it may have left. NULL without an error: not such a statement. */
static PgResult *find_indexes(PgConnection *connection, const BareStatement *bare, GError **error)
{
    if (bare->kind == BARE_CREATE_INDEX && bare->name != NULL && bare->table != NULL)
        return pg_query(connection, error, pg_sql_leftover_index, 2, bare->table, bare->name);
    if (bare->kind == BARE_REINDEX && bare->name != NULL)
        return pg_query(connection, error, pg_sql_leftover_reindex, 2, bare->name, bare->scope);
    if (bare->kind == BARE_DROP_INDEX && bare->name != NULL)
        return pg_query(connection, error,
                        "SELECT indexrelid, $1, indisvalid AND indisready AND indislive"
                        " FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)",
                        1, bare->name);
    return NULL;
}

char *leftover_before(PgConnection *connection, const BareStatement *bare, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GString) oids = g_string_new(",");
    g_autoptr(PgResult) indexes = NULL;
    if (bare->kind == BARE_DETACH)
        return pg_query_text(connection, error, DETACH_STATE, 2, bare->table, bare->name);
    indexes = find_indexes(connection, bare, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    for (int row = 0; indexes != NULL && row < pg_rows(indexes); row++)
        g_string_append_printf(oids, "%s,", pg_value(indexes, row, 0));
    return g_strdup(oids->str);
}

static bool was_there(const char *before, const char *oid)
{
    g_autofree char *text = g_strdup_printf(",%s,", oid);
    return strstr(before, text) != NULL;
}

static bool detach_outcome(PgConnection *connection, const BareStatement *bare, const char *before,
                           Outcome *outcome, GError **error)
{
    g_autofree char *state =
        pg_query_text(connection, error, DETACH_STATE, 2, bare->table, bare->name);
    if (state == NULL)
        return false;
    if (strcmp(state, "pending") == 0)
        *outcome = OUTCOME_FINALIZE;
    else if (strcmp(state, "attached") == 0)
        *outcome = OUTCOME_AGAIN;
    else /* not attached now; whether by this statement is known only if it was before */
        *outcome = strcmp(before, "") != 0 ? OUTCOME_DONE : OUTCOME_AGAIN;
    return true;
}

/* Of one index that may be there. */
static Outcome index_outcome(const BareStatement *bare, const PgResult *indexes, const char *before)
{
    const bool there = pg_rows(indexes) > 0;
    if (bare->kind == BARE_DROP_INDEX)
        return !there && (bare->if_exists || strcmp(before, ",") != 0) ? OUTCOME_DONE
                                                                       : OUTCOME_AGAIN;
    return there && pg_flag(indexes, 0, 2) &&
                   (bare->if_exists || !was_there(before, pg_value(indexes, 0, 0)))
               ? OUTCOME_DONE
               : OUTCOME_AGAIN;
}

bool leftover_outcome(PgConnection *connection, const BareStatement *bare, const char *before,
                      Outcome *outcome, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgResult) indexes = NULL;
    *outcome = OUTCOME_AGAIN;
    switch (bare->kind) {
    case BARE_DETACH:
        return detach_outcome(connection, bare, before, outcome, error);
    case BARE_CREATE_INDEX:
    case BARE_DROP_INDEX:
        indexes = find_indexes(connection, bare, &cause);
        if (cause != NULL) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        *outcome = indexes != NULL ? index_outcome(bare, indexes, before) : OUTCOME_UNKNOWN;
        return true;
    case BARE_REINDEX:
    case BARE_REPEATABLE:
        return true;
    case BARE_NOT:
    case BARE_COMMITS:
        break;
    }
    *outcome = OUTCOME_UNKNOWN;
    return true;
}

/* An index that is being built is not valid either: who builds it has a lock on its table. */
static bool nobody_builds(PgConnection *connection, const char *oid, const char *name,
                          GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *builders = pg_query_text(connection, &cause, pg_sql_leftover_builders, 1, oid);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (builders == NULL)
        return true;
    error_set(error, ERROR_LOCK_TIMEOUT, "index %s is not valid, and may be built at this moment",
              name);
    error_hint_set(error, "blocked by %s", builders);
    return false;
}

static bool drop_index(Attempt *attempt, const char *oid, const char *name, GError **error)
{
    PgConnection *connection = attempt->connection;
    if (!nobody_builds(connection, oid, name, error) || !attempt_pin(attempt, error))
        return false;
    log_warning("%s: index %s is not valid, removing it", attempt->migration->id, name);
    if (!pg_execf(connection, error, "DROP INDEX CONCURRENTLY %s", name)) {
        g_prefix_error(error, "while removing the invalid index %s: ", name);
        return false;
    }
    return attempt_event(attempt, "leftover.dropped", json_pack("{s:s}", "index", name), error);
}

/* What is half done and is finished by the same statement or FINALIZE; nothing is removed. */
static bool half_done(Attempt *attempt, const BareStatement *bare, char **stays, GError **error)
{
    g_autoptr(PgResult) indexes = NULL;
    g_autofree char *state = NULL;
    if (bare->name == NULL) /* no statement at all: the server has refused it */
        return true;
    if (bare->kind == BARE_DETACH) {
        state = pg_query_text(attempt->connection, error, DETACH_STATE, 2, bare->table, bare->name);
        if (state != NULL && strcmp(state, "pending") == 0)
            *stays = g_strdup_printf("partition %s, half detached", bare->name);
        return state != NULL;
    }
    indexes = find_indexes(attempt->connection, bare, error);
    if (indexes != NULL && pg_rows(indexes) > 0 && !pg_flag(indexes, 0, 2))
        *stays = g_strdup_printf("index %s, not valid any more", bare->name);
    return indexes != NULL;
}

static bool remove_indexes(Attempt *attempt, const PgResult *indexes, const char *before,
                           bool look_only, char **stays, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    bool done = true;
    for (int row = 0; row < pg_rows(indexes); row++) {
        const char *oid = pg_value(indexes, row, 0), *name = pg_value(indexes, row, 1);
        if (pg_flag(indexes, row, 2) || was_there(before, oid))
            continue;
        if (!look_only && done && drop_index(attempt, oid, name, error))
            continue;
        done = look_only;
        g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "invalid index ", name);
    }
    if (list->len > 0)
        *stays = g_strdup(list->str);
    return done;
}

bool leftover_remove(Attempt *attempt, const BareStatement *bare, const char *before,
                     bool look_only, char **stays, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(PgResult) indexes = NULL;
    g_autofree char *ignored = NULL;
    char **out = stays != NULL ? stays : &ignored;
    *out = NULL;
    if (bare->kind == BARE_DETACH || bare->kind == BARE_DROP_INDEX)
        return half_done(attempt, bare, out, error);
    indexes = find_indexes(attempt->connection, bare, &cause);
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return indexes == NULL || remove_indexes(attempt, indexes, before, look_only, out, error);
}

bool leftover_replace(Attempt *attempt, const BareStatement *bare, GError **error)
{
    if (bare->kind != BARE_CREATE_INDEX || !bare->if_exists)
        return true;
    return leftover_remove(attempt, bare, "", false, NULL, error);
}

bool leftover_assert(PgConnection *connection, const BareStatement *bare, GError **error)
{
    g_autoptr(PgResult) indexes = NULL;
    if (bare->kind != BARE_CREATE_INDEX || bare->name == NULL || bare->table == NULL)
        return true;
    indexes = find_indexes(connection, bare, error);
    if (indexes == NULL)
        return false;
    if (pg_rows(indexes) > 0 && pg_flag(indexes, 0, 2))
        return true;
    error_set(error, ERROR_INTEGRITY, "the server reported success, but index %s of %s is %s",
              bare->name, bare->table, pg_rows(indexes) > 0 ? "not valid" : "not there");
    return false;
}

bool leftover_finalize(PgConnection *connection, const BareStatement *bare, GError **error)
{
    /* Both are names as they are written in the statement, which the server has parsed. */
    return pg_execf(connection, error, "ALTER TABLE %s DETACH PARTITION %s FINALIZE", bare->table,
                    bare->name);
}
