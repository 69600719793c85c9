/* Recovery of runs without a fence: the database itself says that one has not ended. */
#pragma once

#include "run/context.h"

/* Ends the run that the database says has not ended, as its policy wants it, and gives the outcome;
 * false if it says nothing. */
bool recover_online(Run *run, RunOutcome *outcome);

/* Whether a journal is that of such a run; and the last words of one that is over. */
bool recover_is_online(const json_t *lines);
void recover_online_words(Run *run, const json_t *lines, RunOutcome *outcome);
