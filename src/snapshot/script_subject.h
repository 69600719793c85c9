/* What a statement or command of a script is about, where that is not the inside of the database.
 */
#pragma once

#include "migration/splitter.h"

typedef enum {
    SUBJECT_INSIDE,   /* whatever is in the database */
    SUBJECT_DATABASE, /* a database as a whole */
    SUBJECT_ROLE,     /* roles, memberships */
    SUBJECT_SERVER,   /* tablespaces, ALTER SYSTEM */
} ScriptSubject;

/* *name gets the database's name for SUBJECT_DATABASE, NULL if it cannot be told (the caller frees
 * it). */
ScriptSubject script_subject(const SqlView *view, char **name);

bool script_creates_database(const SqlView *view);
bool script_is_insert(const SqlView *view);
bool script_sets(const SqlView *view, const char *parameter);

/* The database that the rest of a \connect line names; NULL if it names more, or less. The caller
 * frees it. */
char *script_connect_name(const char *rest);
