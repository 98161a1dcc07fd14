#ifndef FRONTENDS_SHARED_PROGRAM_H
#define FRONTENDS_SHARED_PROGRAM_H

#include "frontends/shared/calls.h"
#include "frontends/shared/endpoint.h"
#include "frontends/shared/serve.h"

/* The life of a companion: command line, configuration, sandbox, signals, two listeners. */
struct program;

/* What the shared part needs of a program's configuration; it stays valid. */
struct program_settings {
    const struct settings_common *common;
    const char *data;
    uint64_t log_level; /* enum ps_level */
};

/* Places beyond those of the settings, as lines. */
struct program_places {
    struct ps_buf readable;
    struct ps_buf writable;
};

/* A program's own part. */
struct program_kind {
    const char *name;    /* "privyseal-oidc" */
    const char *process; /* in lines: "oidc" */
    const struct endpoint_table *public;
    const struct endpoint_table *management;
    size_t exchange_own; /* octets of `own` in each struct exchange */
    bool plain_query;    /* of its public listener: lib/http/server.h */

    size_t service_size; /* of its struct, which is all zero at first */
    const struct config_form *form;
    /* Takes what was read, which stays where it is until `clear` is over. */
    struct program_settings (*take)(struct service *service, void *config);
    /* Answers 401 "UNAUTHORIZED" or 403 "FORBIDDEN" to who may not use [management]. */
    void (*refuse_caller)(struct http_request *request, unsigned status, const char *code);
    /* Opens what the sandbox would not let it open. */
    enum ps_err (*open)(struct service *service);
    /* Loads what is a part of the program's own process, before the sandbox; NULL: nothing. */
    enum ps_err (*load)(struct service *service, struct ps_loop *loop);
    /* NULL: none. */
    void (*put_places)(const struct service *service, struct program_places *places);
    /* In the sandbox, before the first request. */
    enum ps_err (*start)(struct service *service, struct program *program);
    /* SIGHUP, when certificates were read anew; NULL: nothing. */
    void (*reload)(struct service *service);
    /* After the last request and call; also of what was never started. */
    void (*clear)(struct service *service);
};

struct program {
    const struct program_kind *kind;
    struct service *service;
    void *config;
    struct program_settings settings;
    struct ps_loop *loop;
    struct calls *calls;
    struct serve public;
    struct serve management;
    struct http_handler handlers[2]; /* public, management */
    unsigned draining;               /* servers that are not empty yet */
};

/* A line with the directory of a file: a file that is replaced is found there again. */
void program_put_directory(const char *path, struct ps_buf *out);

/* The exit status of main. */
int program_main(const struct program_kind *kind, int argc, char **argv);

#endif
