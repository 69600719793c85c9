/*
 * INT and TERM, and the end of the time, as a wish that waiting code looks at, never as something
 * that happens to it.
 *
 * Every wait polls interrupt_fd() beside what it waits for, and asks interrupt_pending(). During a
 * restore the wish is recorded and not obeyed (interrupt_shield).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers; call once at the start of the program. SIGPIPE and SIGXFSZ
 * are ignored. */
void interrupt_install(void);

/* Readable as soon as a signal has come; -1 before interrupt_install(). */
int interrupt_fd(void);

/* The number of the signal that waits to be obeyed; 0 if there is none or while shielded. */
int interrupt_pending(void);

/* The number of the first signal received, shielded or not; 0 if none. */
int interrupt_received(void);

/* From now on signals are recorded and not obeyed (true), or obeyed again (false). Gives what it
 * was before. */
bool interrupt_shield(bool shielded);

/* The monotonic moment after which interrupt_check() says that it is too late; 0: none. */
void interrupt_set_latest(int64_t latest_us);

/* Sets an ERROR_INTERRUPTED and returns true if a signal waits to be obeyed; or an ERROR_TOO_LATE,
 * if the latest moment has passed. Neither while shielded. */
bool interrupt_check(GError **error);
