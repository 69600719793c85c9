/*
 * Sessions of an earlier command whose process is gone: killing a client does not stop its
 * statement on the server. Whoever has the lock may end them.
 */
#pragma once

#include "pg/connection.h"

/* Waits a moment for statements of earlier migrate and undo commands in a database, which the
 * server ends by itself when it sees that their client is gone, then ends them. application is our
 * own application_name. ERROR_LOCKED if one stays. */
bool orphan_sessions_end(PgConnection *connection, const char *database, const char *application,
                         GError **error);
