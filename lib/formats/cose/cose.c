#include "lib/formats/cose/cose.h"

#include "lib/formats/cose/cose_internal.h"

/* RFC 9052 section 4.4: the context of COSE_Sign1, and the head of the array it stands in. */
static const uint8_t sig_structure_start[COSE_SIG_HEADER_AT] = {0x84, 0x6a, 'S', 'i', 'g', 'n',
                                                                'a',  't',  'u', 'r', 'e', '1'};

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "COSE: %s", what);
}

enum ps_alg cose_alg_by_number(int64_t number)
{
    for (unsigned i = PS_ALG_NONE + 1; i < PS_ALG_COUNT; i++) {
        if (ps_alg_info((enum ps_alg)i)->cose == number) {
            return (enum ps_alg)i;
        }
    }
    return PS_ALG_NONE;
}

enum ps_err cose_put_sig_structure(const struct cose_to_sign *what, struct ps_buf *out,
                                   size_t *ret_header_len)
{
    size_t header_at;

    ps_buf_put(out, ps_bytes(sig_structure_start, sizeof sig_structure_start));
    header_at = out->len;
    cbor_put_bytes(out, what->protected_map);
    *ret_header_len = out->len - header_at;
    cbor_put_bytes(out, what->external_aad);
    cbor_put_bytes(out, what->payload);
    return ps_buf_status(out);
}

void cose_put_sign1(const struct cose_sign1 *sign1, struct ps_buf *out)
{
    if (sign1->is_cwt) {
        cbor_put_head(out, CBOR_TAG, COSE_TAG_CWT);
    }
    if (sign1->is_tagged) {
        cbor_put_head(out, CBOR_TAG, COSE_TAG_SIGN1);
    }
    cbor_put_head(out, CBOR_ARRAY, 4);
    ps_buf_put(out, sign1->protected_header);
    ps_buf_put(out, sign1->unprotected);
    if (sign1->is_detached) {
        cbor_put_head(out, CBOR_SIMPLE, CBOR_NULL);
    } else {
        cbor_put_bytes(out, sign1->payload);
    }
    cbor_put_bytes(out, sign1->signature);
}

/* Takes off the tags that may stand before the array: none, 18, or 61 and 18. */
static enum ps_err untag(struct cbor_item *item)
{
    bool may_be_cwt = true;

    while (item->kind == CBOR_TAG) {
        if (item->number == COSE_TAG_SIGN1) {
            return cbor_parse(item->content, CBOR_ANY_ORDER, item);
        }
        if (item->number != COSE_TAG_CWT || !may_be_cwt) {
            return bad("tagged as something else than COSE_Sign1");
        }
        may_be_cwt = false;
        PS_TRY(cbor_parse(item->content, CBOR_ANY_ORDER, item));
        /* RFC 8392 section 6: 61 stands before another COSE tag. */
        if (item->kind != CBOR_TAG) {
            return bad("tagged as a CWT, and not as COSE_Sign1");
        }
    }
    return PS_OK;
}

static enum ps_err read_alg(const struct cbor_item *map, enum ps_alg *ret_alg)
{
    struct cbor_item value;
    int64_t number;

    if (!cbor_find(map, COSE_ALG, &value)) {
        *ret_alg = PS_ALG_NONE;
        return PS_OK;
    }
    *ret_alg = cbor_integer(&value, &number) ? cose_alg_by_number(number) : PS_ALG_NONE;
    return *ret_alg != PS_ALG_NONE ? PS_OK : bad("an algorithm that we do not take");
}

/* RFC 9052 section 3.1: what `crit` names must be understood. */
static enum ps_err check_understood(const struct cbor_item *map)
{
    struct cbor_item list;
    struct ps_reader reader;

    if (!cbor_find(map, COSE_CRIT, &list)) {
        return PS_OK;
    }
    reader = ps_reader(list.content);
    for (uint64_t i = 0; i < list.number; i++) {
        struct cbor_item label;

        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &label));
        if (!cose_label_understood(&label)) {
            return bad("\"crit\" names what we do not understand");
        }
    }
    return PS_OK;
}

static void find_kid(const struct cbor_item *map, struct cose_parsed *cose)
{
    struct cbor_item value;

    if (cbor_find(map, COSE_KID, &value)) {
        cose->kid = value.content;
    }
}

static enum ps_err read_header(const struct cbor_item *map, enum cose_side side,
                               struct cose_parsed *cose)
{
    if (map->kind != CBOR_MAP || map->raw.len > COSE_HEADER_MAX) {
        return bad("a header that is no map, or too large");
    }
    PS_TRY(cose_check_header(map, side));
    find_kid(map, cose);
    if (side == COSE_UNPROTECTED) {
        return read_alg(map, &cose->unsigned_alg);
    }
    PS_TRY(check_understood(map));
    return read_alg(map, &cose->alg);
}

