#ifndef IPC_MESSAGES_COMMON_H
#define IPC_MESSAGES_COMMON_H

#include "lib/ipc/message.h"

/*
 * Limits that several message sets share, in octets.
 */
enum {
    IPC_NAME_MAX = 128,
    IPC_REQUEST_ID_MAX = 64,
    IPC_DETAIL_MAX = 512,
    IPC_OBJECT_ID_MAX = 32, /* CKA_ID */
    IPC_SIGNATURE_MAX = 512,
    IPC_PAYLOAD_MAX = 1024 * 1024,
    IPC_DOCUMENT_MAX = 1024 * 1024,
    IPC_SECRET_MAX = 256,
};

/* A refusal, as an answer to any request of the keeper and token sets. */
struct msg_problem {
    uint16_t problem;       /* enum ps_problem */
    uint32_t retry_after_s; /* 0: not said */
    struct ps_bytes detail; /* for people; never vendor text, never secrets */
    struct ps_bytes state;  /* name of a state, where it explains the refusal */
};
extern const struct ipc_message msg_problem_info;

/* Which process of which kind; `name` and `number` tell token processes apart. */
enum ipc_role {
    IPC_ROLE_NONE,
    IPC_ROLE_API_CLIENTS,
    IPC_ROLE_API_MANAGEMENT,
    IPC_ROLE_KEEPER,
    IPC_ROLE_TOKEN
};

#endif
