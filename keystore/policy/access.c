#include "keystore/policy/access.h"

#include "keystore/policy/access_internal.h"
#include "lib/base/clock.h"

#include <assert.h>
#include <stdlib.h>

static const struct access_rule_info rule_infos[ACCESS_RULE_COUNT] = {
#define RULE(id, name_, text_) [ACCESS_RULE_##id] = {.name = (name_), .text = (text_)},
#include "keystore/policy/access_rules.def"
#undef RULE
};

const struct access_rule_info *access_rule_info(enum access_rule rule)
{
    assert(rule < ACCESS_RULE_COUNT);
    return &rule_infos[rule];
}

enum ps_err access_new(const struct access_config *config, struct access **ret_access)
{
    PS_CLEANUP(access_free_cleanup) struct access *access = NULL;

    if (config->refused_count > ACCESS_REFUSED_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %d user ids of our own", ACCESS_REFUSED_MAX);
    }
    access = calloc(1, sizeof *access);
    if (access == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    access->is_practice = config->is_practice;
    access->refused_count = config->refused_count;
    for (size_t i = 0; i < config->refused_count; i++) {
        access->refused_uids[i] = config->refused_uids[i];
    }
    PS_TRY(json_new(&access->json));
    *ret_access = access;
    access = NULL;
    return PS_OK;
}

void access_free(struct access *access)
{
    if (access == NULL) {
        return;
    }
    access_index_free(access->index);
    json_free(access->json);
    free(access);
}

void access_set_practice(struct access *access, bool is_practice)
{
    access->is_practice = is_practice;
}

struct ps_bytes access_client_name(const struct access_client *client)
{
    return ps_bytes(client->name, client->name_len);
}

uint64_t access_client_number(const struct access_client *client)
{
    return client->number;
}

struct ps_bytes access_grant_id(const struct access_grant *grant)
{
    return grant->id;
}

static bool is_own_uid(const struct access *access, uint32_t uid)
{
    for (size_t i = 0; i < access->refused_count; i++) {
        if (access->refused_uids[i] == uid) {
            return true;
        }
    }
    return false;
}

static const struct access_client *find_by_uid(const struct access *access, uint32_t uid,
                                               enum access_rule *rule)
{
    *rule = ACCESS_RULE_UNKNOWN_UID;
    if (is_own_uid(access, uid)) {
        *rule = ACCESS_RULE_OWN_UID;
        return NULL;
    }
    if (uid == 0 && !access->is_practice) {
        *rule = ACCESS_RULE_UID_ZERO;
        return NULL;
    }
    return ps_map_get(access->index->uids, ps_bytes(&uid, sizeof uid));
}

static const struct access_client *find_by_certificate(const struct access *access,
                                                       const struct msg_caller *caller,
                                                       enum access_rule *rule)
{
    uint8_t name[PS_SHA256_LEN + CLIENT_SAN_MAX];
    const struct access_client *client = NULL;

    *rule = ACCESS_RULE_UNKNOWN_CERTIFICATE;
    if (caller->spki.len == PS_SHA256_LEN) {
        client = ps_map_get(access->index->pins, caller->spki);
    }
    if (client != NULL || caller->issuer.len != PS_SHA256_LEN || caller->san.len == 0 ||
        caller->san.len > CLIENT_SAN_MAX) {
        return client;
    }
    memcpy(name, caller->issuer.data, PS_SHA256_LEN);
    memcpy(name + PS_SHA256_LEN, caller->san.data, caller->san.len);
    return ps_map_get(access->index->rules, ps_bytes(name, PS_SHA256_LEN + caller->san.len));
}

static const struct access_client *
find_client(const struct access *access, const struct msg_caller *caller, enum access_rule *rule)
{
    *rule = ACCESS_RULE_NO_IDENTITY;
    if (caller->kind == CALLER_UNIX) {
        return find_by_uid(access, caller->uid, rule);
    }
    return caller->kind == CALLER_TLS ? find_by_certificate(access, caller, rule) : NULL;
}

const struct access_client *access_resolve(const struct access *access,
                                           enum access_listener listener,
                                           const struct msg_caller *caller,
                                           enum access_rule *ret_rule)
{
    enum access_rule rule = ACCESS_RULE_NOT_LOADED;
    const struct access_client *client =
        access->index == NULL ? NULL : find_client(access, caller, &rule);

