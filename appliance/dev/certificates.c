#include "appliance/dev/gate.h"

#include "api/client/privyseal_x509.h"
#include "appliance/key_file.h"
#include "appliance/key_request.h"
#include "appliance/supervisor/tls_files.h"
#include "lib/base/clock.h"
#include "lib/formats/pem.h"
#include "lib/formats/x509/chain.h"
#include "lib/system/file.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

/*
 * Certificates of the listeners and clients, from a CA whose key is in the token, as docs/tls.md
 * goes through it: the keys are files and made before the start, what people approve comes with the
 * set-up over the Unix socket, and then the TLS listeners are opened by a reload.
 */

#define AUTHORITY    "tls.ca"
#define ROOT_FILE    "ca/cert.pem"
#define ROOT_VALID_S "315360000" /* ten years */
#define VALID_S      "7776000"   /* 90 days */
#define PEM_MAX      65536u
#define LISTENING_NS (20 * PS_NS_PER_S)
#define RETRY_MS     20
#define SANS_MAX     3u

const char *const dev_clients[DEV_CLIENT_MAX] = {"oidc", "certify", "operator"};

/* Whose certificate it is: files in DIR, and what it says. */
struct holder {
    const char *directory;
    const char *name;
    const char *profile;
    enum x509_kind kind;
    const char *sans[SANS_MAX];
};

static const struct holder holders[] = {
    {"clients/oidc",
     "oidc",
     "tls-client",
     X509_KIND_TLS_CLIENT,
     {NULL}}, /* in the order of dev_clients */
    {"clients/certify", "certify", "tls-client", X509_KIND_TLS_CLIENT, {NULL}},
    {"clients/operator", "operator", "tls-client", X509_KIND_TLS_CLIENT, {NULL}},
    {"tls",
     "localhost",
     "tls-server",
     X509_KIND_TLS_SERVER,
     {"dns:localhost", "ip:127.0.0.1", "ip:::1"}},
};
_Static_assert(PS_COUNT_OF(holders) == DEV_CLIENT_MAX + 1, "each client, and the listeners");

static void free_pkey(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void close_client(struct privyseal **client)
{
    privyseal_close(*client);
}

static void path_of(const struct dev *dev, const struct holder *holder, const char *file,
                    char ret_path[DEV_PATH_MAX])
{
    char name[DEV_TEXT_MAX];

    (void)snprintf(name, sizeof name, "%.100s/%.100s", holder->directory, file);
    dev_path(dev, name, ret_path);
}

/* --- Before the start --- */

/* The key stays the same over all renewals, and with it what a client is registered by. */
static enum ps_err obtain_key(const struct dev *dev, const struct holder *holder, char *ret_pin)
{
    PS_CLEANUP(free_pkey) EVP_PKEY *key = NULL;
    PS_BUF_AUTO pin = {.max = DEV_PIN_LEN};
    char path[DEV_PATH_MAX];

    dev_path(dev, holder->directory, path);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", path);
    }
    path_of(dev, holder, "key.pem", path);
    PS_TRY(key_file_obtain(path, &key));
    PS_TRY(key_request_put_pin(key, path, &pin));
    memcpy(ret_pin, pin.data, pin.len);
    ret_pin[pin.len] = '\0';
    return PS_OK;
}

enum ps_err dev_prepare_keys(struct dev *dev)
{
    char unused[DEV_PIN_LEN + 1] = "";

    for (size_t i = 0; i < PS_COUNT_OF(holders); i++) {
        PS_TRY(obtain_key(dev, &holders[i], i < DEV_CLIENT_MAX ? dev->pins[i] : unused));
    }
    return PS_OK;
}

bool dev_has_certificates(const struct dev *dev)
{
    const struct holder *server = &holders[DEV_CLIENT_MAX];
    char certificate[DEV_PATH_MAX];
    char key[DEV_PATH_MAX];
    char root[DEV_PATH_MAX];
    const struct config_listener listener = {
        .certificate = certificate, .key = key, .client_ca = root};
    struct tls_files files;

    path_of(dev, server, "cert.pem", certificate);
    path_of(dev, server, "key.pem", key);
    dev_path(dev, ROOT_FILE, root);
    if (tls_files_load(&listener, &files) != PS_OK) {
        return false;
    }
    tls_files_clear(&files);
    return true;
}

/* --- What people approve --- */

