#include "keystore/backup/losses.h"

#include "keystore/custody/holdings.h"
#include "keystore/custody/records.h"
#include "keystore/custody/wrapping_keys.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"
#include "keystore/keys/keys_table.h"
#include "keystore/writer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What is found of a key: that of its worst version. */
enum verdict { IS_THERE, IS_UNKNOWN, IS_LOST };

static bool is_live(const struct key_version *version)
{
    return version->state != KEY_DESTROYED && version->state != KEY_WITHDRAWN;
}

/* --- What opens --- */

/* What is wrapped under a version of the key that wraps. */
struct opening {
    uint32_t number;
    enum verdict of_pairs;
    enum verdict of_secrets;
};

/* What is looked for, and what was found of it. */
struct search {
    const struct keeper *keeper;
    struct opening *openings; /* of every version that is not destroyed */
    size_t opening_count;
    bool reads_records;
    enum verdict of_wrapped; /* of each of them, where no records are read */
    size_t limit;
    struct writer *out;
    struct losses found;
    size_t most; /* wrapped keys to be judged, and how many were: */
    size_t judged;
    char last[PS_NAME_MAX + 1]; /* that the walk of the catalog came to */
    struct json *parser;
};

static void clear_search(struct search *search)
{
    free(search->openings);
    json_free(search->parser);
}

/*
 * The tokens of the configuration that hold a version, a bit for each: as its row has them, since a
 * key may have moved to another token without it.
 */
static enum ps_err read_holders(const struct search *search, const char *key, uint32_t number,
                                uint32_t *ret_tokens)
{
    const struct keeper *keeper = search->keeper;
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};
    struct version_record version;
    struct catalog_row row;
    struct json_value body;
    struct token *token;

    version_record_put_name(ps_bytes_str(key), number, &name);
    PS_TRY(ps_buf_status(&name));
    PS_TRY(truth_get(keeper->truth, keeper->catalog, CATALOG_VERSION, ps_buf_bytes(&name), &memory,
                     &row));
    PS_TRY(json_parse(search->parser, row.body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(version_record_read(body, &version));
    *ret_tokens = 0;
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        bool holds = ps_bytes_equal(tokens_name(token), version.token);

        for (size_t at = 0; at < version.replica_count; at++) {
            holds = holds || ps_bytes_equal(tokens_name(token), version.replicas[at]);
        }
        *ret_tokens |= (uint32_t)holds << i;
    }
    return PS_OK;
}

/* All three have the same number, and what opens a record checks its MAC, too. */
static enum ps_err read_opening(const struct search *search, uint32_t number,
                                struct opening *ret_opening)
{
    uint32_t wrapping;
    uint32_t secrets;
    uint32_t mac;

    PS_TRY(read_holders(search, WRAPPING_KEY_NAME, number, &wrapping));
    PS_TRY(read_holders(search, WRAPPING_SECRETS_KEY_NAME, number, &secrets));
    PS_TRY(read_holders(search, RECORD_MAC_KEY_NAME, number, &mac));
    ret_opening->of_pairs = (wrapping & mac) != 0 ? IS_THERE : IS_LOST;
    ret_opening->of_secrets = (secrets & mac) != 0 ? IS_THERE : IS_LOST;
    return PS_OK;
}

static enum ps_err read_openings(struct search *search)
{
    const struct key *key = keys_find(search->keeper->keys, ps_bytes_str(WRAPPING_KEY_NAME));
    const size_t count = key == NULL ? 0 : key->version_count;

    search->openings = calloc(count + 1, sizeof *search->openings);
    if (search->openings == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct opening *opening = &search->openings[search->opening_count];

        if (is_live(key->versions[i])) {
            *opening = (struct opening){key->versions[i]->number, IS_UNKNOWN, IS_UNKNOWN};
            search->opening_count++;
            if (read_opening(search, opening->number, opening) == PS_E_NO_MEMORY) {
                return PS_E_NO_MEMORY;
            }
        }
    }
    return PS_OK;
}

/* Each version is asked for, as any of them may have keys under it. */
static enum ps_err begin(struct search *search)
{
    size_t there = 0;
    size_t lost = 0;

    PS_TRY(json_new(&search->parser));
    PS_TRY(read_openings(search));
    for (size_t i = 0; i < search->opening_count; i++) {
        const struct opening *opening = &search->openings[i];

        there += opening->of_pairs == IS_THERE && opening->of_secrets == IS_THERE ? 1 : 0;
        lost += opening->of_pairs == IS_LOST && opening->of_secrets == IS_LOST ? 1 : 0;
    }
    search->of_wrapped = lost == search->opening_count ? IS_LOST : IS_THERE;
    search->reads_records = lost != search->opening_count && there != search->opening_count;
    return PS_OK;
}

