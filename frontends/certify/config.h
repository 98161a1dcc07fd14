#ifndef FRONTENDS_CERTIFY_CONFIG_H
#define FRONTENDS_CERTIFY_CONFIG_H

#include "frontends/shared/settings.h"

/*
 * The configuration file of privyseal-certify, as plain data; its keys stand in keys.def and
 * frontends/shared/settings.def.
 */
struct settings_certify {
    char *data;
    char *issuer;
    char *name;
    char *locale;
    char *jwks_set;
    uint64_t jwks_fresh_s;
    uint64_t nonce_ttl_s;
    char *contexts;
    uint64_t log_level; /* enum ps_level */
};

struct settings_tokens {
    char *server;
    char *issuer;
    char *audience;
    char *jwks_file;
    char *jwks_url;
    char *jwks_socket;
    char *jwks_ca;
    uint64_t jwks_fresh_s;
};

/* [provider NAME] */
struct settings_provider {
    char *name;
    char *plugin;
    char *option;   /* lines */
    char *readable; /* lines */
    char *writable; /* lines */
};
#define CONFIG_PROVIDERS_MAX 16u

struct certify_config {
    struct settings_certify certify;
    struct settings_tokens tokens;
    struct settings_common common;
    struct settings_provider providers[CONFIG_PROVIDERS_MAX];
    size_t provider_count;
};

/* Of struct certify_config. */
extern const struct config_form certify_config_form;

/* How much of [certify] issuer is its origin, "https://host:port". */
size_t certify_origin_len(const struct certify_config *config);

#endif
