/*
 * Failpoints: named places where a test build can be killed, stopped, delayed or made to fail.
 * Compiled in with DRYDOCK_FAILPOINTS only; the environment variable DRYDOCK_FAILPOINT says which
 * and how:
 *
 *     DRYDOCK_FAILPOINT=open.before_commit=kill     kill | die | stop | term | sleep:MS | error
 *                                                   (die: only with a guardian, which lives;
 *                                                   error: of failpoint_error() alone)
 *     DRYDOCK_FAILPOINT=migrate.apply.done#2=stop   the second time the point is passed
 *     DRYDOCK_FAILPOINT=A=term,B=kill               several
 *     DRYDOCK_FAILPOINT_LOG=FILE                    appends every name that is passed
 */
#pragma once

#ifdef DRYDOCK_FAILPOINTS
#include <glib.h>
#include <stdbool.h>

void failpoint(const char *name);
/* The same; false with an ERROR_IO if the point is to fail. */
bool failpoint_error(const char *name, GError **error);
#else
#define failpoint(name) ((void)(name))
#define failpoint_error(name, error) ((void)(name), (void)(error), true)
#endif
