#include "keystore/reads/reads.h"

#include "keystore/callers/request_queue.h"
#include "keystore/reads/internal.h"
#include "keystore/state/state.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <stdlib.h>

enum serves { SERVES_PUBLIC, SERVES_REGISTERED, SERVES_GRANTED };

struct resource {
    enum serves serves;
    enum granted_op operation;
    bool is_of_key;     /* the grant must cover the key `name` */
    bool is_management; /* not for the api process of clients, whatever it says */
    bool needs_files;   /* catalog and logs are open */
    enum document_media media;
    enum ps_err (*fn)(struct read *read);
    bool is_for_genesis; /* before it, when nobody is registered, local administrators may */
};

static const struct resource resources[READ_RESOURCE_COUNT] = {
    [READ_HEALTH] = {SERVES_PUBLIC, GRANTED_NONE, false, false, false, MEDIA_JSON, read_health},
    [READ_WHOAMI] = {SERVES_REGISTERED, GRANTED_NONE, false, false, false, MEDIA_JSON, read_whoami,
                     true},
    [READ_JWKS] = {SERVES_PUBLIC, GRANTED_NONE, false, false, true, MEDIA_JWKS, read_jwks},
    [READ_KEYS] = {SERVES_GRANTED, GRANTED_KEYS_READ, false, false, true, MEDIA_JSON, read_keys},
    [READ_KEY] = {SERVES_GRANTED, GRANTED_KEYS_READ, true, false, true, MEDIA_JSON, read_key},
    [READ_KEY_PUBLIC] = {SERVES_GRANTED, GRANTED_KEYS_READ, true, false, true, MEDIA_JSON,
                         read_key_public},
    [READ_KEY_CERTIFICATE] = {SERVES_GRANTED, GRANTED_KEYS_READ, true, false, true,
                              MEDIA_CERTIFICATES, read_key_certificate},
    [READ_PROFILES] = {SERVES_GRANTED, GRANTED_KEYS_READ, false, true, true, MEDIA_JSON,
                       read_profiles},
    [READ_FAMILIES] = {SERVES_REGISTERED, GRANTED_NONE, false, false, true, MEDIA_JSON,
                       read_families},
    [READ_FAMILY] = {SERVES_REGISTERED, GRANTED_NONE, false, false, true, MEDIA_JSON, read_family},
    [READ_BACKUPS] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON,
                      read_backups},
    [READ_DRILL] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON, read_drill},
    [READ_INVENTORY] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON,
                        read_inventory},
    [READ_SYSTEM] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, false, MEDIA_JSON,
                     read_system, true},
    [READ_METRICS] = {SERVES_GRANTED, GRANTED_METRICS_READ, false, true, false, MEDIA_PROMETHEUS,
                      read_metrics},
    [READ_EXPIRING] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON,
                       read_expiring},
    [READ_CLIENTS] = {SERVES_GRANTED, GRANTED_CLIENTS_READ, false, true, true, MEDIA_JSON,
                      read_clients},
    [READ_CLIENT] = {SERVES_GRANTED, GRANTED_CLIENTS_READ, false, true, true, MEDIA_JSON,
                     read_client},
    [READ_GRANTS] = {SERVES_GRANTED, GRANTED_CLIENTS_READ, false, true, true, MEDIA_JSON,
                     read_grants},
    [READ_SETS] = {SERVES_GRANTED, GRANTED_KEYS_READ, false, true, true, MEDIA_JSON, read_sets},
    [READ_OPERATIONS] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true, MEDIA_JSON,
                         read_operations},
    [READ_OPERATION] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true, MEDIA_JSON,
                        read_operation},
    [READ_OPERATION_DOCUMENT] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true,
                                 MEDIA_OCTETS, read_operation_document},
    [READ_LOG_CHECKPOINT] = {SERVES_PUBLIC, GRANTED_NONE, false, false, true, MEDIA_TEXT,
                             read_log_checkpoint},
    [READ_LOG_TILE] = {SERVES_GRANTED, GRANTED_LOG_READ, false, true, true, MEDIA_OCTETS,
                       read_log_tile},
    [READ_LOG_ENTRIES] = {SERVES_GRANTED, GRANTED_LOG_READ, false, true, true, MEDIA_OCTETS,
                          read_log_entries},
    [READ_LOG_PROOF] = {SERVES_GRANTED, GRANTED_LOG_READ, false, true, true, MEDIA_JSON,
                        read_log_proof},
    [READ_LOG_CONSISTENCY] = {SERVES_GRANTED, GRANTED_LOG_READ, false, true, true, MEDIA_JSON,
                              read_log_consistency},
    [READ_LOG_TLOG_PROOF] = {SERVES_GRANTED, GRANTED_LOG_READ, false, true, true, MEDIA_TEXT,
                             read_log_tlog_proof},
    /* A proof has the whole leaf in it: all that the operation made, of other keys too. */
    [READ_KEY_TLOG_PROOF] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true, MEDIA_TEXT,
                             read_key_tlog_proof},
    [READ_CERTIFICATE_TLOG_PROOF] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true,
                                     MEDIA_TEXT, read_certificate_tlog_proof},
    [READ_OPERATION_TLOG_PROOF] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true,
                                   MEDIA_TEXT, read_operation_tlog_proof},
    [READ_LOG_WITNESSES] = {SERVES_GRANTED, GRANTED_LOG_WITNESS, false, true, true, MEDIA_JSON,
                            read_log_witnesses},
    [READ_LOG_WITNESS_REQUEST] = {SERVES_GRANTED, GRANTED_LOG_WITNESS, false, true, true,
                                  MEDIA_TEXT, read_log_witness_request},
    [READ_AUDIT_REPORT] = {SERVES_GRANTED, GRANTED_LOG_READ, false, true, true, MEDIA_JSON,
                           read_audit_report},
    [READ_POLICY] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON,
                     read_policy},
    [READ_OFFICERS] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON,
                       read_officers},
    [READ_OFFICER] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_JSON,
                      read_officer},
    [READ_ROSTER] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_OCTETS,
                     read_roster},
    [READ_POLICY_DOCUMENT] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, true, MEDIA_OCTETS,
                              read_policy_document},
    [READ_CLIENT_NONCE] = {SERVES_REGISTERED, GRANTED_NONE, false, false, false, MEDIA_JSON,
                           read_client_nonce},
    [READ_CRL] = {SERVES_PUBLIC, GRANTED_NONE, false, false, true, MEDIA_CRL, read_crl},
    [READ_UNLOCK] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true, MEDIA_JSON,
                     read_unlock},
    [READ_PINS] = {SERVES_GRANTED, GRANTED_OPERATIONS_READ, false, true, true, MEDIA_JSON,
                   read_pins},
    [READ_WHY] = {SERVES_GRANTED, GRANTED_SYSTEM_READ, false, true, false, MEDIA_JSON, read_why},
};

