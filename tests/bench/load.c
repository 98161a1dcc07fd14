#include "tests/bench/load.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IN_MAX      (512u * 1024u)
#define BODIES_MAX  (3ull * 1024 * 1024 * 1024)
#define TENTHS_MAX  4000000u
#define WAITING_MAX 65536u

struct connection {
    int fd;
    SSL *ssl;
    uint8_t *in;
    size_t in_len;
    size_t sent;
    uint64_t due; /* when its request was to begin; 0: idle */
    uint64_t asked;
    struct ps_buf out; /* of a script */
};

struct load {
    const struct load_plan *plan;
    struct load_result *result;
    struct connection *connections;
    int epoll_fd;
    SSL_CTX *tls;
    uint64_t count_from;
    uint64_t end;
    uint64_t next_due;             /* paced: of the next request */
    uint64_t waiting[WAITING_MAX]; /* paced: due times that found no idle connection */
    size_t waiting_from;
    size_t waiting_count;
    unsigned busy;
};

static void stop(const char *what)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
        stop("socket");
    }
    memcpy(address.sun_path, path, strlen(path));
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        stop(path);
    }
    return fd;
}

static int connect_tcp(const struct load_plan *plan)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int on = 1;
    int fd;

    if (getaddrinfo(plan->host, plan->port, &hints, &found) != 0) {
        stop("host");
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        stop("connect");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(found);
    return fd;
}

static void connect_one(struct load *load, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    connection->fd =
        load->plan->socket != NULL ? connect_unix(load->plan->socket) : connect_tcp(load->plan);
    if (load->tls != NULL) {
        connection->ssl = SSL_new(load->tls);
        if (connection->ssl == NULL || SSL_set_fd(connection->ssl, connection->fd) != 1 ||
            SSL_connect(connection->ssl) != 1) {
            stop("TLS handshake");
        }
    }
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        stop("epoll_ctl");
    }
    connection->in = connection->in == NULL ? malloc(IN_MAX) : connection->in;
    connection->in_len = 0;
    if (connection->in == NULL) {
        stop("memory");
    }
}

static ssize_t send_some(struct connection *connection, const uint8_t *data, size_t len)
{
    if (connection->ssl != NULL) {
        const int sent = SSL_write(connection->ssl, data, (int)len);

        return sent > 0 ? sent : -1;
    }
    return send(connection->fd, data, len, MSG_NOSIGNAL);
}

static void send_request(struct connection *connection, struct ps_bytes request)
{
    connection->sent = 0;
    connection->asked = ps_clock_mono_ns();
    while (connection->sent < request.len) {
        const ssize_t sent =
            send_some(connection, request.data + connection->sent, request.len - connection->sent);

        if (sent <= 0) {
            break; /* its answer will be missing, which counts as dropped */
        }
        connection->sent += (size_t)sent;
    }
}

static void begin_request(struct load *load, struct connection *connection, uint64_t due)
{
    const struct load_script *script = load->plan->script;

    connection->due = due;
    load->busy++;
    if (script == NULL) {
        send_request(connection, load->plan->request);
        return;
    }
    ps_buf_reset(&connection->out);
    script->begin(script->context, (unsigned)(connection - load->connections), &connection->out);
    send_request(connection, ps_buf_bytes(&connection->out));
}

/* Octets of a whole answer at the front, 0 when more is to come. */
static size_t answer_len(const struct connection *connection, size_t *ret_head, int *ret_status)
{
    const char *in = (const char *)connection->in;
    const char *head_end;
    const char *length;

    head_end = memmem(in, connection->in_len, "\r\n\r\n", 4);
    if (head_end == NULL) {
        return 0;
    }
    length = strcasestr(in, "\r\nContent-Length:");
    if (length == NULL || length > head_end) {
        stop("an answer without Content-Length");
    }
    *ret_head = (size_t)(head_end - in) + 4;
    *ret_status = atoi(in + 9);
    if (connection->in_len < *ret_head + strtoul(length + 17, NULL, 10)) {
        return 0;
    }
    return *ret_head + strtoul(length + 17, NULL, 10);
}

void load_keep(struct load_result *result, struct ps_bytes body)
{
    const uint32_t len32 = (uint32_t)body.len;

    if (result->bodies_len + 4 + body.len > BODIES_MAX) {
        stop("too many answers to keep");
    }
    memcpy(result->bodies + result->bodies_len, &len32, 4);
    memcpy(result->bodies + result->bodies_len + 4, body.data, body.len);
    result->bodies_len += 4 + body.len;
}

