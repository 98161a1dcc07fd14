#ifndef TESTS_KEEPER_UNSIGNED_HISTORY_H
#define TESTS_KEEPER_UNSIGNED_HISTORY_H

#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/kill_certificates.h"

/* Operations with every kind of effect, one after the other: for test_gate_unsigned.c. */

#define POLICY(epoch, cooling_off)                                                                 \
    "{\"policy\":{\"classes\":{\"A\":{\"auditors\":\"1\",\"officers\":\"2\",\"requester\":"        \
    "\"excluded\"},\"B\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"excluded\"},"      \
    "\"C\":{\"auditors\":\"0\",\"officers\":\"1\",\"requester\":\"counted\"},\"U\":{\"auditors\":" \
    "\"0\",\"officers\":\"2\",\"requester\":\"excluded\"}},"                                       \
    "\"cooling_off_s\":\"" cooling_off "\",\"epoch\":\"" epoch "\",\"recovery\":{\"delay_s\":"     \
    "\"259200\",\"threshold\":\"2\"},\"sk\":{\"application\":\"ssh:\",\"presence\":true,"          \
    "\"verification\":true},\"v\":\"1\"}}"

#define PROFILE                                                                                    \
    "{\"kind\":\"tls-client\",\"issuer\":\"u.ca\",\"longest_s\":3600,"                             \
    "\"subject\":{\"common_name\":\"*\"}}"

static const struct {
    const char *type;
    const char *subject;
    const char *parameters;
} history[] = {
    {"key.create", "", EC_KEY("u.key")},
    {"key.create_batch", "",
     "{\"keys\":[{\"name\":\"u.one\"},{\"name\":\"u.two\"}],\"type\":\"ed25519\",\"usage\":"
     "\"sign\","
     "\"formats\":[\"jws\"]}"},
    {"key.rotate", "u.key", "{}"},
    {"key.activate", "u.key", "{}"},
    {"key.suspend", "u.key", "{}"},
    {"key.resume", "u.key", "{}"},
    {"key.deactivate", "u.one", "{}"},
    {"key.destroy", "u.one", "{}"},
    {"client.register", "", "{\"name\":\"u.client\",\"uids\":[4242]}"},
    {"grant.add", "", "{\"client\":\"u.client\",\"keys\":\"u.*\",\"operations\":[\"jws.sign\"]}"},
    {"client.suspend", "u.client", "{}"},
    {"set.put", "u.set", "{\"keys\":[\"u.*\"]}"},
    {"key.create", "",
     "{\"name\":\"u.ca\",\"type\":\"ec-p256\",\"usage\":\"certify\",\"formats\":[\"x509\"],"
     "\"algorithms\":[\"ES256\"]}"},
    {"certificate.root", "u.ca", "{\"subject\":{\"common_name\":\"CA\"},\"validity_s\":864000}"},
    {"certificate.issue", "u.two",
     "{\"issuer\":\"u.ca\",\"subject\":{\"common_name\":\"Two\"},\"validity_s\":86400}"},
    {"certificate.install", "u.key", kill_chain},
    {"certificate.revoke", "u.ca", "{\"serial\":\"4f01\"}"},
    {"profile.put", "u.gone", PROFILE},
    {"profile.remove", "u.gone", "{}"},
    {"profile.put", "u.profile", PROFILE},
    {"officer.suspend", "dave", "{}"},
    {"officer.resume", "dave", "{}"},
    {"policy.change", "", POLICY("2", "0")},
    {"appliance.lock", "", "{}"},
    {"appliance.unlock", "", "{}"},
};

/* What is written in the place of the log. */
struct forgery {
    const char *type;    /* of the operation that it is about */
    const char *without; /* kind of its leaves that are left out; NULL: none */
    const char *from;    /* a text of its result, or of its intent ... */
    const char *to;      /* ... and what is there now; from NULL: nothing is changed */
    const char *words;   /* why it is refused */
};

/* Each is a row other than the operation makes. */
static const struct forgery forgeries[] = {
    {"client.register", NULL, "\"uids\":[4242]", "\"uids\":[4343]", "client u.client"},
    {"client.suspend", NULL, "\"listener\":\"both\"", "\"listener\":\"clients\"",
     "client u.client"},
    {"grant.add", NULL, "\"keys\":\"u.*\"", "\"keys\":\"*\"", "it is not what"},
    {"set.put", NULL, "\"u.*\"", "\"*\"", "set u.set"},
    {"officer.suspend", NULL, "\"role\":\"officer\"", "\"role\":\"auditor\"", "dave"},
    {"policy.change", NULL, "\"officers\":\"2\"", "\"officers\":\"1\"", "policy"},
    {"key.create", NULL, "\"formats\":[\"x509\"]", "\"formats\":[\"cms\"]", "key u.ca"},
    {"key.create_batch", NULL, "\"name\":\"u.two\",\"row\"", "\"name\":\"u.six\",\"row\"", "u.six"},
    {"key.resume", NULL, "\"state\":\"active\"", "\"state\":\"suspended\"", "key u.key"},
    {"key.rotate", NULL, "\"activates_s\":1", "\"activates_s\":2", "its times"},
    {"key.destroy", NULL, "\"outcome\":\"done\"", "\"outcome\":\"not-done\"", "effects"},
    {"certificate.root", NULL, "\"kind\":\"internal\"", "\"kind\":\"external\"", "u.ca/1"},
    {"certificate.issue", NULL, "\"common_name\":\"Two\"", "\"common_name\":\"Six\"", "u.two/1"},
    {"certificate.install", NULL, "\"kind\":\"external\"", "\"kind\":\"internal\"", "u.key/2"},
    {"certificate.revoke", NULL, "\"reason\":\"unspecified\"", "\"reason\":\"superseded\"",
     "revocation u.ca/TwE"},
    {"certificate.revoke", NULL, "\"revoked_s\":1", "\"revoked_s\":2", "its times"},
    {"profile.put", NULL, "\"longest_s\":3600", "\"longest_s\":3601", "profile u.profile"},
    {"appliance.lock", NULL, "\"locked\":true", "\"locked\":false", "appliance"},
    {"appliance.unlock", NULL, "\"configuration\":\"A", "\"configuration\":\"B", "appliance"},
};

#endif
