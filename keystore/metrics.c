#include "keystore/metrics.h"

#include "keystore/keys/key_cache.h"
#include "keystore/signing/signer.h"
#include "keystore/state/disk_watch.h"
#include "keystore/state/state.h"
#include "keystore/witnesses/witnesses.h"

#include <inttypes.h>

#include <stdio.h>
#include <stdlib.h>

#define TOKENS_MAX  32u
#define REASONS_MAX 8u

/* Upper bounds in microseconds; the last bucket has none. */
static const uint32_t bounds[] = {50,   100,   250,   500,    1000,   2500,
                                  5000, 10000, 25000, 100000, 500000, 2500000};
#define BUCKETS (PS_COUNT_OF(bounds) + 1)

struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t sum_us;
    uint64_t total;
};

struct hung {
    const char *why;
    uint64_t count;
};

struct token_metrics {
    const struct token *token;
    struct histogram operations[PS_ALG_COUNT];
    struct histogram failures[PS_ALG_COUNT];
    struct histogram uses[TOKEN_ACTION_COUNT];
    struct histogram queued;
    uint64_t unwraps;
    struct hung hung[REASONS_MAX];
};

struct metrics {
    struct token_metrics *tokens[TOKENS_MAX];
    uint64_t made;
    uint64_t verified;
    uint64_t wrong;
};

enum ps_err keeper_metrics_new(struct metrics **ret_metrics)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (metrics == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_metrics = metrics;
    return PS_OK;
}

void keeper_metrics_free(struct metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        free(metrics->tokens[i]);
    }
    free(metrics);
}

/* NULL without memory: a figure is lost, nothing else. */
static struct token_metrics *of_token(struct metrics *metrics, const struct token *token)
{
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        if (metrics->tokens[i] == NULL) {
            metrics->tokens[i] = calloc(1, sizeof *metrics->tokens[i]);
            if (metrics->tokens[i] == NULL) {
                return NULL;
            }
            metrics->tokens[i]->token = token;
        }
        if (metrics->tokens[i]->token == token) {
            return metrics->tokens[i];
        }
    }
    return NULL;
}

static void note(struct histogram *histogram, uint64_t micros)
{
    size_t at = 0;

    while (at < PS_COUNT_OF(bounds) && micros > bounds[at]) {
        at++;
    }
    histogram->counts[at]++;
    histogram->sum_us += micros;
    histogram->total++;
}

void keeper_metrics_note_operation(struct metrics *metrics, const struct token *token,
                                   enum ps_alg alg, uint64_t micros)
{
    struct token_metrics *of = of_token(metrics, token);

    if (of != NULL) {
        note(&of->operations[alg], micros);
    }
}

void keeper_metrics_note_failure(struct metrics *metrics, const struct token *token,
                                 enum ps_alg alg, uint64_t micros)
{
    struct token_metrics *of = of_token(metrics, token);

    if (of != NULL) {
        note(&of->failures[alg], micros);
    }
}

void keeper_metrics_note_use(struct metrics *metrics, const struct token *token,
                             enum token_action action, uint64_t micros)
{
    struct token_metrics *of = of_token(metrics, token);

    if (of != NULL) {
        note(&of->uses[action], micros);
    }
}

void keeper_metrics_note_unwrapped(struct metrics *metrics, const struct token *token)
{
    struct token_metrics *of = of_token(metrics, token);

    if (of != NULL) {
        of->unwraps++;
    }
}

void keeper_metrics_note_queued(struct metrics *metrics, const struct token *token, uint64_t ns)
{
    struct token_metrics *of = of_token(metrics, token);

    if (of != NULL) {
        note(&of->queued, ns / PS_NS_PER_US);
    }
}

void keeper_metrics_note_signed(struct metrics *metrics)
{
    metrics->made++;
}

void keeper_metrics_note_verified(struct metrics *metrics)
{
    metrics->verified++;
}

void keeper_metrics_note_wrong(struct metrics *metrics)
{
    metrics->wrong++;
}

