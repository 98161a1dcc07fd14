#include "api/client/internal.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define DEFAULT_TIMEOUT_MS 10000u
#define DEFAULT_RETRIES    2u
#define SHORTEST_WAIT_MS   50u
#define LONGEST_WAIT_MS    5000u /* between two tries: beyond it the caller decides */

enum privyseal_result client_fail(struct privyseal *client, enum privyseal_result result,
                                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(client->error, sizeof client->error, format, args);
    va_end(args);
    return result;
}

const char *privyseal_last_error(const struct privyseal *client)
{
    return client->error;
}

const char *privyseal_result_name(enum privyseal_result result)
{
    static const char *const names[] = {"ok",         "refused", "unreachable", "timeout",
                                        "bad-answer", "usage",   "no-memory"};

    return (unsigned)result < PS_COUNT_OF(names) ? names[result] : "unknown";
}

void privyseal_close(struct privyseal *client)
{
    if (client == NULL) {
        return;
    }
    if (client->curl != NULL) {
        curl_easy_cleanup(client->curl);
    }
    free(client->base);
    free(client->socket);
    free(client);
}

static void set_tls(struct privyseal *client, const struct privyseal_options *options)
{
    (void)curl_easy_setopt(client->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    (void)curl_easy_setopt(client->curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(client->curl, CURLOPT_CAPATH, NULL);
    if (options->ca != NULL) {
        (void)curl_easy_setopt(client->curl, CURLOPT_CAINFO, options->ca);
    }
    if (options->certificate != NULL) {
        (void)curl_easy_setopt(client->curl, CURLOPT_SSLCERT, options->certificate);
    }
    if (options->key != NULL) {
        (void)curl_easy_setopt(client->curl, CURLOPT_SSLKEY, options->key);
    }
}

static enum privyseal_result set_up(struct privyseal *client,
                                    const struct privyseal_options *options)
{
    client->timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : options->timeout_ms;
    client->retries = options->retries == 0          ? DEFAULT_RETRIES
                      : options->retries == UINT_MAX ? 0
                                                     : options->retries;
    client->curl = curl_easy_init();
    client->base = strdup(options->socket != NULL ? "http://privyseal" : options->url);
    if (client->curl == NULL || client->base == NULL) {
        return PRIVYSEAL_NO_MEMORY;
    }
    (void)curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(client->curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(client->curl, CURLOPT_FOLLOWLOCATION, 0L);
    if (options->socket == NULL) {
        set_tls(client, options);
        return PRIVYSEAL_OK;
    }
    client->socket = strdup(options->socket);
    if (client->socket == NULL) {
        return PRIVYSEAL_NO_MEMORY;
    }
    (void)curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    return PRIVYSEAL_OK;
}

enum privyseal_result privyseal_open(const struct privyseal_options *options,
                                     struct privyseal **ret_client)
{
    struct privyseal *client;
    enum privyseal_result result;

    if (options->socket == NULL && options->url == NULL) {
        return PRIVYSEAL_USAGE;
    }
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        return PRIVYSEAL_NO_MEMORY;
    }
    result = set_up(client, options);
    if (result != PRIVYSEAL_OK) {
        privyseal_close(client);
        return result;
    }
    *ret_client = client;
    return PRIVYSEAL_OK;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct answer_memory *memory = context;

    ps_buf_put(&memory->body, ps_bytes(data, size * count));
    return memory->body.err == PS_OK ? size * count : 0;
}

static void keep_header(const char *line, size_t len, const char *name, char *out, size_t size)
{
    const size_t name_len = strlen(name);

    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0) {
        return;
    }
    line += name_len + 1;
    len -= name_len + 1;
    while (len != 0 && (*line == ' ' || *line == '"')) {
        line++;
        len--;
    }
    while (len != 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == '"')) {
        len--;
    }
    if (len < size) {
        memcpy(out, line, len);
        out[len] = '\0';
    }
}

