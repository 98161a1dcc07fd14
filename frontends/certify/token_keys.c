#include "frontends/certify/token_keys.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/system/file.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define OCTETS_MAX (256u * 1024u)

struct token_keys {
    struct call call; /* first: a call is its keys */
    struct calls *calls;
    struct token_keys_options options;
    struct ps_buf text; /* of the call, as the next two */
    enum ps_err result;
    char why[256];
    bool reading;
    struct token_keys_wait *waiting;
    struct token_key_set set;
    uint64_t read_ns;  /* monotonic: when what is there was asked for; 0: never */
    uint64_t asked_ns; /* when it was last asked for */
};

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct ps_buf *text = context;

    ps_buf_put(text, ps_bytes(data, size * count));
    return ps_buf_status(text) == PS_OK ? size * count : 0;
}

static void free_curl(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void set_address(CURL *curl, const struct token_keys_options *options)
{
    const bool local = options->socket[0] != '\0';

    (void)curl_easy_setopt(curl, CURLOPT_URL, options->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, local ? "http" : "https");
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (local) {
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, options->socket);
    }
    if (options->ca[0] != '\0') {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca);
    }
}

static enum ps_err fetch(const struct token_keys_options *options, struct ps_buf *text)
{
    PS_CLEANUP(free_curl) CURL *curl = curl_easy_init();
    CURLcode code;
    long status = 0;

    if (curl == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    set_address(curl, options);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        return ps_fail(PS_E_BUSY, (long)code, "%s: %s", options->url, curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? PS_OK
                         : ps_fail(PS_E_BUSY, status, "%s: status %ld", options->url, status);
}

/* Touches nothing but what is the call's. */
static void work(struct call *call, struct privyseal *client)
{
    struct token_keys *keys = (struct token_keys *)(void *)call;

    (void)client;
    if (keys->options.file[0] != '\0') {
        keys->result = file_read(keys->options.file, OCTETS_MAX, &keys->text);
    } else {
        ps_buf_init(&keys->text, OCTETS_MAX);
        keys->result = fetch(&keys->options, &keys->text);
    }
    if (keys->result != PS_OK) {
        (void)snprintf(keys->why, sizeof keys->why, "%s", ps_detail()->text);
    }
}

static void take(struct token_keys *keys)
{
    struct token_key_set set;

    if (keys->result == PS_OK) {
        keys->result = token_key_set_parse(ps_buf_bytes(&keys->text), &set);
        (void)snprintf(keys->why, sizeof keys->why, "%s", ps_detail()->text);
    }
    if (keys->result != PS_OK) {
        ps_line(PS_WARNING, "token_keys_away", PS_STR("why", keys->why));
        return;
    }
    token_key_set_clear(&keys->set);
    keys->set = set;
    keys->read_ns = keys->asked_ns;
}

static void done(struct call *call)
{
    struct token_keys *keys = (struct token_keys *)(void *)call;
    struct token_keys_wait *wait = keys->waiting;

    keys->reading = false;
    keys->waiting = NULL;
    take(keys);
    ps_buf_clear(&keys->text);
    while (wait != NULL) {
        struct token_keys_wait *next = wait->next;

        wait->ready(wait);
        wait = next;
    }
}

enum ps_err token_keys_new(struct calls *calls, const struct token_keys_options *options,
                           struct token_keys **ret_keys)
{
    struct token_keys *keys = calloc(1, sizeof *keys);

    if (keys == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    keys->call = (struct call){.work = work, .done = done};
    keys->calls = calls;
    keys->options = *options;
    *ret_keys = keys;
    return PS_OK;
}

void token_keys_free(struct token_keys *keys)
{
    if (keys != NULL) {
        token_key_set_clear(&keys->set);
        ps_buf_clear(&keys->text);
        free(keys);
    }
}

static bool is_within(uint64_t since_ns, uint64_t seconds)
{
    return since_ns != 0 && ps_clock_mono_ns() - since_ns < seconds * PS_NS_PER_S;
}

static bool has_kid(const struct token_keys *keys, struct ps_bytes kid)
{
    for (size_t i = 0; i < keys->set.count; i++) {
        if (ps_bytes_equal(ps_buf_bytes(&keys->set.keys[i].kid), kid)) {
            return true;
        }
    }
    return false;
}

bool token_keys_are_old(const struct token_keys *keys, struct ps_bytes kid)
{
    if (!is_within(keys->read_ns, keys->options.fresh_s)) {
        return true;
    }
    return kid.len != 0 && !has_kid(keys, kid) && !is_within(keys->asked_ns, TOKEN_KEYS_PAUSE_S);
}

bool token_keys_are_there(const struct token_keys *keys)
{
    return is_within(keys->read_ns, TOKEN_KEYS_KEPT_S);
}

enum ps_err token_keys_read(struct token_keys *keys, struct token_keys_wait *wait)
{
    if (!keys->reading) {
        PS_TRY(calls_make(keys->calls, &keys->call));
        keys->asked_ns = ps_clock_mono_ns();
        keys->reading = true;
    }
    wait->next = keys->waiting;
    keys->waiting = wait;
    return PS_OK;
}

static bool fits(const struct token_key *key, enum ps_alg alg)
{
    return ps_alg_fits(alg, public_key_type(key->key)) &&
           (key->alg == PS_ALG_NONE || key->alg == alg);
}

struct public_key *token_keys_find(const struct token_keys *keys, struct ps_bytes kid,
                                   enum ps_alg alg)
{
    struct public_key *found = NULL;

    for (size_t i = 0; i < keys->set.count; i++) {
        const struct token_key *key = &keys->set.keys[i];

        if (!fits(key, alg) || (kid.len != 0 && !ps_bytes_equal(ps_buf_bytes(&key->kid), kid))) {
            continue;
        }
        if (found != NULL) {
            return NULL;
        }
        found = key->key;
    }
    return found;
}
