/*
 * A plain SQL script, as pg_dump writes it, run into a database that is new: our own splitter,
 * never psql, so that no command of psql is obeyed but \restrict, \unrestrict (which must fit) and
 * \connect to the script's own database.
 *
 * The file is mapped and may be larger than memory: data of COPY are streamed from it, and what was
 * read is given back. It is read through once before anything is run: what does not end, is no SQL,
 * or speaks of roles or of several databases is refused then. Statements about the script's own
 * database (CREATE, ALTER, DROP, COMMENT ON, GRANT ON DATABASE: pg_dump --create) are left out:
 * they would change the one of that name, and not the new one.
 *
 * The script's text may be in any encoding whose bytes below 128 are ASCII; SET client_encoding in
 * it says which.
 */
#pragma once

#include "pg/connection.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Script Script;

/* Maps it and reads it through. name is for messages. ERROR_CONFIG "name:line:column: ..." for what
 * cannot be run, ERROR_INTEGRITY if it is torn. */
Script *script_open(const char *path, const char *name, GError **error);
void script_free(Script *script);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Script, script_free)

/* The database that it speaks of; NULL if it does not. */
const char *script_database(const Script *script);
/* Its CREATE DATABASE statement, with a semicolon; NULL if it has none. */
const char *script_create_database(const Script *script);

/* Called after each statement, and during data. */
typedef void (*ScriptProgress)(uint64_t done_bytes, uint64_t total_bytes, gpointer data);

typedef struct {
    ScriptProgress progress; /* may be NULL */
    gpointer data;
    GPtrArray *notes; /* char *: gets what was left out; may be NULL */
} ScriptOptions;

/* Runs it, up to the first error: "name:line:column: <what the server says>", with its SQLSTATE.
 * The session is left as the script has set it up (search_path, client_encoding, ...). */
bool script_run(Script *script, PgConnection *connection, const ScriptOptions *options,
                GError **error);
