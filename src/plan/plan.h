/*
 * The plan: what a run would do - order, statements, copies, findings, estimates - without touching
 * anything.
 */
#pragma once

#include "base/json.h"
#include "run/run.h"
#include <stdbool.h>

/* Surveys server and files. *exit_code gets what a run would end with before it begins: 0, or 3 if
 * a finding refuses. NULL with an error if there is nothing to plan with. */
json_t *plan_make(const RunOptions *options, int *exit_code, GError **error);

/* The caller frees it. */
char *plan_text(const json_t *plan);
