#include "appliance/privyseald.h"

#include "appliance/config/config.h"
#include "appliance/supervisor/supervisor.h"
#include "lib/base/encode.h"

#include <getopt.h>
#include <stdio.h>

#define ERRORS_MAX (256u * 1024u)

enum { EXIT_DONE = 0, EXIT_MISTAKES = 1, EXIT_USAGE = 2 };

static const char usage[] = "usage: privyseald --config FILE [--check-config]\n"
                            "       privyseald --version\n"
                            "See privyseald(8) and privyseald.conf(5).\n";

static void print(FILE *stream, struct ps_bytes text)
{
    (void)fprintf(stream, "%.*s", PS_BYTES_FMT(text));
}

/* Loads the file and looks at what it names; all mistakes go to standard error. */
static enum ps_err load(const char *path, struct config **ret_config)
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    PS_BUF_AUTO errors;
    enum ps_err err;

    ps_buf_init(&errors, ERRORS_MAX);
    err = config_load(path, &errors, &config);
    if (err == PS_OK) {
        err = config_check_machine(config, &errors);
    }
    print(stderr, ps_buf_bytes(&errors));
    PS_TRY(err);
    *ret_config = config;
    config = NULL;
    return PS_OK;
}

static int check_config(const char *path)
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO hex = {0};

    if (load(path, &config) != PS_OK) {
        return EXIT_MISTAKES;
    }
    if (config_hash_security(config, hash) != PS_OK) {
        return EXIT_MISTAKES;
    }
    ps_buf_init(&hex, 2 * PS_SHA256_LEN);
    ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
    (void)printf("OK\nsecurity section: %.*s\n", PS_BYTES_FMT(ps_buf_bytes(&hex)));
    return EXIT_DONE;
}

static int run(const char *path)
{
    struct config *config = NULL;

    if (load(path, &config) != PS_OK) {
        return EXIT_MISTAKES;
    }
    return supervisor_run(config);
}

static int refuse_usage(void)
{
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}

static int run_supervisor(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    bool check = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'v') {
            (void)puts("privyseald " PRIVYSEAL_VERSION);
            return EXIT_DONE;
        }
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return EXIT_DONE;
        }
        if (option == 'c') {
            path = optarg;
        } else if (option == 'k') {
            check = true;
        } else {
            return refuse_usage();
        }
    }
    if (path == NULL || optind != argc) {
        return refuse_usage();
    }
    return check ? check_config(path) : run(path);
}

int privyseald_main(int argc, char **argv, const struct role_programs *programs)
{
    if (role_is_asked_for(argc, argv)) {
        return role_run(argc, argv, programs);
    }
    return run_supervisor(argc, argv);
}
