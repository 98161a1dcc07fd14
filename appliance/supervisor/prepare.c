#include "appliance/supervisor/internal.h"

#include "appliance/supervisor/hashes.h"
#include "appliance/supervisor/profile.h"
#include "lib/base/line.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define HASHES_MAX     (16u * 1024u)
#define LOW_DESCRIPTOR 10 /* roles get 0 to 3 */

/* Open from now on: a role is always of the same version as its supervisor. */
static enum ps_err open_program(struct supervisor *supervisor)
{
    PS_CLEANUP(file_close_cleanup) int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

    supervisor->program_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LOW_DESCRIPTOR);
    return supervisor->program_fd < 0 ? ps_fail_errno(PS_E_INTERNAL, "cannot open the own program")
                                      : PS_OK;
}

static enum ps_err lock_data(struct supervisor *supervisor)
{
    const char *path = supervisor->config->appliance.data;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make directory %.160s", path);
    }
    supervisor->data_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (supervisor->data_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open directory %.160s", path);
    }
    if (flock(supervisor->data_fd, LOCK_EX | LOCK_NB) != 0) {
        return ps_fail(PS_E_CONFLICT, 0, "another appliance runs on %.160s; stop it first", path);
    }
    return PS_OK;
}

/* The paths of one key, one a line. */
static enum ps_err check_paths(const char *paths, const char *token, const struct role_user *user)
{
    while (*paths != '\0') {
        const int len = (int)strcspn(paths, "\n");
        char path[4097];

        (void)snprintf(path, sizeof path, "%.*s", len, paths);
        if (!file_reachable(path, user->uid, user->gid)) {
            return ps_fail(PS_E_DENIED, 0,
                           "user %u of [token %s] cannot reach %.120s; let others pass "
                           "(chmod o+x) the directories above it",
                           (unsigned)user->uid, token, path);
        }
        paths += len + (paths[len] == '\n');
    }
    return PS_OK;
}

static enum ps_err check_reach(const struct config_token *token, const struct role_user *user)
{
    PS_TRY(check_paths(token->module, token->name, user));
    PS_TRY(check_paths(token->readable, token->name, user));
    return check_paths(token->writable, token->name, user);
}

static enum ps_err give_store(const struct config_token *token, const struct users *users,
                              const struct role_user *user)
{
    if (users->separate) {
        PS_TRY(check_reach(token, user));
    }
    return token->store[0] == '\0' ? PS_OK
                                   : users_give_directory(token->store, users->separate, user);
}

/*
 * No disk but its own decides whether the appliance starts; the keeper's alarm tells what is
 * missing. It is not made either: where a disk is to be mounted it would be one on the appliance's
 * own.
 */
static void give_mirror(const char *path, const struct users *users)
{
    if (path[0] != '\0' && users_give_existing(path, users->separate, &users->keeper) != PS_OK) {
        ps_line(PS_WARNING, "mirror_not_there", PS_STR("directory", path),
                PS_STR("detail", ps_detail()->text));
    }
}

static enum ps_err give_directories(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    const struct users *users = &supervisor->users;

    PS_TRY(users_give_directory(config->appliance.data, users->separate, &users->keeper));
    if (config->backup.directory[0] != '\0') {
        PS_TRY(users_give_directory(config->backup.directory, users->separate, &users->keeper));
    }
    give_mirror(config->backup.mirror, users);
    for (size_t i = 0; i < config->token_count; i++) {
        PS_TRY(give_store(&config->tokens[i], users, &users->tokens[i]));
    }
    return PS_OK;
}

enum ps_err supervisor_load_tls(const struct config *config,
                                struct tls_files ret_tls[LISTENER_OWNERS])
{
    struct tls_files loaded[LISTENER_OWNERS] = {{.key = NULL}, {.key = NULL}};
    enum ps_err err = PS_OK;

    if (config->clients.tls_port != 0) {
        PS_TRY(tls_files_load(&config->clients, &loaded[LISTENER_OF_CLIENTS]));
    }
    if (config->management.tls_port != 0) {
        err = tls_files_load(&config->management, &loaded[LISTENER_OF_MANAGEMENT]);
    }
    if (err != PS_OK) {
        tls_files_clear(&loaded[LISTENER_OF_CLIENTS]);
        return err;
    }
    memcpy(ret_tls, loaded, sizeof loaded);
    return PS_OK;
}

static enum ps_err load_profiles(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->config->token_count; i++) {
        PS_TRY(profile_load(supervisor->config->tokens[i].profile, &supervisor->profiles[i]));
    }
    return PS_OK;
}

static enum ps_err take_hashes(struct supervisor *supervisor)
{
    const struct hashes_input input = {
        .config = supervisor->config,
        .profiles = supervisor->profiles,
        .support = sandbox_probe(),
        .separate_users = supervisor->users.separate,
    };
    PS_BUF_AUTO missing;

    ps_buf_init(&missing, 1024);
    hashes_put_missing(&input, &missing);
    if (missing.len != 0) {
        ps_line(PS_WARNING, "sandbox_incomplete", PS_TEXT("missing", ps_buf_bytes(&missing)));
    }
    ps_buf_init(&supervisor->hashes, HASHES_MAX);
    return hashes_put(&input, &supervisor->hashes);
}

enum ps_err supervisor_prepare(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;

    PS_TRY(open_program(supervisor));
    PS_TRY(users_resolve(config, sandbox_may_switch_users(), &supervisor->users));
    PS_TRY(pins_load(config, &supervisor->pins));
    PS_TRY(supervisor_load_tls(config, supervisor->tls));
    PS_TRY(load_profiles(supervisor));
    PS_TRY(take_hashes(supervisor));
    PS_TRY(lock_data(supervisor));
    PS_TRY(give_directories(supervisor));
    PS_TRY(listeners_open(config, &supervisor->listeners));
    return sandbox_enter_supervisor();
}

void supervisor_clear(struct supervisor *supervisor)
{
    places_free(supervisor);
    ps_timer_free(supervisor->stage_timer);
    notify_watchdog_free(supervisor->watchdog);
    listeners_close(&supervisor->listeners);
    pins_clear(&supervisor->pins);
    for (size_t i = 0; i < LISTENER_OWNERS; i++) {
        tls_files_clear(&supervisor->tls[i]);
    }
    for (size_t i = 0; i < CONFIG_TOKENS_MAX; i++) {
        ps_buf_clear(&supervisor->profiles[i]);
    }
    ps_buf_clear(&supervisor->hashes);
    file_close_cleanup(&supervisor->data_fd);
    file_close_cleanup(&supervisor->program_fd);
    ps_loop_free(supervisor->loop);
    config_free(supervisor->config);
}
