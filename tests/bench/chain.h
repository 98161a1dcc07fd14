#ifndef TESTS_BENCH_CHAIN_H
#define TESTS_BENCH_CHAIN_H

#include "lib/base/buf.h"
#include "lib/base/hash.h"

/*
 * The arrangement of the appliance's processes and nothing else: a front that speaks HTTP, a keeper
 * that hashes and has a log written and synced before each answer, token processes that sign, all
 * for ES256. Nobody is authorised, nothing is decided, refused, verified or recovered. Whatever is
 * not as expected ends the program.
 */
#define CHAIN_CLIENTS_MAX 256u
#define CHAIN_TOKENS_MAX  64u
#define CHAIN_SIGNATURE   64u /* R || S */
#define CHAIN_RECORD_MAX  4096u
#define CHAIN_KID_LEN     43u
#define CHAIN_INPUT_MAX   65536u

/* Shared by all its processes. */
struct chain_counts {
    uint64_t records; /* written and synced */
    uint64_t syncs;
    char kid[CHAIN_KID_LEN];
};

/*
 * One end of a socket pair between two processes of a chain: frames of an id, a length (both 4
 * octets, big-endian) and so many octets. A client has one request on its way, so that what waits
 * in a socket always fits, but for requests, which the keeper takes whatever else it does.
 */
struct peer {
    int fd;
    size_t taken; /* octets of `in` that peer_next has been through */
    struct ps_buf in;
    struct ps_buf out;
};

struct frame {
    uint32_t id; /* a client's number, below CHAIN_CLIENTS_MAX */
    struct ps_bytes octets;
};

void peer_init(struct peer *peer, int fd);

/* One read. `may_wait`: until there is something. The process ends when the other side has. */
void peer_read(struct peer *peer, bool may_wait);

/* The next frame of what was read; its octets are valid until there is none. */
bool peer_next(struct peer *peer, struct frame *ret_frame);

/* Collects a frame; peer_write writes all that was collected at once. */
void peer_put(struct peer *peer, uint32_t id, struct ps_bytes octets);
void peer_write(struct peer *peer);

/* Watches a descriptor; the events of it carry `number`. */
void chain_watch(int epoll_fd, int fd, uint32_t number);

/* Waits; yields how many events there are. */
struct epoll_event;
unsigned chain_wait(int epoll_fd, struct epoll_event *events, unsigned max);

/* How the answer of the appliance goes on around what is signed. */
struct chain_answer {
    struct ps_buf header; /* protected header, base64url, and its dot: of a key of this id */
    struct ps_buf before; /* of the answer, up to the protected header */
    struct ps_buf after;  /* what follows the signature */
    size_t len;           /* of the whole answer, which stays the same */
};

/* Takes an answer of the appliance to the request that will be sent, as it came, and writes it
 * anew with another key's id. */
void chain_answer_read(const char *path, const char kid[CHAIN_KID_LEN],
                       struct chain_answer *ret_answer);

/* A file with room that was written before, which is written anew from its start when it is full.
 */
int chain_record_open(const char *path);

/*
 * Records that a thread of the calling process writes and syncs, all that wait at once.
 *
 * record_len: octets of each, more than a signature and up to CHAIN_RECORD_MAX
 */
struct chain_log;
struct chain_log *chain_log_new(int record_fd, size_t record_len, struct chain_counts *counts);
int chain_log_fd(const struct chain_log *log); /* readable when something has become durable */
/* Collects a record for the client; chain_log_wake has the thread write what was collected. */
void chain_log_add(struct chain_log *log, uint32_t id, struct ps_bytes signature);
void chain_log_wake(struct chain_log *log);
/* Yields the clients whose records have become durable. */
size_t chain_log_take(struct chain_log *log, uint32_t ids[CHAIN_CLIENTS_MAX]);

/* The token that signs, and where its key is found. */
struct chain_token {
    const char *module;
    const char *label;
    const char *pin;
};

/* Makes the key; writes its JWK set to a file. */
void chain_token_make_key(const struct chain_token *token, const char *jwks,
                          char ret_kid[CHAIN_KID_LEN]);

/* The processes' work, for as long as the other sides are there. */
PS_NORETURN void chain_token_run(const struct chain_token *token, int fd);
PS_NORETURN void chain_keeper_run(struct ps_bytes header, struct chain_log *log, int front_fd,
                                  const int *token_fds, unsigned token_count);
PS_NORETURN void chain_front_run(const struct chain_answer *answer, int listen_fd, int keeper_fd);

#endif
