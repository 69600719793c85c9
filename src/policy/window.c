#include "policy/window.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

#define MINUTES_PER_DAY 1440
#define SECONDS_PER_DAY ((int64_t)86400)
/* Far enough to see the next window of a weekly schedule even if one falls into a skipped hour. */
#define DAYS_AHEAD 15

static const char *const day_names[] = {"", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", NULL};

static const char form[] = "a schedule is 'DAYS HH:MM-HH:MM ZONE', for example "
                           "'Sun 02:00-04:00 America/Chicago'";

/* 1 to 7, or 0. */
static int parse_day(const char *text, size_t length)
{
    for (int day = 1; day <= 7; day++)
        if (length == 3 && g_ascii_strncasecmp(text, day_names[day], 3) == 0)
            return day;
    return 0;
}

static bool parse_days(const char *text, Window *window, GError **error)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    if (g_ascii_strcasecmp(text, "daily") == 0) {
        for (int day = 1; day <= 7; day++)
            window->days[day] = true;
        return true;
    }
    for (char **item = items; *item != NULL; item++) {
        const char *dash = strchr(*item, '-');
        const size_t length = dash != NULL ? (size_t)(dash - *item) : strlen(*item);
        const int first = parse_day(*item, length);
        const int last = dash != NULL ? parse_day(dash + 1, strlen(dash + 1)) : first;
        if (first == 0 || last == 0) {
            error_set(error, ERROR_CONFIG,
                      "'%s' is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, lists "
                      "(Mon,Wed), ranges (Mon-Fri) or daily",
                      *item);
            return false;
        }
        /* Fri-Mon goes over the end of the week. */
        for (int day = first;; day = day % 7 + 1) {
            window->days[day] = true;
            if (day == last)
                break;
        }
    }
    return true;
}

/* "HH:MM" of exactly five characters; the minute of the day, or -1. */
static int parse_minute(const char *text, size_t length)
{
    if (length != 5 || text[2] != ':')
        return -1;
    for (int i = 0; i < 5; i++)
        if (i != 2 && !g_ascii_isdigit(text[i]))
            return -1;
    const int hour = (text[0] - '0') * 10 + text[1] - '0';
    const int minute = (text[3] - '0') * 10 + text[4] - '0';
    return minute < 60 && hour * 60 + minute <= MINUTES_PER_DAY ? hour * 60 + minute : -1;
}

static bool parse_hours(const char *text, Window *window, GError **error)
{
    const char *dash = strchr(text, '-');
    window->start_minute = dash != NULL ? parse_minute(text, (size_t)(dash - text)) : -1;
    window->end_minute = dash != NULL ? parse_minute(dash + 1, strlen(dash + 1)) : -1;
    if (window->start_minute < 0 || window->end_minute < 0 ||
        window->start_minute == MINUTES_PER_DAY || window->end_minute == 0) {
        error_set(error, ERROR_CONFIG,
                  "'%s' is no time of day; write HH:MM-HH:MM from 00:00 to 24:00, an end before "
                  "the start is on the next day",
                  text);
        return false;
    }
    if (window->start_minute == window->end_minute) {
        error_set(error, ERROR_CONFIG, "'%s' has no length; a whole day is 00:00-24:00", text);
        return false;
    }
    return true;
}

/* GLib takes offsets and POSIX rules for zones too; only names of the zone database know when
 * clocks change. */
static bool is_zone_name(const char *text)
{
    static const char other[] = "/_+-";
    if (strcmp(text, "UTC") == 0)
        return true;
    if (!g_ascii_isalpha(text[0]) || strchr(text, '/') == NULL)
        return false;
    for (; *text != '\0'; text++)
        if (!g_ascii_isalnum(*text) && strchr(other, *text) == NULL)
            return false;
    return true;
}

static bool parse_zone(const char *text, Window *window, GError **error)
{
    if (!is_zone_name(text)) {
        error_set(error, ERROR_CONFIG,
                  "'%s' is no name of a time zone; write an IANA name such as America/Chicago, or "
                  "UTC",
                  text);
        return false;
    }
    window->zone = g_time_zone_new_identifier(text);
    if (window->zone == NULL) {
        error_set(error, ERROR_CONFIG,
                  "time zone '%s' is not in this host's time zone database; names are written "
                  "like America/Chicago",
                  text);
        error_hint_set(error, "look for the name with timedatectl list-timezones; if none is "
                              "found, install the package tzdata");
        return false;
    }
    return true;
}