/* One that is not among them was destroyed. */
static enum verdict judge_number(const struct search *search, uint32_t number,
                                 enum ps_key_type type)
{
    for (size_t i = 0; i < search->opening_count; i++) {
        if (search->openings[i].number == number) {
            return ps_key_type_info(type)->family == PS_FAMILY_SECRET
                       ? search->openings[i].of_secrets
                       : search->openings[i].of_pairs;
        }
    }
    return IS_LOST;
}

static enum verdict judge_record(const struct search *search, enum ps_key_type type,
                                 struct ps_bytes object_id)
{
    uint32_t number;
    const enum ps_err err = record_wrapping(search->keeper, object_id, &number);

    if (err == PS_OK) {
        return judge_number(search, number, type);
    }
    /* Nothing opens what is gone, or of no known form. */
    return err == PS_E_NOT_FOUND || err == PS_E_INPUT || err == PS_E_LIMIT ? IS_LOST : IS_UNKNOWN;
}

/* --- What is in memory --- */

/* The log and the identity of a restored appliance go on with others. */
static bool is_made_anew(const struct key *key)
{
    return strcmp(key->name, LOG_KEY_NAME) == 0 || strcmp(key->name, IDENTITY_KEY_NAME) == 0;
}

static enum verdict judge_version(const struct search *search, const struct key_version *version)
{
    const struct key *key = version->key;

    if (!key->is_wrapped) {
        return holdings_count(search->keeper, version) != 0 ? IS_THERE : IS_LOST;
    }
    return search->reads_records ? judge_record(search, key->type, version_object_id(version))
                                 : search->of_wrapped;
}

static enum verdict judge(const struct search *search, const struct key *key)
{
    enum verdict worst = IS_THERE;

    if (key->state == KEY_DESTROYED || is_made_anew(key)) {
        return IS_THERE;
    }
    for (size_t i = 0; i < key->version_count && worst != IS_LOST; i++) {
        if (is_live(key->versions[i])) {
            const enum verdict verdict = judge_version(search, key->versions[i]);

            worst = verdict > worst ? verdict : worst;
        }
    }
    return worst;
}

static bool is_lost(const struct search *search, const struct key *key)
{
    return judge(search, key) == IS_LOST;
}

/* --- Those that are not in memory: wrapped ones, of one version (key_cache.h) --- */

