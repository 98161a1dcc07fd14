#ifndef API_KEEPER_H
#define API_KEEPER_H

#include "lib/base/loop.h"
#include "lib/base/problem.h"
#include "lib/formats/json/json.h"
#include "lib/ipc/channel.h"
#include "lib/ipc/messages_keeper.h"

/*
 * The keeper, as the api sees it: a channel that may end and be made anew at any time, and the
 * calls that wait for its answers. A call that is lost is answered by ourselves, so that whoever
 * waits hears in every case, once.
 */
struct keeper;
struct exchange;

/*
 * Gets the answer of a call: `message` of type `info`, which is the one that was expected or
 * msg_problem_info. `item`: as given to keeper_ask.
 */
typedef void keeper_answer_fn(struct exchange *exchange, uint32_t item,
                              const struct ipc_message *info, const void *message);

struct keeper_call {
    const struct ipc_message *ask;
    const void *message;
    const struct ipc_message *expect;
    keeper_answer_fn *fn;
    uint32_t item;
};

/* `json`: a reader to be used now and then. */
PS_MUST_USE enum ps_err keeper_new(struct ps_loop *loop, struct json *json, uint32_t in_flight_max,
                                   struct keeper **ret_keeper);
void keeper_free(struct keeper *keeper);
PS_DEFINE_CLEANUP(struct keeper, keeper_free)

/* A new channel; what waits on the former one is answered keeper-unavailable. Takes over `fd`. */
PS_MUST_USE enum ps_err keeper_connect(struct keeper *keeper, int fd);

bool keeper_is_connected(const struct keeper *keeper);

/* As it was last told; APPLIANCE_STARTING without a keeper. */
enum appliance_state keeper_state(const struct keeper *keeper);

/* Body of /health/ready as the keeper wrote it, or empty; and whether it says "ready". */
struct ps_bytes keeper_ready(const struct keeper *keeper);
bool keeper_is_ready(const struct keeper *keeper);

/*
 * Announces so many calls for an exchange: it counts as in flight until the last has been answered.
 * Errors: PS_E_BUSY (as many are in flight as there may be).
 */
PS_MUST_USE enum ps_err keeper_begin(struct keeper *keeper, struct exchange *exchange,
                                     uint32_t calls);

/*
 * Sends one of them. call->fn is called once in every case, perhaps before this returns; with the
 * last one the exchange may be over.
 */
void keeper_ask(struct keeper *keeper, struct exchange *exchange, const struct keeper_call *call);

/* One of the announced calls is not made. */
void keeper_skip(struct keeper *keeper, struct exchange *exchange);

/* Everything in flight is answered with this problem. */
void keeper_fail_all(struct keeper *keeper, enum ps_problem problem);

/* A notice; lost without a keeper. */
void keeper_tell(struct keeper *keeper, const struct ipc_message *info, const void *message);

#endif
