/*
 * The policy's commands around the fence: fence.before in front of it, fence.after when the outcome
 * is known, whatever it is, if the former were begun. /bin/sh runs them; what they say goes to the
 * log. A death between the two is made good by recovery, so that both may be run again.
 */
#pragma once

#include "run/context.h"

/* ERROR_REFUSED if one fails, with nothing done behind it. */
bool hooks_before(Run *run, GError **error);

/* Of a run that ends with this code, once. A command that fails is a remark: it changes nothing of
 * what is true of the database. */
void hooks_after(Run *run, int exit_code);

/* What one command of the policy says on standard output; `which` is what messages call it. NULL
 * with an error if it fails. The caller frees it. */
char *hooks_read(const Run *run, const char *which, const char *command, GError **error);

/* What the journal of a dead run tells of its hooks. One that is lost tells nothing: then they may
 * have been begun. */
void hooks_adopt(Run *run, const json_t *lines);
