#include "base/interrupt.h"

#include "base/clock.h"
#include "base/error.h"
#include <glib.h>
#include <signal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LONG_MS 60000

static gpointer sleep_long(gpointer data)
{
    bool *slept = data;
    *slept = clock_sleep_ms(LONG_MS);
    return NULL;
}

static void another_thread_is_woken(void **state)
{
    const int64_t began_us = clock_monotonic_us();
    bool slept = true;
    GThread *thread = g_thread_new("sleeper", sleep_long, &slept);
    g_autoptr(GError) error = NULL;
    (void)state;
    g_usleep(20000); /* either order must do */
    assert_true(interrupt_stop());
    assert_false(interrupt_stop());
    g_thread_join(thread);
    assert_false(slept);
    assert_true(clock_monotonic_us() - began_us < LONG_MS * (int64_t)1000);
    assert_true(interrupt_check(&error));
    assert_true(error_is(error, ERROR_INTERRUPTED));
    interrupt_go_on();
    assert_false(interrupt_pending());
    assert_true(clock_sleep_ms(1));
}

static void a_shield_holds_against_it(void **state)
{
    (void)state;
    assert_true(interrupt_stop());
    assert_false(interrupt_shield(true));
    assert_false(interrupt_pending());
    assert_true(clock_sleep_ms(1));
    assert_true(interrupt_shield(false));
    assert_true(interrupt_pending());
    interrupt_go_on();
}

/* Last: a signal is not taken back. */
static void a_signal_outlasts_it(void **state)
{
    g_autoptr(GError) error = NULL;
    (void)state;
    assert_true(interrupt_stop());
    (void)raise(SIGTERM);
    interrupt_go_on();
    assert_true(interrupt_check(&error));
    assert_int_equal(error_exit_code(error), ERROR_EXIT_SIGNAL + SIGTERM);
    assert_false(clock_sleep_ms(LONG_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_thread_is_woken),
        cmocka_unit_test(a_shield_holds_against_it),
        cmocka_unit_test(a_signal_outlasts_it),
    };
    interrupt_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