/* The root comes last: when it is there, all that certificates are issued by is. */
static const struct {
    const char *method;
    const char *path;
    const char *body;
} rules[] = {
    {"POST", "/v1/keys",
     "{\"name\":\"" AUTHORITY
     "\",\"type\":\"ec-p256\",\"usage\":\"certify\",\"formats\":[\"x509\"],"
     "\"algorithms\":[\"ES256\"]}"},
    {"PUT", "/v1/x509/profiles/tls-server",
     "{\"kind\":\"tls-server\",\"issuer\":\"" AUTHORITY "\",\"longest_s\":" VALID_S
     ",\"subject\":{\"common_name\":\"*\"},\"sans\":[\"dns:localhost\",\"ip:127.0.0.1\","
     "\"ip:::1\"]}"},
    {"PUT", "/v1/x509/profiles/tls-client",
     "{\"kind\":\"tls-client\",\"issuer\":\"" AUTHORITY "\",\"longest_s\":" VALID_S
     ",\"subject\":{\"common_name\":\"*\"}}"},
    {"POST", "/v1/grants",
     "{\"client\":\"operator\",\"keys\":\"" AUTHORITY "\",\"operations\":["
     "\"x509.issue:tls-server\",\"x509.issue:tls-client\"]}"},
    {"POST", "/v1/keys/" AUTHORITY "/certificate/root",
     "{\"subject\":{\"common_name\":\"throw-away authority\",\"organization\":\"Privyseal "
     "practice\"},\"validity_s\":" ROOT_VALID_S ",\"path_len\":0}"},
};

static enum ps_err make_authority(const struct dev_gate *gate)
{
    PS_BUF_AUTO body = {.max = 1024};

    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        ps_buf_reset(&body);
        ps_buf_put_str(&body, rules[i].body);
        PS_TRY(dev_change(gate, rules[i].method, rules[i].path, &body));
    }
    return PS_OK;
}

static enum ps_err ask_root(const struct dev_gate *gate, struct ps_buf *out)
{
    static const char path[] = "/v1/keys/" AUTHORITY "/certificate";
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    PS_TRY(dev_call(gate, "GET", path, NULL, &answer));
    if (answer.status == 404) {
        return PS_E_NOT_FOUND;
    }
    if (answer.status != 200) {
        return dev_refused(path, &answer);
    }
    ps_buf_put(out, ps_bytes(answer.body, answer.body_len));
    return ps_buf_status(out);
}

static enum ps_err obtain_root(const struct dev_gate *gate, struct ps_buf *out)
{
    const enum ps_err err = ask_root(gate, out);

    if (err != PS_E_NOT_FOUND) {
        return err;
    }
    dev_say("  the certificates of TLS, from %s", AUTHORITY);
    PS_TRY(make_authority(gate));
    return ask_root(gate, out);
}

/* --- One certificate --- */

static enum ps_err read_pem(const char *path, struct ps_buf *ret_der)
{
    PS_BUF_AUTO pem = {0};
    struct ps_bytes text;

    PS_TRY(file_read(path, PEM_MAX, &pem));
    text = ps_buf_bytes(&pem);
    return pem_take(&text, PEM_CERTIFICATE, ret_der);
}

static const struct holder *find_holder(const char *directory)
{
    size_t i = 0;

    while (strcmp(holders[i].directory, directory) != 0) {
        i++;
        assert(i < PS_COUNT_OF(holders));
    }
    return &holders[i];
}

enum ps_err dev_check_certificate(const struct dev *dev, const char *directory,
                                  struct ps_bytes root)
{
    const struct holder *holder = find_holder(directory);
    PS_CLEANUP(free_pkey) EVP_PKEY *key = NULL;
    PS_BUF_AUTO der = {.max = X509_CERTIFICATE_MAX};
    PS_BUF_AUTO root_der = {.max = X509_CERTIFICATE_MAX};
    PS_BUF_AUTO spki = {.max = KEY_REQUEST_SPKI_MAX};
    struct ps_bytes leaf;
    struct ps_bytes anchor;
    char path[DEV_PATH_MAX];

    PS_TRY(pem_take(&root, PEM_CERTIFICATE, &root_der));
    path_of(dev, holder, "cert.pem", path);
    PS_TRY(read_pem(path, &der));
    path_of(dev, holder, "key.pem", path);
    PS_TRY(key_file_obtain(path, &key));
    PS_TRY(key_request_put_spki(key, path, &spki));
    leaf = ps_buf_bytes(&der);
    anchor = ps_buf_bytes(&root_der);
    return x509_check_chain(
        &(struct x509_chain){.certificates = &leaf,
                             .count = 1,
                             .anchors = &anchor,
                             .anchor_count = 1,
                             .spki = ps_buf_bytes(&spki),
                             .kind = holder->kind,
                             .now_s = ps_clock_real_ns() / PS_NS_PER_S + DEV_RENEW_S});
}

static enum ps_err put_request(const struct dev *dev, const struct holder *holder,
                               struct ps_buf *out)
{
    const struct x509_subject subject = {.values[X509_COMMON_NAME] = ps_bytes_str(holder->name)};
    PS_CLEANUP(free_pkey) EVP_PKEY *key = NULL;
    struct x509_sans sans = {.count = 0};
    char path[DEV_PATH_MAX];

    while (sans.count < SANS_MAX && holder->sans[sans.count] != NULL) {
        PS_TRY(x509_san_read(ps_bytes_str(holder->sans[sans.count]), &sans.items[sans.count]));
        sans.count++;
    }
    path_of(dev, holder, "key.pem", path);
    PS_TRY(key_file_obtain(path, &key));
    return key_request_put(key, path, &subject, &sans, out);
}

