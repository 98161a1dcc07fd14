#include "keystore/callers/api_peers.h"

#include "keystore/answer.h"
#include "keystore/callers/request_queue.h"
#include "keystore/custody/custody.h"
#include "keystore/custody/tasks.h"
#include "keystore/operations/operations.h"
#include "keystore/reads/reads.h"
#include "keystore/signing/signer.h"
#include "keystore/state/state.h"
#include "keystore/witnesses/witnesses.h"

#include <unistd.h>

#define METRICS_MAX (64u * 1024u)

static void on_jws_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_jws(keeper->signer, to, message);
}

static void on_jwt_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_jwt(keeper->signer, to, message);
}

static void on_sd_jwt_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_sd_jwt(keeper->signer, to, message);
}

static void on_raw_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_raw(keeper->signer, to, message);
}

static void on_data_integrity_sign(struct keeper *keeper, const struct reply_to *to,
                                   const void *message)
{
    signer_sign_data_integrity(keeper->signer, to, message);
}

static void on_cose_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_cose(keeper->signer, to, message);
}

static void on_cwt_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_cwt(keeper->signer, to, message);
}

static void on_x509_issue(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_issue_x509(keeper->signer, to, message);
}

static void on_key_use(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_use_key(keeper->signer, to, message);
}

static void on_verify_keys(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    read_answer_verify_keys(keeper, to, message);
}

static void on_jwe_decrypt(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_decrypt_jwe(keeper->signer, to, message);
}

static void on_jwe_recipient(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    read_answer_recipient(keeper, to, message);
}

static void on_cms_sign(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_sign_cms(keeper->signer, to, message);
}

static void on_cms_signer(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    signer_find_cms(keeper->signer, to, message);
}

static void on_read(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    read_answer(keeper, to, message);
}

static void on_change(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    operations_change(keeper->operations, to, message);
}

static void on_operation_step(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    operations_step(keeper->operations, to, message);
}

static void on_access_check(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    read_answer_access_check(keeper, to, message);
}

static void on_task(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    tasks_begin(keeper, to, message);
}

static void on_random(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    read_answer_random(keeper, to, message);
}

static void on_unlock_share(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    custody_take_share(keeper->custody, to, message);
}

static void on_cosignatures(struct keeper *keeper, const struct reply_to *to, const void *message)
{
    witnesses_take(keeper->witnesses, to, message);
}

/* What an api process may send, the busiest first. */
static const struct request_type requests[] = {
    {&msg_jws_sign_info, on_jws_sign, false},
    {&msg_jwt_sign_info, on_jwt_sign, false},
    {&msg_sd_jwt_sign_info, on_sd_jwt_sign, false},
    {&msg_raw_sign_info, on_raw_sign, false},
    {&msg_cose_sign_info, on_cose_sign, false},
    {&msg_cwt_sign_info, on_cwt_sign, false},
    {&msg_data_integrity_sign_info, on_data_integrity_sign, false},
    {&msg_x509_issue_info, on_x509_issue, false},
    {&msg_jwe_decrypt_info, on_jwe_decrypt, false},
    {&msg_key_use_info, on_key_use, false},
    {&msg_cms_sign_info, on_cms_sign, false},
    {&msg_cms_signer_info, on_cms_signer, false},
    {&msg_read_info, on_read, true},
    {&msg_verify_keys_info, on_verify_keys, false},
    {&msg_jwe_recipient_info, on_jwe_recipient, false},
    {&msg_access_check_info, on_access_check, true},
    {&msg_random_info, on_random, false},
    {&msg_change_info, on_change, true},
    {&msg_operation_step_info, on_operation_step, true},
    {&msg_task_info, on_task, false},
    {&msg_unlock_share_info, on_unlock_share, false},
    {&msg_cosignatures_info, on_cosignatures, true},
};

static enum ps_err take_metrics(struct api_peer *peer, const struct msg_api_metrics *message)
{
    ps_buf_reset(&peer->metrics);
    ps_buf_put(&peer->metrics, message->rows);
    return ps_buf_status(&peer->metrics);
}

static void begin(const struct reply_to *to, const struct request_type *type, const void *message)
{
    struct keeper *keeper = to->peer->keeper;

    if (type->waits) {
        request_queue_add(keeper->requests, to, type, message);
    } else {
        type->fn(keeper, to, message);
    }
}

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    struct api_peer *peer = context;
    const struct reply_to to = {.peer = peer, .generation = peer->generation, .id = id};

    (void)channel;
    (void)fd;
    if (info == &msg_api_metrics_info) {
        return take_metrics(peer, message);
    }
    if (peer->keeper->stopping) {
        answer_problem(&to, &(struct problem_answer){.problem = PS_PROBLEM_STOPPING});
        return PS_OK;
    }
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        if (requests[i].info == info) {
            begin(&to, &requests[i], message);
            return PS_OK;
        }
    }
    return ps_fail(PS_E_INPUT, 0, "%s is nothing that the keeper does", info->name);
}

static void disconnect(struct api_peer *peer)
{
    channel_free(peer->channel);
    peer->channel = NULL;
    peer->generation++;
}

static void on_end(void *context, struct channel *channel, enum ps_err why)
{
    struct api_peer *peer = context;

    (void)channel;
    if (why != PS_OK) {
        ps_line(PS_ERROR, "api_channel_broken", PS_NUM("role", peer->role),
                PS_STR("detail", ps_detail()->text));
    }
    disconnect(peer);
}

static const struct channel_handler channel_calls = {.on_message = on_message, .on_end = on_end};

void keeper_init_peers(struct keeper *keeper)
{
    keeper->clients = (struct api_peer){.keeper = keeper, .role = IPC_ROLE_API_CLIENTS};
    keeper->management = (struct api_peer){.keeper = keeper, .role = IPC_ROLE_API_MANAGEMENT};
    ps_buf_init(&keeper->clients.metrics, METRICS_MAX);
    ps_buf_init(&keeper->management.metrics, METRICS_MAX);
}

void keeper_clear_peers(struct keeper *keeper)
{
    disconnect(&keeper->clients);
    disconnect(&keeper->management);
    ps_buf_clear(&keeper->clients.metrics);
    ps_buf_clear(&keeper->management.metrics);
}

enum ps_err keeper_connect_peers(struct keeper *keeper, uint8_t role, int fd)
{
    struct api_peer *peer = role == IPC_ROLE_API_CLIENTS      ? &keeper->clients
                            : role == IPC_ROLE_API_MANAGEMENT ? &keeper->management
                                                              : NULL;

    if (peer == NULL) {
        (void)close(fd);
        return ps_fail(PS_E_INPUT, role, "a peer of role %u", role);
    }
    disconnect(peer);
    PS_TRY(channel_new(keeper->loop, fd, &keeper_set, IPC_SERVER, &channel_calls, peer,
                       &peer->channel));
    state_tell(keeper, peer);
    return PS_OK;
}

static bool flush_peer(struct channel *channel)
{
    if (channel == NULL) {
        return true;
    }
    channel_flush(channel);
    return channel_queued(channel) == 0;
}

bool keeper_flush_peers(struct keeper *keeper)
{
    const bool have_clients_all = flush_peer(keeper->clients.channel);

    return flush_peer(keeper->management.channel) && have_clients_all;
}
