#include "base/child.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP_BYTES ((size_t)256 * 1024)
#define STOP_GRACE_MS 2000

struct Child {
    GPid pid;
    char *program;
    int out_fd, err_fd; /* -1: closed, or the caller's to read */
    int read_fd;        /* standard output of child_start_reading(); -1: none */
    GString *output, *errors;
    bool ended;
    int status;
};

/* Runs between fork and exec: only async-signal-safe calls. */
static void before_exec(gpointer data)
{
    sigset_t none;
    (void)data;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setpgid(0, 0); /* a Ctrl-C on the terminal is ours to handle */
    (void)umask(077);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The words of a child are read by us, so that it must not translate them. */
static char **child_environment(const char *const *extra)
{
    static const char *const passed[] = {"PATH", "HOME", "TZ"};
    GPtrArray *list = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(passed); i++) {
        const char *value = getenv(passed[i]);
        if (value != NULL)
            g_ptr_array_add(list, g_strdup_printf("%s=%s", passed[i], value));
    }
    g_ptr_array_add(list, g_strdup("LC_ALL=C"));
    for (; extra != NULL && *extra != NULL; extra++)
        g_ptr_array_add(list, g_strdup(*extra));
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

Child *child_start(const char *const *argv, const char *const *environment, GError **error)
{
    g_auto(GStrv) full_environment = child_environment(environment);
    g_autoptr(GError) cause = NULL;
    Child *child = g_new0(Child, 1);
    child->program = g_path_get_basename(argv[0]);
    child->output = g_string_new(NULL);
    child->errors = g_string_new(NULL);
    child->out_fd = child->err_fd = child->read_fd = -1;
    if (!g_spawn_async_with_pipes(NULL, (char **)argv, full_environment, G_SPAWN_DO_NOT_REAP_CHILD,
                                  before_exec, NULL, &child->pid, NULL, &child->out_fd,
                                  &child->err_fd, &cause)) {
        error_set(error, ERROR_CHILD, "cannot start '%s': %s", argv[0], cause->message);
        child->ended = true;
        child_free(child);
        return NULL;
    }
    (void)fcntl(child->out_fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(child->err_fd, F_SETFL, O_NONBLOCK);
    return child;
}

Child *child_start_reading(const char *const *argv, const char *const *environment, GError **error)
{
    Child *child = child_start(argv, environment, error);
    if (child != NULL) {
        child->read_fd = child->out_fd;
        child->out_fd = -1;
    }
    return child;
}

/* Reads what is there; closes the descriptor at its end. The last KEEP_BYTES are kept. */
static void drain(int *fd, GString *into)
{
    char buffer[4096];
    ssize_t got = 0;
    if (*fd < 0)
        return;
    while ((got = read(*fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(into, buffer, got);
    if (into->len > KEEP_BYTES)
        g_string_erase(into, 0, (gssize)(into->len - KEEP_BYTES));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close(*fd);
        *fd = -1;
    }
}

static bool check_limits(const Child *child, int64_t latest_us, GError **error)
{
    if (interrupt_check(error))
        return false;
    if (latest_us == 0 || clock_monotonic_us() < latest_us)
        return true;
    error_set(error, ERROR_TIMEOUT, "%s was stopped at its time limit", child->program);
    return false;
}

bool child_read(Child *child, void *data, size_t size_bytes, int64_t latest_us, size_t *got,
                GError **error)
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = child->read_fd, .events = POLLIN},
                                {.fd = child->err_fd, .events = POLLIN},
                                {.fd = interrupt_fd(), .events = POLLIN}};
        const ssize_t n = read(child->read_fd, data, size_bytes);
        if (n >= 0) {
            *got = (size_t)n;
            return true;
        }
        if (errno != EAGAIN && errno != EINTR) {
            error_set_errno(error, errno, "cannot read the output of %s", child->program);
            return false;
        }
        if (!check_limits(child, latest_us, error))
            return false;
        (void)poll(fds, G_N_ELEMENTS(fds), 100);
        drain(&child->err_fd, child->errors);
    }
}

static bool reap(Child *child)
{
    if (!child->ended && waitpid(child->pid, &child->status, WNOHANG) == child->pid) {
        child->ended = true;
        drain(&child->out_fd, child->output);
        drain(&child->err_fd, child->errors);
    }
    return child->ended;
}

/* Waits for output, a signal or the limit; never longer than 100 ms, since the end of a child whose
 * own children keep the pipes open makes no descriptor readable. */
static void wait_briefly(Child *child, int64_t limit_ms)
{
    struct pollfd fds[3] = {{.fd = child->out_fd, .events = POLLIN},
                            {.fd = child->err_fd, .events = POLLIN},
                            {.fd = interrupt_fd(), .events = POLLIN}};
    const int64_t wait_ms = limit_ms >= 0 ? MIN(limit_ms, 100) : 100;
    (void)poll(fds, G_N_ELEMENTS(fds), (int)wait_ms);
    drain(&child->out_fd, child->output);
    drain(&child->err_fd, child->errors);
}

bool child_wait(Child *child, int64_t timeout_ms, bool *ended, GError **error)
{
    const int64_t end_us = clock_monotonic_us() + timeout_ms * 1000;
    for (;;) {
        const int64_t left_ms = (end_us - clock_monotonic_us()) / 1000;
        *ended = reap(child);
        if (*ended)
            return true;
        if (interrupt_check(error))
            return false;
        if (timeout_ms >= 0 && left_ms <= 0)
            return true;
        wait_briefly(child, timeout_ms >= 0 ? left_ms : -1);
    }
}

bool child_check(Child *child, GError **error)
{
    g_autofree char *errors = g_strdup(child->errors->str);
    const char *tail = NULL;
    if (WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0)
        return true;
    g_strstrip(errors);
    tail = strlen(errors) > 1000 ? errors + strlen(errors) - 1000 : errors;
    if (WIFSIGNALED(child->status))
        error_set(error, ERROR_CHILD, "%s was ended by signal %d: %s", child->program,
                  WTERMSIG(child->status), tail);
    else
        error_set(error, ERROR_CHILD, "%s failed with status %d: %s", child->program,
                  WEXITSTATUS(child->status), tail);
    return false;
}

const char *child_errors(const Child *child)
{
    return child->errors->str;
}

const char *child_output(const Child *child)
{
    return child->output->str;
}

void child_stop(Child *child)
{
    const int64_t end_us = clock_monotonic_us() + STOP_GRACE_MS * (int64_t)1000;
    if (reap(child))
        return;
    (void)kill(-child->pid, SIGTERM);
    while (!reap(child) && clock_monotonic_us() < end_us) {
        wait_briefly(child, 20);
        g_usleep(5000);
    }
    if (!child->ended) {
        (void)kill(-child->pid, SIGKILL);
        (void)waitpid(child->pid, &child->status, 0);
        child->ended = true;
    }
}

void child_free(Child *child)
{
    if (child == NULL)
        return;
    if (!child->ended)
        child_stop(child);
    if (child->out_fd >= 0)
        close(child->out_fd);
    if (child->err_fd >= 0)
        close(child->err_fd);
    if (child->read_fd >= 0)
        close(child->read_fd);
    g_string_free(child->output, TRUE);
    g_string_free(child->errors, TRUE);
    g_free(child->program);
    g_free(child);
}
