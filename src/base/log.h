/*
 * Talk on standard error: messages, warnings, and a progress line for long work. Standard output is
 * for results and is never written here.
 *
 * On a terminal log_progress() rewrites one line; elsewhere it writes a plain line every few
 * seconds. Callers never pass row data, literals of statements or secrets.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum { LOG_DETAIL, LOG_INFO, LOG_WARNING, LOG_ERROR } LogLevel;

/* Messages below this level are not shown; LOG_INFO at first. */
void log_set_level(LogLevel level);

/* Whether colours may be used on this stream: a terminal, and NO_COLOR is not set. */
bool log_colour(int fd);

void log_message(LogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);
#define log_detail(...) log_message(LOG_DETAIL, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)

/* Reports an error with its hint, once, where it is handled. */
void log_error(const GError *error);

/* Says how far long work has come; log_progress_end() takes the line away. Safe from any thread. */
void log_progress(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_progress_end(void);
