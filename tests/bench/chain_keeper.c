#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include "lib/base/encode.h"

#include <stdlib.h>
#include <sys/epoll.h>

enum { FROM_FRONT, FROM_LOG, FROM_TOKEN };

struct keeper {
    int epoll_fd;
    struct ps_bytes header;
    struct chain_log *log;
    struct ps_buf input; /* what is signed, of one request */
    struct peer front;
    struct peer tokens[CHAIN_TOKENS_MAX];
    unsigned waiting[CHAIN_TOKENS_MAX]; /* at each token */
    unsigned token_count;
    uint8_t signatures[CHAIN_CLIENTS_MAX][CHAIN_SIGNATURE];
};

static unsigned least_busy(const struct keeper *keeper)
{
    unsigned best = 0;

    for (unsigned i = 1; i < keeper->token_count; i++) {
        if (keeper->waiting[i] < keeper->waiting[best]) {
            best = i;
        }
    }
    return best;
}

static void take_requests(struct keeper *keeper)
{
    struct frame frame;

    peer_read(&keeper->front, false);
    while (peer_next(&keeper->front, &frame)) {
        const unsigned token = least_busy(keeper);
        uint8_t digest[PS_SHA256_LEN];

        ps_buf_reset(&keeper->input);
        ps_buf_put(&keeper->input, keeper->header);
        ps_buf_put_base64url(&keeper->input, frame.octets);
        must(ps_buf_status(&keeper->input) == PS_OK, "making what is signed");
        ps_sha256(ps_buf_bytes(&keeper->input), digest);
        peer_put(&keeper->tokens[token], frame.id, ps_bytes(digest, sizeof digest));
        keeper->waiting[token]++;
    }
}

static void take_signatures(struct keeper *keeper, unsigned token)
{
    struct frame frame;

    peer_read(&keeper->tokens[token], false);
    while (peer_next(&keeper->tokens[token], &frame)) {
        must(frame.octets.len == CHAIN_SIGNATURE, "a signature's length");
        keeper->waiting[token]--;
        memcpy(keeper->signatures[frame.id], frame.octets.data, CHAIN_SIGNATURE);
        chain_log_add(keeper->log, frame.id, frame.octets);
    }
}

static void answer(struct keeper *keeper)
{
    uint32_t ids[CHAIN_CLIENTS_MAX];
    const size_t count = chain_log_take(keeper->log, ids);

    for (size_t i = 0; i < count; i++) {
        peer_put(&keeper->front, ids[i], ps_bytes(keeper->signatures[ids[i]], CHAIN_SIGNATURE));
    }
}

static void turn(struct keeper *keeper)
{
    struct epoll_event events[CHAIN_TOKENS_MAX + FROM_TOKEN];
    const unsigned count = chain_wait(keeper->epoll_fd, events, PS_COUNT_OF(events));
    bool has_records = false;

    for (unsigned i = 0; i < count; i++) {
        const uint32_t from = events[i].data.u32;

        if (from == FROM_FRONT) {
            take_requests(keeper);
        } else if (from == FROM_LOG) {
            answer(keeper);
        } else {
            take_signatures(keeper, from - FROM_TOKEN);
            has_records = true;
        }
    }
    if (has_records) {
        chain_log_wake(keeper->log);
    }
    for (unsigned i = 0; i < keeper->token_count; i++) {
        peer_write(&keeper->tokens[i]);
    }
    peer_write(&keeper->front);
}

void chain_keeper_run(struct ps_bytes header, struct chain_log *log, int front_fd,
                      const int *token_fds, unsigned token_count)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);

    must(keeper != NULL, "memory for the keeper");
    keeper->header = header;
    keeper->log = log;
    keeper->token_count = token_count;
    ps_buf_init(&keeper->input, CHAIN_INPUT_MAX);
    keeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    peer_init(&keeper->front, front_fd);
    chain_watch(keeper->epoll_fd, front_fd, FROM_FRONT);
    chain_watch(keeper->epoll_fd, chain_log_fd(log), FROM_LOG);
    for (unsigned i = 0; i < token_count; i++) {
        peer_init(&keeper->tokens[i], token_fds[i]);
        chain_watch(keeper->epoll_fd, token_fds[i], FROM_TOKEN + i);
    }
    for (;;) {
        turn(keeper);
    }
}
