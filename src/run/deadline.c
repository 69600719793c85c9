/* The deadline: what must be done, or undone, when the window ends. */
#include "base/clock.h"
#include "base/error.h"
#include "run/context.h"
#include "run/estimate.h"

#define NAME_MIN_US (3 * G_USEC_PER_SEC)
#define NAME_TO_FENCE 4 /* giving the name back is several steps, of which taking it is one */

/* The last statement may be there for a while yet before anything can be put back. */
int64_t run_way_back_us(const Run *run)
{
    const int64_t stop_us = PG_ENDED_AFTER_MS * (int64_t)1000;
    const int64_t name_us = MAX(NAME_MIN_US, NAME_TO_FENCE * run->fence_us);
    /* Without a fence down files take back what was done, in the time that it took. */
    const int64_t restore_us = run->alone                ? estimate_us(run, "restore")
                               : run->kind == RUN_ONLINE ? estimate_us(run, "migrations")
                                                         : 0;
    return stop_us + name_us + restore_us;
}

int64_t run_latest_us(const Run *run)
{
    if (run->window_end_us == 0)
        return 0;
    return clock_monotonic_us() + (run->window_end_us - clock_wall_us()) - run_way_back_us(run) -
           run->policy->window.margin_ms * 1000;
}

bool run_fits(const Run *run, const char *step, int64_t estimate_us, GError **error)
{
    const int64_t latest_us = run_latest_us(run);
    const int64_t left_us = latest_us - clock_monotonic_us();
    g_autofree char *end = NULL;
    g_autofree char *estimate = NULL;
    g_autofree char *way_back = NULL;
    g_autofree char *margin = NULL;
    if (latest_us == 0 || left_us >= estimate_us)
        return true;
    end = clock_format_utc(run->window_end_us);
    estimate = clock_format_duration(estimate_us);
    way_back = clock_format_duration(run_way_back_us(run));
    margin = clock_format_duration(run->policy->window.margin_ms * 1000);
    error_set(error, ERROR_TOO_LATE,
              "not enough of the window is left for %s: it ends at %s, the step may take %s, the "
              "way back %s, and %s are kept as margin",
              step, end, estimate, way_back, margin);
    if (left_us >= 0)
        error_hint_set(error, "drydock plan says where the estimates come from; what a drydock "
                              "rehearse of the same state folder has measured counts instead of "
                              "what the sizes tell");
    return false;
}
