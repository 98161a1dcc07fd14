#include "lib/sandbox/sandbox.h"

#include "lib/sandbox/landlock.h"
#include "lib/sandbox/own_pid.h"
#include "lib/sandbox/seccomp.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * What the supervisor needs as long as it lives: users and groups of new roles, an empty bounding
 * set for them, SIGKILL for a hung one, its files at a reload, and that the keeper's log does not
 * wait for a processor (spawn.c).
 */
static const cap_value_t kept[] = {CAP_SETUID, CAP_SETGID,          CAP_SETPCAP,
                                   CAP_KILL,   CAP_DAC_READ_SEARCH, CAP_SYS_NICE};

static void free_caps(cap_t *caps)
{
    if (*caps != NULL) {
        (void)cap_free(*caps);
    }
}

static bool has_effective(cap_t caps, cap_value_t cap)
{
    cap_flag_value_t value = CAP_CLEAR;

    return cap_get_flag(caps, cap, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

bool sandbox_may_switch_users(void)
{
    PS_CLEANUP(free_caps) cap_t caps = cap_get_proc();

    return caps != NULL && has_effective(caps, CAP_SETUID) && has_effective(caps, CAP_SETGID);
}

struct sandbox_support sandbox_probe(void)
{
    return (struct sandbox_support){.landlock = landlock_version(), .seccomp = seccomp_available()};
}

enum ps_err sandbox_forbid_dumps(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot forbid core dumps");
    }
    return PS_OK;
}

/* Leaves of `wanted` what the process has; the rest is gone for good. */
static enum ps_err keep_capabilities(const cap_value_t *wanted, size_t count)
{
    PS_CLEANUP(free_caps) cap_t now = cap_get_proc();
    PS_CLEANUP(free_caps) cap_t caps = cap_init();

    if (now == NULL || caps == NULL) {
        return ps_fail_errno(PS_E_NO_MEMORY, "cannot read the capabilities");
    }
    for (size_t i = 0; i < count; i++) {
        if (has_effective(now, wanted[i]) &&
            (cap_set_flag(caps, CAP_EFFECTIVE, 1, &wanted[i], CAP_SET) != 0 ||
             cap_set_flag(caps, CAP_PERMITTED, 1, &wanted[i], CAP_SET) != 0)) {
            return ps_fail_errno(PS_E_INTERNAL, "cannot choose capabilities");
        }
    }
    if (cap_reset_ambient() != 0 || cap_set_proc(caps) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot drop capabilities");
    }
    return PS_OK;
}

enum ps_err sandbox_enter_supervisor(void)
{
    PS_TRY(sandbox_forbid_dumps());
    PS_TRY(keep_capabilities(kept, PS_COUNT_OF(kept)));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot set no_new_privs");
    }
    return PS_OK;
}

/* Without CAP_SETPCAP the set stays as it is; no_new_privs then keeps it without effect. */
static enum ps_err empty_bounding_set(void)
{
    PS_CLEANUP(free_caps) cap_t caps = cap_get_proc();

    if (caps == NULL) {
        return ps_fail_errno(PS_E_NO_MEMORY, "cannot read the capabilities");
    }
    if (!has_effective(caps, CAP_SETPCAP)) {
        return PS_OK;
    }
    for (cap_value_t cap = 0; cap < (cap_value_t)cap_max_bits(); cap++) {
        if (cap_drop_bound(cap) != 0) {
            return ps_fail_errno(PS_E_INTERNAL, "cannot empty the bounding set");
        }
    }
    return PS_OK;
}

static enum ps_err become(uid_t uid, gid_t gid)
{
    uid_t uids[3];
    gid_t gids[3];

    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot become user %u", (unsigned)uid);
    }
    /* Trust the kernel's word, not the call's: what follows runs on hostile input. */
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) != 0 || getgroups(0, NULL) != 0) {
        return ps_fail(PS_E_INTERNAL, 0, "cannot see which user this is");
    }
    for (size_t i = 0; i < 3; i++) {
        if (uids[i] != uid || gids[i] != gid) {
            return ps_fail(PS_E_INTERNAL, 0, "still user %u", (unsigned)uids[i]);
        }
    }
    return PS_OK;
}

enum ps_err sandbox_enter_child(bool separate, uid_t uid, gid_t gid)
{
    PS_TRY(empty_bounding_set());
    if (separate) {
        PS_TRY(become(uid, gid));
    }
    PS_TRY(keep_capabilities(NULL, 0));
    PS_TRY(sandbox_forbid_dumps());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot set no_new_privs");
    }
    return PS_OK;
}

enum ps_err sandbox_enter_role(const struct sandbox_role *role)
{
    const bool is_filtered = seccomp_available(); /* once it is, it may not ask */

    /* The call to exec made the process dumpable again. */
    PS_TRY(sandbox_forbid_dumps());
    PS_TRY(keep_capabilities(NULL, 0));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot set no_new_privs");
    }
    PS_TRY(landlock_enter(role));
    PS_TRY(seccomp_enter(role));
    if (is_filtered) {
        own_pid_settle();
    }
    return PS_OK;
}