/* Once more in each turn of one that takes several, and counted once. */
static struct authority decide(const struct read *read, struct question question)
{
    question.is_free = !request_queue_is_first(read->keeper->requests);
    return question.is_free
               ? authority_decide(read->keeper, &question)
               : authority_decide_request(read->keeper, &question, read->message->request_id);
}

static bool is_permitted(struct read *read, const struct resource *resource,
                         const struct reply_to *to)
{
    const struct msg_read *message = read->message;
    const struct question question = {
        .role = read->role,
        .caller = &message->caller,
        .operation = resource->operation,
        .key = resource->is_of_key ? message->name : ps_bytes(NULL, 0),
    };

    if (resource->serves == SERVES_PUBLIC) {
        return true;
    }
    if (resource->is_management && read->role != IPC_ROLE_API_MANAGEMENT) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_FORBIDDEN,
                                                    .detail = "on the management listener only"});
        return false;
    }
    if (resource->is_for_genesis && state_now(read->keeper) == APPLIANCE_UNINITIALISED &&
        authority_is_administrator(read->keeper, &message->caller)) {
        return true;
    }
    read->authority = decide(read, question);
    if (read->authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = read->authority.problem,
                                                    .retry_after_s = read->authority.retry_after_s,
                                                    .detail = read->authority.text});
        return false;
    }
    return true;
}

static bool is_open(const struct keeper *keeper)
{
    return keeper->started && keeper->catalog != NULL && keeper->known != NULL &&
           keeper->events != NULL && keeper->use != NULL;
}

static void send(struct read *read, const struct reply_to *to, enum ps_err err)
{
    if (err == PS_OK) {
        err = ps_buf_status(&read->body);
    }
    if (err != PS_OK) {
        answer_error(to, err);
        return;
    }
    read->document.body = ps_buf_bytes(&read->body);
    read->document.etag = ps_buf_bytes(&read->etag);
    answer_document(to, &read->document);
}

void read_answer(struct keeper *keeper, const struct reply_to *to, const struct msg_read *message)
{
    const struct resource *resource =
        message->resource < READ_RESOURCE_COUNT ? &resources[message->resource] : NULL;
    struct read read = {.keeper = keeper, .message = message, .role = to->peer->role, .to = to};
    enum ps_err err;

    if (resource == NULL || resource->fn == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_NOT_FOUND});
        return;
    }
    if (resource->needs_files && !is_open(keeper)) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_KEEPER_UNAVAILABLE});
        return;
    }
    if (!is_permitted(&read, resource, to)) {
        return;
    }
    read.document = (struct msg_document){.status = 200, .media = (uint8_t)resource->media};
    ps_buf_init(&read.body, IPC_DOCUMENT_MAX);
    ps_buf_init(&read.etag, 128);
    err = json_new(&read.parser);
    if (err == PS_OK) {
        err = resource->fn(&read);
    }
    if (!read.is_under_way) {
        send(&read, to, err);
    }
    json_free(read.parser);
    ps_buf_clear(&read.body);
    ps_buf_clear(&read.etag);
}

