#include "base/interrupt.h"

#include "base/clock.h"
#include "base/error.h"
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_int received;
static atomic_bool stopped;
static atomic_bool shielded_now;
static _Atomic int64_t latest;
static int wake_pipe[2] = {-1, -1};

/* If the pipe were full it would be readable, which is all that matters. */
static void wake(void)
{
    const char byte = 0;
    if (write(wake_pipe[1], &byte, 1) < 0)
        return;
}

static void on_signal(int number)
{
    int none = 0;
    if (atomic_compare_exchange_strong(&received, &none, number))
        wake();
}

void interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        g_error("cannot create a pipe for signals");
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL); /* a file at its size limit is an error of that write */
    /* Who starts us may have it ignored: then no child could be waited for. */
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
}

int interrupt_fd(void)
{
    return atomic_load(&received) != 0 || atomic_load(&stopped) ? -1 : wake_pipe[0];
}

bool interrupt_pending(void)
{
    return !atomic_load(&shielded_now) && (atomic_load(&received) != 0 || atomic_load(&stopped));
}

bool interrupt_shield(bool shielded)
{
    return atomic_exchange(&shielded_now, shielded);
}

void interrupt_set_error(GError **error)
{
    const int number = atomic_load(&received);
    if (number == 0) {
        error_set(error, ERROR_INTERRUPTED, "stopped: what is done beside it has failed");
        return;
    }
    error_set(error, ERROR_INTERRUPTED, "stopped by signal %d (%s)", number, strsignal(number));
    error_sql_set(error, NULL, number);
}

void interrupt_set_latest(int64_t latest_us)
{
    atomic_store(&latest, latest_us);
}

bool interrupt_check(GError **error)
{
    const int64_t latest_us = atomic_load(&latest);
    if (interrupt_pending()) {
        interrupt_set_error(error);
        return true;
    }
    if (latest_us == 0 || atomic_load(&shielded_now) || clock_monotonic_us() < latest_us)
        return false;
    error_set(error, ERROR_TOO_LATE, "the window leaves no more time for it");
    return true;
}

bool interrupt_stop(void)
{
    const bool first = !atomic_exchange(&stopped, true);
    if (first)
        wake();
    return first;
}

void interrupt_go_on(void)
{
    char bytes[16];
    atomic_store(&stopped, false);
    /* A signal is known by its number, and needs the pipe no more. */
    while (read(wake_pipe[0], bytes, sizeof bytes) > 0)
        continue;
}
