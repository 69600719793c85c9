/* What script.c and script_check.c share. */
#pragma once

#include "migration/splitter.h"
#include "snapshot/script.h"

struct Script {
    char *name;
    char *text; /* mapped; NULL if it is empty */
    size_t size_bytes;
    size_t released; /* up to here pages were given back */
    char *database, *create_database;
};

/* Reads it through; fills database and create_database. */
bool script_check(Script *script, GError **error);

/* Gives the pages before at back to the system, now and then. */
void script_release(Script *script, const char *at);

/* A command of psql in it: whether it may stand there. */
typedef struct {
    Script *script;
    char *key; /* of the \restrict that holds; NULL */
} ScriptCommands;
bool script_command(const char *name, const char *rest, gpointer data, GError **error);
