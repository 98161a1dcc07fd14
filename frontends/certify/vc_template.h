#ifndef FRONTENDS_CERTIFY_VC_TEMPLATE_H
#define FRONTENDS_CERTIFY_VC_TEMPLATE_H

#include "lib/formats/json/json.h"

/*
 * What a credential says, as JSON with slots in its strings: "${name}" is the value of that name
 * with its own type where it is the whole string, and its text within a longer one. "$!{name}" as a
 * whole string takes its member or element away where there is no such value. Names may go into
 * objects: "${address.city}". Nothing is put together as text, so no data can become structure.
 */

/* Values of the host's own; text. They go before those of the data. */
struct template_variable {
    const char *name;
    struct ps_bytes text;
};

struct template_values {
    struct json_value data; /* an object */
    const struct template_variable *variables;
    size_t count;
    /* What may be said of data that are no text; PS_E_INPUT: not these. NULL: anything. */
    enum ps_err (*check)(struct json_value value);
};

/* Errors: PS_E_INPUT: a slot that is none; the detail says which. */
PS_MUST_USE enum ps_err vc_template_check(struct json_value template_json);

/*
 * Appends the JSON that comes of it.
 * Errors: PS_E_NOT_FOUND: a value is not there; PS_E_INPUT: one that is no text stands within a
 * text; the buffer's. The detail names the slot.
 */
PS_MUST_USE enum ps_err vc_template_render(struct json_value template_json,
                                           const struct template_values *values,
                                           struct ps_buf *out);

#endif
