#ifndef TESTS_UNIT_API_SUPPORT_H
#define TESTS_UNIT_API_SUPPORT_H

#include "tests/unit/http_client.h"
#include "tests/unit/scratch.h"

#include "api/api.h"
#include "lib/base/line.h"
#include "lib/base/problem.h"
#include "lib/ipc/channel.h"
#include "lib/ipc/messages_keeper.h"
#include "lib/ipc/messages_supervisor.h"

#include <signal.h>
#include <sys/wait.h>

/*
 * A whole api process, forked, with this test as its supervisor and as its keeper: what the keeper
 * answers is the script of the test. Clients speak HTTP over a real Unix socket.
 */
typedef enum ps_err script_fn(struct channel *channel, const struct ipc_message *info, uint64_t id,
                              const void *message);

static struct {
    struct ps_loop *loop;
    struct channel *supervisor;
    struct channel *keeper;
    pid_t pid;
    char path[SCRATCH_PATH_MAX];
    script_fn *script;
    void (*room)(struct channel *channel); /* after a script found none; may be NULL */
    bool ready;
    bool supervisor_ended;
    bool keeper_ended;
    unsigned asked;                 /* requests that came to the keeper */
    const struct ipc_message *last; /* of them */
    struct ps_buf metrics;          /* last rows */
} api_test;

static inline PS_UNUSED enum ps_err on_keeper_message(void *context, struct channel *channel,
                                                      const struct ipc_message *info, uint64_t id,
                                                      const void *message, int fd)
{
    (void)context;
    (void)fd;
    if (info == &msg_api_metrics_info) {
        ps_buf_reset(&api_test.metrics);
        ps_buf_put(&api_test.metrics, ((const struct msg_api_metrics *)message)->rows);
        return PS_OK;
    }
    api_test.asked++;
    api_test.last = info;
    assert_non_null(api_test.script);
    return api_test.script(channel, info, id, message);
}

static inline PS_UNUSED void on_keeper_room(void *context, struct channel *channel)
{
    (void)context;
    if (api_test.room != NULL) {
        api_test.room(channel);
    }
}

static inline PS_UNUSED void on_keeper_end(void *context, struct channel *channel, enum ps_err why)
{
    (void)context;
    (void)why;
    api_test.keeper_ended = true;
    channel_free(channel);
    api_test.keeper = NULL;
}

static inline PS_UNUSED enum ps_err on_supervisor_message(void *context, struct channel *channel,
                                                          const struct ipc_message *info,
                                                          uint64_t id, const void *message, int fd)
{
    (void)context;
    (void)channel;
    (void)id;
    (void)message;
    (void)fd;
    api_test.ready = api_test.ready || info == &msg_ready_info;
    return PS_OK;
}

static inline PS_UNUSED void on_supervisor_end(void *context, struct channel *channel,
                                               enum ps_err why)
{
    (void)context;
    (void)channel;
    (void)why;
    api_test.supervisor_ended = true;
}

static const struct channel_handler api_keeper_handler = {
    .on_message = on_keeper_message, .on_room = on_keeper_room, .on_end = on_keeper_end};
static const struct channel_handler api_supervisor_handler = {.on_message = on_supervisor_message,
                                                              .on_end = on_supervisor_end};

static inline PS_UNUSED void api_turn_until(const bool *condition)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    while (!*condition) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(api_test.loop, 1));
    }
}

static inline PS_UNUSED void api_tell_state(enum appliance_state state)
{
    char ready[128];
    struct msg_appliance_state notice = {.state = (uint8_t)state};

    (void)snprintf(ready, sizeof ready, "{\"ready\":%s,\"state\":\"%s\",\"reasons\":[]}",
                   state == APPLIANCE_OPERATIONAL ? "true" : "false", appliance_state_name(state));
    notice.ready = ps_bytes_str(ready);
    assert_ok(channel_send(api_test.keeper, &msg_appliance_state_info, 0, &notice));
    channel_flush(api_test.keeper);
}

/* Gives the api a new keeper channel, in this state. */
static inline PS_UNUSED void api_give_keeper(enum appliance_state state)
{
    const struct msg_peer peer = {.role = IPC_ROLE_KEEPER, .name = LITERAL("keeper")};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    channel_free(api_test.keeper);
    api_test.keeper_ended = false;
    assert_ok(channel_new(api_test.loop, fds[0], &keeper_set, IPC_SERVER, &api_keeper_handler, NULL,
                          &api_test.keeper));
    /* Before the api has it, so that it is the first thing it reads there. */
    api_tell_state(state);
    assert_ok(channel_send_fd(api_test.supervisor, &msg_peer_info, 0, &peer, fds[1]));
    (void)close(fds[1]);
}

static inline PS_UNUSED void api_run_child(int fd, const struct msg_api_config *config)
{
    struct ps_loop *loop = NULL;
    int code = 99;

    ps_line_init("api", PS_ERROR);
    if (ps_loop_new(&loop) == PS_OK) {
        code = api_main(loop, fd, config);
        ps_loop_free(loop);
    }
    exit(code);
}

static inline PS_UNUSED struct msg_api_config api_config(uint8_t role)
{
    return (struct msg_api_config){.role = role,
                                   .header_deadline_ms = 20000,
                                   .body_deadline_ms = 20000,
                                   .idle_deadline_ms = 20000,
                                   .connections = 100,
                                   .connections_per_caller = 100,
                                   .requests_in_flight = 100};
}

