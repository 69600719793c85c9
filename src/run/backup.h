/*
 * The backup lane: a thread that takes the snapshot of the kept copy and puts it into the stores.
 * Beside it the main thread, the change lane, migrates and verifies the work copy.
 *
 * The thread works with sessions of its own, the journal, the audit log and the stores, and reads
 * of the run what does not change any more. Control connection, gate, records and report are the
 * main thread's: it opens the kept copy, closes it when the thread's sessions are in, and takes
 * over what the thread has learnt when it needs that. The failure of one lane stops the other.
 */
#pragma once

#include "run/context.h"

/* Waits until the snapshot is taken, and its content recorded. If the lane has failed, the error
 * says no more than that: backup_end() knows why. */
bool backup_await_snapshot(Run *run, GError **error);

/* Ends the lane, whatever it is doing, and tells of it in the report. If its failure came first,
 * *error (may be NULL) becomes that. Nothing to do if there is none. */
void backup_end(Run *run, GError **error);
