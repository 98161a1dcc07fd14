/* OpenSSL 3 has no other way to remove OAEP alone. */
#define OPENSSL_SUPPRESS_DEPRECATED

/*
 * The limit: C_SignInit + C_Sign on a token key by a number of processes, nothing in between. For
 * RSA-OAEP-256: C_DecryptInit + C_Decrypt of raw RSA, and the padding removed.
 *
 *   direct MODULE TOKEN-LABEL PIN-FILE KEY-ID-HEX ALGORITHM PROCESSES THREADS SECONDS
 *
 * Prints one JSON object: {"operations", "seconds", "rate", "p50_us", "p95_us", "p99_us"}.
 */
#include "tests/bench/module.h"

#include "lib/base/algorithm.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x00001057UL /* PKCS#11 v3.0, section 2.3.14 */
#endif

#define SAMPLES_MAX 2000000u
#define THREADS_MAX 256u

struct plan {
    const char *module;
    const char *label;
    char pin[MODULE_PIN_MAX];
    struct ps_buf key_id;
    const struct ps_alg_info *alg; /* NULL: RSA-OAEP-256 */
    unsigned processes;
    unsigned threads;
    double seconds;
};

/* Shared by all processes; each thread adds when it is done. */
struct totals {
    uint64_t logged_in; /* processes */
    uint64_t started;   /* threads */
    uint64_t operations;
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t samples;
    uint32_t micros_tenths[SAMPLES_MAX];
};

static struct totals *totals;

/* Counters only grow. A process that fails takes the others with it, so that none waits for ever.
 */
static void wait_for(const uint64_t *counter, uint64_t count)
{
    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < count) {
        (void)usleep(100);
    }
}

/* What the token gets for the algorithm: digest, message or DigestInfo. */
static size_t input_for(const struct ps_alg_info *alg, uint8_t *out)
{
    static const uint8_t sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                          0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                          0x01, 0x05, 0x00, 0x04, 0x20};
    size_t len = 0;

    if (alg->scheme == PS_SCHEME_RSA_PKCS1) {
        must(alg->hash == PS_SHA256, "DigestInfo for other hashes than SHA-256");
        memcpy(out, sha256_info, sizeof sha256_info);
        len = sizeof sha256_info;
    }
    if (alg->scheme == PS_SCHEME_EDDSA) {
        ps_random(out, 300); /* about the signing input of a small JWS */
        return 300;
    }
    ps_random(out + len, ps_hash_len(alg->hash));
    return len + ps_hash_len(alg->hash);
}

static CK_MECHANISM mechanism_for(const struct ps_alg_info *alg, CK_RSA_PKCS_PSS_PARAMS *pss)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};

    if (alg->scheme == PS_SCHEME_EDDSA) {
        mechanism.mechanism = CKM_EDDSA;
    } else if (alg->scheme == PS_SCHEME_RSA_PKCS1) {
        mechanism.mechanism = CKM_RSA_PKCS;
    } else if (alg->scheme == PS_SCHEME_RSA_PSS) {
        *pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, 32};
        mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, pss, sizeof *pss};
    }
    return mechanism;
}

/* Reads an attribute of a private key that is no secret. */
static BIGNUM *read_number(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                           CK_ATTRIBUTE_TYPE type)
{
    uint8_t octets[512];
    CK_ATTRIBUTE attribute = {type, octets, sizeof octets};

    must(p11->C_GetAttributeValue(session, key, &attribute, 1) == CKR_OK, "C_GetAttributeValue");
    return BN_bin2bn(octets, (int)attribute.ulValueLen, NULL);
}

