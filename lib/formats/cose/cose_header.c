#include "lib/formats/cose/cose_internal.h"

/* -16 in the registry of COSE algorithms: SHA-256 (RFC 9054 section 3.1). */
#define SHA_256 (-16)

#define KIND(kind) (1u << (unsigned)(kind))
#define INTEGERS   (KIND(CBOR_UNSIGNED) | KIND(CBOR_NEGATIVE))

/* RFC 9052 section 3.1, RFC 9360 section 2: the parameters we know. */
static const struct parameter {
    int64_t label;
    const char *name; /* in the registry */
    unsigned kinds;   /* of its value */
    bool is_ours;     /* not the caller's to set */
    bool is_acted_on; /* when we verify: may stand in `crit` */
} parameters[] = {
    {COSE_ALG, "alg", INTEGERS | KIND(CBOR_TEXT), true, true},
    {COSE_CRIT, "crit", KIND(CBOR_ARRAY), false, true},
    {COSE_CONTENT_TYPE, "content type", KIND(CBOR_UNSIGNED) | KIND(CBOR_TEXT), false, true},
    {COSE_KID, "kid", KIND(CBOR_BYTES), true, true},
    {COSE_IV, "IV", KIND(CBOR_BYTES), false, false},
    {COSE_PARTIAL_IV, "Partial IV", KIND(CBOR_BYTES), false, false},
    {COSE_X5BAG, "x5bag", KIND(CBOR_BYTES) | KIND(CBOR_ARRAY), true, false},
    {COSE_X5CHAIN, "x5chain", KIND(CBOR_BYTES) | KIND(CBOR_ARRAY), true, false},
    {COSE_X5T, "x5t", KIND(CBOR_ARRAY), true, false},
    {COSE_X5U, "x5u", KIND(CBOR_TAG) | KIND(CBOR_TEXT), true, false},
};

static const struct parameter *find_parameter(const struct cbor_item *label)
{
    int64_t number;

    for (size_t i = 0; cbor_integer(label, &number) && i < PS_COUNT_OF(parameters); i++) {
        if (parameters[i].label == number) {
            return &parameters[i];
        }
    }
    return NULL;
}

bool cose_label_understood(const struct cbor_item *label)
{
    const struct parameter *parameter = find_parameter(label);

    return parameter != NULL && parameter->is_acted_on;
}

bool cose_has_key(const struct cbor_item *map, struct ps_bytes encoded_key)
{
    struct ps_reader reader = ps_reader(map->content);

    for (uint64_t i = 0; i < map->number; i++) {
        struct cbor_item key;
        struct cbor_item value;

        if (cbor_take(&reader, CBOR_ANY_ORDER, &key) != PS_OK ||
            cbor_take(&reader, CBOR_ANY_ORDER, &value) != PS_OK) {
            return false;
        }
        if (ps_bytes_equal(key.raw, encoded_key)) {
            return true;
        }
    }
    return false;
}

static bool is_label(const struct cbor_item *item)
{
    int64_t number;

    return item->kind == CBOR_TEXT || cbor_integer(item, &number);
}

/* An error about one parameter, which it names. */
static enum ps_err bad_parameter(const struct cbor_item *label, const char *what)
{
    int64_t number;

    if (cbor_integer(label, &number)) {
        return ps_fail(PS_E_INPUT, 0, "COSE header parameter %lld %s", (long long)number, what);
    }
    return ps_fail(PS_E_INPUT, 0, "COSE header parameter \"%.*s\" %s", PS_BYTES_FMT(label->content),
                   what);
}

/*
 * RFC 9052 section 3.1: crit MUST be in the protected header, have at least one label in it, and
 * each of them MUST be there.
 */
static enum ps_err check_critical(const struct cbor_item *map, const struct cbor_item *label,
                                  const struct cbor_item *list, enum cose_side side)
{
    struct ps_reader reader = ps_reader(list->content);

    if (side != COSE_PROTECTED) {
        return bad_parameter(label, "(crit) is not protected");
    }
    if (list->number == 0 || list->number > COSE_PARAMETERS_MAX) {
        return bad_parameter(label, "(crit) names nothing, or too much");
    }
    for (uint64_t i = 0; i < list->number; i++) {
        struct cbor_item named;

        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &named));
        if (!is_label(&named) || !cose_has_key(map, named.raw)) {
            return bad_parameter(label, "(crit) names what is not in the protected header");
        }
    }
    return PS_OK;
}

static enum ps_err check_parameter(const struct cbor_item *map, const struct cbor_item *label,
                                   const struct cbor_item *value, enum cose_side side)
{
    const struct parameter *parameter = find_parameter(label);

    if (!is_label(label)) {
        return ps_fail(PS_E_INPUT, 0, "a COSE header with a label that is no integer or text");
    }
    if (parameter == NULL) {
        return PS_OK;
    }
    if ((KIND(value->kind) & parameter->kinds) == 0) {
        return bad_parameter(label, "is of another type than its value must be");
    }
    return parameter->label == COSE_CRIT ? check_critical(map, label, value, side) : PS_OK;
}

