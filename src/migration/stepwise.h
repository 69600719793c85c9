/* Applies a file that is not one transaction: step by step, each recorded in drydock.steps. */
#pragma once

#include "migration/attempt.h"
#include "migration/step.h"

/* Up to the end, with the history row; goes on behind what an earlier attempt has done. *left gets
 * whether something of the file is done, or may be, when it fails. */
bool stepwise_apply(Attempt *attempt, const GArray *steps, bool *left, GError **error);
