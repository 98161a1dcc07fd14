#include "appliance/supervisor/listeners.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Descriptors that systemd passed, by the FileDescriptorName= of their socket units. */
struct passed {
    char **names;
    int count;
};

static void free_passed(struct passed *passed)
{
    for (int i = 0; i < passed->count; i++) {
        free(passed->names[i]);
    }
    free(passed->names);
}

static enum ps_err receive_passed(struct passed *ret_passed)
{
    char **names = NULL;
    const int count = sd_listen_fds_with_names(1, &names);

    if (count < 0) {
        return ps_fail(PS_E_INPUT, count, "the sockets that systemd passed cannot be read");
    }
    *ret_passed = (struct passed){.names = names, .count = count};
    return PS_OK;
}

static enum ps_err take_passed(const struct passed *passed, const char *name,
                               enum listener_kind kind, struct listener *listener)
{
    for (int i = 0; i < passed->count; i++) {
        const int fd = SD_LISTEN_FDS_START + i;
        const bool fits = kind == LISTENER_UNIX
                              ? sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0
                              : sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0;

        if (strcmp(passed->names[i], name) != 0) {
            continue;
        }
        if (!fits) {
            return ps_fail(PS_E_INPUT, 0,
                           "systemd's socket '%s' is no listening %s stream; check its unit", name,
                           kind == LISTENER_UNIX ? "Unix" : "TCP");
        }
        if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
            return ps_fail_errno(PS_E_INTERNAL, "fcntl on socket '%s'", name);
        }
        *listener = (struct listener){.fd = fd, .kind = kind};
        (void)snprintf(listener->address, sizeof listener->address, "systemd:%s", name);
    }
    return PS_OK;
}

static enum ps_err take_owner(const struct passed *passed, const char *owner,
                              struct listener listeners[2])
{
    char tls_name[32];

    (void)snprintf(tls_name, sizeof tls_name, "%s-tls", owner);
    PS_TRY(take_passed(passed, owner, LISTENER_UNIX, &listeners[0]));
    return take_passed(passed, tls_name, LISTENER_TLS, &listeners[1]);
}

static enum ps_err open_unix(const struct config_listener *config, struct listener *ret_listener)
{
    const struct place_unix place = {
        .path = config->socket, .group = config->socket_group, .mode = (mode_t)config->socket_mode};
    struct listener listener = {.kind = LISTENER_UNIX, .is_ours = true};

    PS_TRY(place_listen_unix(&place, &listener.file, &listener.fd));
    (void)snprintf(listener.address, sizeof listener.address, "%s", config->socket);
    *ret_listener = listener;
    return PS_OK;
}

static enum ps_err open_tcp(const struct config_listener *config, struct listener *ret_listener)
{
    const struct place_tcp place = {.address = config->tls_address,
                                    .port = (uint16_t)config->tls_port};
    struct listener listener = {.kind = LISTENER_TLS};

    PS_TRY(place_listen_tcp(&place, &listener.fd));
    (void)snprintf(listener.address, sizeof listener.address,
                   strchr(config->tls_address, ':') != NULL ? "[%s]:%u" : "%s:%u",
                   config->tls_address, (unsigned)config->tls_port);
    *ret_listener = listener;
    return PS_OK;
}

static enum ps_err open_owner(const struct config_listener *config, struct listener listeners[2])
{
    if (config->socket[0] != '\0' && listeners[0].fd < 0) {
        PS_TRY(open_unix(config, &listeners[0]));
    }
    if (config->tls_port != 0 && listeners[1].fd < 0) {
        PS_TRY(open_tcp(config, &listeners[1]));
    }
    return PS_OK;
}

/* What it shows is for who may be root here, or is the appliance's own user. */
static enum ps_err open_console(const struct config *config, struct listener *console)
{
    char group[] = "";
    const struct config_listener place = {
        .socket = config->appliance.console, .socket_mode = 0600, .socket_group = group};

    return place.socket[0] == '\0' ? PS_OK : open_unix(&place, console);
}

static enum ps_err open_all(const struct config *config, const struct passed *passed,
                            struct listeners *listeners)
{
    PS_TRY(take_owner(passed, "clients", listeners->of[LISTENER_OF_CLIENTS]));
    PS_TRY(take_owner(passed, "management", listeners->of[LISTENER_OF_MANAGEMENT]));
    PS_TRY(open_owner(&config->clients, listeners->of[LISTENER_OF_CLIENTS]));
    PS_TRY(open_owner(&config->management, listeners->of[LISTENER_OF_MANAGEMENT]));
    return open_console(config, &listeners->console);
}

static void close_listener(struct listener *listener)
{
    if (listener->fd < 0) {
        return;
    }
    (void)close(listener->fd);
    listener->fd = -1;
    /* Another appliance may have put its own in the place meanwhile. */
    if (listener->is_ours) {
        place_remove_unix(listener->address, &listener->file);
    }
}

enum ps_err listeners_open(const struct config *config, struct listeners *ret_listeners)
{
    PS_CLEANUP(free_passed) struct passed passed = {.names = NULL};
    struct listeners listeners = {
        .of = {{{.fd = -1}, {.fd = -1}}, {{.fd = -1}, {.fd = -1}}},
        .console = {.fd = -1},
    };
    enum ps_err err;

    PS_TRY(receive_passed(&passed));
    err = open_all(config, &passed, &listeners);
    if (err != PS_OK) {
        listeners_close(&listeners);
        return err;
    }
    *ret_listeners = listeners;
    return PS_OK;
}

void listeners_close(struct listeners *listeners)
{
    for (size_t owner = 0; owner < LISTENER_OWNERS; owner++) {
        close_listener(&listeners->of[owner][0]);
        close_listener(&listeners->of[owner][1]);
    }
    close_listener(&listeners->console);
}

static enum ps_err add_tls(const struct config_listener *config, const struct listener *present,
                           struct listener *made)
{
    return config->tls_port == 0 || present->fd >= 0 ? PS_OK : open_tcp(config, made);
}

enum ps_err listeners_add_tls(const struct config *config, struct listeners *listeners,
                              struct listeners_added *ret_added)
{
    struct listener made[LISTENER_OWNERS] = {{.fd = -1}, {.fd = -1}};
    struct listeners_added added = {.tls = {false}};
    enum ps_err err =
        add_tls(&config->clients, &listeners->of[LISTENER_OF_CLIENTS][LISTENER_PLACE_TLS],
                &made[LISTENER_OF_CLIENTS]);

    if (err == PS_OK) {
        err =
            add_tls(&config->management, &listeners->of[LISTENER_OF_MANAGEMENT][LISTENER_PLACE_TLS],
                    &made[LISTENER_OF_MANAGEMENT]);
    }
    for (size_t i = 0; i < LISTENER_OWNERS; i++) {
        if (err != PS_OK) {
            close_listener(&made[i]);
        } else if (made[i].fd >= 0) {
            listeners->of[i][LISTENER_PLACE_TLS] = made[i];
            added.tls[i] = true;
        }
    }
    PS_TRY(err);
    *ret_added = added;
    return PS_OK;
}
