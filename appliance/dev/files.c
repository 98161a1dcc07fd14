#include "appliance/dev/internal.h"

#include "lib/base/encode.h"
#include "lib/base/secret.h"
#include "lib/ceremony/operation/text.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_OCTETS 16u

void dev_path(const struct dev *dev, const char *name, char ret_path[DEV_PATH_MAX])
{
    (void)snprintf(ret_path, DEV_PATH_MAX, "%.*s/%s", (int)DEV_DIRECTORY_MAX, dev->directory, name);
}

/* It may quote what the appliance answered, and that what a client sent. */
void dev_say(const char *format, ...)
{
    char line[1024];
    PS_BUF_AUTO text = {.max = 8 * sizeof line};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    operation_text_put_visible(ps_bytes_str(line), &text);
    (void)fprintf(stderr, "%.*s\n", PS_BYTES_FMT(ps_buf_bytes(&text)));
}

static enum ps_err make_directory(const struct dev *dev, const char *name, mode_t mode)
{
    char path[DEV_PATH_MAX];

    dev_path(dev, name, path);
    if (mkdir(path, mode) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", path);
    }
    return PS_OK;
}

static void free_text(char **text)
{
    free(*text);
}

enum ps_err dev_take_directory(struct dev *dev)
{
    const char *path = dev->options.directory;
    PS_CLEANUP(free_text) char *absolute = realpath(path, NULL);
    struct stat found;

    if (absolute == NULL || stat(absolute, &found) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%.160s", path);
    }
    if (found.st_uid != geteuid() || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return ps_fail(PS_E_DENIED, 0,
                       "others can write %.120s, or it is somebody else's; take one of your own",
                       absolute);
    }
    if (strlen(absolute) > DEV_DIRECTORY_MAX) {
        return ps_fail(PS_E_LIMIT, 0,
                       "%.120s is too long: the path of a Unix socket has 107 characters at most; "
                       "take a directory of %u",
                       absolute, DEV_DIRECTORY_MAX);
    }
    (void)snprintf(dev->directory, sizeof dev->directory, "%s", absolute);
    return PS_OK;
}

/* Whatever the umask: the appliance's processes have users of their own and pass through. */
static enum ps_err make_top(struct dev *dev)
{
    const char *path = dev->options.directory;

    if (mkdir(path, 0755) == 0) {
        if (chmod(path, 0755) != 0) {
            return ps_fail_errno(PS_E_STORAGE, "cannot chmod %.160s", path);
        }
    } else if (errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", path);
    }
    return dev_take_directory(dev);
}

/* Before anything in it is changed: it may be that of an appliance which runs. */
static enum ps_err lock_top(struct dev *dev)
{
    dev->directory_fd = open(dev->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dev->directory_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %.160s", dev->directory);
    }
    if (flock(dev->directory_fd, LOCK_EX | LOCK_NB) != 0) {
        return ps_fail(PS_E_CONFLICT, 0, "another `privyseal dev` runs on %.160s; stop it first",
                       dev->directory);
    }
    return PS_OK;
}

/* Digits and letters, so that it can be typed; kept when it is there already. */
static enum ps_err make_pin(const struct dev *dev, const char *name)
{
    char path[DEV_PATH_MAX];
    uint8_t octets[PIN_OCTETS];
    enum ps_err err;
    PS_BUF_AUTO text = PS_BUF_SECRET(2 * sizeof octets);

    dev_path(dev, name, path);
    if (access(path, F_OK) == 0) {
        return PS_OK;
    }
    ps_random(octets, sizeof octets);
    ps_buf_put_hex(&text, ps_bytes(octets, sizeof octets));
    ps_wipe(octets, sizeof octets);
    err = ps_buf_status(&text);
    return err == PS_OK ? file_write(path, ps_buf_bytes(&text), 0600) : err;
}

/* The module reads it under another user. */
static enum ps_err write_softhsm_conf(const struct dev *dev)
{
    char path[DEV_PATH_MAX];
    PS_BUF_AUTO text;

    ps_buf_init(&text, 4096);
    ps_buf_printf(&text,
                  "directories.tokendir = %s/tokens\nobjectstore.backend = file\n"
                  "log.level = ERROR\nslots.removable = false\n",
                  dev->directory);
    PS_TRY(ps_buf_status(&text));
    dev_path(dev, "softhsm2.conf", path);
    return file_write(path, ps_buf_bytes(&text), 0644);
}

enum ps_err dev_prepare_directory(struct dev *dev)
{
    PS_TRY(make_top(dev));
    PS_TRY(lock_top(dev));
    PS_TRY(make_directory(dev, "tokens", 0700));
    PS_TRY(make_directory(dev, "pins", 0700));
    PS_TRY(make_directory(dev, "ca", 0755));
    PS_TRY(make_directory(dev, "clients", 0755));
    PS_TRY(make_pin(dev, "pins/user"));
    PS_TRY(make_pin(dev, "pins/so"));
    return write_softhsm_conf(dev);
}

/* For a shell: in quotes, each quote in it outside of them. */
static void put_variable(struct ps_buf *out, const char *name, const char *value)
{
    ps_buf_printf(out, "export %s='", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'') {
            ps_buf_put_str(out, "'\\''");
        } else {
            ps_buf_put_u8(out, (uint8_t)*value);
        }
    }
    ps_buf_put_str(out, "'\n");
}

static void put_path(struct ps_buf *out, const char *name, const struct dev *dev, const char *file)
{
    char path[DEV_PATH_MAX];

    dev_path(dev, file, path);
    put_variable(out, name, path);
}

void dev_put_url(const struct config_listener *listener, char ret_url[DEV_TEXT_MAX])
{
    (void)snprintf(ret_url, DEV_TEXT_MAX, "https://%s:%u", listener->tls_address,
                   (unsigned)listener->tls_port);
}

static void put_url(struct ps_buf *out, const char *name, const struct config_listener *listener)
{
    char url[DEV_TEXT_MAX];

    dev_put_url(listener, url);
    put_variable(out, name, url);
}

enum ps_err dev_write_env(const struct dev *dev, struct ps_buf *ret_text)
{
    char path[DEV_PATH_MAX];

    ps_buf_init(ret_text, 16384);
    put_variable(ret_text, "PRIVYSEAL_DIR", dev->directory);
    put_variable(ret_text, "PRIVYSEAL_SOCKET", dev->config->clients.socket);
    put_variable(ret_text, "PRIVYSEAL_MANAGEMENT_SOCKET", dev->config->management.socket);
    if (dev->config->clients.tls_port != 0) {
        put_url(ret_text, "PRIVYSEAL_URL", &dev->config->clients);
        put_url(ret_text, "PRIVYSEAL_MANAGEMENT_URL", &dev->config->management);
        put_path(ret_text, "PRIVYSEAL_CA", dev, "ca/cert.pem");
        put_path(ret_text, "PRIVYSEAL_CERT", dev, "clients/operator/cert.pem");
        put_path(ret_text, "PRIVYSEAL_KEY", dev, "clients/operator/key.pem");
    }
    PS_TRY(ps_buf_status(ret_text));
    dev_path(dev, "env", path);
    return file_write(path, ps_buf_bytes(ret_text), 0644);
}
