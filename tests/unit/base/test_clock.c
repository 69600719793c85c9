#include "base/clock.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void durations_are_parsed(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0", 0},
                {"250ms", 250},
                {"10s", 10000},
                {"5min", 300000},
                {"2h", 7200000},
                {"7d", 604800000},
                {"7y", (int64_t)7 * 365 * 86400 * 1000}};
    static const char *const bad[] = {
        "", "10", "s", "-5s", "5 s", "1.5s", "5m", "5sec", "99999999999999s", "101y"};
    int64_t ms = 0;
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        assert_true(clock_parse_duration(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(clock_parse_duration(bad[i], &ms));
}

static void durations_and_sizes_are_written(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } durations[] = {{70000, "0.07 s"},
                     {3200000, "3.2 s"},
                     {(int64_t)250 * 1000000, "4 min 10 s"},
                     {(int64_t)7500 * 1000000, "2 h 5 min"}};
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{812, "812 B"}, {1600000, "1.6 MB"}, {999999, "1.0 MB"}, {2000, "2.0 kB"}};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(durations); i++) {
        g_autofree char *text = clock_format_duration(durations[i].us);
        assert_string_equal(text, durations[i].text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *text = size_format(sizes[i].bytes);
        assert_string_equal(text, sizes[i].text);
    }
}

static void sizes_are_read(void **state)
{
    const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"4096", 4096},
                {"812 B", 812},
                {"1.5MB", 1500000},
                {"64MiB", UINT64_C(64) << 20},
                {"2 gib", UINT64_C(2) << 30},
                {"1TiB", UINT64_C(1) << 40}};
    const char *const bad[] = {"", "MiB", "-1", "12 apples", "1MiB2", "1e30", "9999999TiB"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        uint64_t bytes = 1;
        assert_true(size_parse(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint64_t bytes = 0;
        assert_false(size_parse(bad[i], &bytes));
    }
}

static void times_are_parsed(void **state)
{
    static const int64_t now_us = (int64_t)1795348800 * 1000000; /* 2026-11-22T12:00:00Z */
    g_autoptr(GError) error = NULL;
    int64_t us = 0;
    (void)state;
    assert_true(clock_parse_time("2026-11-22T13:00:00Z", now_us, &us, NULL));
    assert_int_equal(us - now_us, (int64_t)3600 * 1000000);
    assert_true(clock_parse_time("2026-11-22T07:00:00-06:00", now_us, &us, NULL));
    assert_int_equal(us - now_us, (int64_t)3600 * 1000000);
    assert_true(clock_parse_time("04:00", now_us, &us, NULL));
    assert_true(us > now_us && us <= now_us + (int64_t)25 * 3600 * 1000000);
    assert_false(clock_parse_time("25:00", now_us, &us, NULL));
    assert_false(clock_parse_time("tomorrow", now_us, &us, &error));
    assert_true(error_is(error, ERROR_USAGE));
    assert_non_null(error_hint(error));
}

static void moments_are_written_in_utc(void **state)
{
    g_autofree char *text = clock_format_utc((int64_t)1795348800 * 1000000 + 123456);
    (void)state;
    assert_string_equal(text, "2026-11-22T12:00:00.123Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_parsed),
        cmocka_unit_test(durations_and_sizes_are_written),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(times_are_parsed),
        cmocka_unit_test(moments_are_written_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
