#ifndef FRONTENDS_OIDC_CONFIG_H
#define FRONTENDS_OIDC_CONFIG_H

#include "frontends/shared/settings.h"

/*
 * The configuration file of privyseal-oidc, as plain data; its keys stand in keys.def and
 * frontends/shared/settings.def.
 */
struct settings_oidc {
    char *data;
    char *url;
    char *issuer;
    char *acr_file;
    char *authorize_scopes;
    char *credential_scopes;
    uint64_t transaction_s;
    uint64_t authenticated_s;
    uint64_t code_s;
    uint64_t access_token_s;
    uint64_t id_token_s;
    char *access_token_key;
    char *id_token_key;
    char *userinfo_key;
    char *credential_audience;
    uint64_t tries_per_login;
    uint64_t tries_per_address;
    uint64_t tries_per_person;
    uint64_t tries_from_address;
    uint64_t tries_window_s;
    struct config_uids proxies;
    uint64_t pushed_request_s;
    uint64_t transactions;
    uint64_t transactions_share;
    uint64_t long_assertions;
    char *jwks_set;
    uint64_t jwks_fresh_s;
    char *claims;
    uint64_t log_level; /* enum ps_level */
};

struct settings_pages {
    char *name_en;
    char *name_fr;
    char *name_ar;
    char *name_hi;
    char *logo;
};

struct settings_authenticator {
    char *plugin;
    char *config;
    uint64_t timeout_ms;
    uint64_t threads;
    uint64_t waiting;
};

struct oidc_config {
    struct settings_oidc oidc;
    struct settings_authenticator authenticator;
    struct settings_pages pages;
    struct settings_common common;
};

/* Of struct oidc_config. */
extern const struct config_form oidc_config_form;

#endif
