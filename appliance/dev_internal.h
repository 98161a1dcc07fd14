#ifndef APPLIANCE_DEV_INTERNAL_H
#define APPLIANCE_DEV_INTERNAL_H

#include "appliance/config.h"
#include "lib/base/loop.h"

#include <stdatomic.h>
#include <sys/types.h>

#define DEV_TOKEN      "a"
#define DEV_ORIGIN     "privyseal-dev.example/practice"
#define DEV_SETS_MAX   16
#define DEV_PIN_LEN    43 /* base64url of a SHA-256 */
#define DEV_TEXT_MAX   256
#define DEV_CLIENT_MAX 3

/* The path of a Unix socket has 107 characters at most, so that of DIR is short. */
#define DEV_DIRECTORY_MAX 80u
#define DEV_PROGRAMS_MAX  2048u

/* What the command line asks for; NULL: not said. */
struct dev_options {
    const char *directory;
    bool no_tls;
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
    char programs[DEV_PROGRAMS_MAX];       /* directory of this program */
    struct config *config;                 /* what privyseald will read */
    char pins[DEV_CLIENT_MAX][DEV_PIN_LEN + 1];
    struct ps_loop *loop;
    bool interrupted;
    atomic_bool leaving; /* tells the set-up's thread to give up */
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

/* dev_options.c. False: the usage was shown. */
bool dev_read_options(int argc, char **argv, struct dev_options *ret_options);
extern const char dev_usage[];

/* dev_files.c: the directory, PIN files, configuration of the soft token. */
PS_MUST_USE enum ps_err dev_prepare_directory(struct dev *dev);
PS_MUST_USE enum ps_err dev_write_env(const struct dev *dev, struct ps_buf *ret_text);

/* dev_ca.c: the throw-away authority, and certificates that are valid long enough. */
PS_MUST_USE enum ps_err dev_prepare_certificates(struct dev *dev);

/* dev_config.c: writes privyseald.conf and reads it back. */
PS_MUST_USE enum ps_err dev_write_config(struct dev *dev);

/* dev_daemon.c: the appliance as a process. */
PS_MUST_USE enum ps_err dev_start_daemon(struct dev *dev);
void dev_ask_to_stop(const struct dev *dev); /* SIGTERM; does not wait */
void dev_stop_daemon(struct dev *dev);
void dev_show_log(const struct dev *dev);

/*
 * dev_setup.c: genesis, clients, keys, grants and sets, through the management API; what is there
 * already stays. Blocks, so it runs beside the loop. Errors: PS_E_STATE (refused, or given up).
 */
PS_MUST_USE enum ps_err dev_set_up(struct dev *dev);

/*
 * dev_thread.c: runs dev_set_up while the loop sees signals and the end of the appliance. When it
 * is interrupted the appliance is stopped, which ends every request.
 */
PS_MUST_USE enum ps_err dev_run_set_up(struct dev *dev);

#endif
