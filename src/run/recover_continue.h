/* Recovery with on_crash: what becomes of a run that died is decided, and a run goes on where it
 * died. */
#pragma once

#include "run/context.h"

/* What is done with the run: what the policy says, or what a person answers. standing says how
 * things stand. False if nobody could be asked, or nobody wants it decided now: the outcome tells
 * that nothing was changed. */
bool recover_decide(Run *run, const char *standing, OnCrash *decision, RunOutcome *outcome);

/* Goes on with a run whose copies are there (lines: its journal): publishes what is not published,
 * applies to the work copy what its history does not have, verifies and opens. An error that says
 * why it cannot go on, or why it failed; what is left is put back then, as after any failure. */
bool recover_continue(Run *run, const json_t *lines, GError **error);

/* Parts of it: the migrations (from files that must be those of then), assertions and window that
 * the journal tells; and, through run->work, which of the migrations are applied. */
bool recover_take_plan(Run *run, const json_t *lines, GError **error);
bool recover_read_history(Run *run, const json_t *lines, GError **error);
