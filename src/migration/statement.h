/*
 * What a statement is, as far as its words tell: enough to refuse what must not run in a migration.
 * It looks into dollar- quoted bodies of DO, too; what is built at run time is not seen here (the
 * server's shared catalogs are compared for that).
 */
#pragma once

#include "migration/splitter.h"
#include <stdbool.h>

typedef enum {
    STATEMENT_OTHER,
    STATEMENT_TRANSACTION_CONTROL, /* BEGIN, COMMIT, ROLLBACK, PREPARE TRANSACTION, ... (SAVEPOINT
                                      is allowed) */
    STATEMENT_COMMITS_INSIDE,      /* DO whose body has COMMIT or ROLLBACK */
    STATEMENT_NO_TRANSACTION, /* cannot run in a transaction: CREATE INDEX CONCURRENTLY, VACUUM, ...
                               */
    STATEMENT_CLUSTER, /* reaches outside the database: ROLE, DATABASE, TABLESPACE, SUBSCRIPTION,
                          ALTER SYSTEM */
    STATEMENT_OWN_DATABASE, /* names its own database literally */
    STATEMENT_SESSION, /* sets one of the settings that the runner pins, or SET ROLE, SET SESSION
                          AUTHORIZATION, DISCARD */
} StatementClass;

/* database: the name in service, for STATEMENT_OWN_DATABASE (may be NULL). *words (may be NULL)
 * gets the words that decided, for a message ("CREATE ROLE"); the caller frees it. */
StatementClass statement_classify(const SqlStatement *statement, const char *database,
                                  char **words);

/* Whether it begins as a query does: SELECT, WITH, VALUES, TABLE or a parenthesis. */
bool statement_is_query(const SqlStatement *statement);

/* First words of a statement for progress and messages, without literals: "ALTER TABLE allergies".
 * The caller frees it. */
char *statement_title(const SqlStatement *statement);
