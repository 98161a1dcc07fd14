#include "appliance/config/internal.h"

#include "appliance/supervisor/listeners.h"
#include "appliance/supervisor/pins.h"
#include "appliance/supervisor/profile.h"
#include "appliance/supervisor/tls_files.h"
#include "appliance/supervisor/users.h"
#include "lib/sandbox/sandbox.h"
#include "lib/system/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Every check goes on after a mistake, so that one run names them all. */
struct check {
    const struct config *config;
    struct ps_buf *errors;
    bool failed;
};

static void note(struct check *check, enum ps_err err, const char *section, const char *name)
{
    if (err == PS_OK) {
        return;
    }
    check->failed = true;
    config_put_error(check->errors, check->config->path, 0, "[%s%s%s] %s", section,
                     name[0] == '\0' ? "" : " ", name, ps_detail()->text);
}

/* Whoever can write the file can name another module. */
static enum ps_err check_file(const char *path)
{
    struct stat found;

    if (stat(path, &found) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%.160s", path);
    }
    if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return ps_fail(PS_E_DENIED, 0, "others can write this file; chmod go-w it");
    }
    return PS_OK;
}

/*
 * `privyseald --check-config` also runs beside a running appliance: a socket that is served is no
 * mistake here, opening it would be.
 */
static void check_listener(struct check *check, const char *section,
                           const struct config_listener *listener)
{
    struct tls_files files;
    gid_t group;
    enum ps_err err;

    if (listener->socket[0] != '\0') {
        err = place_check_unix(listener->socket);
        note(check, err == PS_E_CONFLICT ? PS_OK : err, section, "");
    }
    if (listener->socket_group[0] != '\0') {
        note(check, place_find_group(listener->socket_group, &group), section, "");
    }
    if (listener->tls_port == 0) {
        return;
    }
    err = tls_files_load(listener, &files);
    note(check, err, section, "");
    if (err == PS_OK) {
        tls_files_clear(&files);
    }
}

static void check_console(struct check *check)
{
    const char *path = check->config->appliance.console;
    const enum ps_err err = path[0] == '\0' ? PS_OK : place_check_unix(path);

    note(check, err == PS_E_CONFLICT ? PS_OK : err, "appliance", "");
}

static enum ps_err check_module(const char *path)
{
    struct stat found;

    if (stat(path, &found) != 0) {
        return ps_fail_errno(PS_E_NOT_FOUND, "module %.120s; install it or correct the path", path);
    }
    return S_ISREG(found.st_mode) ? PS_OK
                                  : ps_fail(PS_E_INPUT, 0, "module %.120s is no file", path);
}

static enum ps_err check_profile(const char *path)
{
    PS_BUF_AUTO profile = {0};

    return profile_load(path, &profile);
}

/*
 * Credentials are there for the service alone. When an operator runs the check by hand that is no
 * mistake, but no good word either.
 */
static void check_pin(struct check *check, const struct config_token *token, const char *path,
                      const char *credential)
{
    enum ps_err err;

    if (credential[0] != '\0' && secure_getenv("CREDENTIALS_DIRECTORY") == NULL) {
        config_put_error(check->errors, check->config->path, 0,
                         "[token %s] note: only the service can see whether there is a credential "
                         "'%s'",
                         token->name, credential);
        return;
    }
    err = pins_check(path, credential);
    /* The first PIN of an attended token; gone when that was changed. */
    note(check, err == PS_E_NOT_FOUND && token->attended ? PS_OK : err, "token", token->name);
}

static enum ps_err check_directory(const struct stat *found, const char *path)
{
    return S_ISDIR(found->st_mode) ? PS_OK : ps_fail(PS_E_INPUT, 0, "%.120s is no directory", path);
}

/* One that a start makes when it is not there. */
static enum ps_err check_made(const char *key, const char *path)
{
    char parent[4097];
    const char *slash = strrchr(path, '/');
    struct stat found;

    if (path[0] == '\0') {
        return PS_OK;
    }
    if (stat(path, &found) == 0) {
        return check_directory(&found, path);
    }
    (void)snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (stat(parent, &found) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%.120s, in which %s is made", parent, key);
    }
    return check_directory(&found, parent);
}

static void check_token(struct check *check, const struct config_token *token)
{
    note(check, check_module(token->module), "token", token->name);
    note(check, check_profile(token->profile), "token", token->name);
    note(check, check_made("store", token->store), "token", token->name);
    check_pin(check, token, token->pin_file, token->pin_credential);
    check_pin(check, token, token->so_pin_file, token->so_pin_credential);
}

enum ps_err config_check_machine(const struct config *config, struct ps_buf *errors)
{
    struct check check = {.config = config, .errors = errors};
    struct users users;

    note(&check, check_file(config->path), "appliance", "");
    note(&check, check_made("data", config->appliance.data), "appliance", "");
    note(&check, users_resolve(config, sandbox_may_switch_users(), &users), "appliance", "");
    check_listener(&check, "clients", &config->clients);
    check_listener(&check, "management", &config->management);
    check_console(&check);
    for (size_t i = 0; i < config->token_count; i++) {
        check_token(&check, &config->tokens[i]);
    }
    note(&check, check_made("directory", config->backup.directory), "backup", "");
    return check.failed ? ps_fail(PS_E_INPUT, 0, "%s cannot be used here", config->path) : PS_OK;
}
