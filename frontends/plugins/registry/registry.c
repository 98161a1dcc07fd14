#include "frontends/plugins/registry/registry.h"

#include "frontends/plugins/registry/logins.h"
#include "frontends/plugins/registry/secret_hash.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/system/file.h"

/* A checkpoint after so many answers, of some ten pages each; and how long the log may grow. */
#define ANSWERS_BETWEEN 64u
#define PAGES_MAX       8192u

static enum ps_err read_config(const char *path, struct registry *registry)
{
    PS_BUF_AUTO text = {.max = CONFIG_FILE_MAX};
    PS_BUF_AUTO errors = {.max = 65536};
    void *config;

    PS_TRY(file_read(path, CONFIG_FILE_MAX, &text));
    PS_TRY(config_form_parse(&registry_config_form, path, ps_buf_bytes(&text), &errors, &config));
    registry->config = config;
    return PS_OK;
}

/* The database's directory, and that of passwords. */
static enum ps_err tell_writable(struct registry *registry)
{
    const char *database = registry->config->registry.database;
    const size_t len = (size_t)(strrchr(database, '/') - database);

    ps_buf_printf(&registry->writable, "%.*s\n%s", (int)len, database,
                  registry->config->otp.directory);
    ps_buf_put_u8(&registry->writable, '\0');
    return ps_buf_status(&registry->writable);
}

enum ps_err registry_open(const char *config, struct registry *registry)
{
    *registry = (struct registry){.writable = {.max = 8192}};
    (void)pthread_mutex_init(&registry->mutex, NULL);
    (void)pthread_mutex_init(&registry->moving, NULL);
    PS_TRY(secret_hash_init());
    PS_TRY(read_config(config, registry));
    PS_TRY(delivery_open(registry->config, &registry->delivery));
    PS_TRY(persons_open(registry->config->registry.database, &registry->db));
    PS_TRY(persons_secret(registry->db, registry->secret));
    /* What is written from here on ends in minutes, as the logins that it is about. */
    PS_TRY(db_run(registry->db, "PRAGMA synchronous = NORMAL;"));
    PS_TRY(db_defer_checkpoints(registry->db));
    PS_TRY(persons_open(registry->config->registry.database, &registry->mover));
    return tell_writable(registry);
}

void registry_close(struct registry *registry)
{
    delivery_close(&registry->delivery);
    db_close(registry->mover);
    db_close(registry->db);
    config_form_free(&registry_config_form, registry->config);
    ps_buf_clear(&registry->writable);
    ps_wipe(registry->secret, sizeof registry->secret);
    (void)pthread_mutex_destroy(&registry->moving);
    (void)pthread_mutex_destroy(&registry->mutex);
}

/* Few pages are left when it is done once; without them the log begins anew. */
static enum ps_err move(struct registry *registry)
{
    uint64_t pages = 0;
    enum ps_err err;

    PS_TRY(db_checkpoint(registry->mover, &pages));
    if (pages < PAGES_MAX) {
        return PS_OK;
    }
    (void)pthread_mutex_lock(&registry->mutex);
    err = db_checkpoint(registry->mover, &pages);
    (void)pthread_mutex_unlock(&registry->mutex);
    return err;
}

enum ps_err registry_tidy(struct registry *registry)
{
    enum ps_err err;

    if (__atomic_add_fetch(&registry->answers, 1, __ATOMIC_RELAXED) % ANSWERS_BETWEEN != 0 ||
        pthread_mutex_trylock(&registry->moving) != 0) {
        return PS_OK;
    }
    err = move(registry);
    (void)pthread_mutex_unlock(&registry->moving);
    return err;
}

void registry_said_clear(struct registry_said *said)
{
    ps_buf_clear(&said->one);
    ps_buf_clear(&said->two);
    ps_buf_clear(&said->metadata);
    ps_buf_clear(&said->mail);
    ps_wipe(said->otp, sizeof said->otp);
}

static struct privyseal_auth_text text_of(struct ps_bytes octets)
{
    return (struct privyseal_auth_text){(const char *)octets.data, octets.len};
}

struct privyseal_auth_answer registry_failure(enum ps_err err)
{
    struct privyseal_auth_answer answer = {.result = PRIVYSEAL_AUTH_FAILED,
                                           .detail = text_of(ps_bytes_str(ps_detail()->text))};

    if (err == PS_E_BUSY || err == PS_E_NO_MEMORY) {
        answer.result = PRIVYSEAL_AUTH_AWAY;
    } else if (err == PS_E_DENIED || err == PS_E_NOT_FOUND || err == PS_E_INPUT) {
        answer.result = PRIVYSEAL_AUTH_REFUSED;
    } else if (err == PS_E_LIMIT) {
        answer.result = PRIVYSEAL_AUTH_REFUSED;
        answer.code = text_of(ps_bytes_str("individual_id_blocked"));
    }
    return answer;
}

enum ps_err registry_otp_place(const struct registry *registry,
                               const struct privyseal_auth_request *request, struct ps_bytes person,
                               struct ps_buf *login, struct otp_place *ret_place)
{
    const struct privyseal_auth_text texts[] = {request->relying_party, request->client,
                                                request->transaction};

    ps_buf_reset(login);
    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        ps_buf_put_json_string(login, ps_bytes(texts[i].data, texts[i].len));
    }
    PS_TRY(ps_buf_status(login));
    *ret_place = (struct otp_place){.secret = registry->secret,
                                    .person = person,
                                    .login = ps_buf_bytes(login),
                                    .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    return PS_OK;
}

enum ps_err registry_commit(struct db_transaction *transaction, enum ps_err err)
{
    if (err == PS_OK || err == PS_E_DENIED || err == PS_E_LIMIT || err == PS_E_NOT_FOUND) {
        PS_TRY(db_commit(transaction));
    }
    return err;
}

static enum ps_err find_claims_locked(struct registry *registry, const struct login_place *place,
                                      struct person *person)
{
    DB_TRANSACTION_AUTO transaction = {0};
    PS_BUF_AUTO id = PS_BUF_SECRET(PERSON_ID_MAX);
    enum ps_err err;

    PS_TRY(db_begin(registry->db, &transaction));
    err = login_use(registry->db, place, &id);
    if (err == PS_OK) {
        err = persons_find(registry->db, ps_buf_bytes(&id), person);
    }
    return registry_commit(&transaction, err);
}

static enum ps_err find_claims(struct registry *registry,
                               const struct privyseal_auth_request *request, struct person *person)
{
    const struct login_place place = {
        .secret = registry->secret, .request = request, .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    enum ps_err err;

    (void)pthread_mutex_lock(&registry->mutex);
    err = find_claims_locked(registry, &place, person);
    (void)pthread_mutex_unlock(&registry->mutex);
    return err;
}

static enum ps_err exchange(struct registry *registry, const struct privyseal_auth_request *request,
                            struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PERSON_AUTO person;

    person_init(&person);
    PS_TRY(json_new(&json));
    PS_TRY(find_claims(registry, request, &person));
    return person_put_claims(json, ps_buf_bytes(&person.claims), &request->claims,
                             &request->locales, out);
}

void registry_exchange(struct registry *registry, const struct privyseal_auth_request *request,
                       struct registry_said *said, struct privyseal_auth_answer *ret_answer)
{
    const enum ps_err err = exchange(registry, request, &said->one);

    *ret_answer = err == PS_OK
                      ? (struct privyseal_auth_answer){.result = PRIVYSEAL_AUTH_OK,
                                                       .claims = text_of(ps_buf_bytes(&said->one))}
                      : registry_failure(err);
}
