#include "frontends/plugins/http/wire.h"

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* How long the thread sleeps when nothing wakes it. */
#define SLEEP_MS 60000

struct list {
    struct transfer *first;
};

struct wire {
    CURLM *multi;
    struct curl_slist *headers;
    struct ps_buf ca;
    struct ps_buf certificate;
    struct ps_buf key;
    pthread_mutex_t mutex; /* of these four */
    struct list waiting;   /* for the thread */
    size_t count;          /* of all */
    bool stopping;
    size_t count_max;
    struct list running; /* the thread's own */
    pthread_t thread;
    bool has_thread;
};

static void push(struct list *list, struct transfer *transfer)
{
    transfer->previous = NULL;
    transfer->next = list->first;
    if (list->first != NULL) {
        list->first->previous = transfer;
    }
    list->first = transfer;
}

static void take_out(struct list *list, struct transfer *transfer)
{
    if (transfer->previous != NULL) {
        transfer->previous->next = transfer->next;
    } else {
        list->first = transfer->next;
    }
    if (transfer->next != NULL) {
        transfer->next->previous = transfer->previous;
    }
}

static size_t on_octets(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;

    ps_buf_put(&transfer->answer, ps_bytes(data, size * count));
    return ps_buf_status(&transfer->answer) == PS_OK ? size * count : 0;
}

static bool set_blob(CURL *easy, CURLoption option, const struct ps_buf *pem)
{
    struct curl_blob blob = {pem->data, pem->len, CURL_BLOB_NOCOPY};

    return pem->len == 0 || curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}

/* Certificates are verified by default, the name in them, too. */
static bool set_trust(CURL *easy, const struct wire *wire)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           set_blob(easy, CURLOPT_CAINFO_BLOB, &wire->ca) &&
           set_blob(easy, CURLOPT_SSLCERT_BLOB, &wire->certificate) &&
           set_blob(easy, CURLOPT_SSLKEY_BLOB, &wire->key);
}

static bool set_request(CURL *easy, const struct wire *wire, struct transfer *transfer)
{
    return curl_easy_setopt(easy, CURLOPT_URL, (const char *)transfer->url.data) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_octets) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, wire->headers) == CURLE_OK &&
           (!transfer->post ||
            (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.len) ==
                 CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.data) == CURLE_OK));
}

static void end(struct wire *wire, struct transfer *transfer, long status, const char *why)
{
    (void)pthread_mutex_lock(&wire->mutex);
    wire->count--;
    (void)pthread_mutex_unlock(&wire->mutex);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    transfer->done(transfer, status, why);
}

static void begin(struct wire *wire, struct transfer *transfer)
{
    if (curl_multi_add_handle(wire->multi, transfer->easy) != CURLM_OK) {
        end(wire, transfer, 0, "out of memory");
        return;
    }
    push(&wire->running, transfer);
}

/* Returns whether there is more to do. */
static bool take_waiting(struct wire *wire)
{
    struct transfer *transfer;
    bool stopping;

    (void)pthread_mutex_lock(&wire->mutex);
    transfer = wire->waiting.first;
    wire->waiting.first = NULL;
    stopping = wire->stopping;
    (void)pthread_mutex_unlock(&wire->mutex);
    while (transfer != NULL) {
        struct transfer *const next = transfer->next;

        begin(wire, transfer);
        transfer = next;
    }
    return !stopping;
}

static void finish(struct wire *wire, CURL *easy, CURLcode code)
{
    struct transfer *transfer = NULL;
    long status = 0;

    (void)curl_multi_remove_handle(wire->multi, easy);
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer) != CURLE_OK ||
        transfer == NULL) {
        return;
    }
    take_out(&wire->running, transfer);
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    }
    end(wire, transfer, status, curl_easy_strerror(code));
}

static void finish_ended(struct wire *wire)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(wire->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            finish(wire, message->easy_handle, message->data.result);
        }
    }
}

static void *work(void *context)
{
    struct wire *wire = context;
    int running;

    while (take_waiting(wire)) {
        (void)curl_multi_perform(wire->multi, &running);
        finish_ended(wire);
        (void)curl_multi_poll(wire->multi, NULL, 0, SLEEP_MS, NULL);
    }
    ps_hash_end_thread();
    json_end_thread();
    return NULL;
}

static enum ps_err copy(struct ps_buf *to, struct ps_bytes from)
{
    to->max = from.len;
    ps_buf_put(to, from);
    return ps_buf_status(to);
}

static enum ps_err open_wire(struct wire *wire, const struct wire_options *options)
{
    PS_TRY(copy(&wire->ca, options->ca));
    PS_TRY(copy(&wire->certificate, options->certificate));
    wire->key = PS_BUF_SECRET(0);
    PS_TRY(copy(&wire->key, options->key));
    wire->multi = curl_multi_init();
    wire->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (wire->multi == NULL || wire->headers == NULL ||
        curl_multi_setopt(wire->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options->connections) !=
            CURLM_OK) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return PS_OK;
}

enum ps_err wire_new(const struct wire_options *options, struct wire **ret_wire)
{
    struct wire *wire = calloc(1, sizeof *wire);
    enum ps_err err;

    if (wire == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)pthread_mutex_init(&wire->mutex, NULL);
    wire->count_max = options->waiting;
    err = open_wire(wire, options);
    if (err != PS_OK) {
        wire_free(wire);
        return err;
    }
    *ret_wire = wire;
    return PS_OK;
}

/* Signals are the front end's matter. */
enum ps_err wire_start(struct wire *wire)
{
    sigset_t all;
    sigset_t before;
    int result;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&wire->thread, NULL, work, wire);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    wire->has_thread = result == 0;
    return result == 0 ? PS_OK : ps_fail(PS_E_INTERNAL, result, "cannot start a thread");
}

static void drop_all(struct wire *wire, struct list *list)
{
    while (list->first != NULL) {
        struct transfer *transfer = list->first;

        take_out(list, transfer);
        (void)curl_multi_remove_handle(wire->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        transfer->drop(transfer);
    }
}

static void stop(struct wire *wire)
{
    (void)pthread_mutex_lock(&wire->mutex);
    wire->stopping = true;
    (void)pthread_mutex_unlock(&wire->mutex);
    (void)curl_multi_wakeup(wire->multi);
    (void)pthread_join(wire->thread, NULL);
}

void wire_free(struct wire *wire)
{
    if (wire == NULL) {
        return;
    }
    if (wire->has_thread) {
        stop(wire);
    }
    drop_all(wire, &wire->running);
    drop_all(wire, &wire->waiting);
    (void)curl_multi_cleanup(wire->multi);
    curl_slist_free_all(wire->headers);
    ps_buf_clear(&wire->ca);
    ps_buf_clear(&wire->certificate);
    ps_buf_clear(&wire->key);
    (void)pthread_mutex_destroy(&wire->mutex);
    free(wire);
}

enum ps_err wire_send(struct wire *wire, struct transfer *transfer)
{
    bool full;

    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL || !set_request(transfer->easy, wire, transfer) ||
        !set_trust(transfer->easy, wire)) {
        curl_easy_cleanup(transfer->easy);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)pthread_mutex_lock(&wire->mutex);
    full = wire->count >= wire->count_max;
    if (!full) {
        wire->count++;
        push(&wire->waiting, transfer);
    }
    (void)pthread_mutex_unlock(&wire->mutex);
    if (full) {
        curl_easy_cleanup(transfer->easy);
        return ps_fail(PS_E_BUSY, 0, "too many calls wait for the identity system");
    }
    (void)curl_multi_wakeup(wire->multi);
    return PS_OK;
}
