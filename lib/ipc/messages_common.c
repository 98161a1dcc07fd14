#include "lib/ipc/messages_common.h"

static const struct ipc_field msg_problem_fields[] = {
    IPC_FIELD_U16(struct msg_problem, problem),
    IPC_FIELD_U32(struct msg_problem, retry_after_s),
    IPC_FIELD_BYTES(struct msg_problem, detail, IPC_DETAIL_MAX),
    IPC_FIELD_BYTES(struct msg_problem, state, IPC_NAME_MAX),
};

const struct ipc_message msg_problem_info = {
    .name = "problem",
    .type = 0x0001,
    .way = IPC_ANSWER,
    .size = sizeof(struct msg_problem),
    .fields = msg_problem_fields,
    .count = PS_COUNT_OF(msg_problem_fields),
};
