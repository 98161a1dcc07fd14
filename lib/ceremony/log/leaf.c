#include "lib/ceremony/log/leaf.h"

#include "lib/base/clock.h"
#include "lib/base/name.h"

#define TIME_LEN   27u /* YYYY-MM-DDThh:mm:ss.ffffffZ */
#define SHORT      32u
#define SERIAL_MAX 40u /* RFC 5280 section 4.1.2.2: 20 octets */

static const struct json_limits leaf_limits = {LOG_LEAF_MAX, 16, LOG_LEAF_MAX};

struct use_members {
    struct ps_bytes alg, caller, format, hash, key, op, request, serial, time;
    uint32_t v, version;
};

static const struct json_field use_fields[] = {
    JSON_FIELD(struct use_members, alg, JSON_KIND_STRING, false, SHORT),
    JSON_FIELD(struct use_members, caller, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct use_members, format, JSON_KIND_STRING, false, SHORT),
    JSON_FIELD(struct use_members, hash, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct use_members, key, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct use_members, op, JSON_KIND_STRING, true, SHORT),
    JSON_FIELD(struct use_members, request, JSON_KIND_STRING, true, PS_REQUEST_ID_MAX),
    JSON_FIELD(struct use_members, serial, JSON_KIND_STRING, false, SERIAL_MAX),
    JSON_FIELD(struct use_members, time, JSON_KIND_STRING, true, TIME_LEN),
    JSON_FIELD(struct use_members, v, JSON_KIND_U32, true, 1),
    JSON_FIELD(struct use_members, version, JSON_KIND_U32, true, 0),
};

struct event_members {
    struct ps_bytes caller, kind, request, time;
    struct json_value data;
    uint32_t v;
};

static const struct json_field event_fields[] = {
    JSON_FIELD(struct event_members, caller, JSON_KIND_NAME, false, 0),
    JSON_FIELD(struct event_members, data, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct event_members, kind, JSON_KIND_STRING, true, SHORT),
    JSON_FIELD(struct event_members, request, JSON_KIND_STRING, false, PS_REQUEST_ID_MAX),
    JSON_FIELD(struct event_members, time, JSON_KIND_STRING, true, TIME_LEN),
    JSON_FIELD(struct event_members, v, JSON_KIND_U32, true, 1),
};
enum { EVENT_HAS_DATA = 1u << 1, EVENT_HAS_REQUEST = 1u << 3 };
enum { USE_HAS_ALG = 1u << 0, USE_HAS_FORMAT = 1u << 2, USE_HAS_SERIAL = 1u << 7 };

struct shard_members {
    uint64_t first, size;
    struct ps_bytes log, name, root;
};

static const struct json_field shard_fields[] = {
    JSON_FIELD(struct shard_members, first, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct shard_members, log, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct shard_members, name, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct shard_members, root, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct shard_members, size, JSON_KIND_U64, true, 0),
};

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* [a-z][a-z0-9<also>-]*: operations may have dots, kinds not. */
static bool is_word(struct ps_bytes text, char also)
{
    if (text.len == 0 || !is_lower(text.data[0])) {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!is_lower(c) && !is_digit(c) && c != '-' && c != (uint8_t)also) {
            return false;
        }
    }
    return true;
}

/* [A-Za-z0-9-]+, capitals only where they are allowed. */
static bool is_label(struct ps_bytes text, bool capitals)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!is_lower(c) && !is_digit(c) && c != '-' && !(capitals && c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return text.len != 0;
}

/* Whole octets in lower case hexadecimal, the first not zero. */
static bool is_serial(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]) && (text.data[i] < 'a' || text.data[i] > 'f')) {
            return false;
        }
    }
    return text.len != 0 && text.len % 2 == 0 && memcmp(text.data, "00", 2) != 0;
}

static enum ps_err wrong(const char *member)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s\": not of its form", member);
}

static enum ps_err read_time(struct ps_bytes text, uint64_t *ret_time_ns)
{
    if (text.len != TIME_LEN) {
        return wrong("time");
    }
    return ps_time_parse(text, ret_time_ns);
}

static enum ps_err parse(struct json *json, struct ps_bytes leaf, struct json_value *ret_root)
{
    PS_TRY(json_parse(json, leaf, &leaf_limits, ret_root));
    return json_check_canonical(*ret_root);
}