static void note_time(struct load_times *times, uint64_t since, uint64_t now)
{
    if (times->count < TENTHS_MAX) {
        times->tenths[times->count++] = (uint32_t)((now - since) / 100);
    }
}

static bool is_counted(const struct load *load, uint64_t at)
{
    return at >= load->count_from && at < load->end;
}

/*
 * One request, or all of a script, is over. A rate is of those that end within the counted time,
 * whenever they began: as many are under way when it begins as when it ends. A time is of those
 * that begin within it, however long they take.
 */
static void finish_request(struct load *load, struct connection *connection, bool good)
{
    const uint64_t now = ps_clock_mono_ns();
    struct load_result *result = load->result;

    result->answered += good ? 1 : 0;
    result->dropped += good ? 0 : 1;
    if (good && is_counted(load, now)) {
        result->requests++;
    }
    if (good && is_counted(load, connection->due)) {
        note_time(&result->times, connection->due, now);
    }
    connection->due = 0;
    load->busy--;
    if (load->plan->rate <= 0 && now < load->end) {
        begin_request(load, connection, now);
    } else if (load->waiting_count != 0) {
        const uint64_t due = load->waiting[load->waiting_from++ % WAITING_MAX];

        load->waiting_count--;
        begin_request(load, connection, due);
    }
}

static void take_answer(struct load *load, struct connection *connection,
                        const struct load_answer *answer)
{
    const struct load_script *script = load->plan->script;
    const unsigned number = (unsigned)(connection - load->connections);
    enum load_step step = answer->status == 200 ? LOAD_DONE : LOAD_FAILED;

    if (script == NULL) {
        if (step == LOAD_DONE) {
            load_keep(load->result, answer->body);
        }
        finish_request(load, connection, step == LOAD_DONE);
        return;
    }
    if (connection->due >= load->count_from) {
        note_time(&load->result->steps, connection->asked, ps_clock_mono_ns());
    }
    ps_buf_reset(&connection->out);
    step = script->next(script->context, number, answer, &connection->out);
    if (step == LOAD_GOES_ON) {
        send_request(connection, ps_buf_bytes(&connection->out));
    } else {
        finish_request(load, connection, step == LOAD_DONE);
    }
}

/* What stands at the front of what came; nothing else has come before the next request. */
static void consume_answer(struct load *load, struct connection *connection, size_t head,
                           size_t len, int status)
{
    const struct load_answer answer = {.status = status,
                                       .head = ps_bytes(connection->in, head),
                                       .body = ps_bytes(connection->in + head, len - head)};

    connection->in_len -= len;
    take_answer(load, connection, &answer);
}

static void on_closed(struct load *load, struct connection *connection)
{
    if (connection->due != 0) {
        load->result->dropped++;
        load->busy--;
    }
    SSL_free(connection->ssl);
    connection->ssl = NULL;
    (void)close(connection->fd);
    connection->due = 0;
    connect_one(load, connection);
    if (load->plan->rate <= 0 && ps_clock_mono_ns() < load->end) {
        begin_request(load, connection, ps_clock_mono_ns());
    }
}

static ssize_t receive_some(struct connection *connection)
{
    uint8_t *to = connection->in + connection->in_len;
    const size_t room = IN_MAX - 1 - connection->in_len;

    if (connection->ssl != NULL) {
        const int got = SSL_read(connection->ssl, to, (int)room);

        if (got > 0) {
            return got;
        }
        errno = SSL_get_error(connection->ssl, got) == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
        return errno == EAGAIN ? -1 : 0;
    }
    return recv(connection->fd, to, room, 0);
}

static void on_readable(struct load *load, struct connection *connection)
{
    for (;;) {
        const ssize_t got = receive_some(connection);
        size_t head;
        size_t len;
        int status;

        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            on_closed(load, connection);
            return;
        }
        connection->in_len += (size_t)got;
        connection->in[connection->in_len] = '\0';
        len = answer_len(connection, &head, &status);
        if (len != 0) {
            consume_answer(load, connection, head, len, status);
            if (connection->ssl == NULL || SSL_has_pending(connection->ssl) == 0) {
                return;
            }
        }
    }
}

