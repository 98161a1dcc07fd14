#ifndef FRONTENDS_CERTIFY_CONFIGURATION_H
#define FRONTENDS_CERTIFY_CONFIGURATION_H

#include "frontends/certify/ldp_suite.h"
#include "lib/formats/json/json.h"

/*
 * A credential configuration: what can be issued, under which scope, by which key, from which
 * template. It is what administrators send, as JSON, with the members' names of Inji Certify.
 */

#define CONFIGURATION_MAX (256u * 1024u)

enum credential_format { CREDENTIAL_SD_JWT, CREDENTIAL_LDP_VC };

struct configuration {
    struct ps_buf text; /* the definition; all below points into it or into `json` */
    struct json *json;
    struct ps_bytes id;
    enum credential_format format;
    struct ps_bytes scope;
    struct ps_bytes vct;           /* SD-JWT */
    const struct ldp_suite *suite; /* ldp_vc, as the next two */
    struct ps_bytes contexts;      /* JSON, an array of strings */
    struct ps_bytes types;         /* the same */
    struct ps_buf selector;        /* of requests of draft 13: no two have the same */
    struct ps_bytes template_json;
    struct ps_bytes display; /* JSON, as the next two; `order` empty: none */
    struct ps_bytes subject;
    struct ps_bytes order;
    struct ps_buf sd_paths; /* lines */
    char *key;              /* of the appliance */
    char *provider;
    uint32_t validity_s;
    bool chain; /* an SD-JWT carries its key's certificates */
    unsigned users;
};

#define CONFIGURATION_ID_MAX 100u
bool configuration_id_valid(struct ps_bytes id);

/*
 * Reads and checks one; it has one user.
 *
 * id:     of the path; empty: the text names it
 * Errors: PS_E_INPUT, PS_E_LIMIT (the detail names the member), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err configuration_read(struct ps_bytes id, struct ps_bytes text,
                                           struct configuration **ret_configuration);

/* A credential that is being issued keeps its configuration, whatever is changed meanwhile. */
struct configuration *configuration_keep(struct configuration *configuration);
void configuration_release(struct configuration *configuration); /* NULL is fine */
PS_DEFINE_CLEANUP(struct configuration, configuration_release)

/* "dc+sd-jwt" or "ldp_vc", as OpenID4VCI 1.0 has them; or as its draft 13. */
const char *configuration_format_name(const struct configuration *configuration, bool draft);

#endif