static enum ps_err check_use(const struct use_members *members, uint64_t seen)
{
    if ((seen & USE_HAS_ALG) != 0 && !is_label(members->alg, true)) {
        return wrong("alg");
    }
    if ((seen & USE_HAS_FORMAT) != 0 && !is_label(members->format, false)) {
        return wrong("format");
    }
    if (members->hash.len != PS_SHA256_LEN) {
        return wrong("hash");
    }
    if (!is_word(members->op, '.')) {
        return wrong("op");
    }
    if (!ps_request_id_valid(members->request)) {
        return wrong("request");
    }
    if ((seen & USE_HAS_SERIAL) != 0 && !is_serial(members->serial)) {
        return wrong("serial");
    }
    if (members->v != 1) {
        return wrong("v");
    }
    return members->version == 0 ? wrong("version") : PS_OK;
}

enum ps_err log_use_read(struct json *json, struct ps_bytes leaf, struct log_use *ret_use)
{
    struct json_value root;
    struct use_members members = {0};
    uint64_t seen;
    uint64_t time_ns;

    PS_TRY(parse(json, leaf, &root));
    PS_TRY(json_read_object(root, use_fields, PS_COUNT_OF(use_fields), &members, &seen));
    PS_TRY(check_use(&members, seen));
    PS_TRY(read_time(members.time, &time_ns));
    *ret_use = (struct log_use){
        .time_ns = time_ns,
        .algorithm = members.alg,
        .caller = members.caller,
        .format = members.format,
        .hash = members.hash,
        .key = members.key,
        .operation = members.op,
        .request_id = members.request,
        .serial = members.serial,
        .version = members.version,
    };
    return PS_OK;
}

enum ps_err log_event_read(struct json *json, struct ps_bytes leaf, struct log_event *ret_event)
{
    struct json_value root;
    struct event_members members = {0};
    uint64_t seen;
    uint64_t time_ns;

    PS_TRY(parse(json, leaf, &root));
    PS_TRY(json_read_object(root, event_fields, PS_COUNT_OF(event_fields), &members, &seen));
    if (!is_word(members.kind, '-')) {
        return wrong("kind");
    }
    if ((seen & EVENT_HAS_REQUEST) != 0 && !ps_request_id_valid(members.request)) {
        return wrong("request");
    }
    if (members.v != 1) {
        return wrong("v");
    }
    PS_TRY(read_time(members.time, &time_ns));
    if ((seen & EVENT_HAS_DATA) == 0) {
        members.data = (struct json_value){.doc = NULL};
    }
    *ret_event = (struct log_event){
        .octets = leaf,
        .time_ns = time_ns,
        .caller = members.caller,
        .kind = members.kind,
        .request_id = members.request,
        .data = members.data,
    };
    return PS_OK;
}

enum ps_err log_shard_read(struct json_value data, struct log_shard *ret_shard)
{
    struct shard_members members;

    if (data.doc == NULL) {
        return wrong("data");
    }
    PS_TRY(json_read_object(data, shard_fields, PS_COUNT_OF(shard_fields), &members, NULL));
    if (members.root.len != PS_SHA256_LEN) {
        return wrong("root");
    }
    if (!log_shard_name_valid(members.name)) {
        return wrong("name");
    }
    if (members.size == 0) {
        return wrong("size");
    }
    ret_shard->first = members.first;
    ret_shard->log = members.log;
    ret_shard->name = members.name;
    ret_shard->size = members.size;
    memcpy(ret_shard->root.octets, members.root.data, PS_SHA256_LEN);
    return PS_OK;
}

enum ps_err log_genesis_read_key(const struct log_event *genesis, struct ps_bytes *ret_verifier)
{
    struct json_value value;

    if (!ps_bytes_equal_str(genesis->kind, "genesis")) {
        return wrong("kind");
    }
    if (genesis->data.doc == NULL || !json_member(genesis->data, "log_key", &value) ||
        json_type(value) != JSON_STRING) {
        return wrong("log_key");
    }
    return json_string(value, ret_verifier);
}

bool log_shard_name_valid(struct ps_bytes name)
{
    static const char form[] = "dddd-dd-dddd";
    unsigned month;

    if (name.len != sizeof form - 1) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (form[i] == '-' ? name.data[i] != '-' : !is_digit(name.data[i])) {
            return false;
        }
    }
    month = (unsigned)(name.data[5] - '0') * 10 + (unsigned)(name.data[6] - '0');
    return month >= 1 && month <= 12 && memcmp(name.data + 8, "0000", 4) != 0;
}
