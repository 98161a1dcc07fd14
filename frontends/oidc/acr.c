#include "frontends/oidc/acr.h"

#include "frontends/oidc/transaction.h"
#include "lib/base/encode.h"
#include "lib/formats/json/json.h"

#include <stdlib.h>

#define WAYS_MAX      64u
#define FACTOR_MAX    32u
#define COUNT_MAX     10u
#define SUB_TYPES_MAX 20u

static const char fallback[] =
    "{\"amr\":{\"PIN\":[{\"type\":\"PIN\"}],\"OTP\":[{\"type\":\"OTP\"}],"
    "\"Wallet\":[{\"type\":\"WLA\"}],\"L1-bio-device\":[{\"type\":\"BIO\",\"count\":1}],"
    "\"KBI\":[{\"type\":\"KBI\"}],\"PWD\":[{\"type\":\"PWD\"}],\"IDT\":[{\"type\":\"IDT\"}]},"
    "\"acr_amr\":{\"mosip:idp:acr:static-code\":[\"PIN\"],"
    "\"mosip:idp:acr:generated-code\":[\"OTP\"],\"mosip:idp:acr:linked-wallet\":[\"Wallet\"],"
    "\"mosip:idp:acr:biometrics\":[\"L1-bio-device\"],\"mosip:idp:acr:knowledge\":[\"KBI\"],"
    "\"mosip:idp:acr:password\":[\"PWD\"],\"mosip:idp:acr:id-token\":[\"IDT\"]}}";

struct acr_map {
    struct json *json;
    struct json_value ways;
    struct json_value acrs;
};

struct factor {
    struct ps_bytes type;
    uint32_t count;
    struct json_value subTypes;
};

static const struct json_field factor_fields[] = {
    JSON_FIELD(struct factor, type, JSON_KIND_STRING, true, FACTOR_MAX),
    JSON_FIELD(struct factor, count, JSON_KIND_U32, false, COUNT_MAX),
    JSON_FIELD(struct factor, subTypes, JSON_KIND_ARRAY, false, 0),
};

static enum ps_err read_factor(struct json_value value, struct factor *ret_factor,
                               bool *ret_has_types)
{
    struct ps_bytes text;
    struct json_value type;
    uint32_t cursor = 0;
    uint64_t seen = 0;

    *ret_factor = (struct factor){.count = 0};
    PS_TRY(json_read_object(value, factor_fields, PS_COUNT_OF(factor_fields), ret_factor, &seen));
    *ret_has_types = (seen & 4) != 0;
    if (!*ret_has_types) {
        return PS_OK;
    }
    if (json_count(ret_factor->subTypes) > SUB_TYPES_MAX) {
        return ps_fail(PS_E_INPUT, 0, "subTypes are more than %u", SUB_TYPES_MAX);
    }
    while (json_next(ret_factor->subTypes, &cursor, NULL, &type)) {
        PS_TRY(json_string(type, &text));
    }
    return PS_OK;
}

static enum ps_err check_way(struct json_value way)
{
    struct factor factor;
    struct json_value value;
    uint32_t cursor = 0;
    bool has_types;

    if (json_type(way) != JSON_ARRAY || json_count(way) == 0) {
        return ps_fail(PS_E_INPUT, 0, "a member of amr is no array of factors");
    }
    while (json_next(way, &cursor, NULL, &value)) {
        PS_TRY(read_factor(value, &factor, &has_types));
    }
    return PS_OK;
}