bool window_parse(const char *schedule, Window *window, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(schedule, " ", -1);
    const char *parts[3] = {NULL};
    guint count = 0;
    *window = (Window){0};
    for (char **word = words; *word != NULL; word++) {
        if (**word == '\0')
            continue;
        if (count < G_N_ELEMENTS(parts))
            parts[count] = *word;
        count++;
    }
    if (count != G_N_ELEMENTS(parts)) {
        error_set(error, ERROR_CONFIG, "'%s' has %u of 3 parts; %s", schedule, count, form);
        return false;
    }
    if (parse_days(parts[0], window, error) && parse_hours(parts[1], window, error) &&
        parse_zone(parts[2], window, error))
        return true;
    window_clear(window);
    return false;
}

void window_clear(Window *window)
{
    g_clear_pointer(&window->zone, g_time_zone_unref);
}

int64_t window_length_ms(const Window *window)
{
    const int minutes = window->end_minute - window->start_minute;
    return (int64_t)(minutes > 0 ? minutes : minutes + MINUTES_PER_DAY) * 60 * 1000;
}

static int64_t offset_at(GTimeZone *zone, int64_t utc)
{
    const int interval = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, utc);
    return g_time_zone_get_offset(zone, interval);
}

/* The moment at which the clocks of a zone show local (seconds since 1970 as the clock shows them):
 * the first such moment, or that of the change if they never do. Offsets change at most once in two
 * days. */
static int64_t local_to_utc(GTimeZone *zone, int64_t local)
{
    const int64_t before = offset_at(zone, local - SECONDS_PER_DAY);
    const int64_t after = offset_at(zone, local + SECONDS_PER_DAY);
    int64_t low = local - after;
    int64_t high = local - before;
    if (offset_at(zone, high) == before)
        return high;
    if (offset_at(zone, low) == after)
        return low;
    /* Skipped: the change is after low and not after high. */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (offset_at(zone, middle) == after)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Days since 1970-01-01, a Thursday. */
static GDateWeekday weekday_of(int64_t day)
{
    return (GDateWeekday)((day % 7 + 7 + 3) % 7 + 1);
}

static int64_t floor_day(int64_t seconds)
{
    return seconds >= 0 ? seconds / SECONDS_PER_DAY : -((-seconds - 1) / SECONDS_PER_DAY) - 1;
}

bool window_find(const Window *window, int64_t now_us, int64_t *end_us, int64_t *next_us)
{
    const int64_t now = now_us / G_USEC_PER_SEC;
    const int64_t today = floor_day(now + offset_at(window->zone, now));
    bool inside = false;
    *end_us = 0;
    *next_us = 0;
    /* From yesterday: a window may go over midnight. */
    for (int64_t day = today - 1; day <= today + DAYS_AHEAD; day++) {
        const int64_t midnight = day * SECONDS_PER_DAY;
        const bool next_day = window->end_minute <= window->start_minute;
        if (!window->days[weekday_of(day)])
            continue;
        const int64_t start =
            local_to_utc(window->zone, midnight + window->start_minute * (int64_t)60);
        const int64_t end = local_to_utc(window->zone, midnight + (next_day ? SECONDS_PER_DAY : 0) +
                                                           window->end_minute * (int64_t)60);
        if (start >= end)
            continue;
        if (inside && start * G_USEC_PER_SEC <= *end_us) {
            *end_us = MAX(*end_us, end * G_USEC_PER_SEC);
        } else if (!inside && start * G_USEC_PER_SEC <= now_us && now_us < end * G_USEC_PER_SEC) {
            inside = true;
            *end_us = end * G_USEC_PER_SEC;
        } else if (start * G_USEC_PER_SEC > now_us && *next_us == 0) {
            *next_us = start * G_USEC_PER_SEC;
        }
    }
    return inside;
}

char *window_format(const Window *window, int64_t wall_us)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(wall_us / G_USEC_PER_SEC);
    g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, window->zone);
    g_autofree char *rest = g_date_time_format(local, "%Y-%m-%d %H:%M %Z");
    return g_strdup_printf("%s %s", day_names[g_date_time_get_day_of_week(local)], rest);
}
