#include "appliance/supervisor/pins.h"

#include "lib/ipc/messages_common.h"
#include "lib/system/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* systemd owns the directory and lets only the service in; files there may carry access lists. */
static enum ps_err open_credential(const char *name, int *ret_fd)
{
    const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    char path[4300];
    struct stat found;

    if (directory == NULL || directory[0] != '/') {
        return ps_fail(PS_E_NOT_FOUND, 0,
                       "credential '%.100s': the service manager gave none; set LoadCredential= or "
                       "LoadCredentialEncrypted= in the unit",
                       name);
    }
    (void)snprintf(path, sizeof path, "%.4000s/%.200s", directory, name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        return ps_fail_errno(PS_E_NOT_FOUND, "credential '%.100s'", name);
    }
    if ((found.st_mode & 07) != 0) {
        return ps_fail(PS_E_DENIED, 0, "credential '%.100s' is open to everybody", name);
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}

static enum ps_err load(const char *path, const char *credential, struct ps_secret **ret_pin)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;

    if (path[0] == '\0' && credential[0] == '\0') {
        return PS_OK;
    }
    PS_TRY(path[0] != '\0' ? file_open_private(path, &fd) : open_credential(credential, &fd));
    PS_TRY(ps_secret_read_fd(fd, &pin));
    if (ps_secret_bytes(pin).len > IPC_SECRET_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a PIN has at most %d octets", IPC_SECRET_MAX);
    }
    *ret_pin = pin;
    pin = NULL;
    return PS_OK;
}

/*
 * The file of an attended token serves until its PIN is split; that it is gone then is as it should
 * be.
 */
static enum ps_err load_user(const struct config_token *token, struct ps_secret **ret_pin)
{
    const enum ps_err err = load(token->pin_file, token->pin_credential, ret_pin);

    return err == PS_E_NOT_FOUND && token->attended ? PS_OK : err;
}

enum ps_err pins_keep(struct pins *pins, size_t index, struct ps_bytes pin)
{
    struct ps_secret *kept = NULL;

    PS_TRY(ps_secret_new(pin, &kept));
    ps_secret_free(pins->user[index]);
    pins->user[index] = kept;
    pins->is_kept[index] = true;
    return PS_OK;
}

static void pins_move(struct pins *from, struct pins *to)
{
    *to = *from;
    *from = (struct pins){0};
}

enum ps_err pins_load(const struct config *config, struct pins *ret_pins)
{
    PS_CLEANUP(pins_clear) struct pins pins = {0};

    for (size_t i = 0; i < config->token_count; i++) {
        const struct config_token *token = &config->tokens[i];

        PS_TRY(load_user(token, &pins.user[i]));
        PS_TRY(load(token->so_pin_file, token->so_pin_credential, &pins.so[i]));
    }
    pins_move(&pins, ret_pins);
    return PS_OK;
}

void pins_clear(struct pins *pins)
{
    for (size_t i = 0; i < CONFIG_TOKENS_MAX; i++) {
        ps_secret_free(pins->user[i]);
        ps_secret_free(pins->so[i]);
    }
    *pins = (struct pins){0};
}

enum ps_err pins_check(const char *path, const char *credential)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;

    return load(path, credential, &pin);
}
