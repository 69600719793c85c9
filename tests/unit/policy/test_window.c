/* Maintenance windows: which moment is in one, when it ends, when the next begins; above all on the
 * days on which clocks are changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "policy/policy.h"
#include "policy/window.h"

static int64_t moment(const char *text)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    assert_non_null(time);
    return g_date_time_to_unix(time) * G_USEC_PER_SEC;
}

typedef struct {
    const char *schedule;
    const char *now;
    const char *end;  /* NULL: outside */
    const char *next; /* NULL: not looked at */
} Case;

static void check(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_auto(Window) window = {0};
        g_autofree char *said = NULL;
        const Case *want = &cases[i];
        int64_t end_us = 0;
        int64_t next_us = 0;
        assert_true(window_parse(want->schedule, &window, NULL));
        const bool inside = window_find(&window, moment(want->now), &end_us, &next_us);
        said = clock_format_utc(inside ? end_us : next_us);
        if (inside != (want->end != NULL) || (inside && end_us != moment(want->end)) ||
            (want->next != NULL && next_us != moment(want->next)))
            fail_msg("'%s' at %s: %s %s", want->schedule, want->now,
                     inside ? "inside until" : "outside until", said);
    }
}

#define CHICAGO "Sun 02:00-04:00 America/Chicago"

