/*
 * COMMIT, and the truth about it: the transaction's number is noted before; where the answer is
 * lost, or the server says that a standby has not confirmed it, the server is asked on another
 * connection what became of it (pg_xact_status), and the recorded rows decide where it has
 * forgotten.
 */
#pragma once

#include "migration/attempt.h"

/* Whether the rows that the transaction wrote are there; asked in a new session. */
typedef bool (*CommitEvidence)(Attempt *attempt, gconstpointer data, bool *there, GError **error);

/* Commits the open transaction. True: it is committed, also if the connection was lost meanwhile
 * (attempt->connection is then a new one, or dead). ERROR_UNKNOWN_OUTCOME if nobody can say; after
 * any other error it is rolled back. */
bool commit_transaction(Attempt *attempt, CommitEvidence evidence, gconstpointer data,
                        GError **error);
