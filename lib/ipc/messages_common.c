#include "lib/ipc/messages_common.h"

static const struct ipc_field msg_problem_fields[] = {
    IPC_FIELD_U16(struct msg_problem, problem),
    IPC_FIELD_U32(struct msg_problem, retry_after_s),
    IPC_FIELD_BYTES(struct msg_problem, detail, IPC_DETAIL_MAX),
    IPC_FIELD_BYTES(struct msg_problem, state, IPC_NAME_MAX),
};

IPC_MESSAGE(problem, 0x0001, IPC_ANSWER);
