/* The report of a run: report.json as it is, report.txt for people. */
#pragma once

#include "base/json.h"
#include <stdbool.h>

/* The caller frees it. */
char *report_text(const json_t *report);

/* Writes <folder>/report.json and report.txt. */
bool report_write(const char *folder, const json_t *report, GError **error);