static enum ps_err judge_only_version(const struct search *search, struct ps_bytes key,
                                      enum ps_key_type type, enum verdict *ret_verdict)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};
    struct version_record version;
    struct catalog_row row;
    struct json_value body;

    version_record_put_name(key, 1, &name);
    PS_TRY(ps_buf_status(&name));
    PS_TRY(truth_get(search->keeper->truth, search->keeper->catalog, CATALOG_VERSION,
                     ps_buf_bytes(&name), &memory, &row));
    PS_TRY(json_parse(search->parser, row.body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(version_record_read(body, &version));
    *ret_verdict = version.state == KEY_DESTROYED || version.state == KEY_WITHDRAWN
                       ? IS_THERE
                       : judge_record(search, type, version.object_id);
    return PS_OK;
}

static enum ps_err judge_away(const struct search *search, const struct catalog_row *row,
                              bool *ret_counts, enum verdict *ret_verdict)
{
    struct key_record record;
    struct json_value body;

    PS_TRY(truth_check(search->keeper->truth, row));
    PS_TRY(json_parse(search->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(key_record_read(body, &record));
    *ret_counts = record.state != KEY_DESTROYED;
    if (!*ret_counts || !search->reads_records) {
        *ret_verdict = *ret_counts ? search->of_wrapped : IS_THERE;
        return PS_OK;
    }
    return judge_only_version(search, row->name, record.type, ret_verdict);
}

/* Whether it counts as a wrapped one, as those of count_wrapped do. */
static bool counts(const struct key *key)
{
    return key->is_wrapped && key->state != KEY_DESTROYED;
}

static bool is_enough(const struct search *search, bool is_next_wrapped)
{
    return search->reads_records ? is_next_wrapped && search->judged == search->most
                                 : search->found.lost == search->limit;
}

/* PS_E_NOT_FOUND: nobody wants to know more. */
static enum ps_err on_key(void *context, const struct catalog_row *row)
{
    struct search *search = context;
    const struct key *key = keys_here(search->keeper->keys, row->name);
    bool is_wrapped = key == NULL || counts(key);
    enum verdict verdict = IS_UNKNOWN;

    if (is_enough(search, is_wrapped)) {
        return PS_E_NOT_FOUND;
    }
    if (key != NULL) {
        verdict = judge(search, key);
    } else if (judge_away(search, row, &is_wrapped, &verdict) == PS_E_NO_MEMORY) {
        return PS_E_NO_MEMORY;
    }
    search->judged += is_wrapped ? 1 : 0;
    search->found.unknown += verdict == IS_UNKNOWN ? 1 : 0;
    if (verdict == IS_LOST && search->found.lost++ < search->limit) {
        writer_text(search->out, NULL, row->name);
    }
    (void)snprintf(search->last, sizeof search->last, "%.*s", PS_BYTES_FMT(row->name));
    return PS_OK;
}

static enum ps_err walk_catalog(struct search *search)
{
    return catalog_list(search->keeper->catalog, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, on_key,
                        search);
}

enum ps_err losses_put_all(const struct keeper *keeper, size_t limit, struct writer *out,
                           struct losses *ret_losses)
{
    PS_CLEANUP(clear_search)
    struct search search = {.keeper = keeper, .limit = limit, .out = out, .most = SIZE_MAX};

    PS_TRY(begin(&search));
    search.reads_records = true;
    PS_TRY(walk_catalog(&search));
    if (search.found.unknown != 0) {
        return ps_fail(PS_E_STORAGE, 0, "the rows of %zu keys cannot be read",
                       search.found.unknown);
    }
    *ret_losses = search.found;
    return PS_OK;
}

/* --- As quickly as it may be asked for at any time --- */

typedef bool is_listed_fn(const struct search *search, const struct key *key);

/* Keys that live in a token are in memory, all of them. */
static bool is_in_one_token(const struct search *search, const struct key *key)
{
    if (key->is_wrapped || key->state == KEY_DESTROYED || is_made_anew(key)) {
        return false;
    }
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_live(key->versions[i]) && holdings_count(search->keeper, key->versions[i]) == 1) {
            return true;
        }
    }
    return false;
}

/* The walk of the catalog did not come to it. */
static bool is_lost_behind(const struct search *search, const struct key *key)
{
    return !key->is_wrapped && strcmp(key->name, search->last) > 0 && is_lost(search, key);
}

static int compare(const void *a, const void *b)
{
    return strcmp((*(const struct key *const *)a)->name, (*(const struct key *const *)b)->name);
}

static void free_list(const struct key ***list)
{
    free(*list);
}

static enum ps_err walk_memory(struct search *search, is_listed_fn *is_listed)
{
    const struct keys *keys = search->keeper->keys;
    const size_t all = keys_count(keys);
    PS_CLEANUP(free_list) const struct key **list = calloc(all + 1, sizeof(const struct key *));
    const struct key *key;
    size_t cursor = 0;
    size_t count = 0;

    if (list == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while ((key = keys_next(keys, &cursor)) != NULL && count < all) {
        if (is_listed(search, key)) {
            list[count++] = key;
        }
    }
    qsort(list, count, sizeof(const struct key *), compare);
    for (size_t i = 0; i < count && search->found.lost + i < search->limit; i++) {
        writer_str(search->out, NULL, list[i]->name);
    }
    search->found.lost += count;
    return PS_OK;
}

static size_t count_wrapped(const struct keeper *keeper)
{
    size_t count = key_cache_away_live(keeper->key_cache);
    const struct key *key;
    size_t cursor = 0;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        count += counts(key) ? 1 : 0;
    }
    return count;
}

static enum ps_err put_by_records(struct search *search)
{
    const size_t wrapped = count_wrapped(search->keeper);
    const enum ps_err err = walk_catalog(search);

    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK) {
        PS_TRY(walk_memory(search, is_lost_behind));
    }
    search->found.unknown += wrapped > search->judged ? wrapped - search->judged : 0;
    return PS_OK;
}

/* All that are wrapped: those in memory are named with the others only where there are no others.
 */
static enum ps_err put_all_wrapped(struct search *search)
{
    const enum ps_err err = walk_catalog(search);

    if (err == PS_E_NO_MEMORY) {
        return err; /* what cannot be read for another reason has no name, but counts */
    }
    search->found = (struct losses){.lost = key_cache_away_live(search->keeper->key_cache)};
    search->limit = 0; /* these are named */
    return walk_memory(search, is_lost);
}

enum ps_err losses_put(const struct keeper *keeper, size_t limit, struct writer *out,
                       struct losses *ret_losses)
{
    PS_CLEANUP(clear_search)
    struct search search = {
        .keeper = keeper, .limit = limit, .out = out, .most = LOSSES_RECORDS_MAX};

    PS_TRY(begin(&search));
    if (search.reads_records) {
        PS_TRY(put_by_records(&search));
    } else if (search.of_wrapped == IS_LOST && key_cache_away_live(keeper->key_cache) != 0) {
        PS_TRY(put_all_wrapped(&search));
    } else {
        PS_TRY(walk_memory(&search, is_lost));
    }
    *ret_losses = search.found;
    return PS_OK;
}

enum ps_err losses_put_in_one_token(const struct keeper *keeper, const char *name,
                                    struct writer *out)
{
    struct search search = {.keeper = keeper, .limit = LOSSES_NAMED, .out = out};

    writer_begin_object(out, name);
    writer_begin_array(out, "keys");
    PS_TRY(walk_memory(&search, is_in_one_token));
    writer_end_array(out);
    writer_number(out, "count", search.found.lost);
    writer_end_object(out);
    return PS_OK;
}
