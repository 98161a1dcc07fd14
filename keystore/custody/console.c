#include "keystore/custody/console.h"

#include "keystore/callers/authority.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READERS_MAX 8u

struct reader {
    struct console *console;
    int fd; /* -1: nobody */
    struct ps_watch *watch;
};

struct console {
    struct keeper *keeper;
    int fd;
    struct ps_watch *watch;
    struct reader readers[READERS_MAX];
    struct ps_buf page;
};

static void reader_end(struct reader *reader)
{
    ps_watch_free(reader->watch);
    reader->watch = NULL;
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    reader->fd = -1;
}

/* A page fits into what the socket holds; who does not read it is no reader. */
static void reader_send(struct reader *reader)
{
    const struct ps_bytes page = ps_buf_bytes(&reader->console->page);

    if (page.len != 0 &&
        send(reader->fd, page.data, page.len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)page.len) {
        reader_end(reader);
    }
}

/* Nothing that is sent here means anything; who sends without end has one turn like all others. */
static void on_reader(void *context, uint32_t events)
{
    struct reader *reader = context;
    uint8_t room[256];
    const ssize_t got = recv(reader->fd, room, sizeof room, MSG_DONTWAIT);

    (void)events;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        reader_end(reader);
    }
}

static bool may_read(const struct console *console, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    struct msg_caller caller = {.kind = CALLER_UNIX};

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return false;
    }
    caller.uid = peer.uid;
    return authority_is_administrator(console->keeper, &caller);
}

static void take_reader(struct console *console, int fd)
{
    for (size_t i = 0; i < READERS_MAX; i++) {
        struct reader *reader = &console->readers[i];

        if (reader->fd >= 0) {
            continue;
        }
        reader->fd = fd;
        if (ps_watch_new(console->keeper->loop, fd, EPOLLIN, on_reader, reader, &reader->watch) !=
            PS_OK) {
            reader_end(reader);
            return;
        }
        reader_send(reader);
        return;
    }
    (void)close(fd);
}

static void on_connection(void *context, uint32_t events)
{
    struct console *console = context;
    const int fd = accept4(console->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0) {
        return;
    }
    if (!may_read(console, fd)) {
        ps_line_write(PS_WARNING, "console_refused", NULL, 0);
        (void)close(fd);
        return;
    }
    take_reader(console, fd);
}

static void stop_listening(struct console *console)
{
    ps_watch_free(console->watch);
    console->watch = NULL;
    if (console->fd >= 0) {
        (void)close(console->fd);
    }
    console->fd = -1;
}

enum ps_err console_listen(struct console *console, int fd)
{
    stop_listening(console);
    console->fd = fd;
    return ps_watch_new(console->keeper->loop, fd, EPOLLIN, on_connection, console,
                        &console->watch);
}

void console_show(struct console *console, struct ps_bytes page)
{
    if (ps_bytes_equal(page, ps_buf_bytes(&console->page))) {
        return;
    }
    ps_buf_reset(&console->page);
    ps_buf_put(&console->page, page);
    for (size_t i = 0; i < READERS_MAX; i++) {
        if (console->readers[i].fd >= 0) {
            reader_send(&console->readers[i]);
        }
    }
}

enum ps_err console_new(struct keeper *keeper, struct console **ret_console)
{
    struct console *console = calloc(1, sizeof *console);

    if (console == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    console->keeper = keeper;
    console->fd = -1;
    ps_buf_init(&console->page, CONSOLE_PAGE_MAX);
    for (size_t i = 0; i < READERS_MAX; i++) {
        console->readers[i] = (struct reader){.console = console, .fd = -1};
    }
    *ret_console = console;
    return PS_OK;
}

void console_free(struct console *console)
{
    if (console == NULL) {
        return;
    }
    stop_listening(console);
    for (size_t i = 0; i < READERS_MAX; i++) {
        reader_end(&console->readers[i]);
    }
    ps_buf_clear(&console->page);
    free(console);
}
