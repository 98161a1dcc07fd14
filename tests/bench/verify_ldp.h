#ifndef TESTS_BENCH_VERIFY_LDP_H
#define TESTS_BENCH_VERIFY_LDP_H

#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"
#include "lib/jsonld/jsonld.h"

/*
 * Whether the Ed25519 proof of a credential, as its issuer writes it, verifies: the proof is its
 * last member, and the proof's value that one's last member.
 */
bool verify_ldp(struct json_value credential, const struct jsonld_contexts *contexts,
                struct public_key *key);

#endif