/*
 * RFC 9052 section 3: an empty protected header is a byte string of length zero, and a map without
 * entries in one is accepted as the same; section 4.4: it is signed as the former.
 */
static enum ps_err read_protected(const struct cbor_item *item, struct cose_parsed *cose)
{
    struct cbor_item map;

    if (item->kind != CBOR_BYTES) {
        return bad("the protected header is no byte string");
    }
    if (item->content.len == 0) {
        return PS_OK;
    }
    PS_TRY(cbor_parse(item->content, CBOR_ANY_ORDER, &map));
    PS_TRY(read_header(&map, COSE_PROTECTED, cose));
    if (map.number != 0) {
        cose->protected_map = item->content;
    }
    return PS_OK;
}

static enum ps_err read_payload(const struct cbor_item *item, const struct ps_bytes *detached,
                                struct cose_parsed *cose)
{
    const bool is_given = detached != NULL && detached->data != NULL;

    if (cbor_is_simple(item, CBOR_NULL)) {
        if (!is_given) {
            return bad("its payload is detached and was not given");
        }
        cose->payload = *detached;
        return PS_OK;
    }
    if (item->kind != CBOR_BYTES) {
        return bad("the payload is no byte string");
    }
    if (is_given) {
        return bad("a payload inside and one beside it");
    }
    cose->payload = item->content;
    return PS_OK;
}

enum ps_err cose_parse(struct ps_bytes octets, const struct ps_bytes *detached,
                       struct cose_parsed *ret_cose)
{
    struct cose_parsed cose = {0};
    struct cbor_item item;
    struct cbor_item parts[4];
    struct ps_reader reader;

    PS_TRY(cbor_parse(octets, CBOR_ANY_ORDER, &item));
    PS_TRY(untag(&item));
    if (item.kind != CBOR_ARRAY || item.number != PS_COUNT_OF(parts)) {
        return bad("not an array of four");
    }
    reader = ps_reader(item.content);
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &parts[i]));
    }
    PS_TRY(read_header(&parts[1], COSE_UNPROTECTED, &cose));
    PS_TRY(read_protected(&parts[0], &cose));
    cose.unprotected = parts[1].raw;
    if (cose.protected_map.len != 0) {
        PS_TRY(cose_check_disjoint(cose.protected_map, cose.unprotected));
    }
    PS_TRY(read_payload(&parts[2], detached, &cose));
    if (parts[3].kind != CBOR_BYTES) {
        return bad("the signature is no byte string");
    }
    cose.signature = parts[3].content;
    *ret_cose = cose;
    return PS_OK;
}

/* What stands between the parts of Sig_structure: heads of at most nine octets. */
struct heads {
    uint8_t octets[3 * 9];
    struct ps_buf buf;
    struct ps_bytes head[3];
};

static void put_heads(struct heads *heads, const struct ps_bytes parts[3])
{
    heads->buf = (struct ps_buf){
        .data = heads->octets, .cap = sizeof heads->octets, .max = sizeof heads->octets};
    for (size_t i = 0; i < 3; i++) {
        const size_t at = heads->buf.len;

        cbor_put_head(&heads->buf, CBOR_BYTES, parts[i].len);
        heads->head[i] = ps_bytes(heads->octets + at, heads->buf.len - at);
    }
}

static enum ps_err verify_message(const struct cose_parsed *cose, struct ps_bytes external_aad,
                                  enum ps_alg alg, struct public_key *key)
{
    const struct cose_to_sign what = {cose->protected_map, external_aad, cose->payload};
    PS_BUF_AUTO message = {.max = SIZE_MAX / 2};
    size_t header_len;

    PS_TRY(cose_put_sig_structure(&what, &message, &header_len));
    return public_key_verify(key, alg, ps_buf_bytes(&message), cose->signature);
}

enum ps_err cose_verify(const struct cose_parsed *cose, struct ps_bytes external_aad,
                        enum ps_alg alg, struct public_key *key)
{
    const struct ps_alg_info *info = ps_alg_info(alg);
    const struct ps_bytes parts[3] = {cose->protected_map, external_aad, cose->payload};
    struct heads heads;
    uint8_t digest[PS_HASH_MAX];

    if (info == NULL) {
        return bad("no algorithm");
    }
    if (info->signs_message) {
        return verify_message(cose, external_aad, alg, key);
    }
    put_heads(&heads, parts);
    ps_hash_parts(info->hash,
                  (const struct ps_bytes[]){
                      ps_bytes(sig_structure_start, sizeof sig_structure_start), heads.head[0],
                      parts[0], heads.head[1], parts[1], heads.head[2], parts[2]},
                  7, digest);
    return public_key_verify_digest(key, alg, ps_bytes(digest, ps_hash_len(info->hash)),
                                    cose->signature);
}
