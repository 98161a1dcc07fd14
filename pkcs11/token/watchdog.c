#include "pkcs11/token/watchdog.h"

#include <signal.h>
#include <unistd.h>

enum { LONGEST_S = 3600 };

/* What the process was about to write is lost: the loop stands in a call. */
static void on_alarm(int signal_number)
{
    (void)signal_number;
    _exit(WATCHDOG_EXIT_HUNG);
}

enum ps_err watchdog_init(void)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGALRM);
    if (sigaction(SIGALRM, &action, NULL) != 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot take SIGALRM");
    }
    return PS_OK;
}

void watchdog_begin(uint64_t limit_ms)
{
    const uint64_t seconds = limit_ms / 1000 + 1;

    (void)alarm(seconds < LONGEST_S ? (unsigned)seconds : LONGEST_S);
}

void watchdog_end(void)
{
    (void)alarm(0);
}
