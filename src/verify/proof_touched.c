#include "base/error.h"
#include "pg/sql.h"
#include "verify/proof.h"

/* From the weakest to the strongest in what counts here, which is whether rows can have been
 * changed: the last three can (pg_locks has one row for each mode held, and SHARE ROW EXCLUSIVE
 * must not hide the ROW EXCLUSIVE of an UPDATE). */
static const char *const MODES[] = {
    "ShareUpdateExclusiveLock", "ShareLock",     "ShareRowExclusiveLock",
    "RowExclusiveLock",         "ExclusiveLock", "AccessExclusiveLock",
};
#define FIRST_WRITING_MODE 3

/* -1 if it is none of these. */
static int mode_rank(const char *mode)
{
    for (int i = 0; mode && i < (int)G_N_ELEMENTS(MODES); i++) {
        if (g_str_equal(mode, MODES[i]))
            return i;
    }
    return -1;
}

ProofTouched *proof_touched_new(void)
{
    ProofTouched *touched = g_new0(ProofTouched, 1);
    touched->relations = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    return touched;
}

void proof_touched_free(ProofTouched *touched)
{
    if (!touched)
        return;
    g_hash_table_unref(touched->relations);
    g_free(touched);
}

void proof_touched_add(ProofTouched *touched, uint32_t oid, const char *mode)
{
    const char *known = g_hash_table_lookup(touched->relations, GUINT_TO_POINTER(oid));
    if (!known || mode_rank(mode) > mode_rank(known))
        g_hash_table_insert(touched->relations, GUINT_TO_POINTER(oid), g_strdup(mode));
}

bool proof_record_locks(PgConnection *connection, ProofTouched *touched, GError **error)
{
    g_autoptr(PgResult) locks = pg_query(connection, error, pg_sql_proof_locks, 0);
    if (!locks) {
        g_prefix_error(error, "while recording what the transaction locked: ");
        return false;
    }
    for (int row = 0; row < pg_rows(locks); row++)
        proof_touched_add(touched, (uint32_t)pg_integer(locks, row, 0), pg_value(locks, row, 1));
    return true;
}

bool proof_may_have_written(const ProofTouched *touched, uint32_t oid)
{
    const char *mode = g_hash_table_lookup(touched->relations, GUINT_TO_POINTER(oid));
    if (!mode)
        return false;
    int rank = mode_rank(mode);
    return rank < 0 || rank >= FIRST_WRITING_MODE; /* a mode that we do not know may be anything */
}
