/*
 * Two processes instead of one: the inner one works, the outer one, its guardian, does nothing but
 * wait for it, so that somebody is there who can tidy up at once when the inner one is killed (by
 * the kernel for its memory, by hand) or crashes.
 *
 * Signals that ask the guardian to end, to stop (Ctrl-Z) or to go on are passed on. When the
 * guardian is killed, the inner one gets a SIGTERM.
 */
#pragma once

#include <sys/types.h>

typedef enum {
    GUARDIAN_INNER, /* the caller is the inner process */
    GUARDIAN_ENDED, /* the inner process has ended by itself: its exit status */
    GUARDIAN_DIED,  /* the inner process was killed: the number of the signal */
} GuardianOutcome;

/* Divides the process, which must have one thread and no connection, and has called
 * interrupt_install(); standard output and error must be flushed. Returns in the inner process at
 * once, in the outer one when that has ended. Without memory or process numbers for a second
 * process there is none: GUARDIAN_INNER. */
GuardianOutcome guardian_start(int *value);

/* Process number of the guardian; 0 without one. */
pid_t guardian_pid(void);

/* A word of up to 63 bytes that the inner process leaves for its guardian, by which that finds what
 * it has left; the last one counts. "" if there is none. */
void guardian_leave(const char *word);
const char *guardian_left(void);
