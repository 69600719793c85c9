/*
 * Failpoints: named places where a test build can be killed, stopped, delayed or made to fail.
 * Compiled in with DRYDOCK_FAILPOINTS only; the environment variable DRYDOCK_FAILPOINT says which
 * and how:
 *
 *     DRYDOCK_FAILPOINT=open.before_commit=kill     kill | die | stop | term | sleep:MS
 *                                                   (die: only with a guardian, which lives)
 *     DRYDOCK_FAILPOINT=migrate.apply.done#2=stop   the second time the point is passed
 *     DRYDOCK_FAILPOINT=A=term,B=kill               several
 *     DRYDOCK_FAILPOINT_LOG=FILE                    appends every name that is passed
 */
#pragma once

#ifdef DRYDOCK_FAILPOINTS
void failpoint(const char *name);
#else
#define failpoint(name) ((void)(name))
#endif