static void test_ordinary(void **state)
{
    (void)state;
    static const Case cases[] = {
        /* Winter: -06:00. */
        {CHICAGO, "2026-11-22T07:59:59Z", NULL, "2026-11-22T08:00:00Z"},
        {CHICAGO, "2026-11-22T08:00:00Z", "2026-11-22T10:00:00Z", "2026-11-29T08:00:00Z"},
        {CHICAGO, "2026-11-22T09:59:59Z", "2026-11-22T10:00:00Z", NULL},
        {CHICAGO, "2026-11-22T10:00:00Z", NULL, "2026-11-29T08:00:00Z"},
        /* Summer: -05:00. */
        {CHICAGO, "2026-07-05T07:30:00Z", "2026-07-05T09:00:00Z", NULL},
        {CHICAGO, "2026-07-06T07:30:00Z", NULL, "2026-07-12T07:00:00Z"},
        /* The day is that of the zone, not of Greenwich. */
        {"Sat 22:00-23:00 America/Chicago", "2026-07-05T03:30:00Z", "2026-07-05T04:00:00Z", NULL},
        {"Mon 00:30-01:00 Pacific/Auckland", "2026-07-05T12:45:00Z", "2026-07-05T13:00:00Z", NULL},
        /* Years ahead. */
        {CHICAGO, "2044-07-03T07:30:00Z", "2044-07-03T09:00:00Z", NULL},
        {CHICAGO, "2044-01-03T08:30:00Z", "2044-01-03T10:00:00Z", NULL},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void test_days(void **state)
{
    (void)state;
    /* 2026-11-23 is a Monday. */
    static const Case cases[] = {
        {"Mon,Wed 10:00-11:00 UTC", "2026-11-23T11:00:00Z", NULL, "2026-11-25T10:00:00Z"},
        {"Mon-Fri 10:00-11:00 UTC", "2026-11-27T11:00:00Z", NULL, "2026-11-30T10:00:00Z"},
        {"Fri-Mon 10:00-11:00 UTC", "2026-11-23T11:00:00Z", NULL, "2026-11-27T10:00:00Z"},
        {"Sat-Sun,Wed 10:00-11:00 UTC", "2026-11-23T11:00:00Z", NULL, "2026-11-25T10:00:00Z"},
        {"daily 10:00-11:00 UTC", "2026-11-23T11:00:00Z", NULL, "2026-11-24T10:00:00Z"},
        {"  sun   10:00-11:00  UTC ", "2026-11-23T11:00:00Z", NULL, "2026-11-29T10:00:00Z"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void test_midnight(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"Sun 22:00-01:30 UTC", "2026-11-23T01:00:00Z", "2026-11-23T01:30:00Z", NULL},
        {"Sun 22:00-01:30 UTC", "2026-11-22T01:00:00Z", NULL, "2026-11-22T22:00:00Z"},
        {"Sun 22:00-24:00 UTC", "2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z", NULL},
        {"Sun 22:00-24:00 UTC", "2026-11-23T00:00:00Z", NULL, "2026-11-29T22:00:00Z"},
        /* Windows that touch are one. */
        {"Sat,Sun 00:00-24:00 UTC", "2026-11-21T12:00:00Z", "2026-11-23T00:00:00Z", NULL},
        {"Sat,Sun 20:00-19:59 UTC", "2026-11-21T21:00:00Z", "2026-11-22T19:59:00Z",
         "2026-11-22T20:00:00Z"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

/* 2026-03-08 in Chicago: 01:59:59 CST (-06:00) is followed by 03:00:00 CDT (-05:00), at 08:00 UTC.
 */
static void test_skipped_hour(void **state)
{
    (void)state;
    static const Case cases[] = {
        /* The start does not exist: it is the moment of the change. One hour is left. */
        {CHICAGO, "2026-03-08T07:59:59Z", NULL, "2026-03-08T08:00:00Z"},
        {CHICAGO, "2026-03-08T08:00:00Z", "2026-03-08T09:00:00Z", NULL},
        {CHICAGO, "2026-03-08T09:00:00Z", NULL, "2026-03-15T07:00:00Z"},
        /* The end does not exist. */
        {"Sun 00:30-02:30 America/Chicago", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z", NULL},
        /* Neither does: no window on this day. */
        {"Sun 02:15-02:45 America/Chicago", "2026-03-08T08:00:00Z", NULL, "2026-03-15T07:15:00Z"},
        {"Sun 02:15-02:45 America/Chicago", "2026-03-07T12:00:00Z", NULL, "2026-03-15T07:15:00Z"},
        /* Over the change: an hour shorter. */
        {"Sun 01:00-05:00 America/Chicago", "2026-03-08T07:00:00Z", "2026-03-08T10:00:00Z", NULL},
        {"Sat 22:00-04:00 America/Chicago", "2026-03-08T04:00:00Z", "2026-03-08T09:00:00Z", NULL},
        /* A change of half an hour: Lord Howe, 2026-10-04 02:00 (+10:30) is followed by 02:30
           (+11). */
        {"Sun 02:10-03:00 Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z",
         NULL},
        {"Sun 02:10-03:00 Australia/Lord_Howe", "2026-10-03T15:29:00Z", NULL,
         "2026-10-03T15:30:00Z"},
        /* A change at midnight: Santiago, 2026-09-06 00:00 (-04) is followed by 01:00 (-03). */
        {"Sun 00:00-03:00 America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06T06:00:00Z", NULL},
        {"Sun 00:00-03:00 America/Santiago", "2026-09-06T03:59:00Z", NULL, "2026-09-06T04:00:00Z"},
    };
    check(cases, G_N_ELEMENTS(cases));
}

/* 2026-11-01 in Chicago: 01:59:59 CDT (-05:00) is followed by 01:00:00 CST (-06:00), at 07:00 UTC.
 */
static void test_repeated_hour(void **state)
{
    (void)state;
    static const Case cases[] = {
        {CHICAGO, "2026-11-01T07:59:59Z", NULL, "2026-11-01T08:00:00Z"},
        {CHICAGO, "2026-11-01T08:00:00Z", "2026-11-01T10:00:00Z", NULL},
        /* A start that is shown twice is the first. */
        {"Sun 01:30-04:00 America/Chicago", "2026-11-01T06:29:59Z", NULL, "2026-11-01T06:30:00Z"},
        {"Sun 01:30-04:00 America/Chicago", "2026-11-01T06:30:00Z", "2026-11-01T10:00:00Z", NULL},
        {"Sun 01:30-04:00 America/Chicago", "2026-11-01T07:10:00Z", "2026-11-01T10:00:00Z", NULL},
        /* So is an end: it is over when the clock first says so. */
        {"Sun 00:00-01:30 America/Chicago", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z", NULL},
        {"Sun 00:00-01:30 America/Chicago", "2026-11-01T07:10:00Z", NULL, "2026-11-08T06:00:00Z"},
        {"Sun 01:15-01:45 America/Chicago", "2026-11-01T06:15:00Z", "2026-11-01T06:45:00Z", NULL},
        {"Sun 01:15-01:45 America/Chicago", "2026-11-01T07:15:00Z", NULL, "2026-11-08T07:15:00Z"},
        {"Sat 22:00-04:00 America/Chicago", "2026-11-01T04:00:00Z", "2026-11-01T10:00:00Z", NULL},
        /* Southern half: Sydney, 2026-04-05 03:00 (+11) is followed by 02:00 (+10), at 16:00 UTC.
         */
        {"Sun 02:30-04:00 Australia/Sydney", "2026-04-04T15:30:00Z", "2026-04-04T18:00:00Z", NULL},
    };
    check(cases, G_N_ELEMENTS(cases));
}

static void test_policy_without_schedule(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_new_default();
    int64_t end_us = 1;
    assert_true(policy_window_end(policy, moment("2026-11-22T08:00:00Z"), &end_us, NULL));
    assert_int_equal(end_us, 0);
}

static void test_policy_outside(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_new_default();
    g_autoptr(GError) error = NULL;
    int64_t end_us = 1;
    policy->window.schedule = g_strdup(CHICAGO);
    assert_true(policy_window_end(policy, moment("2026-11-22T08:00:00Z"), &end_us, &error));
    assert_int_equal(end_us, moment("2026-11-22T10:00:00Z"));
    assert_false(policy_window_end(policy, moment("2026-03-01T12:00:00Z"), &end_us, &error));
    assert_int_equal(end_us, 0);
    assert_true(error_is(error, ERROR_TOO_LATE));
    assert_string_equal(error->message,
                        "outside the window 'Sun 02:00-04:00 America/Chicago'; the next one starts "
                        "at Sun 2026-03-08 03:00 CDT (2026-03-08T08:00:00.000Z)");
    assert_non_null(error_hint(error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary),       cmocka_unit_test(test_days),
        cmocka_unit_test(test_midnight),       cmocka_unit_test(test_skipped_hour),
        cmocka_unit_test(test_repeated_hour),  cmocka_unit_test(test_policy_without_schedule),
        cmocka_unit_test(test_policy_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
