/* The last words of a run that is over, and was killed before it wrote them down. */
#pragma once

#include "run/context.h"

/* The server shows no open run: only the last words may be missing. dropped is the run whose
 * leftover clone was dropped, if there was one: its record is as good as a journal. */
void recover_words(Run *run, const GPtrArray *records, const char *dropped, RunOutcome *outcome);
