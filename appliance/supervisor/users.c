#include "appliance/supervisor/users.h"

#include <ctype.h>
#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDS_LOOKED_AT 512u

/* Ids from `first` on that are somebody's: an account, a group or a running process. */
struct taken {
    uint64_t first;
    bool ids[IDS_LOOKED_AT];
};

static void close_dir(DIR **dir)
{
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

static void mark(struct taken *taken, uid_t id)
{
    if (id >= taken->first && id - taken->first < IDS_LOOKED_AT) {
        taken->ids[id - taken->first] = true;
    }
}

static void mark_processes(struct taken *taken)
{
    PS_CLEANUP(close_dir) DIR *proc = opendir("/proc");
    const struct dirent *entry;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        struct stat found;

        /* The owner of /proc/PID is the process's effective user. */
        if (isdigit((unsigned char)entry->d_name[0]) &&
            fstatat(dirfd(proc), entry->d_name, &found, 0) == 0) {
            mark(taken, found.st_uid);
        }
    }
}

static enum ps_err next_unused(struct taken *taken, struct role_user *ret_user)
{
    for (size_t i = 0; i < IDS_LOOKED_AT; i++) {
        const uid_t id = (uid_t)(taken->first + i);

        if (!taken->ids[i] && getpwuid(id) == NULL && getgrgid(id) == NULL) {
            taken->ids[i] = true;
            *ret_user = (struct role_user){.uid = id, .gid = id};
            return PS_OK;
        }
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "no unused user id from %llu on; set users_first",
                   (unsigned long long)taken->first);
}

static enum ps_err resolve_dynamic(const struct config *config, struct users *users)
{
    struct taken taken = {.first = config->appliance.users_first};

    mark_processes(&taken);
    PS_TRY(next_unused(&taken, &users->clients));
    PS_TRY(next_unused(&taken, &users->management));
    PS_TRY(next_unused(&taken, &users->keeper));
    for (size_t i = 0; i < config->token_count; i++) {
        PS_TRY(next_unused(&taken, &users->tokens[i]));
    }
    return PS_OK;
}

static enum ps_err find_named(const char *prefix, const char *role, struct role_user *ret_user)
{
    char name[128];
    const struct passwd *found;

    (void)snprintf(name, sizeof name, "%s-%s", prefix, role);
    found = getpwnam(name);
    if (found == NULL) {
        return ps_fail(
            PS_E_NOT_FOUND, 0,
            "there is no user %s; make it with: adduser --system --group --no-create-home "
            "%s",
            name, name);
    }
    if (found->pw_uid == 0) {
        return ps_fail(PS_E_DENIED, 0, "user %s is root; a role needs a user of its own", name);
    }
    *ret_user = (struct role_user){.uid = found->pw_uid, .gid = found->pw_gid};
    return PS_OK;
}

static enum ps_err resolve_named(const struct config *config, struct users *users)
{
    const char *prefix = config->appliance.users;

    PS_TRY(find_named(prefix, "clients", &users->clients));
    PS_TRY(find_named(prefix, "management", &users->management));
    PS_TRY(find_named(prefix, "keeper", &users->keeper));
    for (size_t i = 0; i < config->token_count; i++) {
        char role[64];

        (void)snprintf(role, sizeof role, "token-%s", config->tokens[i].name);
        PS_TRY(find_named(prefix, role, &users->tokens[i]));
    }
    return PS_OK;
}

static enum ps_err check_distinct(const struct users *users, size_t token_count)
{
    uint32_t uids[CONFIG_TOKENS_MAX + 3];
    const size_t count = users_list_uids(users, token_count, uids);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (uids[i] == uids[k]) {
                return ps_fail(PS_E_DENIED, 0, "two roles have the same user id %u", uids[i]);
            }
        }
    }
    return PS_OK;
}

static void resolve_same(struct users *users)
{
    const struct role_user self = {.uid = geteuid(), .gid = getegid()};

    users->separate = false;
    users->clients = self;
    users->management = self;
    users->keeper = self;
    for (size_t i = 0; i < CONFIG_TOKENS_MAX; i++) {
        users->tokens[i] = self;
    }
}

enum ps_err users_resolve(const struct config *config, bool may_switch, struct users *ret_users)
{
    const bool dynamic = strcmp(config->appliance.users, "dynamic") == 0;
    const bool same = strcmp(config->appliance.users, "same") == 0;
    struct users users = {.separate = true};

    if (same || (dynamic && !may_switch)) {
        resolve_same(ret_users);
        return PS_OK;
    }
    if (!may_switch) {
        return ps_fail(PS_E_DENIED, 0,
                       "users = %s, but only root can become other users; start as root or set "
                       "users = same",
                       config->appliance.users);
    }
    PS_TRY(dynamic ? resolve_dynamic(config, &users) : resolve_named(config, &users));
    PS_TRY(check_distinct(&users, config->token_count));
    *ret_users = users;
    return PS_OK;
}

size_t users_list_uids(const struct users *users, size_t token_count,
                       uint32_t ret_uids[CONFIG_TOKENS_MAX + 3])
{
    size_t count = 0;

    if (!users->separate) {
        return 0;
    }
    ret_uids[count++] = users->clients.uid;
    ret_uids[count++] = users->management.uid;
    ret_uids[count++] = users->keeper.uid;
    for (size_t i = 0; i < token_count; i++) {
        ret_uids[count++] = users->tokens[i].uid;
    }
    return count;
}
