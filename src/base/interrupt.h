/*
 * INT and TERM, and the end of the time, as a wish that waiting code looks at, never as something
 * that happens to it.
 *
 * Every wait polls interrupt_fd() beside what it waits for, and asks interrupt_pending(). During a
 * restore the wish is recorded and not obeyed (interrupt_shield).
 *
 * Where two threads are at work, the one that fails ends the waits of the other in the same way
 * (interrupt_stop).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers; call once at the start of the program. SIGPIPE and SIGXFSZ
 * are ignored. */
void interrupt_install(void);

/* Becomes readable when a signal comes; -1 (which poll() passes over) if one has come already, and
 * before interrupt_install(). */
int interrupt_fd(void);

/* Whether something waits to be obeyed: a signal, or interrupt_stop(). Not while shielded. */
bool interrupt_pending(void);

/* From now on signals are recorded and not obeyed (true), or obeyed again (false). Gives what it
 * was before. */
bool interrupt_shield(bool shielded);

/* The monotonic moment after which interrupt_check() says that it is too late; 0: none. */
void interrupt_set_latest(int64_t latest_us);

/* Sets an ERROR_INTERRUPTED and returns true if something waits to be obeyed; or an ERROR_TOO_LATE,
 * if the latest moment has passed. Neither while shielded. */
bool interrupt_check(GError **error);

/* The ERROR_INTERRUPTED of what was stopped. */
void interrupt_set_error(GError **error);

/* Ends the waits of every thread, because what one of them does has failed. True for the first that
 * says so: its failure is the cause of the other ones. */
bool interrupt_stop(void);

/* From now on waits are waited for again. Only when no other thread is left. */
void interrupt_go_on(void);
