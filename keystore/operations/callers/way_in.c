#include "keystore/operations/internal.h"

#include "keystore/operations/callers/way_in.h"

/*
 * ceremonies.md, "Nobody locked out": people approve, but a client hands in what they ask for and
 * sign. One officer can suspend a client; no one may close the last way in with that.
 */

/* With these two a client brings back all the others, once people agree. */
static const enum granted_op needed[] = {GRANTED_GRANTS_MANAGE, GRANTED_OPERATIONS_STEP};
#define ALL_NEEDED ((1u << PS_COUNT_OF(needed)) - 1)

struct search {
    const struct operation *op;
    const struct way_in_closing *closing; /* NULL: as things are */
    struct json *clients;
    struct json *grants;
    struct ps_bytes client; /* whose grants are looked at */
    unsigned held;          /* of `needed`, one bit each */
    unsigned count;         /* of ways in */
};

static unsigned held_by(const struct grant_record *grant)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;
    unsigned held = 0;

    while (json_next(grant->operations, &cursor, NULL, &value)) {
        for (size_t i = 0; json_string(value, &text) == PS_OK && i < PS_COUNT_OF(needed); i++) {
            held |= ps_bytes_equal_str(text, granted_op_info(needed[i])->name) ? 1u << i : 0;
        }
    }
    return held;
}

static enum ps_err look_at_grant(void *context, const struct catalog_row *row)
{
    struct search *search = context;
    struct grant_record grant;
    struct json_value body;

    PS_TRY(json_parse(search->grants, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(grant_record_read(body, &grant));
    if (ps_bytes_equal(grant.client, search->client) && grant.not_after_s == 0 &&
        (search->closing == NULL || !ps_bytes_equal(row->name, search->closing->grant))) {
        search->held |= held_by(&grant);
    }
    return PS_OK;
}

static enum ps_err look_at_client(void *context, const struct catalog_row *row)
{
    struct search *search = context;
    struct client_record client;
    struct json_value body;

    if (search->closing != NULL && ps_bytes_equal(row->name, search->closing->client)) {
        return PS_OK;
    }
    PS_TRY(json_parse(search->clients, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(client_record_read(body, &client));
    if (client.suspended || ps_bytes_equal_str(client.listener, "clients")) {
        return PS_OK;
    }
    search->client = client.name;
    search->held = 0;
    PS_TRY(catalog_list(search->op->keeper->known, CATALOG_GRANT, ps_bytes(NULL, 0), UINT32_MAX,
                        look_at_grant, search));
    search->count += search->held == ALL_NEEDED ? 1 : 0;
    return PS_OK;
}

static enum ps_err count(const struct operation *op, const struct way_in_closing *closing,
                         unsigned *ret_count)
{
    PS_CLEANUP(json_free_cleanup) struct json *clients = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *grants = NULL;
    struct search search = {.op = op, .closing = closing};

    PS_TRY(json_new(&clients));
    PS_TRY(json_new(&grants));
    search.clients = clients;
    search.grants = grants;
    PS_TRY(catalog_list(op->keeper->known, CATALOG_CLIENT, ps_bytes(NULL, 0), UINT32_MAX,
                        look_at_client, &search));
    *ret_count = search.count;
    return PS_OK;
}

bool way_in_stays(struct operation *op, const struct way_in_closing *closing)
{
    unsigned before = 0;
    unsigned after = 0;
    enum ps_err err = count(op, NULL, &before);

    if (err == PS_OK) {
        err = count(op, closing, &after);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (after == before) {
        return true;
    }
    if (after == 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "nobody could ask for changes any more: let another client on the "
                         "management listener have grants.manage and operations.step first, "
                         "without an end");
        return false;
    }
    /* Two at the same time could each leave the other. */
    operation_lock(op, "way", ps_bytes_str("in"));
    return true;
}