void read_tag_body(struct read *read)
{
    uint8_t hash[PS_SHA256_LEN];

    ps_sha256(ps_buf_bytes(&read->body), hash);
    ps_buf_put_base64url(&read->etag, ps_bytes(hash, 16));
}

/* --- Lists --- */

/*
 * Rows that are looked at in one turn of the loop. There may be any number that the caller does not
 * see between two that it does, and each takes some microseconds.
 */
#define LOOK_AT 256u

/* A page under way; it outlives the read of one turn. */
struct page {
    struct read *read;
    read_item_fn *fn;
    struct ps_buf body;
    struct writer json;
    uint32_t count;
    uint32_t limit;
    uint32_t looked_at;              /* in this turn */
    char last[CATALOG_NAME_MAX + 1]; /* of those in the page */
    char at[CATALOG_NAME_MAX + 1];   /* of those that were looked at */
    bool has_more;
    bool goes_on;
};

static void page_free(void *context)
{
    struct page *page = context;

    if (page != NULL) {
        ps_buf_clear(&page->body);
        free(page);
    }
}

static void page_free_cleanup(struct page **page)
{
    page_free(*page);
}

static enum ps_err page_new(const struct read *read, struct page **ret_page)
{
    const uint32_t asked = read->message->limit;
    struct page *page = calloc(1, sizeof *page);

    if (page == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    page->limit = asked == 0 ? 100 : asked > 1000 ? 1000 : asked;
    ps_buf_init(&page->body, IPC_DOCUMENT_MAX);
    page->json = writer(&page->body);
    writer_begin_object(&page->json, NULL);
    writer_begin_array(&page->json, "items");
    *ret_page = page;
    return PS_OK;
}

static void keep_name(char *kept, struct ps_bytes name)
{
    memcpy(kept, name.data, name.len);
    kept[name.len] = 0;
}

static enum ps_err add_item(void *context, const struct catalog_row *row)
{
    struct page *page = context;
    const size_t before = page->body.len;
    const uint32_t members = page->json.has_member;
    bool written = false;

    /* One more than fits; whether it may be seen is looked at with the next page. */
    page->has_more = page->count == page->limit;
    page->goes_on = !page->has_more && page->looked_at == LOOK_AT;
    if (page->has_more || page->goes_on) {
        return PS_E_LIMIT;
    }
    PS_TRY(page->fn(page->read, row, &page->json, &written));
    page->looked_at++;
    keep_name(page->at, row->name);
    if (!written) {
        page->body.len = before;
        page->json.has_member = members;
        return PS_OK;
    }
    keep_name(page->last, row->name);
    page->count++;
    return PS_OK;
}

static bool is_known_whole(enum catalog_kind kind)
{
    return kind < CATALOG_AUTHORISING_COUNT && !catalog_kind_is_of_keys(kind);
}

static enum ps_err look_on(struct page *page, enum catalog_kind kind)
{
    const struct keeper *keeper = page->read->keeper;
    const struct ps_bytes after =
        page->at[0] == 0 ? page->read->message->after : ps_bytes_str(page->at);
    enum ps_err err;

    page->looked_at = 0;
    page->goes_on = false;
    err = catalog_list(is_known_whole(kind) ? keeper->known : keeper->catalog, kind, after,
                       UINT32_MAX, add_item, page);
    if (err == PS_E_DENIED) {
        /* Nothing that the caller may not do: somebody wrote to the database. */
        return ps_fail(PS_E_STORAGE, 0, "the catalog was changed from outside");
    }
    return page->has_more || page->goes_on ? PS_OK : err;
}

static void end_page(struct page *page)
{
    writer_end_array(&page->json);
    if (page->has_more) {
        writer_str(&page->json, "next", page->last);
    }
    writer_end_object(&page->json);
}

enum ps_err read_list(struct read *read, enum catalog_kind kind, read_item_fn *fn)
{
    struct request_queue *requests = read->keeper->requests;
    PS_CLEANUP(page_free_cleanup) struct page *page = request_queue_take_state(requests);

    if (page == NULL) {
        PS_TRY(page_new(read, &page));
    }
    page->read = read;
    page->fn = fn;
    PS_TRY(look_on(page, kind));
    if (page->goes_on) {
        read->is_under_way = true;
        request_queue_go_on(requests, page, page_free);
        page = NULL;
        return PS_OK;
    }
    end_page(page);
    ps_buf_put(&read->body, ps_buf_bytes(&page->body));
    return ps_buf_status(&page->body);
}
