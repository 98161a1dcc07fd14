#ifndef APPLIANCE_SUPERVISOR_INTERNAL_H
#define APPLIANCE_SUPERVISOR_INTERNAL_H

#include "appliance/supervisor/child.h"
#include "appliance/supervisor/listeners.h"
#include "appliance/supervisor/notify.h"
#include "appliance/supervisor/pins.h"
#include "appliance/supervisor/tls_files.h"
#include "lib/sandbox/sandbox.h"

struct supervisor;

/* A role's place: its process comes and goes, the place stays. */
struct place {
    struct supervisor *supervisor;
    struct child *child;
    struct ps_timer *restart;
    size_t token;                       /* index in the configuration, of token processes */
    uint8_t module_hash[PS_SHA256_LEN]; /* SHA-256 of its file when the process was started */
};

/* The order in which a stop goes through the roles: who asks before who answers. */
enum stage { STAGE_RUNNING, STAGE_APIS, STAGE_KEEPER, STAGE_TOKENS, STAGE_OVER };

struct supervisor {
    struct ps_loop *loop;
    struct config *config;
    struct users users;
    struct listeners listeners;
    struct tls_files tls[LISTENER_OWNERS];
    struct pins pins;
    struct ps_buf profiles[CONFIG_TOKENS_MAX];
    struct ps_buf hashes; /* JSON */
    int program_fd;
    int data_fd; /* locked: one appliance per data directory */
    struct place *places;
    size_t place_count;
    bool is_up; /* all roles were ready once */
    enum stage stage;
    struct ps_timer *stage_timer;
    struct notify_watchdog *watchdog;
    char status[256]; /* last word of the keeper */
};

/* prepare.c: all that is done before the first role runs. */
PS_MUST_USE enum ps_err supervisor_prepare(struct supervisor *supervisor);
void supervisor_clear(struct supervisor *supervisor);
PS_MUST_USE enum ps_err supervisor_load_tls(const struct config *config,
                                            struct tls_files ret_tls[LISTENER_OWNERS]);

/* briefing.c: what a role is told at its start. */
PS_MUST_USE enum ps_err briefing_send_config(struct supervisor *supervisor, struct place *place);
PS_MUST_USE enum ps_err briefing_send_rest(struct supervisor *supervisor, struct place *place);
PS_MUST_USE enum ps_err briefing_send_tls(struct supervisor *supervisor, struct place *place);
/* Of an api process that runs already: the port that its owner got meanwhile. */
PS_MUST_USE enum ps_err briefing_send_tls_port(struct supervisor *supervisor, struct place *place);
/* To the keeper: when what the listeners show ends. */
PS_MUST_USE enum ps_err briefing_send_tls_ends(struct supervisor *supervisor, struct place *keeper);
PS_MUST_USE enum ps_err briefing_send_pins(struct supervisor *supervisor, struct place *keeper);

/* peers.c: pairs of sockets between roles. */
bool peers_are(const struct role_id *a, const struct role_id *b);
/* ret_failed: after an error, who did not take its end. */
PS_MUST_USE enum ps_err peers_connect(const struct place *made, const struct place *other,
                                      struct child **ret_failed);

/* places.c: starting roles, and starting anew what ended. */
PS_MUST_USE enum ps_err places_make(struct supervisor *supervisor);
void places_start_all(struct supervisor *supervisor);
void places_free(struct supervisor *supervisor);

/* stop.c */
void stop_begin(struct supervisor *supervisor);
void stop_go_on(struct supervisor *supervisor);
void stop_kill_stage(void *context); /* the supervisor; for its timer */

/* reload.c */
void reload_config(struct supervisor *supervisor);

#endif