/* The way of this name; a name with a NUL or of another object is none. */
static bool find_way(const struct acr_map *map, struct json_value name, struct json_value *ret_way)
{
    struct ps_bytes wanted;
    struct ps_bytes has;
    uint32_t cursor = 0;

    if (json_string(name, &wanted) != PS_OK) {
        return false;
    }
    while (json_next(map->ways, &cursor, &has, ret_way)) {
        if (ps_bytes_equal(has, wanted)) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_acr(const struct acr_map *map, struct json_value names)
{
    struct json_value name;
    struct json_value way;
    uint32_t cursor = 0;

    if (json_type(names) != JSON_ARRAY || json_count(names) == 0) {
        return ps_fail(PS_E_INPUT, 0, "a member of acr_amr is no array of names");
    }
    while (json_next(names, &cursor, NULL, &name)) {
        if (!find_way(map, name, &way)) {
            return ps_fail(PS_E_INPUT, 0, "acr_amr names what amr has not");
        }
    }
    return PS_OK;
}

static enum ps_err read_map(struct acr_map *map, struct ps_bytes text)
{
    const struct json_limits limits = {ACR_FILE_MAX, 8, 2000, false};
    struct json_value root;
    struct json_value value;
    uint32_t cursor = 0;

    PS_TRY(json_parse(map->json, text, &limits, &root));
    if (json_type(root) != JSON_OBJECT || !json_member(root, "amr", &map->ways) ||
        !json_member(root, "acr_amr", &map->acrs) || json_type(map->ways) != JSON_OBJECT ||
        json_type(map->acrs) != JSON_OBJECT || json_count(map->ways) > WAYS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no object with amr and acr_amr, both objects");
    }
    while (json_next(map->ways, &cursor, NULL, &value)) {
        PS_TRY(check_way(value));
    }
    cursor = 0;
    while (json_next(map->acrs, &cursor, NULL, &value)) {
        PS_TRY(check_acr(map, value));
    }
    return PS_OK;
}

enum ps_err acr_new(struct ps_bytes text, struct acr_map **ret_map)
{
    PS_CLEANUP(acr_free_cleanup) struct acr_map *map = calloc(1, sizeof *map);

    if (map == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&map->json));
    PS_TRY(read_map(map, text.len == 0 ? ps_bytes_str(fallback) : text));
    *ret_map = map;
    map = NULL;
    return PS_OK;
}

void acr_free(struct acr_map *map)
{
    if (map != NULL) {
        json_free(map->json);
        free(map);
    }
}

static bool find_acr(const struct acr_map *map, struct ps_bytes acr, struct json_value *ret_names)
{
    struct ps_bytes has;
    uint32_t cursor = 0;

    while (json_next(map->acrs, &cursor, &has, ret_names)) {
        if (ps_bytes_equal(has, acr)) {
            return true;
        }
    }
    return false;
}

bool acr_is_known(const struct acr_map *map, struct ps_bytes acr)
{
    struct json_value names;

    return find_acr(map, acr, &names);
}

static void put_factor(struct json_value value, struct ps_buf *out)
{
    struct factor factor;
    struct json_value type;
    struct ps_bytes text;
    uint32_t cursor = 0;
    const char *before = "";
    bool has_types;

    if (read_factor(value, &factor, &has_types) != PS_OK) {
        return;
    }
    ps_buf_put_str(out, "{\"type\":");
    ps_buf_put_json_string(out, factor.type);
    ps_buf_printf(out, ",\"count\":%u,\"subTypes\":%s", factor.count, has_types ? "[" : "null");
    while (has_types && json_next(factor.subTypes, &cursor, NULL, &type)) {
        if (json_string(type, &text) == PS_OK) {
            ps_buf_put_str(out, before);
            ps_buf_put_json_string(out, text);
            before = ",";
        }
    }
    ps_buf_put_str(out, has_types ? "]}" : "}");
}

static void put_way_json(struct json_value way, bool first, struct ps_buf *out)
{
    struct json_value factor;
    uint32_t cursor = 0;
    const char *before = first ? "[" : ",[";

    while (json_next(way, &cursor, NULL, &factor)) {
        ps_buf_put_str(out, before);
        put_factor(factor, out);
        before = ",";
    }
    ps_buf_put_u8(out, ']');
}

/* A line of words. */
static void put_way_line(struct json_value way, bool first, struct ps_buf *out)
{
    struct factor factor;
    struct json_value value;
    uint32_t cursor = 0;
    const char *before = "";
    bool has_types;

    (void)first;
    while (json_next(way, &cursor, NULL, &value) &&
           read_factor(value, &factor, &has_types) == PS_OK) {
        ps_buf_put_str(out, before);
        ps_buf_put(out, factor.type);
        before = " ";
    }
    ps_buf_put_u8(out, '\n');
}

struct told {
    void (*put_way)(struct json_value way, bool first, struct ps_buf *out);
    uint32_t ways[WAYS_MAX];
    size_t count;
};

/* A way that was told already is not told again. */
static void tell_way(struct told *told, struct json_value way, struct ps_buf *out)
{
    for (size_t i = 0; i < told->count; i++) {
        if (told->ways[i] == way.at) {
            return;
        }
    }
    if (told->count < WAYS_MAX) {
        told->put_way(way, told->count == 0, out);
        told->ways[told->count++] = way.at;
    }
}

/* Whether all factors of the way are among these. */
static bool way_fits(struct json_value way, struct ps_bytes factors)
{
    struct factor factor;
    struct json_value value;
    uint32_t cursor = 0;
    bool has_types;

    while (json_next(way, &cursor, NULL, &value)) {
        if (read_factor(value, &factor, &has_types) != PS_OK || !words_have(factors, factor.type)) {
            return false;
        }
    }
    return true;
}

static void tell_ways(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes available,
                      struct told *told, struct ps_buf *out)
{
    struct json_value names;
    struct json_value name;
    struct json_value way;
    struct ps_bytes acr;

    while (words_next(&acrs, &acr)) {
        uint32_t cursor = 0;
        const bool known = find_acr(map, acr, &names);

        while (known && json_next(names, &cursor, NULL, &name) && find_way(map, name, &way)) {
            if (way_fits(way, available)) {
                tell_way(told, way, out);
            }
        }
    }
}

void acr_put_factors(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes available,
                     struct ps_buf *out)
{
    struct told told = {.put_way = put_way_json};

    ps_buf_put_u8(out, '[');
    tell_ways(map, acrs, available, &told, out);
    ps_buf_put_u8(out, ']');
}

void acr_put_ways(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes available,
                  struct ps_buf *out)
{
    struct told told = {.put_way = put_way_line};

    tell_ways(map, acrs, available, &told, out);
}

static bool is_reached(const struct acr_map *map, struct ps_bytes acr, struct ps_bytes factors)
{
    struct json_value names;
    struct json_value name;
    struct json_value way;
    uint32_t cursor = 0;

    if (!find_acr(map, acr, &names)) {
        return false;
    }
    while (json_next(names, &cursor, NULL, &name) && find_way(map, name, &way)) {
        if (way_fits(way, factors)) {
            return true;
        }
    }
    return false;
}

void acr_put_reached(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes factors,
                     struct ps_buf *out)
{
    struct ps_bytes acr;

    while (words_next(&acrs, &acr)) {
        if (is_reached(map, acr, factors)) {
            words_add(out, acr);
        }
    }
}

void acr_put_all(const struct acr_map *map, struct ps_bytes factors, struct ps_buf *out)
{
    struct json_value names;
    struct ps_bytes acr;
    uint32_t cursor = 0;

    while (json_next(map->acrs, &cursor, &acr, &names)) {
        if (is_reached(map, acr, factors)) {
            words_add(out, acr);
        }
    }
}
