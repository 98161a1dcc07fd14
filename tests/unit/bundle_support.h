#ifndef TESTS_UNIT_BUNDLE_SUPPORT_H
#define TESTS_UNIT_BUNDLE_SUPPORT_H

#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/ceremony/bundle/bundle.h"
#include "lib/ceremony/log/report.h"

/* The transcripts of tests/vectors/transcript, and what is found in them. */

#define BUNDLE_TEST_GENESIS "987266510ccf52c75bf2d320deb78c4f504e5896b5ff5ef578676ad81f1c5f9c"

struct findings {
    unsigned counts[3]; /* by verdict */
    uint64_t leaf;      /* that the last failure about one names */
    char failures[2048];
    char notes[1024];
};

static inline PS_UNUSED void findings_take(void *context, const struct log_row *row)
{
    struct findings *findings = context;
    char *text = row->verdict == LOG_FAIL ? findings->failures : findings->notes;
    const size_t size =
        row->verdict == LOG_FAIL ? sizeof findings->failures : sizeof findings->notes;
    const size_t used = strlen(text);

    findings->counts[row->verdict]++;
    if (row->verdict == LOG_FAIL && row->leaf != LOG_NOWHERE) {
        findings->leaf = row->leaf;
    }
    if (row->verdict != LOG_PASS) {
        (void)snprintf(text + used, size - used, "%s: %s\n", row->check, row->text);
    }
}

static inline PS_UNUSED void bundle_test_read(const char *name, struct ps_buf *ret_octets)
{
    char path[64];

    (void)snprintf(path, sizeof path, "transcript/%s.json", name);
    read_vectors(path, ret_octets);
}

static inline PS_UNUSED struct bundle *bundle_test_open(struct ps_bytes octets)
{
    struct bundle *bundle = NULL;

    assert_ok(bundle_parse(octets, &bundle));
    return bundle;
}

/* genesis: of a transcript, its SHA-256 in hexadecimal; NULL: nobody knows it */
static inline PS_UNUSED enum ps_err bundle_test_check(struct ps_bytes octets, const char *genesis,
                                                      struct findings *ret_findings)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    struct bundle_check request = {.fn = findings_take, .context = ret_findings};
    struct bundle_summary summary;
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};

    *ret_findings = (struct findings){0};
    if (genesis != NULL) {
        assert_ok(ps_hex_decode(ps_bytes_str(genesis), &hash));
        request.genesis = hash.data;
    }
    PS_TRY(bundle_parse(octets, &bundle));
    return bundle_verify(bundle, &request, &summary);
}

/* Says first what was found, when it is not what was expected. */
static inline PS_UNUSED void assert_found(const struct findings *findings, const char *failure)
{
    if (strstr(findings->failures, failure) == NULL) {
        fail_msg("not found: %s\nbut: %s", failure, findings->failures);
    }
}

#endif