void keeper_metrics_note_hung(struct metrics *metrics, const struct token *token, const char *why)
{
    struct token_metrics *of = of_token(metrics, token);

    for (size_t i = 0; of != NULL && i < REASONS_MAX; i++) {
        if (of->hung[i].why == NULL) {
            of->hung[i].why = why;
        }
        if (strcmp(of->hung[i].why, why) == 0) {
            of->hung[i].count++;
            return;
        }
    }
}

static void put_help(struct ps_buf *out, const char *name, const char *type, const char *help)
{
    ps_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Seconds with six digits, from microseconds. */
static void put_seconds(struct ps_buf *out, uint64_t micros)
{
    ps_buf_printf(out, "%llu.%06llu", (unsigned long long)(micros / 1000000),
                  (unsigned long long)(micros % 1000000));
}

static void put_histogram(struct ps_buf *out, const char *name, const char *labels,
                          const struct histogram *histogram)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        sum += histogram->counts[i];
        ps_buf_printf(out, "%s_bucket{%s,le=\"", name, labels);
        if (i < PS_COUNT_OF(bounds)) {
            put_seconds(out, bounds[i]);
        } else {
            ps_buf_put_str(out, "+Inf");
        }
        ps_buf_printf(out, "\"} %llu\n", (unsigned long long)sum);
    }
    ps_buf_printf(out, "%s_sum{%s} ", name, labels);
    put_seconds(out, histogram->sum_us);
    ps_buf_printf(out, "\n%s_count{%s} %llu\n", name, labels, (unsigned long long)histogram->total);
}

static void put_operation(const struct token *token, const char *mechanism, const char *result,
                          const struct histogram *histogram, struct ps_buf *out)
{
    char labels[PS_NAME_MAX + 80];

    if (histogram->total != 0) {
        (void)snprintf(labels, sizeof labels, "token=\"%.*s\",mechanism=\"%s\",result=\"%s\"",
                       PS_BYTES_FMT(tokens_name(token)), mechanism, result);
        put_histogram(out, "privyseal_operation_seconds", labels, histogram);
    }
}

static void put_operations(const struct metrics *metrics, struct ps_buf *out)
{
    char labels[PS_NAME_MAX + 80];

    put_help(out, "privyseal_operation_seconds", "histogram",
             "Time inside the PKCS#11 module; of a signature that failed, until that was known.");
    for (size_t i = 0; i < TOKENS_MAX && metrics->tokens[i] != NULL; i++) {
        const struct token_metrics *of = metrics->tokens[i];

        for (unsigned alg = 1; alg < PS_ALG_COUNT; alg++) {
            const char *name = ps_alg_info((enum ps_alg)alg)->name;

            put_operation(of->token, name, "ok", &of->operations[alg], out);
            put_operation(of->token, name, "failed", &of->failures[alg], out);
        }
        for (unsigned action = 0; action < TOKEN_ACTION_COUNT; action++) {
            put_operation(of->token, token_action_name((enum token_action)action), "ok",
                          &of->uses[action], out);
        }
    }
    put_help(out, "privyseal_queue_seconds", "histogram", "Time a request waits for a token.");
    for (size_t i = 0; i < TOKENS_MAX && metrics->tokens[i] != NULL; i++) {
        (void)snprintf(labels, sizeof labels, "token=\"%.*s\"",
                       PS_BYTES_FMT(tokens_name(metrics->tokens[i]->token)));
        put_histogram(out, "privyseal_queue_seconds", labels, &metrics->tokens[i]->queued);
    }
}

