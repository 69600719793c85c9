/* README.txt of a snapshot: how a person gets the data back with PostgreSQL's own programs alone.
 */
#pragma once

#include "snapshot/manifest.h"

/* has_parts: tables are cut into parts. */
bool readme_write(Manifest *manifest, bool has_parts, const char *folder, GError **error);