enum ps_err cose_check_header(const struct cbor_item *map, enum cose_side side)
{
    struct ps_reader reader = ps_reader(map->content);

    for (uint64_t i = 0; i < map->number; i++) {
        struct cbor_item label;
        struct cbor_item value;

        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &label));
        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &value));
        PS_TRY(check_parameter(map, &label, &value, side));
    }
    return PS_OK;
}

/*
 * {"alg": ...} as JSON has it would be a parameter of nobody's beside the one that counts, which a
 * lenient reader might take for it.
 */
static bool is_name_of_parameter(const struct cbor_item *label)
{
    for (size_t i = 0; label->kind == CBOR_TEXT && i < PS_COUNT_OF(parameters); i++) {
        if (ps_bytes_equal_str(label->content, parameters[i].name)) {
            return true;
        }
    }
    return false;
}

enum ps_err cose_check_members(const struct cbor_item *map, enum cose_side side)
{
    struct ps_reader reader = ps_reader(map->content);

    for (uint64_t i = 0; i < map->number; i++) {
        const struct parameter *parameter;
        struct cbor_item label;
        struct cbor_item value;

        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &label));
        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &value));
        parameter = find_parameter(&label);
        if (parameter != NULL && parameter->is_ours) {
            return bad_parameter(&label, "is not the caller's to set");
        }
        if (is_name_of_parameter(&label)) {
            return bad_parameter(&label, "has a number, which stands in place of its name");
        }
    }
    return cose_check_header(map, side);
}

/* RFC 9360 section 2: one certificate is a byte string, several are an array of them. */
static enum ps_err put_chain(const struct cose_header *header, struct cbor_map *map)
{
    if (header->chain == NULL || header->chain_count == 0) {
        return PS_OK;
    }
    PS_TRY(cbor_map_label(map, COSE_X5CHAIN));
    if (header->chain_count > 1) {
        cbor_put_head(map->memory, CBOR_ARRAY, header->chain_count);
    }
    for (size_t i = 0; i < header->chain_count; i++) {
        cbor_put_bytes(map->memory, header->chain[i]);
    }
    return PS_OK;
}

/* RFC 9360 section 2: COSE_CertHash = [hashAlg, hashValue]. */
static enum ps_err put_leaf_hash(const struct cose_header *header, struct cbor_map *map)
{
    if (header->leaf_hash.len == 0) {
        return PS_OK;
    }
    PS_TRY(cbor_map_label(map, COSE_X5T));
    cbor_put_head(map->memory, CBOR_ARRAY, 2);
    cbor_put_integer(map->memory, SHA_256);
    cbor_put_bytes(map->memory, header->leaf_hash);
    return PS_OK;
}

static enum ps_err put_own(const struct cose_header *header, struct cbor_map *map)
{
    if (header->alg != PS_ALG_NONE) {
        PS_TRY(cbor_map_label(map, COSE_ALG));
        cbor_put_integer(map->memory, ps_alg_info(header->alg)->cose);
    }
    if (header->kid.len != 0) {
        PS_TRY(cbor_map_label(map, COSE_KID));
        cbor_put_bytes(map->memory, header->kid);
    }
    PS_TRY(put_chain(header, map));
    return put_leaf_hash(header, map);
}

static enum ps_err put_members(const struct cose_header *header, struct cbor_map *map)
{
    const enum cose_side side = header->alg != PS_ALG_NONE ? COSE_PROTECTED : COSE_UNPROTECTED;
    struct cbor_item members;

    if (header->members.len == 0) {
        return PS_OK;
    }
    PS_TRY(cbor_parse(header->members, CBOR_ORDERED, &members));
    PS_TRY(cose_check_members(&members, side));
    return cbor_map_add_all(map, header->members); /* which says so when it is no map */
}

enum ps_err cose_put_header(const struct cose_header *header, struct ps_buf *out)
{
    struct cbor_pair pairs[COSE_PARAMETERS_MAX];
    PS_BUF_AUTO memory = {.max = COSE_HEADER_MAX};
    struct cbor_map map = {.memory = &memory, .pairs = pairs, .room = COSE_PARAMETERS_MAX};
    enum ps_err err;

    PS_TRY(put_own(header, &map));
    err = put_members(header, &map);
    if (err == PS_OK) {
        err = cbor_put_map(&map, out);
    }
    if (err == PS_E_LIMIT) {
        return ps_fail(PS_E_INPUT, 0, "a COSE header that is too large");
    }
    return err;
}

enum ps_err cose_check_disjoint(struct ps_bytes protected_map, struct ps_bytes unprotected_map)
{
    struct cbor_item one;
    struct cbor_item other;
    struct ps_reader reader;

    PS_TRY(cbor_parse(protected_map, CBOR_ANY_ORDER, &one));
    PS_TRY(cbor_parse(unprotected_map, CBOR_ANY_ORDER, &other));
    reader = ps_reader(one.content);
    for (uint64_t i = 0; i < one.number; i++) {
        struct cbor_item label;
        struct cbor_item value;

        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &label));
        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &value));
        if (cose_has_key(&other, label.raw)) {
            return bad_parameter(&label, "stands in both headers");
        }
    }
    return PS_OK;
}
