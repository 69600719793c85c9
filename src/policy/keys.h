/* What the keys of a policy file mean: bounds, paths, names; the checks that need more than the
 * shape. */
#pragma once

#include "policy/outline.h"
#include "policy/policy.h"
#include "policy/schema.h"
#include <glib.h>
#include <stdbool.h>

/* Fills policy, which has its path and the defaults, from file. ERROR_CONFIG "path:line:column:
 * ...". */
bool policy_keys_read(Policy *policy, const PolicyFile *file, const OutlineNode *outline,
                      GError **error);
