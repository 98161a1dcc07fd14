#include "appliance/supervisor/internal.h"

#include "lib/system/file.h"

#include <sys/socket.h>

static bool is_api(const struct role_id *id)
{
    return id->role == IPC_ROLE_API_CLIENTS || id->role == IPC_ROLE_API_MANAGEMENT;
}

/* The keeper speaks with everybody, everybody else with the keeper alone. */
bool peers_are(const struct role_id *a, const struct role_id *b)
{
    return (a->role == IPC_ROLE_KEEPER && (is_api(b) || b->role == IPC_ROLE_TOKEN)) ||
           (b->role == IPC_ROLE_KEEPER && (is_api(a) || a->role == IPC_ROLE_TOKEN));
}

static enum ps_err hand_over(struct child *to, const struct place *about, int fd)
{
    const struct role_id *id = child_id(about->child);
    const struct msg_peer message = {
        .role = (uint8_t)id->role,
        .name = ps_bytes_str(id->token),
        .number = id->number,
        .module_hash = ps_bytes(about->module_hash, id->role == IPC_ROLE_TOKEN ? PS_SHA256_LEN : 0),
    };

    return child_send_fd(to, &msg_peer_info, &message, fd);
}

enum ps_err peers_connect(const struct place *made, const struct place *other,
                          struct child **ret_failed)
{
    PS_CLEANUP(file_close_cleanup) int end_made = -1;
    PS_CLEANUP(file_close_cleanup) int end_other = -1;
    int ends[2];

    *ret_failed = made->child;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        return ps_fail_errno(PS_E_BUSY, "socketpair");
    }
    end_made = ends[0];
    end_other = ends[1];
    PS_TRY(hand_over(made->child, other, end_made));
    *ret_failed = other->child;
    return hand_over(other->child, made, end_other);
}