static inline PS_UNUSED void api_start_configured(const struct msg_api_config *config)
{
    const struct msg_listener listener = {.kind = LISTENER_UNIX};
    const struct msg_start start = {0};
    int fds[2];
    int listening;

    assert_int_equal(scratch_make(NULL), 0);
    (void)snprintf(api_test.path, sizeof api_test.path, "%s/s", scratch_directory);
    listening = listen_unix(api_test.path);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    api_test.pid = fork();
    assert_true(api_test.pid >= 0);
    if (api_test.pid == 0) {
        (void)close(fds[0]);
        (void)close(listening);
        api_run_child(fds[1], config);
    }
    (void)close(fds[1]);
    api_test.ready = api_test.supervisor_ended = api_test.keeper_ended = false;
    api_test.asked = 0;
    api_test.script = NULL;
    api_test.room = NULL;
    ps_buf_init(&api_test.metrics, 65536);
    assert_ok(ps_loop_new(&api_test.loop));
    assert_ok(channel_new(api_test.loop, fds[0], &supervisor_set, IPC_CLIENT,
                          &api_supervisor_handler, NULL, &api_test.supervisor));
    assert_ok(channel_send_fd(api_test.supervisor, &msg_listener_info, 0, &listener, listening));
    (void)close(listening);
    assert_ok(channel_send(api_test.supervisor, &msg_start_info, 0, &start));
    api_turn_until(&api_test.ready);
}

/* Waits for the child; its exit code. */
static inline PS_UNUSED int api_join(void)
{
    int status = 0;

    assert_int_equal(waitpid(api_test.pid, &status, 0), api_test.pid);
    api_test.pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline PS_UNUSED int api_end(void **state)
{
    int code = 0;

    channel_free(api_test.supervisor);
    channel_free(api_test.keeper);
    api_test.supervisor = api_test.keeper = NULL;
    if (api_test.pid != 0) {
        code = api_join();
    }
    ps_loop_free(api_test.loop);
    ps_buf_clear(&api_test.metrics);
    (void)scratch_remove(state);
    return code;
}

/* One request on a connection of its own; the body is NUL-terminated in `ret_body`. */
struct call {
    const char *method;
    const char *target;
    const char *headers; /* lines, or NULL */
    const char *body;    /* JSON, or NULL */
};

struct answer {
    unsigned status;
    char head[2048];
    char body[512 * 1024];
};

static struct answer answer;

static inline PS_UNUSED void client_send_call(struct client *client, const struct call *call)
{
    PS_BUF_AUTO request;
    const size_t len = call->body == NULL ? 0 : strlen(call->body);

    ps_buf_init(&request, 8 * 1024 * 1024);
    ps_buf_put_str(&request, call->method);
    ps_buf_put_u8(&request, ' ');
    ps_buf_put_str(&request, call->target);
    ps_buf_put_str(&request, " HTTP/1.1\r\nHost: a\r\n");
    if (call->body != NULL) {
        ps_buf_put_str(&request, "Content-Type: application/json\r\nContent-Length: ");
        ps_buf_put_decimal(&request, len);
        ps_buf_put_str(&request, "\r\n");
    }
    if (call->headers != NULL) {
        ps_buf_put_str(&request, call->headers);
    }
    ps_buf_put_str(&request, "\r\n");
    if (call->body != NULL) {
        ps_buf_put(&request, ps_bytes(call->body, len));
    }
    assert_ok(ps_buf_status(&request));
    client_send(client, ps_buf_bytes(&request));
}

static inline PS_UNUSED void client_take_answer(struct client *client)
{
    struct response response;

    client_wait(client, &response);
    answer.status = response.status;
    memcpy(answer.head, response.head, sizeof answer.head);
    assert_true(response.body.len < sizeof answer.body);
    memcpy(answer.body, response.body.data, response.body.len);
    answer.body[response.body.len] = '\0';
    client_drop(client, &response);
}

/* The status; the rest is in `answer`. */
static inline PS_UNUSED unsigned ask(const struct call *call)
{
    struct client client;

    client_open(&client, api_test.loop, api_test.path);
    client_send_call(&client, call);
    client_take_answer(&client);
    client_close(&client);
    return answer.status;
}

#define GET(target)        ask(&(const struct call){"GET", target, NULL, NULL})
#define POST(target, body) ask(&(const struct call){"POST", target, NULL, body})

/* Waits until the api has heard of this state. */
static inline PS_UNUSED void api_wait_for_state(enum appliance_state state)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)GET("/health/ready");
    } while (strstr(answer.body, appliance_state_name(state)) == NULL);
}

static inline PS_UNUSED void api_start(uint8_t role)
{
    const struct msg_api_config config = api_config(role);

    api_start_configured(&config);
    api_give_keeper(APPLIANCE_OPERATIONAL);
    api_wait_for_state(APPLIANCE_OPERATIONAL);
}

static inline PS_UNUSED int begin_clients(void **state)
{
    (void)state;
    api_start(IPC_ROLE_API_CLIENTS);
    return 0;
}

static inline PS_UNUSED int begin_management(void **state)
{
    (void)state;
    api_start(IPC_ROLE_API_MANAGEMENT);
    return 0;
}

#define assert_has(text, part) check_has((text), (part), __FILE__, __LINE__)

static inline PS_UNUSED void check_has(const char *text, const char *part, const char *file,
                                       int line)
{
    if (strstr(text, part) == NULL) {
        print_error("no %s in\n%s\n", part, text);
        _fail(file, line);
    }
}

/* The problem code of the last answer. */
static inline PS_UNUSED void check_code(const char *code, const char *file, int line)
{
    char member[128];

    (void)snprintf(member, sizeof member, "\"code\":\"%s\"", code);
    check_has(answer.head, "application/problem+json", file, line);
    check_has(answer.body, member, file, line);
}

#define assert_code(code) check_code((code), __FILE__, __LINE__)

#endif
