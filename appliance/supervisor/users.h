#ifndef APPLIANCE_SUPERVISOR_USERS_H
#define APPLIANCE_SUPERVISOR_USERS_H

#include "appliance/config/config.h"

#include <sys/types.h>

/* Under which user each role runs, and which directories are made over to them. */
struct role_user {
    uid_t uid;
    gid_t gid;
};

struct users {
    bool separate; /* false: all roles stay the user that started the supervisor */
    struct role_user clients;
    struct role_user management;
    struct role_user keeper;
    struct role_user tokens[CONFIG_TOKENS_MAX];
};

/*
 * Finds the users of all roles.
 *
 * may_switch: as sandbox_may_switch_users
 * Errors: PS_E_NOT_FOUND (a named user is missing, or no unused id), PS_E_DENIED (named users
 *         without the right to become them)
 */
PS_MUST_USE enum ps_err users_resolve(const struct config *config, bool may_switch,
                                      struct users *ret_users);

/* The ids of all roles, for the keeper to refuse as callers; none when they are not separate. */
size_t users_list_uids(const struct users *users, size_t token_count,
                       uint32_t ret_uids[CONFIG_TOKENS_MAX + 3]);

/*
 * Makes a directory (its parent exists) or takes an existing one, and makes it and all in it over
 * to the user, mode 0700. To keep a slip in the configuration from taking over /etc, a directory
 * that is not empty is taken only when others cannot enter it. Without separate users it is only
 * made and its mode checked.
 *
 * Errors: PS_E_DENIED (what it refuses, with the remedy), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err users_give_directory(const char *path, bool separate,
                                             const struct role_user *user);

/* The same of one that is there. Errors: also PS_E_STORAGE when it is not. */
PS_MUST_USE enum ps_err users_give_existing(const char *path, bool separate,
                                            const struct role_user *user);

#endif
