#include "base/clock.h"

#include "base/error.h"
#include "base/interrupt.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

int64_t clock_wall_us(void)
{
    return g_get_real_time();
}

int64_t clock_monotonic_us(void)
{
    return g_get_monotonic_time();
}

char *clock_format_utc(int64_t wall_us)
{
    g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(wall_us / G_USEC_PER_SEC);
    g_autofree char *seconds = g_date_time_format(moment, "%Y-%m-%dT%H:%M:%S");
    return g_strdup_printf("%s.%03dZ", seconds, (int)(wall_us % G_USEC_PER_SEC / 1000));
}

/* "HH:MM": the next such moment in local time. */
static GDateTime *next_time_of_day(const char *text, int64_t now_us)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(now_us / G_USEC_PER_SEC);
    g_autoptr(GDateTime) today = NULL;
    int hour = (text[0] - '0') * 10 + text[1] - '0';
    int minute = (text[3] - '0') * 10 + text[4] - '0';
    if (hour > 23 || minute > 59)
        return NULL;
    today = g_date_time_new_local(g_date_time_get_year(now), g_date_time_get_month(now),
                                  g_date_time_get_day_of_month(now), hour, minute, 0);
    if (today == NULL || g_date_time_to_unix(today) * G_USEC_PER_SEC > now_us)
        return g_steal_pointer(&today);
    return g_date_time_add_days(today, 1);
}

static bool is_time_of_day(const char *text)
{
    return strlen(text) == 5 && g_ascii_isdigit(text[0]) && g_ascii_isdigit(text[1]) &&
           text[2] == ':' && g_ascii_isdigit(text[3]) && g_ascii_isdigit(text[4]);
}

bool clock_parse_time(const char *text, int64_t now_us, int64_t *out_us, GError **error)
{
    g_autoptr(GTimeZone) local = g_time_zone_new_local();
    g_autoptr(GDateTime) moment = is_time_of_day(text) ? next_time_of_day(text, now_us)
                                                       : g_date_time_new_from_iso8601(text, local);
    if (moment == NULL) {
        error_set(error, ERROR_USAGE, "'%s' is not a time", text);
        error_hint_set(error, "write 2026-11-22T04:00:00-06:00, 2026-11-22T10:00:00Z, or 04:00 "
                              "for the next 04:00 in local time");
        return false;
    }
    *out_us = g_date_time_to_unix(moment) * G_USEC_PER_SEC + g_date_time_get_microsecond(moment);
    return true;
}

char *clock_format_duration(int64_t duration_us)
{
    const int64_t seconds = duration_us / G_USEC_PER_SEC;
    if (seconds < 1)
        return g_strdup_printf("%.2f s", (double)duration_us / G_USEC_PER_SEC);
    if (seconds < 120)
        return g_strdup_printf("%.1f s", (double)duration_us / G_USEC_PER_SEC);
    if (seconds < 2 * 3600)
        return g_strdup_printf("%d min %d s", (int)(seconds / 60), (int)(seconds % 60));
    return g_strdup_printf("%d h %d min", (int)(seconds / 3600), (int)(seconds / 60 % 60));
}

bool clock_parse_duration(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t unit_ms;
    } units[] = {
        {"ms", 1},
        {"s", 1000},
        {"min", 60 * 1000},
        {"h", 3600 * 1000},
        {"d", (int64_t)24 * 3600 * 1000},
        {"y", (int64_t)365 * 24 * 3600 * 1000},
    };
    char *end = NULL;
    int64_t number = 0;
    if (!g_ascii_isdigit(text[0]))
        return false;
    errno = 0;
    number = g_ascii_strtoll(text, &end, 10);
    if (errno != 0 || number > (int64_t)1000 * 1000 * 1000)
        return false;
    if (number == 0 && *end == '\0') {
        *out_ms = 0;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out_ms = number * units[i].unit_ms;
            return *out_ms <= (int64_t)100 * 365 * 24 * 3600 * 1000;
        }
    }
    return false;
}

bool size_parse(const char *text, uint64_t *out_bytes)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {
        {"", 1},      {"B", 1},        {"kB", 1e3},     {"MB", 1e6},     {"GB", 1e9},
        {"TB", 1e12}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
    };
    char *end = NULL;
    double number = 0;
    if (!g_ascii_isdigit(text[0]))
        return false;
    number = g_ascii_strtod(text, &end);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_ascii_strcasecmp(end, units[i].name) != 0)
            continue;
        if (!(number * units[i].bytes < 0x1p63))
            return false;
        *out_bytes = (uint64_t)(number * units[i].bytes);
        return true;
    }
    return false;
}

char *size_format(uint64_t size_bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    double size = (double)size_bytes / 1000;
    size_t unit = 0;
    if (size_bytes < 1000)
        return g_strdup_printf("%d B", (int)size_bytes);
    while (size >= 999.95 && unit + 1 < G_N_ELEMENTS(units)) {
        size /= 1000;
        unit++;
    }
    return g_strdup_printf("%.1f %s", size, units[unit]);
}

bool clock_sleep_ms(int64_t duration_ms)
{
    const int64_t end_us = clock_monotonic_us() + duration_ms * 1000;
    for (;;) {
        /* Asked for first: what comes behind it is seen by one of the two. */
        struct pollfd wake = {.fd = interrupt_fd(), .events = POLLIN};
        const int64_t left_us = end_us - clock_monotonic_us();
        if (interrupt_pending())
            return false;
        if (left_us <= 0)
            return true;
        (void)poll(&wake, 1, (int)MIN(left_us / 1000 + 1, 60 * 1000));
    }
}
