#ifndef KEYSTORE_POLICY_ACCESS_INTERNAL_H
#define KEYSTORE_POLICY_ACCESS_INTERNAL_H

#include "keystore/policy/access.h"
#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/name.h"

/* Up to so many grants a client's are looked through each time; more are looked up by key name. */
#define FEW_GRANTS 8u

/*
 * Key names whose grants are remembered, of all clients together, and the octets of all of them:
 * room for that many names with 40 grants each. With more grants to a name it is fewer names:
 * finding those of one again takes twice as long as deciding among so many takes each time.
 */
#define REMEMBERED_MAX        16384u
#define REMEMBERED_OCTETS_MAX (8u << 20)

/* One operation that a grant names. */
struct granted {
    enum granted_op op;
    struct ps_bytes parameter;
};

/* What is left of a rate. */
struct access_rate {
    uint64_t level;   /* in billionths */
    uint64_t last_ns; /* when the level was right */
};

struct access_grant {
    struct ps_bytes id; /* the octets of all of these follow the operations */
    struct ps_bytes keys;
    uint64_t operations; /* a bit for each */
    unsigned formats;    /* GRANTED_FORMAT bits; 0: any */
    uint64_t rate_per_s; /* 0: no limit */
    uint64_t not_after_s;
    struct access_rate uses;
    struct access_rate looks; /* at what a use would be made with */
    size_t count;
    struct granted granted[];
};

/* The grants of a client that cover one key. */
struct matches {
    uint8_t name[sizeof(uint64_t) + PS_NAME_MAX]; /* the client's number, and the key's name */
    size_t name_len;
    size_t count;
    struct access_grant *grants[];
};

struct access_client {
    char name[PS_NAME_MAX + 1];
    size_t name_len;
    uint64_t number;
    unsigned listeners; /* ACCESS_CLIENTS | ACCESS_MANAGEMENT */
    bool suspended;
    uint8_t pins[CLIENT_PINS_MAX][PS_SHA256_LEN];
    size_t pin_count;
    uint32_t uids[CLIENT_UIDS_MAX];
    size_t uid_count;
    uint8_t rule[PS_SHA256_LEN + CLIENT_SAN_MAX]; /* issuer, then name */
    size_t rule_len;
    struct access_grant **grants; /* in the order of their ids */
    size_t grant_count;
};

/* All that one load made; replaced whole, so that nothing of an older state stays. */
struct index {
    struct ps_map *clients; /* owns them */
    struct ps_map *pins;
    struct ps_map *uids;
    struct ps_map *rules;
    struct ps_map *grants;     /* by id; owns them */
    struct ps_map *remembered; /* struct matches; owns them */
    size_t remembered_octets;  /* of all of these */
};

struct access {
    bool is_practice;
    uint32_t refused_uids[ACCESS_REFUSED_MAX];
    size_t refused_count;
    uint64_t last_number;
    struct json *json;
    struct index *index; /* NULL: nobody is known */
};

void access_index_free(struct index *index);

/* The identities that a record names, in the form of the indexes. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err access_read_identities(const struct client_record *record,
                                               struct access_client *ret_client);

/* What one grant says to a question. */
enum access_rule access_grant_says(const struct access_grant *grant,
                                   const struct access_question *question);

#endif
