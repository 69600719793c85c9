/* What is looked at while a statement of a migration runs: who blocks it, how far it is. */
#pragma once

#include "migration/attempt.h"

/* How often, for this lock timeout: at least once before it strikes. */
int64_t watch_interval_ms(const Attempt *attempt);

/* A PgWatchFunc whose data is the Attempt: remembers the blockers, ends those that the policy lets
 * us end (from the second attempt on), and says how far the statement is. */
void watch_statement(gpointer attempt);
