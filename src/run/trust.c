#include "run/trust.h"

#include "base/error.h"
#include "base/log.h"
#include "run/journal.h"
#include <string.h>

/* The role that ran it makes the copies; a copy gets the owner that the database has. */
static bool journal_knows(const char *state_folder, const RunRecord *record)
{
    g_autofree char *folder = g_build_filename(state_folder, "runs", record->run, NULL);
    g_autoptr(json_t) lines = journal_read(folder, NULL);
    const json_t *passed = journal_find(lines, "note", "preflight", "passed");
    const json_t *details = json_object_get(passed, "details");
    const char *owner = json_get_text(json_object_get(details, "properties"), "owner");
    return g_strcmp0(json_get_text(details, "database"), record->database) == 0 &&
           (g_strcmp0(owner, record->owner) == 0 ||
            g_strcmp0(json_get_text(details, "role"), record->owner) == 0);
}

void trust_by_journal(GPtrArray *records, const char *state_folder)
{
    for (guint i = 0; state_folder != NULL && i < records->len; i++) {
        RunRecord *record = g_ptr_array_index(records, i);
        record->trusted = record->trusted || journal_knows(state_folder, record);
    }
}

static bool is_open_run(const RunRecord *record)
{
    return strcmp(record->role, "keep") == 0 || strcmp(record->role, "work") == 0;
}

void trust_warn(const GPtrArray *records)
{
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (!record->trusted && is_open_run(record))
            log_warning("'%s' says that it is a copy of run %s of '%s', but belongs to role '%s', "
                        "who may have written that: it is passed over",
                        record->name, record->run, record->database, record->owner);
    }
}

bool trust_settled(const GPtrArray *records, GError **error)
{
    for (guint i = 0; i < records->len; i++) {
        const RunRecord *record = g_ptr_array_index(records, i);
        if (record->trusted || !is_open_run(record))
            continue;
        error_set(error, ERROR_NEEDS_PERSON,
                  "database '%s' does not exist; '%s' says that it is the %s copy of run %s, but "
                  "it belongs to role '%s', who may have written that, and no journal of that run "
                  "is in the state folder",
                  record->database, record->name,
                  strcmp(record->role, "keep") == 0 ? "kept" : "work", record->run, record->owner);
        error_hint_set(error,
                       "if that role owned the database, recover connected as it, or with the "
                       "state folder of the run (--state); if not, it is a forgery");
        return false;
    }
    return true;
}
