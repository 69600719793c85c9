/* A plain SQL script from outside: what its own comments say of it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *database;       /* that it connects to (pg_dump --create); NULL */
    int dump_version_num; /* 150000 for pg_dump 15; 0 if unknown */
} IntakeScript;

/* ERROR_CONFIG for a script of pg_dumpall or of another database system, ERROR_INTEGRITY for one of
 * pg_dump that has lost its end. */
bool intake_script_read(const char *path, IntakeScript *script, GError **error);