static void put_token(const struct token *token, struct ps_buf *out)
{
    struct token_view view;
    unsigned long long ready = 0;
    unsigned long long away = 0;

    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        if (view.state == TOKEN_READY) {
            ready += view.sessions;
        } else {
            away += view.sessions;
        }
    }
    ps_buf_printf(out, "privyseal_token_up{token=\"%.*s\"} %d\n", PS_BYTES_FMT(tokens_name(token)),
                  tokens_is_ready(token) ? 1 : 0);
    ps_buf_printf(out, "privyseal_token_sessions{token=\"%.*s\",state=\"ready\"} %llu\n",
                  PS_BYTES_FMT(tokens_name(token)), ready);
    ps_buf_printf(out, "privyseal_token_sessions{token=\"%.*s\",state=\"away\"} %llu\n",
                  PS_BYTES_FMT(tokens_name(token)), away);
    ps_buf_printf(out, "privyseal_token_queue{token=\"%.*s\"} %zu\n",
                  PS_BYTES_FMT(tokens_name(token)), signer_waiting(token));
}

static void put_reconnects(const struct metrics *metrics, const struct token *token,
                           struct ps_buf *out)
{
    struct token_view view;
    unsigned long long count = 0;

    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        count += view.reconnects;
    }
    ps_buf_printf(out, "privyseal_token_reconnects_total{token=\"%.*s\",reason=\"session\"} %llu\n",
                  PS_BYTES_FMT(tokens_name(token)), count);
    for (size_t i = 0; i < TOKENS_MAX && metrics->tokens[i] != NULL; i++) {
        const struct token_metrics *of = metrics->tokens[i];

        for (size_t k = 0; of->token == token && k < REASONS_MAX && of->hung[k].why != NULL; k++) {
            ps_buf_printf(out,
                          "privyseal_token_reconnects_total{token=\"%.*s\",reason=\"%s\"} %llu\n",
                          PS_BYTES_FMT(tokens_name(token)), of->hung[k].why,
                          (unsigned long long)of->hung[k].count);
        }
    }
}

static void put_tokens(const struct keeper *keeper, struct ps_buf *out)
{
    const struct token *token;

    put_help(out, "privyseal_token_up", "gauge", "1 while a process of the token is ready.");
    put_help(out, "privyseal_token_sessions", "gauge", "Sessions, by state of their process.");
    put_help(out, "privyseal_token_queue", "gauge", "Requests that wait for the token.");
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        put_token(token, out);
    }
    put_help(out, "privyseal_token_reconnects_total", "counter",
             "Sessions or processes made anew.");
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        put_reconnects(keeper->metrics, token, out);
    }
}

static void put_keys(const struct keeper *keeper, struct ps_buf *out)
{
    const struct metrics *metrics = keeper->metrics;

    put_help(out, "privyseal_token_unwraps_total", "counter",
             "Wrapped keys that a process of the token opened for a request.");
    for (size_t i = 0; i < TOKENS_MAX && metrics->tokens[i] != NULL; i++) {
        ps_buf_printf(out, "privyseal_token_unwraps_total{token=\"%.*s\"} %" PRIu64 "\n",
                      PS_BYTES_FMT(tokens_name(metrics->tokens[i]->token)),
                      metrics->tokens[i]->unwraps);
    }
    put_help(out, "privyseal_keys", "gauge",
             "Keys, by where the keeper has what it knows of them.");
    ps_buf_printf(out, "privyseal_keys{place=\"memory\"} %zu\n", keys_count(keeper->keys));
    ps_buf_printf(out, "privyseal_keys{place=\"catalog\"} %zu\n",
                  key_cache_away(keeper->key_cache));
}

/* Of `use` the shards before the present one are looked at by their own. */
static uint64_t unwitnessed(const struct keeper *keeper, struct log *log, const char *name)
{
    char tree[TREE_NAME_MAX + 8];
    uint64_t seen;

    (void)snprintf(tree, sizeof tree, "%s%s%s", name, log_shard(log)[0] == '\0' ? "" : "/",
                   log_shard(log));
    seen = witnesses_size(keeper->witnesses, tree);
    return log_tree_size(log) > seen ? log_tree_size(log) - seen : 0;
}