/* Paced: begins what is due, on an idle connection when there is one. */
static void begin_due(struct load *load, uint64_t now)
{
    const uint64_t step = (uint64_t)(1e9 / load->plan->rate);

    while (load->next_due <= now && load->next_due < load->end) {
        struct connection *idle = NULL;

        for (unsigned i = 0; i < load->plan->connections && load->busy < load->plan->connections;
             i++) {
            if (load->connections[i].due == 0) {
                idle = &load->connections[i];
                break;
            }
        }
        if (idle != NULL) {
            begin_request(load, idle, load->next_due);
        } else if (load->waiting_count < WAITING_MAX) {
            load->waiting[(load->waiting_from + load->waiting_count++) % WAITING_MAX] =
                load->next_due;
        } else {
            load->result->dropped++;
        }
        load->next_due += step;
    }
}

static void turn(struct load *load)
{
    struct epoll_event events[256];
    struct timespec wait = {.tv_nsec = 100000000};
    uint64_t now = ps_clock_mono_ns();
    int count;

    if (load->plan->rate > 0) {
        begin_due(load, now);
        now = ps_clock_mono_ns();
        wait.tv_nsec = load->next_due > now ? (long)(load->next_due - now) : 0;
        wait.tv_nsec = wait.tv_nsec > 100000000 ? 100000000 : wait.tv_nsec;
    }
    count = epoll_pwait2(load->epoll_fd, events, PS_COUNT_OF(events), &wait, NULL);
    for (int i = 0; i < count; i++) {
        on_readable(load, events[i].data.ptr);
    }
}

static SSL_CTX *tls_context(const struct load_plan *plan)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_locations(tls, plan->ca, NULL) != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, plan->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, plan->key, SSL_FILETYPE_PEM) != 1) {
        stop("TLS files");
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    /* An answer is two records, of which each would be read in two steps. */
    SSL_CTX_set_read_ahead(tls, 1);
    return tls;
}

static void prepare(struct load *load, const struct load_plan *plan, struct load_result *result)
{
    load->plan = plan;
    load->result = result;
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load->connections = calloc(plan->connections, sizeof *load->connections);
    load->tls = plan->socket == NULL ? tls_context(plan) : NULL;
    result->times.tenths = malloc(TENTHS_MAX * sizeof *result->times.tenths);
    result->steps.tenths = malloc(TENTHS_MAX * sizeof *result->steps.tenths);
    result->bodies = mmap(NULL, BODIES_MAX, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (load->connections == NULL || result->times.tenths == NULL || result->steps.tenths == NULL ||
        result->bodies == MAP_FAILED) {
        stop("memory");
    }
    for (unsigned i = 0; i < plan->connections; i++) {
        ps_buf_init(&load->connections[i].out, IN_MAX);
        connect_one(load, &load->connections[i]);
    }
}

void load_run(const struct load_plan *plan, struct load_result *ret_result)
{
    struct load *load = calloc(1, sizeof *load);
    uint64_t patience;
    uint64_t began;

    if (load == NULL) {
        stop("memory");
    }
    *ret_result = (struct load_result){0};
    prepare(load, plan, ret_result);
    began = ps_clock_mono_ns();
    load->count_from = began + (uint64_t)(plan->warm_up * 1e9);
    load->end = load->count_from + (uint64_t)(plan->seconds * 1e9);
    load->next_due = began;
    for (unsigned i = 0; i < plan->connections && plan->rate <= 0; i++) {
        begin_request(load, &load->connections[i], began);
    }
    while (ps_clock_mono_ns() < load->end) {
        turn(load);
    }
    /* What is under way is let finish, so that every leaf has an answer here. */
    patience = ps_clock_mono_ns() + 10 * PS_NS_PER_S;
    while ((load->busy != 0 || load->waiting_count != 0) && ps_clock_mono_ns() < patience) {
        turn(load);
    }
    ret_result->dropped += load->busy;
    ret_result->seconds = plan->seconds;
    for (unsigned i = 0; i < plan->connections; i++) {
        SSL_free(load->connections[i].ssl);
        (void)close(load->connections[i].fd);
        free(load->connections[i].in);
        ps_buf_clear(&load->connections[i].out);
    }
    SSL_CTX_free(load->tls);
    free(load->connections);
    (void)close(load->epoll_fd);
    free(load);
}
