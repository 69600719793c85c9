/*
 * The journal of a run: <state>/runs/<run>/journal.jsonl, append-only and flushed to disk line by
 * line. An intent stands before and a done after every action that changes anything outside this
 * process, so that recovery knows what may have happened. Both lanes of a run write to it.
 */
#pragma once

#include "base/json.h"
#include <glib.h>
#include <stdbool.h>

typedef struct Journal Journal;

/* Opens the journal in a run's folder, to be continued if it exists. */
Journal *journal_open(const char *folder, GError **error);
void journal_close(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_close)

/* details (may be NULL) is taken. Nothing is done if journal is NULL (a run whose state folder is
 * lost). */
bool journal_intent(Journal *journal, const char *phase, const char *step, json_t *details,
                    GError **error);
bool journal_done(Journal *journal, const char *phase, const char *step, json_t *details,
                  GError **error);
bool journal_note(Journal *journal, const char *phase, const char *step, json_t *details,
                  GError **error);

/* The lines of a journal, as an array of objects; a torn last line is left out. */
json_t *journal_read(const char *folder, GError **error);

/* The last line of a kind ("intent", "done", "note") for a phase and step; NULL if there is none.
 * Borrowed. */
const json_t *journal_find(const json_t *lines, const char *kind, const char *phase,
                           const char *step);
