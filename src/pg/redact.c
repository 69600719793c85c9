#include "pg/redact.h"

#include <glib.h>

char *redact_message(const char *sqlstate, const char *message, const char *statement)
{
    (void)statement;
    if (g_str_has_prefix(sqlstate, "22") || g_str_has_prefix(sqlstate, "P0"))
        return g_strdup("[message of the server]");
    return g_strdup(message);
}
