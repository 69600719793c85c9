/* README.txt of a snapshot: how a person gets the data back with PostgreSQL's own programs alone.
 */
#pragma once

#include "snapshot/manifest.h"

bool readme_write(const Manifest *manifest, const char *folder, GError **error);