static enum ps_err issue(const struct dev *dev, struct privyseal *clients,
                         const struct holder *holder)
{
    PS_CLEANUP(privyseal_issued_clear) struct privyseal_issued issued = {.pem = NULL};
    PS_BUF_AUTO csr = {.max = X509_CSR_MAX};
    struct privyseal_x509 request = {.profile = holder->profile};
    char path[DEV_PATH_MAX];

    PS_TRY(put_request(dev, holder, &csr));
    request.csr = csr.data;
    request.csr_len = csr.len;
    if (privyseal_issue_certificate(clients, &request, &issued) != PRIVYSEAL_OK) {
        return ps_fail(PS_E_STATE, 0, "a certificate of %s: %.160s", holder->name,
                       privyseal_last_error(clients));
    }
    path_of(dev, holder, "cert.pem", path);
    return file_write(path, ps_bytes_str(issued.pem), 0644);
}

/* --- All of them --- */

static enum ps_err renew(const struct dev *dev, struct ps_bytes root, bool *ret_changed)
{
    const struct privyseal_options options = {.socket = dev->config->clients.socket};
    PS_CLEANUP(close_client) struct privyseal *clients = NULL;

    if (privyseal_open(&options, &clients) != PRIVYSEAL_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client library cannot start");
    }
    for (size_t i = 0; i < PS_COUNT_OF(holders); i++) {
        if (dev_check_certificate(dev, holders[i].directory, root) != PS_OK) {
            PS_TRY(issue(dev, clients, &holders[i]));
            *ret_changed = true;
        }
    }
    return PS_OK;
}

static enum ps_err write_root(const struct dev *dev, struct ps_bytes root, bool *ret_changed)
{
    PS_BUF_AUTO present = {0};
    char path[DEV_PATH_MAX];

    dev_path(dev, ROOT_FILE, path);
    if (file_read(path, PEM_MAX, &present) == PS_OK &&
        ps_bytes_equal(ps_buf_bytes(&present), root)) {
        return PS_OK;
    }
    *ret_changed = true;
    return file_write(path, root, 0644);
}

/* As the operator, who knows it by its certificate and is known by its own. */
static enum ps_err open_listener(const struct dev *dev, const struct config_listener *listener,
                                 struct privyseal **ret_client)
{
    const struct holder *operator= & holders[DEV_OPERATOR];
    char url[DEV_TEXT_MAX];
    char certificate[DEV_PATH_MAX];
    char key[DEV_PATH_MAX];
    char root[DEV_PATH_MAX];
    const struct privyseal_options options = {
        .url = url, .ca = root, .certificate = certificate, .key = key};

    dev_put_url(listener, url);
    path_of(dev, operator, "cert.pem", certificate);
    path_of(dev, operator, "key.pem", key);
    dev_path(dev, ROOT_FILE, root);
    return privyseal_open(&options, ret_client) == PRIVYSEAL_OK
               ? PS_OK
               : ps_fail(PS_E_INTERNAL, 0, "the client library cannot start");
}

static enum ps_err wait_for(const struct dev *dev, const struct config_listener *listener)
{
    const uint64_t deadline = ps_clock_mono_ns() + LISTENING_NS;
    const struct privyseal_request whoami = {.method = "GET", .path = "/v1/whoami"};
    PS_CLEANUP(close_client) struct privyseal *client = NULL;

    PS_TRY(open_listener(dev, listener, &client));
    for (;;) {
        PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

        if (privyseal_call(client, &whoami, &answer) == PRIVYSEAL_OK) {
            return PS_OK;
        }
        if (ps_clock_mono_ns() > deadline) {
            return ps_fail(PS_E_STATE, 0, "the TLS listener at port %u does not serve: %.120s",
                           (unsigned)listener->tls_port, privyseal_last_error(client));
        }
        PS_TRY(dev_pause(dev, RETRY_MS));
    }
}

static enum ps_err take_over(struct dev *dev)
{
    if (dev->config->clients.tls_port == 0) {
        PS_TRY(dev_write_config(dev));
    }
    dev_ask_to_reload(dev);
    PS_TRY(wait_for(dev, &dev->config->clients));
    return wait_for(dev, &dev->config->management);
}

enum ps_err dev_obtain_certificates(const struct dev_gate *gate)
{
    struct dev *dev = gate->dev;
    bool is_changed = false;
    PS_BUF_AUTO root = {.max = PEM_MAX};

    if (dev->options.no_tls) {
        return PS_OK;
    }
    PS_TRY(obtain_root(gate, &root));
    PS_TRY(write_root(dev, ps_buf_bytes(&root), &is_changed));
    PS_TRY(renew(dev, ps_buf_bytes(&root), &is_changed));
    return is_changed || dev->config->clients.tls_port == 0 ? take_over(dev) : PS_OK;
}
