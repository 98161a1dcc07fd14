#include "tests/bench/load.h"
#include "tests/bench/verify_ldp.h"

#include "frontends/certify/contexts.h"
#include "lib/base/encode.h"
#include "lib/formats/cose/cose.h"
#include "lib/formats/jose/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS_MAX 64

struct counts {
    uint64_t all;
    uint64_t good;
};

struct checker {
    struct public_key *keys[KEYS_MAX];
    size_t key_count;
    struct ps_bytes plaintext; /* base64url, beside the keys: what has to come out of a JWE */
    struct jsonld_contexts *contexts; /* from the list that is named there, of documents */
    struct json *json;
    struct ps_buf memory;
    struct counts *counts;
};

static void read_contexts(struct json_value path, struct checker *checker)
{
    struct ps_bytes text;
    char name[512];

    if (json_string(path, &text) != PS_OK || text.len >= sizeof name) {
        exit(1);
    }
    memcpy(name, text.data, text.len);
    name[text.len] = '\0';
    if (contexts_read(name, &checker->contexts) != PS_OK) {
        (void)fprintf(stderr, "load: contexts: %s\n", ps_detail()->text);
        exit(1);
    }
}

static void read_keys(struct ps_bytes jwks, struct checker *checker)
{
    struct json *json = NULL;
    struct json_value root;
    struct json_value keys;
    struct json_value key;
    uint32_t cursor = 0;

    if (json_new(&json) != PS_OK || json_parse(json, jwks, &JSON_LIMITS_REQUEST, &root) != PS_OK ||
        !json_member(root, "keys", &keys)) {
        (void)fprintf(stderr, "load: not a JWK set\n");
        exit(1);
    }
    if (json_member(root, "plaintext", &key)) {
        /* The text outlives the reader. */
        checker->plaintext = json_raw(key);
    }
    if (json_member(root, "contexts", &key)) {
        read_contexts(key, checker);
    }
    while (json_next(keys, &cursor, NULL, &key) && checker->key_count < KEYS_MAX) {
        if (public_key_from_jwk(json_raw(key), &checker->keys[checker->key_count]) == PS_OK) {
            checker->key_count++;
        }
    }
    json_free(json);
}

static void check_jws(struct checker *checker, struct ps_bytes text)
{
    struct jws_parsed jws;

    (void)__atomic_add_fetch(&checker->counts->all, 1, __ATOMIC_RELAXED);
    ps_buf_reset(&checker->memory);
    if (jws_parse(text, NULL, &checker->memory, &jws) != PS_OK) {
        return;
    }
    for (size_t i = 0; i < checker->key_count; i++) {
        if (ps_bytes_equal(jws.kid, public_key_kid(checker->keys[i])) &&
            jws_verify(&jws, checker->keys[i]) == PS_OK) {
            (void)__atomic_add_fetch(&checker->counts->good, 1, __ATOMIC_RELAXED);
            return;
        }
    }
}

/* It names no key: the set has one. */
static void check_cose(struct checker *checker, struct ps_bytes text)
{
    struct cose_parsed cose;

    (void)__atomic_add_fetch(&checker->counts->all, 1, __ATOMIC_RELAXED);
    ps_buf_reset(&checker->memory);
    if (ps_base64url_decode(text, &checker->memory) == PS_OK &&
        cose_parse(ps_buf_bytes(&checker->memory), NULL, &cose) == PS_OK &&
        cose_verify(&cose, ps_bytes(NULL, 0), cose.alg, checker->keys[0]) == PS_OK) {
        (void)__atomic_add_fetch(&checker->counts->good, 1, __ATOMIC_RELAXED);
    }
}

static void check_plaintext(struct checker *checker, struct json_value plaintext)
{
    (void)__atomic_add_fetch(&checker->counts->all, 1, __ATOMIC_RELAXED);
    if (ps_bytes_equal(json_raw(plaintext), checker->plaintext)) {
        (void)__atomic_add_fetch(&checker->counts->good, 1, __ATOMIC_RELAXED);
    }
}

static void check_document(struct checker *checker, struct json_value document)
{
    (void)__atomic_add_fetch(&checker->counts->all, 1, __ATOMIC_RELAXED);
    if (checker->contexts != NULL && verify_ldp(document, checker->contexts, checker->keys[0])) {
        (void)__atomic_add_fetch(&checker->counts->good, 1, __ATOMIC_RELAXED);
    }
}

static void check_object(struct checker *checker, struct json_value object)
{
    struct json_value value;
    struct ps_bytes text;

    if (json_member(object, "jws", &value) && json_string(value, &text) == PS_OK) {
        check_jws(checker, text);
    } else if (json_member(object, "plaintext", &value)) {
        check_plaintext(checker, value);
    } else if (json_member(object, "document", &value)) {
        check_document(checker, value);
    } else if (json_member(object, "cose", &value) && json_string(value, &text) == PS_OK) {
        check_cose(checker, text);
    }
}

static void check_body(struct checker *checker, struct ps_bytes body)
{
    struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value root;
    struct json_value items;
    struct json_value item;
    uint32_t cursor = 0;

    if (json_parse(checker->json, body, &limits, &root) != PS_OK) {
        (void)__atomic_add_fetch(&checker->counts->all, 1, __ATOMIC_RELAXED);
        return;
    }
    if (!json_member(root, "items", &items)) {
        check_object(checker, root);
        return;
    }
    while (json_next(items, &cursor, NULL, &item)) {
        check_object(checker, item);
    }
}

/* Every count-th body, starting with the own one. */
static void check_share(const struct load_result *result, struct ps_bytes jwks,
                        struct counts *counts, unsigned mine, unsigned count)
{
    struct checker checker = {.counts = counts};
    size_t at = 0;

    ps_buf_init(&checker.memory, 64u * 1024u * 1024u);
    if (json_new(&checker.json) != PS_OK) {
        exit(1);
    }
    read_keys(jwks, &checker);
    for (unsigned number = 0; at < result->bodies_len; number++) {
        uint32_t len;

        memcpy(&len, result->bodies + at, 4);
        if (number % count == mine) {
            check_body(&checker, ps_bytes(result->bodies + at + 4, len));
        }
        at += 4 + len;
    }
}

void load_verify(const struct load_result *result, struct ps_bytes jwks, uint64_t *ret_count,
                 uint64_t *ret_good)
{
    const unsigned processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    struct counts *counts =
        mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (counts == MAP_FAILED) {
        exit(1);
    }
    for (unsigned i = 0; i < processors; i++) {
        const pid_t child = fork();

        if (child < 0) {
            exit(1);
        }
        if (child == 0) {
            check_share(result, jwks, counts, i, processors);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < processors; i++) {
        (void)wait(NULL);
    }
    *ret_count = counts->all;
    *ret_good = counts->good;
    (void)munmap(counts, sizeof *counts);
}
