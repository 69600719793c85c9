/*
 * The standbys that the policy lists. A session on a hot standby is not ended by what ends those
 * of the primary: it follows the renamed database, and reads the old copy for ever. So at the
 * fence each listed standby is seen to have replayed the renaming, its sessions in the database
 * are ended, and are seen to be gone.
 */
#pragma once

#include "run/context.h"

/* Findings: a listed server that is no standby of this one, or where this role has no right to end
 * sessions; a standby that is attached and not listed. */
bool standbys_survey(Run *run, GError **error);

/* A connection to each; PgConnection *. ERROR_REFUSED if one cannot be reached. */
GPtrArray *standbys_connect(const Run *run, GError **error);

/* Waits until each has replayed that the database `copy` has this name and is closed, and ends its
 * sessions there. ERROR_REFUSED. */
bool standbys_fence(Run *run, const GPtrArray *standbys, const char *copy, GError **error);
