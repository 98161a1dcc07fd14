#include "appliance/role.h"

#include "appliance/processor.h"
#include "lib/base/line.h"
#include "lib/base/name.h"
#include "lib/base/turns.h"
#include "lib/ipc/channel.h"
#include "lib/sandbox/sandbox.h"
#include "lib/sandbox/variant.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONFIG_WAIT_MS       10000
#define ORPHAN_SECONDS       5
#define EXIT_NOT_A_ROLE      2
#define EXIT_CANNOT_START    1
#define ROLE_NAME_KERNEL_MAX 16

static const struct {
    const char *first;
    const char *second; /* NULL: nothing, or a token and its number */
    enum ipc_role role;
} roles[] = {
    {"api", "clients", IPC_ROLE_API_CLIENTS},
    {"api", "management", IPC_ROLE_API_MANAGEMENT},
    {"keeper", NULL, IPC_ROLE_KEEPER},
    {"token", NULL, IPC_ROLE_TOKEN},
};

void role_label(const struct role_id *id, char ret_label[ROLE_LABEL_MAX])
{
    const char *label = "none";

    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        if (roles[i].role == id->role) {
            label = roles[i].first;
            if (roles[i].second != NULL) {
                (void)snprintf(ret_label, ROLE_LABEL_MAX, "%s %s", label, roles[i].second);
                return;
            }
        }
    }
    if (id->role == IPC_ROLE_TOKEN) {
        (void)snprintf(ret_label, ROLE_LABEL_MAX, "%s %.40s/%u", label, id->token, id->number);
        return;
    }
    (void)snprintf(ret_label, ROLE_LABEL_MAX, "%s", label);
}

bool role_equal(const struct role_id *a, const struct role_id *b)
{
    return a->role == b->role && a->number == b->number && strcmp(a->token, b->token) == 0;
}

static enum ipc_role role_of(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < PS_COUNT_OF(roles); i++) {
        if (strcmp(argv[1], roles[i].first) == 0 &&
            (roles[i].second == NULL || (argc >= 3 && strcmp(argv[2], roles[i].second) == 0))) {
            return roles[i].role;
        }
    }
    return IPC_ROLE_NONE;
}

bool role_is_asked_for(int argc, char **argv)
{
    return role_of(argc, argv) != IPC_ROLE_NONE;
}

/* A module that hangs does not see its channel end. */
static void on_parent_death(int signal_number)
{
    (void)signal_number;
    (void)alarm(ORPHAN_SECONDS);
}

/* Signals of a terminal or of a service manager are the supervisor's matter. */
static void settle_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct sigaction orphan = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};

    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGHUP, &ignore, NULL);
    (void)sigaction(SIGINT, &ignore, NULL);
    (void)sigaction(SIGTERM, &ignore, NULL);
    (void)sigaction(SIGUSR2, &orphan, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
}

/*
 * What libraries read when first used has to be read before the files are gone: the settings of
 * OpenSSL, the time zone, and the library with which glibc ends threads.
 */
static void warm_up(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
    tzset();
    (void)dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_NODELETE);
}

/* The configuration as it came: the octets of its texts lie in `frame`. */
struct received {
    struct ps_buf frame;
    const struct ipc_message *info;
    union {
        struct msg_api_config api;
        struct msg_keeper_config keeper;
        struct msg_token_config token;
        uint8_t room[IPC_STRUCT_MAX];
    } config;
    struct sandbox_role sandbox;
    char *texts[6]; /* NUL-terminated, for the sandbox */
    size_t text_count;
};

static enum ps_err keep_text(struct received *received, struct ps_bytes octets, const char **ret)
{
    char *text = ps_bytes_to_str(octets);

    if (text == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    received->texts[received->text_count++] = text;
    *ret = text;
    return PS_OK;
}

static enum ps_err plan_token(struct received *received, const struct msg_token_config *config)
{
    struct sandbox_role *sandbox = &received->sandbox;

    PS_TRY(keep_text(received, config->module, &sandbox->module));
    PS_TRY(keep_text(received, config->sync_directory, &sandbox->store));
    PS_TRY(keep_text(received, config->readable, &sandbox->readable));
    PS_TRY(keep_text(received, config->writable, &sandbox->writable));
    PS_TRY(keep_text(received, config->system_calls, &sandbox->system_calls));
    sandbox->network = config->network != 0;
    return PS_OK;
}

static enum ps_err plan_sandbox(struct received *received, enum ipc_role role)
{
    const struct ipc_message *wanted = role == IPC_ROLE_KEEPER  ? &msg_keeper_config_info
                                       : role == IPC_ROLE_TOKEN ? &msg_token_config_info
                                                                : &msg_api_config_info;

