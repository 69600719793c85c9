/* README.txt of a snapshot: how a person gets the data back with PostgreSQL's own programs alone.
 */
#pragma once

#include "snapshot/manifest.h"

typedef struct {
    bool has_parts; /* tables are cut into parts */
    bool has_money; /* there is money in tables that are written as text */
} ReadmeFacts;

bool readme_write(Manifest *manifest, ReadmeFacts facts, const char *folder, GError **error);
