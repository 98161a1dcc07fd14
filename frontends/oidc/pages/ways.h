#ifndef FRONTENDS_OIDC_PAGES_WAYS_H
#define FRONTENDS_OIDC_PAGES_WAYS_H

#include "frontends/oidc/challenge.h"
#include "frontends/oidc/form.h"
#include "frontends/oidc/login.h"

/* Ways to log in that a form can have: of one-time password, PIN, password and knowledge. */

#define WAYS_TEXT_MAX 1024u

/* Appends them as lines of factors; those of the login's ACRs, as far as there is a plugin for it.
 */
void ways_put(const struct login *login, struct ps_buf *out);

/* The next line, which is taken off. */
bool ways_next(struct ps_bytes *lines, struct ps_bytes *ret_way);

/* The one that was chosen, or the first. `lines`: of ways_put, not empty. */
struct ps_bytes ways_chosen(const struct login *login, struct ps_bytes lines);

/* Whether the person is to be sent a one-time password first. */
#define WAYS_SENT_SOMEWHERE "-" /* TRANSACTION_SENT_TO when nobody told where to */
bool ways_need_otp(const struct login *login, struct ps_bytes way);

/* Fields of knowledge, as the plugin's kbi_form has them. */
#define WAYS_FIELDS_MAX 8u
struct ways_field {
    struct ps_bytes id;
    struct ps_bytes label;
    bool is_date;
    bool is_required;
    uint64_t max_length;
};
struct ways_fields {
    struct ways_field of[WAYS_FIELDS_MAX];
    size_t count;
};

/*
 * json:  keeps what the fields point to
 * code3: language of the labels, ISO 639-2/T; else English
 * Errors: PS_E_INPUT: it is none, or has more fields or other ids than a form can have
 */
PS_MUST_USE enum ps_err ways_read_fields(struct json *json, const char *form, const char *code3,
                                         struct ways_fields *ret_fields);

/* The name of a field in a form: `prefix`, and behind it `name`. */
#define WAYS_NAME_MAX 80u
void ways_name_field(const char *prefix, struct ps_bytes name, char ret_name[WAYS_NAME_MAX]);

/*
 * What was typed, as challenges for this way, which point into the form, the login and `memory` (of
 * WAYS_MEMORY_MAX octets, empty).
 * Errors: PS_E_INPUT: ret_code says what is wrong; PS_E_NO_MEMORY
 */
#define WAYS_MEMORY_MAX 8192u
PS_MUST_USE enum ps_err ways_read(struct login *login, const struct form *form, struct ps_bytes way,
                                  struct ps_buf *memory, struct challenges *ret_challenges,
                                  const char **ret_code);

#endif