/* At once, so that no copy of a plaintext stays where the body was before it grew. */
static void make_room(const char *line, size_t len, struct ps_buf *body)
{
    char digits[24] = "";
    unsigned long long octets;

    keep_header(line, len, "Content-Length", digits, sizeof digits);
    octets = strtoull(digits, NULL, 10);
    if (octets != 0 && octets < CLIENT_ANSWER_MAX) {
        (void)ps_buf_reserve(body, (size_t)octets + 1); /* and a NUL */
    }
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct answer_memory *memory = context;
    const size_t len = size * count;

    make_room(data, len, &memory->body);
    keep_header(data, len, "Content-Type", memory->content_type, sizeof memory->content_type);
    keep_header(data, len, "ETag", memory->etag, sizeof memory->etag);
    keep_header(data, len, "Location", memory->location, sizeof memory->location);
    keep_header(data, len, "X-Request-Id", memory->request_id, sizeof memory->request_id);
    return len;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    PS_BUF_AUTO line = {0};
    struct curl_slist *longer;

    if (value == NULL) {
        return true;
    }
    /* A value with a line break would become a header of its own. */
    if (strpbrk(value, "\r\n") != NULL) {
        return false;
    }
    ps_buf_init(&line, 4096);
    ps_buf_printf(&line, "%s: %s", name, value);
    ps_buf_put_u8(&line, '\0');
    longer = ps_buf_status(&line) == PS_OK ? curl_slist_append(*list, (char *)line.data) : NULL;
    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

static bool add_headers(struct curl_slist **list, const struct privyseal_request *request)
{
    char etag[200] = "";

    if (request->if_match != NULL) {
        if (strlen(request->if_match) > sizeof etag - 3) {
            return false;
        }
        (void)snprintf(etag, sizeof etag, "\"%s\"", request->if_match);
    }
    return add_header(list, "Accept", request->accept) &&
           add_header(list, "Idempotency-Key", request->idempotency_key) &&
           add_header(list, "If-Match", request->if_match == NULL ? NULL : etag) &&
           add_header(list, "X-Request-Id", request->request_id) &&
           add_header(list, "Content-Type",
                      request->body == NULL           ? NULL
                      : request->content_type == NULL ? "application/json"
                                                      : request->content_type) &&
           /* Waiting for "100 Continue" would cost a round trip per request. */
           add_header(list, "Expect", "");
}

static void free_slist(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static void set_request(struct privyseal *client, const struct privyseal_request *request,
                        long timeout_ms)
{
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
    (void)curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    if (request->body != NULL) {
        (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, request->body);
        (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->body_len);
    }
    (void)curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static enum privyseal_result of_curl(struct privyseal *client, CURLcode code)
{
    long number = 0;

    if (code == CURLE_OPERATION_TIMEDOUT) {
        return client_fail(client, PRIVYSEAL_TIMEOUT, "no answer within %u ms", client->timeout_ms);
    }
    if (code == CURLE_OUT_OF_MEMORY) {
        return client_fail(client, PRIVYSEAL_NO_MEMORY, "out of memory");
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return client_fail(client, PRIVYSEAL_UNREACHABLE,
                           "%s: the connection broke before the answer, and what was asked for may "
                           "have been done",
                           client->socket != NULL ? client->socket : client->base);
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_WRITE_ERROR) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer of more than %u octets",
                           CLIENT_ANSWER_MAX);
    }
    return client_fail(client, PRIVYSEAL_UNREACHABLE, "%s: %s%s%s",
                       client->socket != NULL ? client->socket : client->base,
                       curl_easy_strerror(code), number != 0 ? ": " : "",
                       number != 0 ? strerrordesc_np((int)number) : "");
}

/* Whether it comes to the same when it is done twice. */
static bool is_safe(const struct privyseal_request *request)
{
    return strcmp(request->method, "POST") != 0 || request->idempotency_key != NULL;
}

/* Of one call of curl. */
struct attempt {
    bool is_safe;
    bool is_begun;
};

/* curl sends what found its connection broken once more on a new one, without being asked to. */
static int before_request(void *context, char *peer, char *local, int peer_port, int local_port)
{
    struct attempt *attempt = context;
    const bool is_again = attempt->is_begun;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    attempt->is_begun = true;
    return is_again && !attempt->is_safe ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static enum privyseal_result call_once(struct privyseal *client,
                                       const struct privyseal_request *request, long timeout_ms,
                                       struct privyseal_answer *ret_answer)
{
    struct attempt attempt = {.is_safe = is_safe(request)};
    PS_CLEANUP(answer_memory_free_cleanup) struct answer_memory *memory = answer_memory_new();
    PS_CLEANUP(free_slist) struct curl_slist *headers = NULL;
    PS_BUF_AUTO url;
    enum privyseal_result result;
    CURLcode code;
    long status = 0;

    ps_buf_init(&url, 8192);
    ps_buf_printf(&url, "%s%s", client->base, request->path);
    ps_buf_put_u8(&url, '\0');
    if (memory == NULL || ps_buf_status(&url) != PS_OK || !add_headers(&headers, request)) {
        return client_fail(client, PRIVYSEAL_USAGE, "a path or header that is too long or broken");
    }
    set_request(client, request, timeout_ms);
    (void)curl_easy_setopt(client->curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(client->curl, CURLOPT_URL, (char *)url.data);
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, memory);
    (void)curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, memory);
    (void)curl_easy_setopt(client->curl, CURLOPT_PREREQFUNCTION, before_request);
    (void)curl_easy_setopt(client->curl, CURLOPT_PREREQDATA, &attempt);
    code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        return of_curl(client, code);
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    result = answer_finish(client, status, memory, ret_answer);
    memory = NULL;
    return result;
}

/* Whether what happened may be tried once more, and after how long. */
static bool may_repeat(const struct privyseal_request *request, enum privyseal_result result,
                       const struct privyseal_answer *answer, uint64_t *ret_wait_ms)
{
    *ret_wait_ms = SHORTEST_WAIT_MS;
    if (result == PRIVYSEAL_REFUSED && (answer->status == 503 || answer->status == 429)) {
        if (answer->problem.retry_after_s != 0) {
            *ret_wait_ms = (uint64_t)answer->problem.retry_after_s * 1000;
        }
        return *ret_wait_ms <= LONGEST_WAIT_MS;
    }
    return result == PRIVYSEAL_UNREACHABLE && is_safe(request);
}

static void wait_ms(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

enum privyseal_result privyseal_call(struct privyseal *client,
                                     const struct privyseal_request *request,
                                     struct privyseal_answer *ret_answer)
{
    const uint64_t began = ps_clock_mono_ns();

    *ret_answer = (struct privyseal_answer){0};
    client->error[0] = '\0';
    if (request->method == NULL || request->path == NULL || request->path[0] != '/') {
        return client_fail(client, PRIVYSEAL_USAGE, "a request needs a method and a path");
    }
    for (unsigned tried = 0;; tried++) {
        const uint64_t spent_ms = (ps_clock_mono_ns() - began) / PS_NS_PER_MS;
        enum privyseal_result result;
        uint64_t pause;

        if (spent_ms >= client->timeout_ms) {
            return client_fail(client, PRIVYSEAL_TIMEOUT, "no answer within %u ms",
                               client->timeout_ms);
        }
        result = call_once(client, request, (long)(client->timeout_ms - spent_ms), ret_answer);
        if (tried >= client->retries || !may_repeat(request, result, ret_answer, &pause) ||
            spent_ms + pause >= client->timeout_ms) {
            return result;
        }
        privyseal_answer_clear(ret_answer);
        wait_ms(pause);
    }
}
