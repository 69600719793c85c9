/*
 * Child processes: a value that says what is run, with which environment, and what happens to its
 * streams.
 *
 * The environment of a child is what is listed, plus PATH, HOME, TZ and LC_ALL=C (its words are
 * for us to read): no secret is passed on. A child gets SIGTERM when this program dies. Standard
 * input is empty; standard output and error are collected (the last 256 KiB of each).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Child Child;

/* Starts argv (NULL-terminated, argv[0] a path); environment is a NULL-terminated list of
 * NAME=value. */
Child *child_start(const char *const *argv, const char *const *environment, GError **error);

/* The same with standard output for the caller to read, through child_read(), not collected. */
Child *child_start_reading(const char *const *argv, const char *const *environment, GError **error);

/* Up to size_bytes of the child's standard output; *got is 0 at its end. Waits at most until
 * latest_us (monotonic; 0: no limit) with ERROR_TIMEOUT; a signal ends the wait with
 * ERROR_INTERRUPTED. */
bool child_read(Child *child, void *data, size_t size_bytes, int64_t latest_us, size_t *got,
                GError **error);

/* Waits until the child has ended or timeout_ms has passed (-1: no limit, 0: look only). *ended
 * says which. A signal to this program ends the wait with ERROR_INTERRUPTED; the child goes on
 * until child_stop(). */
bool child_wait(Child *child, int64_t timeout_ms, bool *ended, GError **error);

/* After the end: an ERROR_CHILD that names the program, its status and the last lines of its
 * standard error, or true if it exited 0. */
bool child_check(Child *child, GError **error);

/* All of its standard error that was kept. */
const char *child_errors(const Child *child);
const char *child_output(const Child *child);

/* SIGTERM, two seconds, SIGKILL; harmless if it has ended. */
void child_stop(Child *child);
void child_free(Child *child);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Child, child_free)
