#include "appliance/dev/internal.h"

#include <getopt.h>
#include <stdio.h>

const char dev_usage[] =
    "usage: privyseal dev DIR [options]\n"
    "A complete throw-away appliance in DIR: SoftHSM token, keys, clients, practice logs, and the\n"
    "people who approve what is changed (DIR/officers).\n"
    "  --no-tls               Unix sockets only\n"
    "  --attended             officers release the PIN: 3 of 4, with the keys "
    "DIR/officers/*.share\n"
    "  --module FILE          another PKCS#11 module than SoftHSM\n"
    "  --profile FILE         its firmware profile\n"
    "  --processes N          token processes; one per core if not said\n"
    "  --sessions N           sessions of each\n"
    "  --set SECTION.KEY=TEXT a line of privyseald.conf, such as log.disk_reserve_mb=8\n"
    "\n"
    "privyseal dev approve-all [DIR] [--watch]   approves what waits there, as its people\n";

enum { NO_TLS = 1, ATTENDED, MODULE, PROFILE, PROCESSES, SESSIONS, SET, HELP };

static const struct option options[] = {
    {"no-tls", no_argument, NULL, NO_TLS},
    {"attended", no_argument, NULL, ATTENDED},
    {"module", required_argument, NULL, MODULE},
    {"profile", required_argument, NULL, PROFILE},
    {"processes", required_argument, NULL, PROCESSES},
    {"sessions", required_argument, NULL, SESSIONS},
    {"set", required_argument, NULL, SET},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool is_setting(const char *text)
{
    const char *dot = strchr(text, '.');
    const char *equals = strchr(text, '=');

    return dot != NULL && dot != text && equals != NULL && equals > dot + 1;
}

static bool take(struct dev_options *ret, int option)
{
    switch (option) {
    case NO_TLS:
        ret->no_tls = true;
        return true;
    case ATTENDED:
        ret->attended = true;
        return true;
    case MODULE:
        ret->module = optarg;
        return true;
    case PROFILE:
        ret->profile = optarg;
        return true;
    case PROCESSES:
        ret->processes = optarg;
        return true;
    case SESSIONS:
        ret->sessions = optarg;
        return true;
    case SET:
        if (ret->set_count == DEV_SETS_MAX || !is_setting(optarg)) {
            return false;
        }
        ret->sets[ret->set_count++] = optarg;
        return true;
    default:
        return false;
    }
}

/* What is wrong first, then how it is used. */
static bool refuse(const char *what)
{
    (void)fprintf(stderr, "privyseal dev: %s\n%s", what, dev_usage);
    return false;
}

bool dev_read_options(int argc, char **argv, struct dev_options *ret_options)
{
    struct dev_options read = {.directory = NULL};
    int option;

    /* The caller may have read options of its own. */
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!take(&read, option)) {
            return refuse(option == SET ? "--set takes SECTION.KEY=TEXT, a few times at most"
                                        : "an option that there is not, or without its argument");
        }
    }
    if (optind != argc - 1) {
        return refuse("one directory is needed, in which it may make everything");
    }
    read.directory = argv[optind];
    *ret_options = read;
    return true;
}
