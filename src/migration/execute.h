/* Statements of a migration, one message each, and the transaction around them. */
#pragma once

#include "migration/attempt.h"

/* A clean session, and BEGIN. */
bool execute_begin(Attempt *attempt, GError **error);

/* Runs one statement under its time limits, watched. bare: outside a transaction. Errors name file,
 * line and statement, and who was in the way. */
bool execute_statement(Attempt *attempt, const SqlStatement *statement, bool bare, GError **error);

/* Leaves no transaction open, and no time limit of ours. */
void execute_end(const Attempt *attempt);
