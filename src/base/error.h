/*
 * Errors: GError in one domain whose codes come from one table (name, exit code, whether another
 * try may help, meaning). A hint (what to do), a SQLSTATE and a position in the statement travel
 * with it.
 *
 * Context is added on the way up with g_prefix_error(); an error is logged once, where it is
 * handled.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define ERROR_EXIT_SIGNAL 128 /* plus the number of the signal */

/* What the program can exit with: its meaning and what it says of the database. */
typedef struct {
    int code;
    const char *meaning;
    const char *database;
} ErrorExit;

/* By rising code; ends with an entry whose meaning is NULL. `drydock --help` prints it. */
extern const ErrorExit error_exits[];

/* X(name, exit code, another try may help, meaning); the meaning is for readers of this table. */
#define ERROR_TABLE(X)                                                                             \
    X(FAILED, 1, false, "failed before anything was migrated")                                     \
    X(IO, 1, false, "a file or directory could not be read or written")                            \
    X(CHILD, 1, false, "a program that was started failed")                                        \
    X(CONNECTION, 1, true, "the server could not be reached, or the connection was lost")          \
    X(QUERY, 1, false, "the server refused a statement")                                           \
    X(LOCK_TIMEOUT, 1, true, "a lock was not to be had in time")                                   \
    X(TIMEOUT, 1, false, "a statement ran into its time limit")                                    \
    X(USAGE, 2, false, "the command line is wrong")                                                \
    X(CONFIG, 2, false, "a policy, a migration file or the named database is wrong")               \
    X(REFUSED, 3, false, "refused by preflight or policy")                                         \
    X(INTEGRITY, 4, false, "a checksum, digest, history or schema differs from what it must be")   \
    X(LOCKED, 5, true, "another run holds the lock")                                               \
    X(TOO_LATE, 6, false, "not enough window left to do it and still get back")                    \
    X(RESTORED, 7, false, "failed, restored and proven")                                           \
    X(NEEDS_PERSON, 8, false, "failed, and not restored or restored with exceptions")              \
    X(UNKNOWN_OUTCOME, 9, false, "the outcome is unknown: run drydock recover")                    \
    X(PENDING, 10, false, "migrations are pending")                                                \
    X(STEP_FAILED, 11, false, "a step failed and left nothing behind; earlier steps stay applied") \
    X(INTERRUPTED, ERROR_EXIT_SIGNAL, false, "a signal was obeyed before anything was changed")

typedef enum {
#define X(name, exit_code, retry, meaning) ERROR_##name,
    ERROR_TABLE(X)
#undef X
        ERROR_COUNT
} ErrorCode;

#define DRYDOCK_ERROR drydock_error_quark()
GQuark drydock_error_quark(void);

/* Sets *error (if error is not NULL) to code and the formatted message. */
void error_set(GError **error, ErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* As error_set(), from errno: "<message>: <strerror>"; code is ERROR_IO. */
void error_set_errno(GError **error, int saved_errno, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Says what to do about *error; replaces an earlier hint. Does nothing if there is no error. */
void error_hint_set(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Attaches the five characters of a SQLSTATE and the 1-based character position in the statement
 * (0: none). Does nothing if there is no error. */
void error_sql_set(GError **error, const char *sqlstate, int position);

/* NULL where there is none. The strings belong to the error. */
const char *error_hint(const GError *error);
const char *error_sqlstate(const GError *error);
int error_position(const GError *error);

/* Changes the code of *error and keeps its message, hint and SQLSTATE. */
void error_recode(GError **error, ErrorCode code);

/* Whether error is of our domain and has this code. */
bool error_is(const GError *error, ErrorCode code);
bool error_may_retry(const GError *error);

/* The exit code of an error; 1 for those of another domain, 128+n for a signal. */
int error_exit_code(const GError *error);
int error_code_exit(ErrorCode code);
