/*
 * Recovery of a run from a snapshot. Nothing in service was touched until its work copy got the
 * name.
 *
 *   work copy        database   what happened                     what is done
 *   ---------------  ---------  --------------------------------  -------------------------
 *   trial, import    any        died before migrating             dropped
 *   migrate          any        died while migrating              put aside
 *   verified         no         died before opening               opened
 *   verified         yes        died before opening               put aside: what is in service
 *                                                                 has been written to since
 *   no               any        opened, or at its end             the journal's end is written
 */
#pragma once

#include "run/context.h"

/* work is the record of its work copy. */
void recover_import(Run *run, const RunRecord *work, RunOutcome *outcome);

/* Whether a journal is that of such a run; and what is done if the server has no record of it. */
bool recover_is_import(const json_t *lines);
void recover_import_words(Run *run, const json_t *lines, const GPtrArray *records,
                          RunOutcome *outcome);