static void put_log(const struct keeper *keeper, struct log *log, const char *name,
                    struct ps_buf *out)
{
    ps_buf_printf(out, "privyseal_log_size{tree=\"%s\"} %llu\n", name,
                  (unsigned long long)log_durable(log));
    ps_buf_printf(out, "privyseal_log_unwitnessed{tree=\"%s\"} %llu\n", name,
                  (unsigned long long)unwitnessed(keeper, log, name));
    ps_buf_printf(out, "privyseal_log_sync_seconds{tree=\"%s\"} ", name);
    put_seconds(out, log_sync_micros(log));
    ps_buf_put_str(out, "\n");
}

static void put_logs(const struct keeper *keeper, struct ps_buf *out)
{
    uint64_t seconds;

    if (keeper->events == NULL || keeper->use == NULL) {
        return;
    }
    put_help(out, "privyseal_log_size", "gauge", "Durable leaves.");
    put_help(out, "privyseal_log_unwitnessed", "gauge",
             "Leaves of the present tree that too few witnesses have cosigned.");
    put_help(out, "privyseal_log_sync_seconds", "gauge", "Duration of the last sync.");
    put_log(keeper, keeper->events, "events", out);
    put_log(keeper, keeper->use, "use", out);
    put_help(out, "privyseal_log_seconds_to_full", "gauge",
             "Until only the reserve is left, at the last minute's rate.");
    if (disk_watch_forecast(keeper, &seconds)) {
        ps_buf_printf(out, "privyseal_log_seconds_to_full %" PRIu64 "\n", seconds);
    }
}

static void put_expiries(const struct keeper *keeper, struct ps_buf *out)
{
    const uint64_t now_s = real_now_s();
    size_t cursor = 0;
    struct key *key;

    put_help(out, "privyseal_key_expires_seconds", "gauge", "Until the active version ends.");
    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        const struct key_version *version = key_active(key, now_s);

        if (version != NULL && version->expires_s != 0) {
            ps_buf_printf(out, "privyseal_key_expires_seconds{key=\"%s\"} %lld\n", key->name,
                          (long long)version->expires_s - (long long)now_s);
        }
    }
    cursor = 0;
    put_help(out, "privyseal_certificate_expires_seconds", "gauge",
             "Until the certificate of the active version ends.");
    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        const struct key_version *version = key_active(key, now_s);
        const struct key_certificate *certificate =
            version == NULL ? NULL : version_certificate(version);

        if (certificate != NULL) {
            ps_buf_printf(out, "privyseal_certificate_expires_seconds{key=\"%s\"} %lld\n",
                          key->name, (long long)certificate->not_after_s - (long long)now_s);
        }
    }
}

static void put_state(const struct keeper *keeper, struct ps_buf *out)
{
    const enum appliance_state now = state_now(keeper);

    put_help(out, "privyseal_state", "gauge", "1 for the state the appliance is in.");
    for (int i = APPLIANCE_STARTING; i <= APPLIANCE_FAILED; i++) {
        ps_buf_printf(out, "privyseal_state{state=\"%s\"} %d\n",
                      appliance_state_name((enum appliance_state)i), i == (int)now ? 1 : 0);
    }
}

struct api_row {
    struct ps_bytes route;
    struct ps_bytes method;
    struct ps_bytes code;
    struct ps_bytes count;
    struct ps_bytes micros;
};

static struct ps_bytes next_word(struct ps_bytes *line)
{
    struct ps_bytes word = *line;
    size_t len = 0;

    while (len < line->len && line->data[len] != ' ') {
        len++;
    }
    word.len = len;
    *line = ps_bytes_from(*line, len + 1);
    return word;
}

/* A process that was taken over must not be able to write lines of its own into the text. */
static bool is_plain(struct ps_bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f || word.data[i] == '"' ||
            word.data[i] == '\\') {
            return false;
        }
    }
    return word.len != 0 && word.len <= 128;
}

static bool is_number(struct ps_bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') {
            return false;
        }
    }
    return word.len != 0 && word.len <= 19;
}

