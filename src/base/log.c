#include "base/log.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAIN_INTERVAL_US (5 * G_USEC_PER_SEC)
#define TERMINAL_INTERVAL_US (G_USEC_PER_SEC / 10)

static GMutex log_lock;
static LogLevel log_level = LOG_INFO;
static bool line_shown;
static int64_t last_progress_us;

void log_set_level(LogLevel level)
{
    log_level = level;
}

bool log_colour(int fd)
{
    const char *no_colour = getenv("NO_COLOR");
    return isatty(fd) && (no_colour == NULL || no_colour[0] == '\0');
}

static void clear_line(void)
{
    if (line_shown)
        (void)fputs("\r\033[K", stderr);
    line_shown = false;
}

static const char *level_prefix(LogLevel level, bool colour)
{
    switch (level) {
    case LOG_WARNING:
        return colour ? "\033[33mwarning:\033[0m " : "warning: ";
    case LOG_ERROR:
        return colour ? "\033[31merror:\033[0m " : "error: ";
    case LOG_DETAIL:
    case LOG_INFO:
        break;
    }
    return "";
}

void log_message(LogLevel level, const char *format, ...)
{
    g_autofree char *message = NULL;
    g_autofree char *printable = NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%H:%M:%S");
    va_list args;
    if (level < log_level)
        return;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    printable = text_printable(message);
    g_mutex_lock(&log_lock);
    clear_line();
    (void)fprintf(stderr, "%s %s%s\n", time, level_prefix(level, log_colour(STDERR_FILENO)),
                  printable);
    g_mutex_unlock(&log_lock);
}

void log_error(const GError *error)
{
    const char *sqlstate = error_sqlstate(error);
    const char *hint = error_hint(error);
    if (sqlstate != NULL)
        log_message(LOG_ERROR, "%s (SQLSTATE %s)", error->message, sqlstate);
    else
        log_message(LOG_ERROR, "%s", error->message);
    if (hint != NULL)
        log_message(LOG_ERROR, "HINT: %s", hint);
}

void log_progress(const char *format, ...)
{
    const bool terminal = isatty(STDERR_FILENO);
    const int64_t interval_us = terminal ? TERMINAL_INTERVAL_US : PLAIN_INTERVAL_US;
    g_autofree char *message = NULL;
    va_list args;
    if (log_level > LOG_INFO)
        return;
    g_mutex_lock(&log_lock);
    if (last_progress_us == 0)
        last_progress_us = clock_monotonic_us() - (terminal ? interval_us : 0);
    if (clock_monotonic_us() - last_progress_us >= interval_us) {
        g_autofree char *printable = NULL;
        last_progress_us = clock_monotonic_us();
        va_start(args, format);
        message = g_strdup_vprintf(format, args);
        va_end(args);
        printable = text_printable(message);
        clear_line();
        (void)fprintf(stderr, terminal ? "         %s" : "         %s\n", printable);
        (void)fflush(stderr);
        line_shown = terminal;
    }
    g_mutex_unlock(&log_lock);
}

void log_progress_end(void)
{
    g_mutex_lock(&log_lock);
    clear_line();
    last_progress_us = 0;
    g_mutex_unlock(&log_lock);
}
