#include "tests/keeper/tap.h"

#include "lib/base/problem.h"
#include "tests/keeper/beside.h"
#include "tests/unit/support.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_MAX 64u

/* One channel that it stands in. */
struct line {
    struct line *next;
    struct tap *tap;
    struct beside beside;
    int keeper;
    int token;
    struct ps_buf from_keeper;
    struct ps_buf from_token;
    uint64_t lost_id;    /* of the request whose answer is lost; 0: none */
    uint64_t spoiled_id; /* or has another signature */
    struct ps_buf held;
    unsigned held_at; /* tap.let_go then */
};

struct row {
    const struct ipc_message *info;
    unsigned count;
    unsigned meant;           /* of them, by what was set then */
    unsigned held;            /* of them */
    unsigned passed;          /* so many more */
    enum tap_refusal refusal; /* of those that come then */
    const char *about;        /* and have this text in them; NULL: whatever they have */
    const char *but;          /* and do not have this; NULL: likewise */
};

struct tap {
    struct line *lines; /* of the test's thread */
    pthread_mutex_t lock;
    unsigned let_go; /* so often */
    struct row rows[MESSAGES_MAX];
};

struct tap *tap_new(void)
{
    struct tap *tap = calloc(1, sizeof *tap);

    assert_non_null(tap);
    assert_int_equal(pthread_mutex_init(&tap->lock, NULL), 0);
    return tap;
}

/* With the lock. */
static struct row *row_of(struct tap *tap, const struct ipc_message *info)
{
    size_t at = 0;

    while (tap->rows[at].info != NULL && tap->rows[at].info != info) {
        at++;
        assert_true(at < MESSAGES_MAX);
    }
    tap->rows[at].info = info;
    return &tap->rows[at];
}

unsigned tap_count(struct tap *tap, const struct ipc_message *info)
{
    unsigned count;

    (void)pthread_mutex_lock(&tap->lock);
    count = row_of(tap, info)->count;
    (void)pthread_mutex_unlock(&tap->lock);
    return count;
}

unsigned tap_count_meant(struct tap *tap, const struct ipc_message *info)
{
    unsigned meant;

    (void)pthread_mutex_lock(&tap->lock);
    meant = row_of(tap, info)->meant;
    (void)pthread_mutex_unlock(&tap->lock);
    return meant;
}

unsigned tap_held(struct tap *tap, const struct ipc_message *info)
{
    unsigned held;

    (void)pthread_mutex_lock(&tap->lock);
    held = row_of(tap, info)->held;
    (void)pthread_mutex_unlock(&tap->lock);
    return held;
}

static void set_row(struct tap *tap, const struct ipc_message *info, const struct row *wanted)
{
    struct row *row;

    (void)pthread_mutex_lock(&tap->lock);
    row = row_of(tap, info);
    row->passed = wanted->passed;
    row->refusal = wanted->refusal;
    row->about = wanted->about;
    row->but = wanted->but;
    (void)pthread_mutex_unlock(&tap->lock);
}

void tap_set(struct tap *tap, const struct ipc_message *info, unsigned passed,
             enum tap_refusal refusal)
{
    set_row(tap, info, &(struct row){.passed = passed, .refusal = refusal});
}

void tap_set_about(struct tap *tap, const struct ipc_message *info, const char *text,
                   enum tap_refusal refusal)
{
    set_row(tap, info, &(struct row){.refusal = refusal, .about = text});
}

void tap_set_but(struct tap *tap, const struct ipc_message *info, const char *text,
                 enum tap_refusal refusal)
{
    set_row(tap, info, &(struct row){.refusal = refusal, .but = text});
}

static unsigned times_let_go(struct tap *tap)
{
    unsigned times;

    (void)pthread_mutex_lock(&tap->lock);
    times = tap->let_go;
    (void)pthread_mutex_unlock(&tap->lock);
    return times;
}

void tap_let_go(struct tap *tap)
{
    (void)pthread_mutex_lock(&tap->lock);
    tap->let_go++;
    (void)pthread_mutex_unlock(&tap->lock);
}

/* --- Passing on --- */

/* To one that is gone nothing is said; the other side hears of its end. */
static void send_all(int to, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const ssize_t sent = send(to, octets.data, octets.len, MSG_NOSIGNAL);

        if (sent <= 0) {
            return;
        }
        octets = ps_bytes_from(octets, (size_t)sent);
    }
}

static void refuse(const struct line *line, uint64_t id, enum tap_refusal refusal)
{
    const bool is_denied = refusal == TAP_DENY;
    const struct msg_problem problem = {
        .problem = is_denied ? PS_PROBLEM_KEY_MISMATCH : PS_PROBLEM_TOKEN_UNAVAILABLE,
        .detail = ps_bytes_str(is_denied ? "the token will not" : "no answer of the token's")};
    PS_BUF_AUTO frame = {.max = IPC_FRAME_MAX};

    assert_ok(ipc_frame_put(&msg_problem_info, id, &problem, &frame));
    send_all(line->keeper, ps_buf_bytes(&frame));
}

static bool has(struct ps_bytes octets, const char *text)
{
    return memmem(octets.data, octets.len, text, strlen(text)) != NULL;
}

static bool is_about(const struct row *row, struct ps_bytes octets)
{
    return (row->about == NULL || has(octets, row->about)) &&
           (row->but == NULL || !has(octets, row->but));
}

static enum tap_refusal note_request(struct tap *tap, const struct ipc_message *info,
                                     struct ps_bytes octets, unsigned *ret_let_go)
{
    enum tap_refusal refusal = TAP_PASS;
    struct row *row;

