#ifndef CEREMONY_LOG_LEAF_H
#define CEREMONY_LOG_LEAF_H

#include "lib/formats/json/json.h"
#include "lib/formats/tlog/merkle.h"

/*
 * Reading the leaves of docs/log-format.md: closed schemas, canonical to the octet. What is read
 * borrows from the leaf or from the parser's memory and is valid until its next json_parse.
 */
#define LOG_LEAF_MAX (48u * 1024u)

struct log_use {
    uint64_t time_ns;
    struct ps_bytes algorithm; /* JOSE name; empty: none */
    struct ps_bytes caller;
    struct ps_bytes format; /* empty: none */
    struct ps_bytes hash;   /* 32 octets */
    struct ps_bytes key;
    struct ps_bytes operation;
    struct ps_bytes request_id;
    struct ps_bytes serial; /* in hexadecimal; empty: no certificate was issued */
    uint32_t version;
};

struct log_event {
    struct ps_bytes octets; /* of the leaf */
    uint64_t time_ns;
    struct ps_bytes caller; /* empty: the appliance itself */
    struct ps_bytes kind;
    struct ps_bytes request_id; /* empty: none */
    struct json_value data;     /* doc NULL: none */
};

/* The data of the kind "shard". */
struct log_shard {
    uint64_t first;
    struct ps_bytes log;
    struct ps_bytes name;
    struct merkle_hash root;
    uint64_t size;
};

/* Errors: PS_E_INPUT (the detail names the member), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err log_use_read(struct json *json, struct ps_bytes leaf,
                                     struct log_use *ret_use);
PS_MUST_USE enum ps_err log_event_read(struct json *json, struct ps_bytes leaf,
                                       struct log_event *ret_event);
PS_MUST_USE enum ps_err log_shard_read(struct json_value data, struct log_shard *ret_shard);

/* The member "log_key" of a genesis leaf's data. */
PS_MUST_USE enum ps_err log_genesis_read_key(const struct log_event *genesis,
                                             struct ps_bytes *ret_verifier);

/* "2026-11-0001": a month of the calendar and a number from 0001 on. */
bool log_shard_name_valid(struct ps_bytes name);

#endif
