/*
 * What a statement outside a transaction has left behind: looked up in the catalog, never assumed.
 * An invalid index is what CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY leave when they fail;
 * one that was there before the statement is never touched.
 */
#pragma once

#include "migration/attempt.h"
#include "migration/bare.h"

typedef enum {
    OUTCOME_DONE,     /* what the statement does is there */
    OUTCOME_AGAIN,    /* it is not, and the statement may run again */
    OUTCOME_FINALIZE, /* DETACH PARTITION CONCURRENTLY that waits to be finalized */
    OUTCOME_UNKNOWN,  /* the catalog does not say */
} Outcome;

/* What the catalog says before the statement: kept in its step, for leftover_outcome() and
 * leftover_remove(). The caller frees it. */
char *leftover_before(PgConnection *connection, const BareStatement *bare, GError **error);

/* What became of a statement that was started. Nobody may be running it any more. */
bool leftover_outcome(PgConnection *connection, const BareStatement *bare, const char *before,
                      Outcome *outcome, GError **error);

/* Removes invalid indexes that the statement has left, each named in a warning (look_only: names
 * them and removes none). *stays (may be NULL) gets what stays, in words (NULL: nothing does); the
 * caller frees it. ERROR_LOCK_TIMEOUT if somebody may be at work on an index. */
bool leftover_remove(Attempt *attempt, const BareStatement *bare, const char *before,
                     bool look_only, char **stays, GError **error);

/* Before CREATE INDEX CONCURRENTLY IF NOT EXISTS: an invalid index of that name would be taken for
 * the wanted one. It is removed. */
bool leftover_replace(Attempt *attempt, const BareStatement *bare, GError **error);

/* After the statement: ERROR_INTEGRITY if its index is not there, or not valid. */
bool leftover_assert(PgConnection *connection, const BareStatement *bare, GError **error);

/* ALTER TABLE ... DETACH PARTITION ... FINALIZE */
bool leftover_finalize(PgConnection *connection, const BareStatement *bare, GError **error);
