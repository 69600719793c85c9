#include "base/error.h"

#include <errno.h>
#include <string.h>

typedef struct {
    char *hint;
    char sqlstate[6];
    int position;
} DrydockErrorPrivate;

static void drydock_error_private_init(DrydockErrorPrivate *private)
{
    memset(private, 0, sizeof *private);
}

static void drydock_error_private_copy(const DrydockErrorPrivate *from, DrydockErrorPrivate *to)
{
    *to = *from;
    to->hint = g_strdup(from->hint);
}

static void drydock_error_private_clear(DrydockErrorPrivate *private)
{
    g_free(private->hint);
}

G_DEFINE_EXTENDED_ERROR(DrydockError, drydock_error)

static const struct {
    int exit_code;
    bool may_retry;
} error_table[] = {
#define X(name, exit_code, retry, meaning) {exit_code, retry},
    ERROR_TABLE(X)
#undef X
};

const ErrorExit error_exits[] = {
    {0, "done", "as wanted"},
    {1, "failed before anything was migrated", "untouched, in service"},
    {2, "wrong usage or configuration", "untouched, in service"},
    {3, "refused by preflight or policy", "untouched, in service"},
    {4, "a checksum, digest, history or schema is not what it must be", "untouched, in service"},
    {5, "another run holds the lock", "untouched by this run"},
    {6, "too late to do it and still get back", "untouched, in service"},
    {7, "failed, restored and proven", "as before the run, in service"},
    {8, "failed, a person is needed", "the last line says what is where"},
    {9, "outcome unknown: run drydock recover", "the last line says what is known"},
    {10, "status --exit-code: something is pending", "untouched"},
    {11, "migrate, undo: a step failed and left nothing behind", "earlier steps stay applied"},
    {ERROR_EXIT_SIGNAL, "a signal was obeyed before anything was changed", "untouched, in service"},
    {-1, NULL, NULL},
};

void error_set(GError **error, ErrorCode code, const char *format, ...)
{
    va_list args;
    if (error == NULL)
        return;
    g_return_if_fail(*error == NULL);
    va_start(args, format);
    *error = g_error_new_valist(DRYDOCK_ERROR, (int)code, format, args);
    va_end(args);
}

void error_set_errno(GError **error, int saved_errno, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    error_set(error, ERROR_IO, "%s: %s", message, g_strerror(saved_errno));
}

static DrydockErrorPrivate *private_of(const GError *error)
{
    if (error == NULL || error->domain != DRYDOCK_ERROR)
        return NULL;
    return drydock_error_get_private(error);
}

void error_hint_set(GError **error, const char *format, ...)
{
    DrydockErrorPrivate *private = error != NULL ? private_of(*error) : NULL;
    va_list args;
    if (private == NULL)
        return;
    g_free(private->hint);
    va_start(args, format);
    private->hint = g_strdup_vprintf(format, args);
    va_end(args);
}

void error_sql_set(GError **error, const char *sqlstate, int position)
{
    DrydockErrorPrivate *private = error != NULL ? private_of(*error) : NULL;
    if (private == NULL)
        return;
    g_strlcpy(private->sqlstate, sqlstate != NULL ? sqlstate : "", sizeof private->sqlstate);
    private->position = position;
}

const char *error_hint(const GError *error)
{
    const DrydockErrorPrivate *private = private_of(error);
    return private != NULL ? private->hint : NULL;
}

const char *error_sqlstate(const GError *error)
{
    const DrydockErrorPrivate *private = private_of(error);
    return private != NULL && private->sqlstate[0] != '\0' ? private->sqlstate : NULL;
}

int error_position(const GError *error)
{
    const DrydockErrorPrivate *private = private_of(error);
    return private != NULL ? private->position : 0;
}

void error_recode(GError **error, ErrorCode code)
{
    if (error != NULL && *error != NULL && (*error)->domain == DRYDOCK_ERROR)
        (*error)->code = (int)code;
}

bool error_is(const GError *error, ErrorCode code)
{
    return g_error_matches(error, DRYDOCK_ERROR, (int)code);
}

bool error_may_retry(const GError *error)
{
    return error != NULL && error->domain == DRYDOCK_ERROR && error_table[error->code].may_retry;
}

int error_exit_code(const GError *error)
{
    if (error == NULL)
        return 0;
    if (error->domain != DRYDOCK_ERROR)
        return 1;
    if (error_is(error, ERROR_INTERRUPTED))
        return ERROR_EXIT_SIGNAL + error_position(error);
    return error_table[error->code].exit_code;
}

int error_code_exit(ErrorCode code)
{
    return error_table[code].exit_code;
}