    if (client != NULL) {
        rule = client->suspended                               ? ACCESS_RULE_SUSPENDED
               : (client->listeners & (unsigned)listener) == 0 ? ACCESS_RULE_OTHER_LISTENER
                                                               : ACCESS_RULE_GRANTED;
    }
    if (ret_rule != NULL) {
        *ret_rule = rule;
    }
    return rule == ACCESS_RULE_GRANTED ? client : NULL;
}

static bool names_parameter(const struct access_grant *grant,
                            const struct access_question *question)
{
    for (size_t i = 0; i < grant->count; i++) {
        if (grant->granted[i].op == question->operation &&
            ps_bytes_equal(grant->granted[i].parameter, question->parameter)) {
            return true;
        }
    }
    return false;
}

static bool is_about_this_key(const struct access_question *question)
{
    return question->key.len != 0 && granted_op_info(question->operation)->about == ABOUT_KEY;
}

/* As a bit. An operation that touches one format only need not be told which. */
static unsigned format_asked_for(const struct granted_op_info *info, enum ps_format format)
{
    if (format == PS_FORMAT_NONE && (info->formats & (info->formats - 1)) == 0) {
        return info->formats;
    }
    return format == PS_FORMAT_NONE ? 0 : GRANTED_FORMAT(format);
}

/* A grant with any of these makes the keys it covers visible; without, its pattern says nothing. */
static const uint64_t about_keys = UINT64_C(0)
#define OPERATION(id, name, about, formats)                                                        \
    | (ABOUT_##about == ABOUT_KEY ? UINT64_C(1) << GRANTED_##id : UINT64_C(0))
#include "keystore/policy/operations_granted.def"
#undef OPERATION
    ;

static bool covers_key(const struct access_grant *grant, const struct access_question *question)
{
    return (grant->operations & about_keys) != 0 && ps_pattern_matches(grant->keys, question->key);
}

static bool names_operation(const struct access_grant *grant,
                            const struct access_question *question)
{
    return (grant->operations & UINT64_C(1) << question->operation) != 0 &&
           (granted_op_info(question->operation)->about != ABOUT_PARAMETER ||
            names_parameter(grant, question));
}

static bool names_format(const struct access_grant *grant, const struct access_question *question)
{
    const struct granted_op_info *info = granted_op_info(question->operation);
    const unsigned format = format_asked_for(info, question->format);

    return info->formats == 0 || ((info->formats & format) != 0 &&
                                  (grant->formats == 0 || (grant->formats & format) != 0));
}

enum access_rule access_grant_says(const struct access_grant *grant,
                                   const struct access_question *question)
{
    const bool has_expired = grant->not_after_s != 0 && question->now_s > grant->not_after_s;
    const bool about_key = is_about_this_key(question);

    if (about_key && !covers_key(grant, question)) {
        return ACCESS_RULE_OTHER_KEY;
    }
    if (!names_operation(grant, question)) {
        /* What has expired shows no key either. */
        return about_key && has_expired ? ACCESS_RULE_OTHER_KEY : ACCESS_RULE_OTHER_OPERATION;
    }
    if (!names_format(grant, question)) {
        return about_key && has_expired ? ACCESS_RULE_OTHER_KEY : ACCESS_RULE_OTHER_FORMAT;
    }
    return has_expired ? ACCESS_RULE_EXPIRED : ACCESS_RULE_GRANTED;
}

/* The grants to look at: all of a client's, or those that cover the key. */
struct candidates {
    struct access_grant *const *grants;
    size_t count;
};

static size_t count_matches(const struct access_client *client, struct ps_bytes key)
{
    size_t count = 0;

    for (size_t i = 0; i < client->grant_count; i++) {
        count += ps_pattern_matches(client->grants[i]->keys, key) ? 1 : 0;
    }
    return count;
}

static struct matches *find_matches(const struct access_client *client, struct ps_bytes name,
                                    struct ps_bytes key, size_t octets)
{
    struct matches *matches = calloc(1, octets);

    if (matches == NULL) {
        return NULL;
    }
    memcpy(matches->name, name.data, name.len);
    matches->name_len = name.len;
    for (size_t i = 0; i < client->grant_count; i++) {
        if (ps_pattern_matches(client->grants[i]->keys, key)) {
            matches->grants[matches->count++] = client->grants[i];
        }
    }
    return matches;
}

/* Starts anew when there are too many: whoever asks for many keys may not fill the memory. */
static bool make_room(struct index *index, size_t octets)
{
    struct ps_map *map = NULL;

    if (octets > REMEMBERED_OCTETS_MAX) {
        return false;
    }
    if (ps_map_count(index->remembered) < REMEMBERED_MAX &&
        index->remembered_octets <= REMEMBERED_OCTETS_MAX - octets) {
        return true;
    }
    if (ps_map_new(&map) != PS_OK) {
        return false;
    }
    ps_map_free(index->remembered, free);
    index->remembered = map;
    index->remembered_octets = 0;
    return true;
}

/* NULL when there is no room for it. */
static const struct matches *remember(struct index *index, const struct access_client *client,
                                      struct ps_bytes name, struct ps_bytes key)
{
    const size_t octets =
        sizeof(struct matches) + count_matches(client, key) * sizeof(struct access_grant *);
    struct matches *matches =
        make_room(index, octets) ? find_matches(client, name, key, octets) : NULL;

    if (matches == NULL) {
        return NULL;
    }
    if (ps_map_add(index->remembered, ps_bytes(matches->name, matches->name_len), matches) !=
        PS_OK) {
        free(matches);
        return NULL;
    }
    index->remembered_octets += octets;
    return matches;
}

/* Where there is no room all grants of the client are looked at, which is only slower. */
static struct candidates candidates(struct access *access, const struct access_client *client,
                                    const struct access_question *question)
{
    const struct candidates all = {.grants = client->grants, .count = client->grant_count};
    uint8_t octets[sizeof client->number + PS_NAME_MAX];
    const struct matches *matches;
    struct ps_bytes name;

    if (client->grant_count <= FEW_GRANTS || !is_about_this_key(question) ||
        question->key.len > PS_NAME_MAX) {
        return all;
    }
    memcpy(octets, &client->number, sizeof client->number);
    memcpy(octets + sizeof client->number, question->key.data, question->key.len);
    name = ps_bytes(octets, sizeof client->number + question->key.len);
    matches = ps_map_get(access->index->remembered, name);
    if (matches == NULL) {
        matches = remember(access->index, client, name, question->key);
    }
    if (matches == NULL) {
        return all;
    }
    return (struct candidates){.grants = matches->grants, .count = matches->count};
}

/* Without a rate comes before any rate, and a higher one before a lower. */
static bool is_more_generous(const struct access_grant *a, const struct access_grant *b)
{
    return b->rate_per_s != 0 && (a->rate_per_s == 0 || a->rate_per_s > b->rate_per_s);
}

/* Of what several grants say the one nearest to allowing it is the reason. */
static bool is_nearer(enum access_rule rule, enum access_rule than)
{
    static const uint8_t distance[ACCESS_RULE_COUNT] = {
        [ACCESS_RULE_GRANTED] = 1,      [ACCESS_RULE_EXPIRED] = 2,
        [ACCESS_RULE_OTHER_FORMAT] = 3, [ACCESS_RULE_OTHER_OPERATION] = 4,
        [ACCESS_RULE_OTHER_KEY] = 5,
    };

    return distance[rule] < distance[than];
}

static struct access_decision decide_among(const struct candidates *among,
                                           const struct access_question *question)
{
    const bool about_key = is_about_this_key(question);
    struct access_decision decision = {.rule = about_key ? ACCESS_RULE_OTHER_KEY
                                                         : ACCESS_RULE_OTHER_OPERATION};
    bool visible = !about_key;

    for (size_t i = 0; i < among->count; i++) {
        struct access_grant *grant = among->grants[i];
        const enum access_rule says = access_grant_says(grant, question);

        visible = visible || (says != ACCESS_RULE_OTHER_KEY && says != ACCESS_RULE_EXPIRED);
        if (is_nearer(says, decision.rule)) {
            decision.rule = says;
        }
        if (says == ACCESS_RULE_GRANTED &&
            (decision.grant == NULL || is_more_generous(grant, decision.grant))) {
            decision.grant = grant;
        }
    }
    decision.outcome = decision.grant != NULL ? ACCESS_ALLOWED
                       : visible              ? ACCESS_NOT_GRANTED
                                              : ACCESS_NOT_VISIBLE;
    return decision;
}

struct access_decision access_decide(struct access *access, const struct access_client *client,
                                     const struct access_question *question)
{
    struct candidates among;

    if (granted_op_info(question->operation) == NULL) {
        return (struct access_decision){.outcome = ACCESS_NOT_GRANTED,
                                        .rule = ACCESS_RULE_UNKNOWN_OPERATION};
    }
    if (is_about_this_key(question) && ps_name_reserved(question->key)) {
        return (struct access_decision){.outcome = ACCESS_NOT_VISIBLE,
                                        .rule = ACCESS_RULE_RESERVED_NAME};
    }
    among = candidates(access, client, question);
    return decide_among(&among, question);
}

enum ps_err access_take(const struct access_decision *decision, enum access_of of, uint32_t items,
                        uint64_t mono_ns, uint32_t *ret_retry_after_s)
{
    struct access_grant *grant = decision->grant;
    struct access_rate *rate = of == ACCESS_LOOKS ? &grant->looks : &grant->uses;
    const uint64_t wanted = items * PS_NS_PER_S;
    uint64_t passed;
    uint64_t full;

    assert(decision->outcome == ACCESS_ALLOWED && grant != NULL);
    if (grant->rate_per_s == 0) {
        return PS_OK;
    }
    full = grant->rate_per_s * PS_NS_PER_S;
    if (mono_ns > rate->last_ns) {
        /* One second fills it; more would only overflow. */
        passed = mono_ns - rate->last_ns;
        passed = passed > PS_NS_PER_S ? PS_NS_PER_S : passed;
        rate->level += passed * grant->rate_per_s;
        rate->level = rate->level > full ? full : rate->level;
        rate->last_ns = mono_ns;
    }
    if (wanted <= rate->level) {
        rate->level -= wanted;
        return PS_OK;
    }
    *ret_retry_after_s = wanted > full ? 0 : 1;
    return ps_fail(PS_E_LIMIT, 0,
                   wanted > full ? "%u uses at once are more than the grant's %llu in a second"
                                 : "%u uses more than the grant's %llu in a second",
                   items, (unsigned long long)grant->rate_per_s);
}

bool access_find_conflict(const struct access *access, const struct client_record *record,
                          struct ps_bytes *ret_other)
{
    struct access_client wanted = {0};
    const struct access_client *others[CLIENT_PINS_MAX + CLIENT_UIDS_MAX + 1];
    size_t count = 0;

    if (access->index == NULL || access_read_identities(record, &wanted) != PS_OK) {
        /* Nobody can tell. */
        *ret_other = ps_bytes("", 0);
        return true;
    }
    for (size_t i = 0; i < wanted.pin_count; i++) {
        others[count++] = ps_map_get(access->index->pins, ps_bytes(wanted.pins[i], PS_SHA256_LEN));
    }
    for (size_t i = 0; i < wanted.uid_count; i++) {
        others[count++] =
            ps_map_get(access->index->uids, ps_bytes(&wanted.uids[i], sizeof wanted.uids[i]));
    }
    others[count++] = ps_map_get(access->index->rules, ps_bytes(wanted.rule, wanted.rule_len));
    for (size_t i = 0; i < count; i++) {
        if (others[i] != NULL && !ps_bytes_equal(access_client_name(others[i]), record->name)) {
            *ret_other = access_client_name(others[i]);
            return true;
        }
    }
    return false;
}
