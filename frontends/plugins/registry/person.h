#ifndef FRONTENDS_PLUGINS_REGISTRY_PERSON_H
#define FRONTENDS_PLUGINS_REGISTRY_PERSON_H

#include "frontends/plugins/privyseal_auth_call.h"
#include "lib/formats/json/json.h"

#define PERSON_ID_MAX     64u
#define PERSON_VALUE_MAX  65536u
#define PERSON_CLAIMS_MAX (256u * 1024u)

/* Somebody in the registry. PIN and password are there as what they are verified with; or empty. */
struct person {
    struct ps_buf id;
    struct ps_buf policy; /* number of a policy, by which the person can be found, too; or empty */
    struct ps_buf pin;
    struct ps_buf password;
    struct ps_buf claims; /* a JSON object; while it is being made, without its last brace */
};

void person_init(struct person *person);
void person_clear(struct person *person);
#define PERSON_AUTO PS_CLEANUP(person_clear) struct person

/*
 * Sets what stands in a column of a table: id, policy, pin, password, or a claim of OpenID Connect
 * ("name", "name#fr"). An empty value is none. `address` is its formatted form.
 * Errors: PS_E_INPUT (no such column, or not a value of it), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err person_set(struct person *person, struct ps_bytes column,
                                   struct ps_bytes value);

/* The person is complete: it has an id, no claim twice. Errors: PS_E_INPUT, PS_E_NO_MEMORY */
PS_MUST_USE enum ps_err person_finish(struct person *person, struct json *json);

/* Whether there can be such a column. */
bool person_has_column(struct ps_bytes column);

/* A claim that is a string; empty when there is none. `claims`: valid JSON */
struct ps_bytes person_claim(struct json *json, struct ps_bytes claims, const char *name);

/*
 * Puts the claims that are asked for, as a JSON object: `name`, and `name#fr` for each language.
 * Errors: PS_E_STORAGE (the claims are not what we wrote), or the buffer's
 */
PS_MUST_USE enum ps_err person_put_claims(struct json *json, struct ps_bytes claims,
                                          const struct privyseal_auth_list *names,
                                          const struct privyseal_auth_list *locales,
                                          struct ps_buf *out);

/*
 * Each claim that there is, with an empty list: nothing is said of how it was verified.
 * Errors: as person_put_claims
 */
PS_MUST_USE enum ps_err person_put_metadata(struct json *json, struct ps_bytes claims,
                                            struct ps_buf *out);

#endif
