#ifndef TESTS_KEEPER_WIRE_H
#define TESTS_KEEPER_WIRE_H

#include "tests/unit/support.h"

#include "lib/ipc/frame.h"
#include "lib/ipc/messages_keeper.h"
#include "lib/ipc/messages_supervisor.h"

/*
 * One end of a channel as a test holds it: octets on a socket, read and written when the test says
 * so. Whatever waits does so with a deadline.
 */
struct wire {
    int fd; /* -1: closed */
    const struct ipc_set *set;
    struct ps_buf in;
    size_t used; /* octets of `in` that belong to the frame that was read last */
    uint64_t next_id;
};

/* A frame; its octets are valid until the next one is read. */
struct wire_frame {
    const struct ipc_message *info; /* NULL: nothing came, or the channel ended */
    uint64_t id;
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX];
};

/* For machines that do much else, under sanitizers. */
#define WIRE_LIMIT_MS 240000

void wire_open(struct wire *wire, int fd, const struct ipc_set *set);
void wire_close(struct wire *wire);

/* Sends a request and returns its id; a notice gets the id 0. */
uint64_t wire_send(struct wire *wire, const struct ipc_message *info, const void *message);
void wire_send_fd(struct wire *wire, const struct ipc_message *info, const void *message, int fd);
/* Octets as they are. */
void wire_send_octets(struct wire *wire, struct ps_bytes octets);

/* The next frame within the time; false when none came or the channel ended. */
bool wire_read(struct wire *wire, int limit_ms, struct wire_frame *ret_frame);

/* Whether there is something to read, be it the end of the channel; false when it is closed. */
bool wire_has_come(const struct wire *wire);

/* Sends and waits for the answer, passing over notices. */
void wire_call(struct wire *wire, const struct ipc_message *info, const void *message,
               struct wire_frame *ret_answer);

/* True when the other side has closed the channel within the time. */
bool wire_is_closed(struct wire *wire, int limit_ms);

#endif