/* A content key of 32 octets, encrypted to the token's key. */
static size_t encrypt_to(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                         uint8_t *out)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *context;
    uint8_t cek[32];
    size_t len = 512;

    ps_random(cek, sizeof cek);
    must(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N,
                                read_number(p11, session, key, CKA_MODULUS)) == 1 &&
             OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E,
                                    read_number(p11, session, key, CKA_PUBLIC_EXPONENT)) == 1 &&
             EVP_PKEY_fromdata_init(maker) == 1 &&
             EVP_PKEY_fromdata(maker, &pkey, EVP_PKEY_PUBLIC_KEY,
                               OSSL_PARAM_BLD_to_param(builder)) == 1,
         "reading the public key");
    context = EVP_PKEY_CTX_new(pkey, NULL);
    must(EVP_PKEY_encrypt_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
             EVP_PKEY_encrypt(context, out, &len, cek, sizeof cek) == 1,
         "encrypting");
    return len;
}

struct worker {
    const struct plan *plan;
    CK_FUNCTION_LIST *p11;
    CK_SLOT_ID slot;
};

/* What is done again and again. */
struct call {
    CK_RV (*init)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
    CK_RV(*run)
    (CK_SESSION_HANDLE session, uint8_t *in, CK_ULONG in_len, uint8_t *out, CK_ULONG *out_len);
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
    uint8_t input[512];
    size_t input_len;
};

static void prepare(const struct worker *worker, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                    struct call *call)
{
    CK_FUNCTION_LIST *p11 = worker->p11;

    if (worker->plan->alg == NULL) {
        call->init = p11->C_DecryptInit;
        call->run = p11->C_Decrypt;
        call->mechanism = (CK_MECHANISM){CKM_RSA_X_509, NULL, 0};
        call->input_len = encrypt_to(p11, session, key, call->input);
        return;
    }
    call->init = p11->C_SignInit;
    call->run = p11->C_Sign;
    call->mechanism = mechanism_for(worker->plan->alg, &call->pss);
    call->input_len = input_for(worker->plan->alg, call->input);
}

static void call_once(const struct worker *worker, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                      struct call *call)
{
    uint8_t out[1024];
    uint8_t cek[512];
    CK_ULONG len = sizeof out;

    must(call->init(session, &call->mechanism, key) == CKR_OK, "beginning");
    must(call->run(session, call->input, call->input_len, out, &len) == CKR_OK, "the operation");
    if (worker->plan->alg == NULL) {
        must(RSA_padding_check_PKCS1_OAEP_mgf1(cek, sizeof cek, out, (int)len, (int)call->input_len,
                                               NULL, 0, EVP_sha256(), EVP_sha256()) == 32,
             "removing the padding");
    }
}

static void *work(void *context)
{
    const struct worker *worker = context;
    CK_FUNCTION_LIST *p11 = worker->p11;
    const CK_SESSION_HANDLE session = module_open_session(p11, worker->slot);
    CK_OBJECT_HANDLE key;
    struct call call;
    uint64_t operations = 0;
    uint64_t began;
    uint64_t end;
    uint64_t now;

    key = module_find_key(p11, session, ps_buf_bytes(&worker->plan->key_id));
    prepare(worker, session, key, &call);
    (void)__atomic_add_fetch(&totals->started, 1, __ATOMIC_SEQ_CST);
    /* All begin together. */
    wait_for(&totals->started, (uint64_t)worker->plan->processes * worker->plan->threads);
    began = now = ps_clock_mono_ns();
    end = began + (uint64_t)(worker->plan->seconds * 1e9);
    while (now < end) {
        const uint64_t before = now;
        uint64_t at;

        call_once(worker, session, key, &call);
        operations++;
        now = ps_clock_mono_ns();
        at = __atomic_fetch_add(&totals->samples, 1, __ATOMIC_RELAXED);
        if (at < SAMPLES_MAX) {
            totals->micros_tenths[at] = (uint32_t)((now - before) / 100);
        }
    }
    (void)__atomic_add_fetch(&totals->operations, operations, __ATOMIC_SEQ_CST);
    __atomic_store_n(&totals->first_ns, began, __ATOMIC_SEQ_CST);
    __atomic_store_n(&totals->last_ns, now, __ATOMIC_SEQ_CST);
    return NULL;
}

