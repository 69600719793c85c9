/*
 * Maintenance windows: "DAYS HH:MM-HH:MM ZONE" and the moments that it means.
 *
 * A wall clock shows some times twice and skips others when the offset of the zone changes. A time
 * that is shown twice means its first showing, one that is skipped means the moment of the change.
 * So a window never ends later than an operator who looks at the clock on the wall expects, and one
 * that lies wholly in the skipped hour does not take place on that day.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool days[8]; /* by GDateWeekday: 1 is Monday, 7 is Sunday; of the start */
    int start_minute,
        end_minute; /* of the day; the end may be 24:00, and before the start: next day */
    GTimeZone *zone;
} Window;

/* ERROR_CONFIG with a message that quotes the wrong part and says what is expected. */
bool window_parse(const char *schedule, Window *window, GError **error);
void window_clear(Window *window);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Window, window_clear)

/* The shortest time that an ordinary window lasts. */
int64_t window_length_ms(const Window *window);

/* Whether now_us is in a window: then *end_us is its end (windows that touch are one). Otherwise
 * *next_us is the start of the next. Moments are wall clock, in microseconds. */
bool window_find(const Window *window, int64_t now_us, int64_t *end_us, int64_t *next_us);

/* "Sun 2026-11-22 02:00 CST" in the zone of the window. The caller frees it. */
char *window_format(const Window *window, int64_t wall_us);