static uint64_t number_of(struct ps_bytes word)
{
    uint64_t number = 0;

    for (size_t i = 0; i < word.len; i++) {
        number = number * 10 + (uint64_t)(word.data[i] - '0');
    }
    return number;
}

static bool read_row(struct ps_bytes *rows, struct api_row *ret_row)
{
    while (rows->len != 0) {
        const uint8_t *end = memchr(rows->data, '\n', rows->len);
        struct ps_bytes line =
            ps_bytes(rows->data, end == NULL ? rows->len : (size_t)(end - rows->data));

        *rows = ps_bytes_from(*rows, line.len + 1);
        ret_row->route = next_word(&line);
        ret_row->method = next_word(&line);
        ret_row->code = next_word(&line);
        ret_row->count = next_word(&line);
        ret_row->micros = next_word(&line);
        if (is_plain(ret_row->route) && is_plain(ret_row->method) && is_number(ret_row->code) &&
            is_number(ret_row->count) && is_number(ret_row->micros) && line.len == 0) {
            return true;
        }
    }
    return false;
}

static void put_api_counts(const struct api_peer *peer, const char *listener, struct ps_buf *out)
{
    struct ps_bytes rows = ps_buf_bytes(&peer->metrics);
    struct api_row row;

    while (read_row(&rows, &row)) {
        ps_buf_printf(out,
                      "privyseal_requests_total{listener=\"%s\",route=\"%.*s\",method=\"%.*s\","
                      "code=\"%.*s\"} %.*s\n",
                      listener, PS_BYTES_FMT(row.route), PS_BYTES_FMT(row.method),
                      PS_BYTES_FMT(row.code), PS_BYTES_FMT(row.count));
    }
}

static void put_api_seconds(const struct api_peer *peer, const char *listener, struct ps_buf *out)
{
    struct ps_bytes rows = ps_buf_bytes(&peer->metrics);
    struct api_row row;

    while (read_row(&rows, &row)) {
        char labels[420];

        (void)snprintf(labels, sizeof labels,
                       "listener=\"%s\",route=\"%.*s\",method=\"%.*s\",code=\"%.*s\"", listener,
                       PS_BYTES_FMT(row.route), PS_BYTES_FMT(row.method), PS_BYTES_FMT(row.code));
        ps_buf_printf(out, "privyseal_request_seconds_sum{%s} ", labels);
        put_seconds(out, number_of(row.micros));
        ps_buf_printf(out, "\nprivyseal_request_seconds_count{%s} %.*s\n", labels,
                      PS_BYTES_FMT(row.count));
    }
}

static void put_api(const struct keeper *keeper, struct ps_buf *out)
{
    put_help(out, "privyseal_requests_total", "counter", "Requests answered.");
    put_api_counts(&keeper->clients, "clients", out);
    put_api_counts(&keeper->management, "management", out);
    put_help(out, "privyseal_request_seconds", "summary", "Time to the answer.");
    put_api_seconds(&keeper->clients, "clients", out);
    put_api_seconds(&keeper->management, "management", out);
}

void keeper_metrics_put(struct keeper *keeper, struct ps_buf *out)
{
    const struct metrics *metrics = keeper->metrics;

    put_api(keeper, out);
    put_operations(metrics, out);
    put_tokens(keeper, out);
    put_keys(keeper, out);
    put_logs(keeper, out);
    put_expiries(keeper, out);
    put_state(keeper, out);
    put_help(out, "privyseal_signatures_total", "counter", "Signatures that were given out.");
    ps_buf_printf(out, "privyseal_signatures_total %llu\n", (unsigned long long)metrics->made);
    put_help(out, "privyseal_verifications_total", "counter", "Signatures verified before that.");
    ps_buf_printf(out, "privyseal_verifications_total %llu\n",
                  (unsigned long long)metrics->verified);
    put_help(out, "privyseal_wrong_signatures_total", "counter", "Signatures that were wrong.");
    ps_buf_printf(out, "privyseal_wrong_signatures_total %llu\n",
                  (unsigned long long)metrics->wrong);
}