/*
 * One process after another, and none goes on before the last is logged in: while one logs in to
 * SoftHSM 2.6.1, others that look at the token find it blank.
 */
static void log_in(const struct plan *plan, unsigned number, struct worker *worker)
{
    wait_for(&totals->logged_in, number);
    worker->slot = module_log_in(worker->p11, plan->label, plan->pin);
    (void)__atomic_add_fetch(&totals->logged_in, 1, __ATOMIC_SEQ_CST);
    wait_for(&totals->logged_in, plan->processes);
}

static void run_threads(struct worker *worker)
{
    pthread_t threads[THREADS_MAX];
    const unsigned count = worker->plan->threads;

    for (unsigned i = 0; i < count; i++) {
        must(pthread_create(&threads[i], NULL, work, worker) == 0, "pthread_create");
    }
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void run_process(const struct plan *plan, unsigned number)
{
    struct worker worker = {.plan = plan, .p11 = module_load(plan->module)};

    log_in(plan, number, &worker);
    (void)prctl(PR_SET_TIMERSLACK, 1);
    if (plan->threads == 1) {
        /* A second thread, even one that waits, makes malloc and OpenSSL take locks. */
        (void)work(&worker);
    } else {
        run_threads(&worker);
    }
    /* Without C_Finalize: SoftHSM is known to crash in it, and the process ends here anyway. */
    _exit(0);
}

static int compare_samples(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static double percentile(size_t count, double part)
{
    return count == 0 ? 0 : totals->micros_tenths[(size_t)((double)(count - 1) * part)] / 10.0;
}

static void read_plan(char **argv, struct plan *plan)
{
    plan->module = argv[1];
    plan->label = argv[2];
    module_read_pin(argv[3], plan->pin);
    ps_buf_init(&plan->key_id, 64);
    must(ps_hex_decode(ps_bytes_str(argv[4]), &plan->key_id) == PS_OK, "reading the key id");
    plan->alg = ps_alg_info(ps_alg_by_name(ps_bytes_str(argv[5])));
    must(plan->alg != NULL || strcmp(argv[5], "RSA-OAEP-256") == 0, "finding the algorithm");
    plan->processes = (unsigned)strtoul(argv[6], NULL, 10);
    plan->threads = (unsigned)strtoul(argv[7], NULL, 10);
    plan->seconds = strtod(argv[8], NULL);
    must(plan->threads >= 1 && plan->threads <= THREADS_MAX, "1 to 256 threads");
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    size_t samples;

    if (argc != 9) {
        (void)fprintf(stderr, "usage: direct MODULE TOKEN-LABEL PIN-FILE KEY-ID-HEX ALGORITHM "
                              "PROCESSES THREADS SECONDS\n");
        return 2;
    }
    read_plan(argv, &plan);
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(totals != MAP_FAILED, "mmap");
    for (unsigned i = 0; i < plan.processes; i++) {
        const pid_t child = fork();

        must(child >= 0, "fork");
        if (child == 0) {
            /* When one fails the others would wait for it. */
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            run_process(&plan, i);
        }
    }
    for (unsigned i = 0; i < plan.processes; i++) {
        int status = 0;

        must(wait(&status) > 0 && status == 0, "a measuring process");
    }
    samples = totals->samples < SAMPLES_MAX ? totals->samples : SAMPLES_MAX;
    qsort(totals->micros_tenths, samples, sizeof totals->micros_tenths[0], compare_samples);
    (void)printf("{\"operations\":%lu,\"seconds\":%.3f,\"rate\":%.1f,\"p50_us\":%.1f,"
                 "\"p95_us\":%.1f,\"p99_us\":%.1f}\n",
                 totals->operations, (double)(totals->last_ns - totals->first_ns) / 1e9,
                 (double)totals->operations / ((double)(totals->last_ns - totals->first_ns) / 1e9),
                 percentile(samples, 0.5), percentile(samples, 0.95), percentile(samples, 0.99));
    return 0;
}
