#include "base/guardian.h"

#include "base/interrupt.h"
#include "base/log.h"
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORD_BYTES 64

static pid_t guardian;
static char *word; /* in memory that both processes have; NULL: none */

pid_t guardian_pid(void)
{
    return guardian;
}

void guardian_leave(const char *text)
{
    if (word != NULL)
        (void)g_strlcpy(word, text, WORD_BYTES);
}

const char *guardian_left(void)
{
    return word != NULL ? word : "";
}

static void share_word(void)
{
    void *shared =
        mmap(NULL, WORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    word = shared != MAP_FAILED ? shared : NULL;
}

static void watched_signals(sigset_t *set)
{
    static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(set, numbers[i]);
}

/* The signal goes to the process that has the work. A terminal has sent it there already: the
 * second one is as good as none. Ctrl-Z stops this one, too. */
static void pass_on(pid_t inner, int number)
{
    if (number != SIGCHLD)
        (void)kill(inner, number);
    if (number == SIGTSTP)
        (void)raise(SIGSTOP);
}

/* Whether the inner process has ended; *status as waitpid() gives it. That it is stopped is no
 * matter: who has stopped it lets it go on. */
static bool has_ended(pid_t inner, int *status)
{
    const pid_t found = waitpid(inner, status, WNOHANG);
    return found > 0 || (found < 0 && errno != EINTR);
}

static GuardianOutcome wait_for(pid_t inner, const sigset_t *watched, int *value)
{
    int status = SIGKILL; /* if it cannot be waited for: whoever recovers sees how things stand */
    while (!has_ended(inner, &status)) {
        const int number = sigwaitinfo(watched, NULL);
        if (number > 0)
            pass_on(inner, number);
    }
    if (WIFSIGNALED(status)) {
        *value = WTERMSIG(status);
        return GUARDIAN_DIED;
    }
    *value = WEXITSTATUS(status);
    return GUARDIAN_ENDED;
}

GuardianOutcome guardian_start(int *value)
{
    const pid_t outer = getpid();
    GuardianOutcome outcome = GUARDIAN_INNER;
    sigset_t watched, before;
    pid_t inner = 0;
    share_word();
    watched_signals(&watched);
    sigprocmask(SIG_BLOCK, &watched, &before);
    inner = fork();
    if (inner == 0) {
        guardian = outer;
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        interrupt_install(); /* a pipe of its own */
        if (getppid() != outer)
            (void)raise(SIGTERM);
    } else if (inner < 0) {
        log_warning("there is no guardian for this run: %s", strerror(errno));
    } else {
        (void)signal(SIGQUIT, SIG_IGN); /* Ctrl-\ goes to both, and is not passed on */
        outcome = wait_for(inner, &watched, value);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return outcome;
}