    received->sandbox.kind = role == IPC_ROLE_KEEPER  ? SANDBOX_KEEPER
                             : role == IPC_ROLE_TOKEN ? SANDBOX_TOKEN
                                                      : SANDBOX_API;
    if (received->info != wanted ||
        (wanted == &msg_api_config_info && received->config.api.role != role)) {
        return ps_fail(PS_E_INPUT, 0, "the first message is no configuration of this role");
    }
    if (role == IPC_ROLE_TOKEN) {
        return plan_token(received, &received->config.token);
    }
    if (role == IPC_ROLE_KEEPER) {
        PS_TRY(keep_text(received, received->config.keeper.backup_directory,
                         &received->sandbox.backups));
        PS_TRY(keep_text(received, received->config.keeper.mirror, &received->sandbox.mirror));
        return keep_text(received, received->config.keeper.data_directory,
                         &received->sandbox.data_directory);
    }
    return PS_OK;
}

static enum ps_err receive_config(struct received *received, enum ipc_role role)
{
    PS_TRY(channel_receive_one(ROLE_CHANNEL_FD, &supervisor_set, CONFIG_WAIT_MS, &received->frame,
                               &received->info, &received->config));
    return plan_sandbox(received, role);
}

static enum ps_level level_of(const struct received *received, enum ipc_role role)
{
    const uint8_t level = role == IPC_ROLE_KEEPER  ? received->config.keeper.log_level
                          : role == IPC_ROLE_TOKEN ? received->config.token.log_level
                                                   : received->config.api.log_level;

    return level <= PS_ERROR ? (enum ps_level)level : PS_INFO;
}

static int run_program(const struct received *received, enum ipc_role role, struct ps_loop *loop,
                       const struct role_programs *programs)
{
    if (role == IPC_ROLE_KEEPER) {
        return programs->keeper(loop, ROLE_CHANNEL_FD, &received->config.keeper);
    }
    if (role == IPC_ROLE_TOKEN) {
        return programs->token(loop, ROLE_CHANNEL_FD, &received->config.token);
    }
    return programs->api(loop, ROLE_CHANNEL_FD, &received->config.api);
}

static enum ps_err check_channel(void)
{
    struct stat found;

    if (fstat(ROLE_CHANNEL_FD, &found) != 0 || !S_ISSOCK(found.st_mode)) {
        return ps_fail(PS_E_STATE, 0,
                       "this is a part of privyseald that only its supervisor starts; use "
                       "privyseald --config FILE");
    }
    return PS_OK;
}

static void put_name(int argc, char **argv, char label[ROLE_LABEL_MAX])
{
    char kernel_name[ROLE_NAME_KERNEL_MAX];

    (void)snprintf(label, ROLE_LABEL_MAX, "%.20s%s%.40s", argv[1], argc > 2 ? " " : "",
                   argc > 2 ? argv[2] : "");
    (void)snprintf(kernel_name, sizeof kernel_name, "ps %.12s", label);
    (void)prctl(PR_SET_NAME, kernel_name, 0, 0, 0);
}

static enum ps_err enter(struct received *received, enum ipc_role role, struct ps_loop **ret_loop)
{
    PS_TRY(sandbox_forbid_dumps());
    PS_TRY(check_channel());
    variant_begin_role();
    settle_signals();
    PS_TRY(receive_config(received, role));
    warm_up();
    if (role != IPC_ROLE_KEEPER) { /* it first starts the thread that goes before others */
        ps_turns_settle(role == IPC_ROLE_TOKEN ? PS_TURNS_LONG : PS_TURNS_SHORT);
    }
    if (role == IPC_ROLE_TOKEN) {
        role_settle_processor(&received->config.token);
    }
    PS_TRY(sandbox_enter_role(&received->sandbox));
    return ps_loop_new(ret_loop);
}

static void clear_received(struct received *received)
{
    for (size_t i = 0; i < received->text_count; i++) {
        free(received->texts[i]);
    }
    ps_buf_clear(&received->frame);
}

int role_run(int argc, char **argv, const struct role_programs *programs)
{
    const enum ipc_role role = role_of(argc, argv);
    static char label[ROLE_LABEL_MAX];
    PS_CLEANUP(clear_received)
    struct received received = {.frame = PS_BUF_SECRET(IPC_FRAME_MAX), .info = NULL};
    struct ps_loop *loop = NULL;
    int code;

    put_name(argc, argv, label);
    ps_line_init(label, PS_INFO);
    if (enter(&received, role, &loop) != PS_OK) {
        ps_line(PS_ERROR, "role_cannot_start", PS_STR("reason", ps_detail()->text));
        return ps_detail()->err == PS_E_STATE ? EXIT_NOT_A_ROLE : EXIT_CANNOT_START;
    }
    ps_line_init(label, level_of(&received, role));
    code = run_program(&received, role, loop, programs);
    ps_loop_free(loop);
    return code;
}
