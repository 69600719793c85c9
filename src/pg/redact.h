/*
 * What may be repeated of a server's message: names of objects and the words of the server, never a
 * literal, a value or a row. DETAIL and CONTEXT are left out altogether, except for constraint,
 * table and column names.
 */
#pragma once

/* A copy of message that is safe to write anywhere; statement (may be NULL) is the SQL it is about:
 * a message raised by the migration itself is repeated as far as its words stand in the migration.
 * The caller frees it. */
char *redact_message(const char *sqlstate, const char *message, const char *statement);

/* What may be repeated of a HINT: those that speak of names and settings, and of a migration's own
 * RAISE as far as its words stand in the migration. NULL if nothing. The caller frees it. */
char *redact_hint(const char *sqlstate, const char *hint, const char *statement);
