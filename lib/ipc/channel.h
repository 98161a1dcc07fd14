#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "lib/base/loop.h"
#include "lib/ipc/message.h"

/*
 * One end of a socket pair between two of our processes, in an event loop. Frames of one set travel
 * on it, many requests in flight. What is sent in one turn of the loop goes out in one write.
 * The wire format stands in PROTOCOL.md.
 */
struct channel;

#define IPC_VERSION    1
#define IPC_HEADER_LEN 16u
#define IPC_FRAME_MAX  (1280u * 1024u)      /* of one frame, header included */
#define IPC_QUEUE_MAX  (8u * 1024u * 1024u) /* waiting to be written; more is PS_E_BUSY */

enum ipc_side { IPC_CLIENT, IPC_SERVER };

struct channel_handler {
    /*
     * A message arrived. `message` is the decoded struct of `info`, valid during the call, its
     * octets too. `fd` is -1 but for messages with a descriptor, which the callee then owns.
     * Returning an error ends the channel: for what only a broken or hostile peer sends.
     */
    enum ps_err (*on_message)(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd);
    /*
     * The channel ended: the peer closed it (PS_OK), or it was malformed or broken (detail set).
     * Nothing more arrives; the callee may free the channel here. Never called from channel_send
     * or channel_flush, always from the loop.
     */
    void (*on_end)(void *context, struct channel *channel, enum ps_err why);
    /* May be NULL. After PS_E_BUSY: all that waited has been written, sending works again. */
    void (*on_room)(void *context, struct channel *channel);
};

/* Takes over `fd` (made non-blocking and close-on-exec), also on error. */
PS_MUST_USE enum ps_err channel_new(struct ps_loop *loop, int fd, const struct ipc_set *set,
                                    enum ipc_side side, const struct channel_handler *handler,
                                    void *context, struct channel **ret_channel);
void channel_free(struct channel *channel);
PS_DEFINE_CLEANUP(struct channel, channel_free)

/*
 * Queues a message; it goes out before the loop sleeps, or sooner when many are queued. The octets
 * are copied.
 *
 * id:     of a request: chosen by the sender, not 0, not in flight; of an answer: the request's;
 *         of a notice: 0
 * Errors: PS_E_BUSY (the queue is full, the peer does not read), PS_E_INPUT (a field too long),
 *         PS_E_STATE (the channel has ended)
 */
PS_MUST_USE enum ps_err channel_send(struct channel *channel, const struct ipc_message *info,
                                     uint64_t id, const void *message);

/* The same for a message with a descriptor, which stays the caller's (a copy travels). */
PS_MUST_USE enum ps_err channel_send_fd(struct channel *channel, const struct ipc_message *info,
                                        uint64_t id, const void *message, int fd);

/*
 * How many frames are queued before they go out within the turn, where no more than four times as
 * many requests are under way; IPC_BURST to begin with.
 */
#define IPC_BURST 8u
void channel_set_burst(struct channel *channel, size_t frames);

/* Writes what waits now rather than at the end of the turn. */
void channel_flush(struct channel *channel);

/*
 * While paused nothing is read, so that the peer's queue fills and it slows down. That the peer is
 * gone is noticed all the same, and ends the channel; what it had sent and was not read is dropped.
 */
void channel_pause(struct channel *channel, bool paused);

/* Octets waiting to be written. */
size_t channel_queued(const struct channel *channel);

/*
 * For a role's first message, before it has a loop: waits until one whole frame is there. The octet
 * fields of *ret_message borrow from `frame`; what follows the frame stays in the socket.
 * Errors: PS_E_INPUT (malformed, or with a descriptor), PS_E_STATE (the peer closed), PS_E_BUSY
 * (not within timeout_ms).
 */
PS_MUST_USE enum ps_err channel_receive_one(int fd, const struct ipc_set *set, int timeout_ms,
                                            struct ps_buf *frame,
                                            const struct ipc_message **ret_info, void *ret_message);

#endif