    (void)pthread_mutex_lock(&tap->lock);
    row = row_of(tap, info);
    row->count++;
    row->meant += is_about(row, octets) ? 1 : 0;
    *ret_let_go = tap->let_go;
    if (row->passed != 0) {
        row->passed--;
    } else if (is_about(row, octets)) {
        refusal = row->refusal;
        row->held += refusal == TAP_HOLD ? 1 : 0;
        if (refusal == TAP_REFUSE_ONCE || refusal == TAP_REFUSE_AFTER_ONCE) {
            row->refusal = TAP_PASS;
        }
    }
    (void)pthread_mutex_unlock(&tap->lock);
    return refusal;
}

static void pass_held(struct line *line)
{
    if (line->held.len != 0 && times_let_go(line->tap) != line->held_at) {
        send_all(line->token, ps_buf_bytes(&line->held));
        ps_buf_reset(&line->held);
    }
}

static void pass_request(struct line *line, const struct ipc_frame *frame, struct ps_bytes octets)
{
    unsigned let_go;
    const enum tap_refusal refusal = note_request(line->tap, frame->info, octets, &let_go);

    if (refusal == TAP_HOLD) {
        pass_held(line); /* what was let go by now */
        ps_buf_put(&line->held, octets);
        assert_ok(ps_buf_status(&line->held));
        line->held_at = let_go;
        return;
    }
    if (refusal == TAP_REFUSE || refusal == TAP_REFUSE_ONCE || refusal == TAP_DENY) {
        refuse(line, frame->id, refusal);
        return;
    }
    if (refusal == TAP_REFUSE_AFTER || refusal == TAP_REFUSE_AFTER_ONCE) {
        line->lost_id = frame->id;
    } else if (refusal == TAP_SPOIL) {
        line->spoiled_id = frame->id;
    }
    send_all(line->token, octets);
}

/* In the frame itself. */
static void spoil(const struct ipc_frame *frame)
{
    struct msg_token_signed message = {.micros = 0};

    assert_ok(ipc_decode(frame->info, frame->payload, &message));
    assert_int_not_equal(message.signature.len, 0);
    *(uint8_t *)(uintptr_t)message.signature.data ^= 1;
}

static void pass_answer(struct line *line, const struct ipc_frame *frame, struct ps_bytes octets)
{
    if (line->lost_id != 0 && frame->id == line->lost_id) {
        line->lost_id = 0;
        refuse(line, frame->id, TAP_REFUSE_AFTER);
        return;
    }
    if (line->spoiled_id != 0 && frame->id == line->spoiled_id &&
        frame->info == &msg_token_signed_info) {
        line->spoiled_id = 0;
        spoil(frame);
    }
    send_all(line->keeper, octets);
}

static void pass_frames(struct line *line, bool is_from_keeper)
{
    struct ps_buf *in = is_from_keeper ? &line->from_keeper : &line->from_token;
    struct ipc_frame frame;
    size_t len = 0;

    do {
        const enum ipc_side receiver = is_from_keeper ? IPC_SERVER : IPC_CLIENT;

        ps_buf_consume(in, len);
        assert_ok(ipc_frame_parse(&token_set, receiver, ps_buf_bytes(in), &frame, &len));
        if (len != 0 && is_from_keeper) {
            pass_request(line, &frame, ps_bytes(in->data, len));
        } else if (len != 0) {
            pass_answer(line, &frame, ps_bytes(in->data, len));
        }
    } while (len != 0);
}

/* False at the end of the channel. */
static bool take(struct line *line, bool is_from_keeper)
{
    struct ps_buf *in = is_from_keeper ? &line->from_keeper : &line->from_token;
    uint8_t *to = ps_buf_reserve(in, 65536);
    ssize_t got;

    assert_non_null(to);
    got = recv(is_from_keeper ? line->keeper : line->token, to, 65536, 0);
    if (got <= 0) {
        return false;
    }
    ps_buf_commit(in, (size_t)got);
    pass_frames(line, is_from_keeper);
    return true;
}

static void serve(void *context)
{
    struct line *line = context;
    struct pollfd ends[] = {{.fd = line->keeper, .events = POLLIN},
                            {.fd = line->token, .events = POLLIN}};
    bool is_open = true;

    while (is_open) {
        int ready;

        beside_work();
        pass_held(line);
        beside_rest();
        ready = poll(ends, 2, line->held.len != 0 ? 1 : -1);
        beside_work();
        is_open = ready <= 0 || ((ends[0].revents == 0 || take(line, true)) &&
                                 (ends[1].revents == 0 || take(line, false)));
        beside_rest();
    }
    (void)shutdown(line->keeper, SHUT_RDWR);
    (void)shutdown(line->token, SHUT_RDWR);
}

void tap_join(struct tap *tap, int keeper, int token)
{
    struct line *line = calloc(1, sizeof *line);

    assert_non_null(line);
    *line = (struct line){.next = tap->lines, .tap = tap, .keeper = keeper, .token = token};
    ps_buf_init(&line->from_keeper, 2 * IPC_FRAME_MAX);
    ps_buf_init(&line->from_token, 2 * IPC_FRAME_MAX);
    ps_buf_init(&line->held, IPC_FRAME_MAX);
    tap->lines = line;
    beside_begin(&line->beside, serve, line);
}

void tap_free(struct tap *tap)
{
    while (tap != NULL && tap->lines != NULL) {
        struct line *line = tap->lines;

        tap->lines = line->next;
        (void)shutdown(line->keeper, SHUT_RDWR);
        beside_end(&line->beside);
        (void)close(line->keeper);
        (void)close(line->token);
        ps_buf_clear(&line->from_keeper);
        ps_buf_clear(&line->from_token);
        ps_buf_clear(&line->held);
        free(line);
    }
    if (tap != NULL) {
        (void)pthread_mutex_destroy(&tap->lock);
        free(tap);
    }
}
