/* What the state folder tells recovery. */
#pragma once

#include "run/context.h"

/* The lines of the run's journal, which is continued, if the state folder still has it; else none.
 */
json_t *recover_adopt_journal(Run *run, GError **error);

/* The newest run of this database, if its journal has no end; else NULL. What older journals lack
 * does not matter any more: a run does not begin before the last one is recovered. */
char *recover_unfinished_run(const Run *run);

/* The newest run of this database, if it has ended and its snapshot was not published everywhere by
 * then; else NULL. */
char *recover_unpublished_run(const Run *run);

/* Whether the newest run of this database may be one without a fence that the database still tells
 * of; without a journal, whether the policy wants such runs. */
bool recover_may_be_marked(const Run *run);
