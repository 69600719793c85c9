/* Running the statements that give a database its properties, as far as the policy lets some be
 * left out. */
#pragma once

#include "run/context.h"

/* Runs them in the open transaction of run->control, each behind a savepoint. One that the server
 * refuses is an error, or, if the policy accepts "role_settings", a line in notes. */
bool properties_run(Run *run, const GPtrArray *statements, GPtrArray *notes, GError **error);
