#ifndef APPLIANCE_DEV_INTERNAL_H
#define APPLIANCE_DEV_INTERNAL_H

#include "appliance/config/config.h"
#include "lib/base/loop.h"
#include "lib/ceremony/people/approval.h"

#include <stdatomic.h>
#include <sys/types.h>

#define DEV_TOKEN      "a"
#define DEV_ORIGIN     "privyseal-dev.example/practice"
#define DEV_SETS_MAX   16
#define DEV_PIN_LEN    43 /* base64url of a SHA-256 */
#define DEV_TEXT_MAX   256
#define DEV_CLIENT_MAX 3
#define DEV_PEOPLE_MAX 32u

/* The path of a Unix socket has 107 characters at most, so that of DIR is short. */
#define DEV_DIRECTORY_MAX 80u
#define DEV_PROGRAMS_MAX  2048u

/* What the command line asks for; NULL: not said. */
struct dev_options {
    const char *directory;
    bool no_tls;
    bool attended;
    const char *module;
    const char *profile;
    const char *processes;
    const char *sessions;
    const char *sets[DEV_SETS_MAX]; /* "SECTION.KEY=VALUE" */
    size_t set_count;
};

/* The registered clients: their certificates lie in DIR/clients/NAME/. */
enum { DEV_OIDC, DEV_CERTIFY, DEV_OPERATOR };
extern const char *const dev_clients[DEV_CLIENT_MAX];

struct dev {
    struct dev_options options;
    char directory[DEV_DIRECTORY_MAX + 1]; /* absolute */
    int directory_fd;                      /* locked: one start at a time in it */
    char programs[DEV_PROGRAMS_MAX];       /* directory of this program */
    struct config *config;                 /* what privyseald will read */
    char pins[DEV_CLIENT_MAX][DEV_PIN_LEN + 1];
    struct ps_loop *loop;
    bool interrupted;
    atomic_bool leaving; /* whoever asks the appliance for something gives up */
    /* the appliance */
    pid_t pid; /* 0: does not run */
    int pidfd;
    int notify_fd;
    struct ps_watch *process_watch;
    struct ps_watch *notify_watch;
    struct ps_timer *deadline;
    bool is_ready;
    bool is_late;
    int exit_status;
};

/* DIR/name; `name` is a literal of ours, DIR is short enough (dev_prepare_directory). */
#define DEV_PATH_MAX 512
void dev_path(const struct dev *dev, const char *name, char ret_path[DEV_PATH_MAX]);

/* A line for people on standard error. */
__attribute__((format(printf, 1, 2))) void dev_say(const char *format, ...);

/* options.c. False: the usage was shown. */
bool dev_read_options(int argc, char **argv, struct dev_options *ret_options);
extern const char dev_usage[];

/* approve.c: `privyseal dev approve-all`; an exit code. */
int dev_approve_main(int argc, char **argv);

/* files.c: the directory, PIN files, configuration of the soft token. */
PS_MUST_USE enum ps_err dev_take_directory(struct dev *dev); /* one that is there, and ours */
PS_MUST_USE enum ps_err dev_prepare_directory(struct dev *dev);
void dev_put_url(const struct config_listener *listener, char ret_url[DEV_TEXT_MAX]);
PS_MUST_USE enum ps_err dev_write_env(const struct dev *dev, struct ps_buf *ret_text);

/* people.c: those of a practice appliance, whose OpenSSH keys lie in DIR/officers. */
struct dev_people {
    char names[DEV_PEOPLE_MAX][PS_NAME_MAX + 1];
    size_t count;
};
PS_MUST_USE enum ps_err dev_prepare_people(const struct dev *dev);
/* The members `policy` and `roster` of a genesis. */
PS_MUST_USE enum ps_err dev_put_people(const struct dev *dev, struct ps_buf *out);
/* Whoever has a key in DIR, in the order in which they are asked. */
PS_MUST_USE enum ps_err dev_list_people(const struct dev *dev, struct dev_people *ret_people);
/* Whether it is this one's public key; `line`: type and base64. */
bool dev_is_key(const struct dev *dev, const char *name, struct ps_bytes line);
/*
 * ret_armored: made here; to be cleared by the caller, also after an error
 * Errors:      PS_E_NOT_FOUND (no key of that name), those of keygen_sign
 */
PS_MUST_USE enum ps_err dev_sign(const struct dev *dev, const char *name, enum approval_kind kind,
                                 struct ps_bytes document, struct ps_buf *ret_armored);

/*
 * certificates.c: keys in files for the listeners and clients, whose pins are dev->pins then; and
 * whether the listeners have certificates that they can be opened with.
 */
PS_MUST_USE enum ps_err dev_prepare_keys(struct dev *dev);
bool dev_has_certificates(const struct dev *dev);
/*
 * Whether the certificate in a directory of DIR is of the key beside it and from this root (PEM),
 * and stays valid for 30 days. Errors: those of x509_check_chain, PS_E_STORAGE.
 */
#define DEV_RENEW_S (UINT64_C(30) * 86400)
PS_MUST_USE enum ps_err dev_check_certificate(const struct dev *dev, const char *directory,
                                              struct ps_bytes root);

/*
 * attended.c: splits the token's PIN among the officers, once, and makes the keys that their shares
 * are sealed to: DIR/officers/NAME.share, under the passphrase DEV_PASSPHRASE.
 */
struct dev_gate;
#define DEV_PASSPHRASE "practice passphrase"
PS_MUST_USE enum ps_err dev_split_pin(const struct dev_gate *gate);

/*
 * config.c: writes privyseald.conf and reads it back: with TLS listeners as soon as they have
 * certificates, which the appliance has yet to issue when it is made.
 */
PS_MUST_USE enum ps_err dev_write_config(struct dev *dev);

/* daemon.c: the appliance as a process. */
PS_MUST_USE enum ps_err dev_start_daemon(struct dev *dev);
void dev_ask_to_reload(const struct dev *dev);
void dev_ask_to_stop(const struct dev *dev); /* SIGTERM; does not wait */
void dev_stop_daemon(struct dev *dev);
void dev_show_log(const struct dev *dev);

/*
 * setup.c: genesis, clients, keys, grants, sets and certificates, through the management API and
 * with the approvals that they need; what is there already stays, what an earlier start left
 * waiting is finished. Blocks, so it runs beside the loop. Errors: PS_E_STATE (refused, or given
 * up).
 */
PS_MUST_USE enum ps_err dev_set_up(struct dev *dev);

/*
 * thread.c: runs dev_set_up while the loop sees signals and the end of the appliance. When it
 * is interrupted the appliance is stopped, which ends every request.
 */
PS_MUST_USE enum ps_err dev_run_set_up(struct dev *dev);

#endif
