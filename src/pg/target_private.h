/* What connections need of a target; the one place that includes libpq. Only src/pg/ may include
 * this. */
#pragma once

#include "pg/target.h"
#include <libpq-fe.h>

/* Appends the keywords and values of the target (they belong to it). */
void pg_target_parameters(const PgTarget *target, GPtrArray *keywords, GPtrArray *values);

/* Its "options", NULL if there are none; they belong to it. */
const char *pg_target_options(const PgTarget *target);
