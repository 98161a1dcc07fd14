#ifndef TESTS_KEEPER_KILL_ROWS_H
#define TESTS_KEEPER_KILL_ROWS_H

#include "tests/keeper/kill_certificates.h"
#include "tests/keeper/kill_people.h"
#include "tests/keeper/kill_pins.h"
#include "tests/keeper/kill_shards.h"
#include "tests/keeper/kill_software.h"

/*
 * One operation of every type, for test_gate_kill.c: how it is asked for, and how one sees it done.
 * In texts '@' stands for a name of its own in each round, '#' for a number of its own, '%' for the
 * id that the last of `before`, or `prepare`, gave.
 */
struct prior {
    const char *type;
    const char *subject;
    const char *parameters;
};

struct row {
    struct prior it;
    struct prior before[3]; /* what has to be there */
    enum read_resource resource;
    const char *name;
    /* What this reads once it is done, and only then; after '!' not then. NULL: only its result. */
    const char *effect;
    const char *result;    /* and what the operation itself says then; NULL: nothing */
    void (*once)(void);    /* what is made before the first round */
    void (*prepare)(void); /* what no operation makes */
    unsigned more_keys;    /* than "@", named "@.1" and so on */
    bool wraps; /* three keys of the appliance's own are made, and "@" is nowhere in the token */
    void (*release)(void);    /* shares that it waits for, before it is executed, */
    void (*help)(void);       /* or after a death in it, so that it is settled */
    void (*begin_anew)(void); /* what is needed once more for one after that was not done */
    unsigned takes_s;         /* about so long beside others; 0: a few seconds, as most */
};

#define KEY_PARAMETERS                                                                             \
    "{\"name\":\"@\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]}"
#define MAKE_KEY                                                                                   \
    {                                                                                              \
        "key.create", "", KEY_PARAMETERS                                                           \
    }
#define MAKE_BATCH                                                                                 \
    {                                                                                              \
        "key.create_batch", "",                                                                    \
            "{\"keys\":[{\"name\":\"@\"}],\"type\":\"ec-p256\",\"usage\":\"sign\","                \
            "\"formats\":[\"jws\"]}"                                                               \
    }
/* Enough for a part and a result. */
#define MANY_KEYS 17
#define MAKE_MANY                                                                                  \
    {                                                                                              \
        "key.create_batch", "",                                                                    \
            "{\"keys\":[{\"name\":\"@\"},{\"name\":\"@.1\"},{\"name\":\"@.2\"},{\"name\":\"@.3\"}" \
            ","                                                                                    \
            "{\"name\":\"@.4\"},{\"name\":\"@.5\"},{\"name\":\"@.6\"},{\"name\":\"@.7\"},"         \
            "{\"name\":\"@.8\"},{\"name\":\"@.9\"},{\"name\":\"@.10\"},{\"name\":\"@.11\"},"       \
            "{\"name\":\"@.12\"},{\"name\":\"@.13\"},{\"name\":\"@.14\"},{\"name\":\"@.15\"},"     \
            "{\"name\":\"@.16\"}],\"type\":\"ed25519\",\"usage\":\"sign\",\"formats\":[\"jws\"]}"  \
    }
#define MAKE_WRAPPING                                                                              \
    {                                                                                              \
        "wrapping.create", "", "{}"                                                                \
    }
#define MAKE_WRAPPED                                                                               \
    {                                                                                              \
        "key.create", "",                                                                          \
            "{\"name\":\"@\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"       \
            "\"residence\":\"wrapped\"}"                                                           \
    }
#define MAKE_FAMILY                                                                                \
    {                                                                                              \
        "family.create", "@.",                                                                     \
            "{\"client\":\"tester\",\"maximum\":3,\"template\":{\"type\":\"ec-p256\","             \
            "\"usage\":\"sign\",\"formats\":[\"jws\"]}}"                                           \
    }
#define MAKE_CLIENT                                                                                \
    {                                                                                              \
        "client.register", "", "{\"name\":\"@\",\"uids\":[#]}"                                     \
    }
#define ADD_GRANT                                                                                  \
    {                                                                                              \
        "grant.add", "", "{\"client\":\"@\",\"keys\":\"@.*\",\"operations\":[\"jws.sign\"]}"       \
    }

#define MAKE_CA                                                                                    \
    {                                                                                              \
        "key.create", "",                                                                          \
            "{\"name\":\"@.1\",\"type\":\"ec-p256\",\"usage\":\"certify\","                        \
            "\"formats\":[\"x509\"],\"algorithms\":[\"ES256\"]}"                                   \
    }
#define MAKE_ROOT                                                                                  \
    {                                                                                              \
        "certificate.root", "@.1", "{\"subject\":{\"common_name\":\"@\"},\"validity_s\":864000}"   \
    }
#define PUT_PROFILE                                                                                \
    {                                                                                              \
        "profile.put", "@",                                                                        \
            "{\"kind\":\"tls-client\",\"issuer\":\"@.1\",\"longest_s\":3600,"                      \
            "\"subject\":{\"common_name\":\"*\"}}"                                                 \
    }

/* Certificates of P-256 for key agreement; their private halves were not kept. */
#define OFFICER_CERTIFICATE                                                                        \
    "MIIBdjCCARugAwIBAgIUMb9pUgJIvyb-elJhdEEPZtx5vbIwCgYIKoZIzj0EAwIwEDEOMA"                       \
    "wGA1UEAwwFY2Fyb2wwHhcNMjYxMTIxMDIxMTE3WhcNMzYxMTE4MDIxMTE3WjAQMQ4wDAYD"                       \
    "VQQDDAVjYXJvbDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDM4cJ4Pgk0z-"                                \
    "XBtmF2d0C9M_sag1eHr46upPx-QSWVLoLfj-HQG9jNUdiAhwMd3PUqRAh6EpBaeu-"                            \
    "BoJIt1KB6jUzBRMB0GA1UdDgQWBBQ-FuQVtKXF-Tc9bIA9I2-cxyUl-"                                      \
    "DAfBgNVHSMEGDAWgBQ-FuQVtKXF-Tc9bIA9I2-cxyUl-DAPBgNVHRMBAf8EBTADAQH_MAo"                       \
    "GCCqGSM49BAMCA0kAMEYCIQCPd37YlFo7I4OtTlzsVVW_ckniz4cmJbCBxMtRR47yLAIhA"                       \
    "KClIacUJoHJnUcuQvfzZ3u85pjX9nGMJ_ulTE_D55Dt"

#define OTHER_CERTIFICATE                                                                          \
    "MIIBcTCCARegAwIBAgIUXY89vmcp_Wb_WlBbJJZiuyR0MvAwCgYIKoZIzj0EAwIwDjEMMA"                       \
    "oGA1UEAwwDYm9iMB4XDTI2MTEyMTAyMTExN1oXDTM2MTExODAyMTExN1owDjEMMAoGA1UE"                       \
    "AwwDYm9iMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErrkvrbpGvh8PSmtDoyuXP8VpQn"                       \
    "MZURQLEd5QzdA1dBT7O5P9iz6irqcbcMfAb26eNbNUosLUitB0alNHFNyFSKNTMFEwHQYD"                       \
    "VR0OBBYEFO9K0NhR8Us33B-xw0xE-zPAsvk2MB8GA1UdIwQYMBaAFO9K0NhR8Us33B-xw0"                       \
    "xE-zPAsvk2MA8GA1UdEwEB_wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAJ0L6-tCEMbt"                       \
    "XvrJjTJUZ-Stu32QH_bxjUjuMtfB4E5QAiBZx72k4Vm0pRJ5xL4N7vSLDfsZaqsaFGh5vN"                       \
    "ovPS8emA"

#define SPLIT_IN_TWO                                                                               \
    "\"threshold\":2,\"holders\":[{\"officer\":\"alice\",\"certificate\":\"" OFFICER_CERTIFICATE   \
    "\"},{\"officer\":\"bob\",\"certificate\":\"" OTHER_CERTIFICATE "\"}]}"

static char kill_old_wrapping[32]; /* the parameters of wrapping.destroy */

static void make_old_wrapping(void);
static void make_first_wrapping(void);
static void get_certificate(void);
static void add_token(void);
static void accept_token(void);
static void ask_for_another(void);
static void complete_shard(void);

/* Genesis has a test of its own. */
static const struct row rows[] = {
    {.it = {"certificate.csr", "@", "{\"subject\":{\"common_name\":\"@\"}}"},
     .before = {MAKE_KEY},
     .result = "\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\n"},
    {.it = {"certificate.install", "@", kill_chain},
     .before = {MAKE_KEY},
     .resource = READ_KEY,
     .name = "@",
     .effect = kill_fingerprint,
     .prepare = get_certificate},
    {.it = {"certificate.issue", "@",
            "{\"issuer\":\"@.1\",\"subject\":{\"common_name\":\"@\"},\"validity_s\":86400}"},
     .before = {MAKE_CA, MAKE_ROOT, MAKE_KEY},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"kind\":\"internal\"",
     .more_keys = 1},
    {.it = {"certificate.revoke", "@.1", "{\"serial\":\"4f01\"}"},
     .before = {MAKE_CA},
     .more_keys = 1},
    {.it = MAKE_ROOT,
     .before = {MAKE_CA},
     .resource = READ_KEY,
     .name = "@.1",
     .effect = "\"kind\":\"internal\"",
     .more_keys = 1},
    {.it = MAKE_CLIENT, .resource = READ_CLIENT, .name = "@", .effect = "\"name\":\"@\""},
    {.it = {"client.remove", "@", "{}"},
     .before = {MAKE_CLIENT},
     .resource = READ_CLIENT,
     .name = "@",
     .effect = "!\"name\":\"@\""},
    {.it = {"client.resume", "@", "{}"},
     .before = {MAKE_CLIENT, {"client.suspend", "@", "{}"}},
     .resource = READ_CLIENT,
     .name = "@",
     .effect = "!\"suspended\":true"},
    {.it = {"client.suspend", "@", "{}"},
     .before = {MAKE_CLIENT},
     .resource = READ_CLIENT,
     .name = "@",
     .effect = "\"suspended\":true"},
    {.it = ADD_GRANT,
     .before = {MAKE_CLIENT},
     .resource = READ_GRANTS,
     .name = "",
     .effect = "\"keys\":\"@.*\""},
    {.it = {"grant.revoke", "%", "{}"},
     .before = {MAKE_CLIENT, ADD_GRANT},
     .resource = READ_GRANTS,
     .name = "",
     .effect = "!\"keys\":\"@.*\""},
    {.it = {"key.activate", "@", "{}"},
     .before = {MAKE_KEY, {"key.rotate", "@", "{}"}},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"version\":2,\"state\":\"active\""},
    {.it = {"key.compromise", "@", "{}"},
     .before = {MAKE_KEY},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"state\":\"compromised\""},
    {.it = MAKE_KEY, .resource = READ_KEY, .name = "@", .effect = "\"name\":\"@\""},
    {.it = MAKE_BATCH, .resource = READ_KEY, .name = "@", .effect = "\"name\":\"@\""},
    {.it = MAKE_MANY,
     .resource = READ_KEY,
     .name = "@.16",
     .effect = "\"name\":\"@.16\"",
     .more_keys = MANY_KEYS - 1,
     .takes_s = 38},
    {.it = {"key.deactivate", "@", "{}"},
     .before = {MAKE_KEY},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"state\":\"deactivated\""},
    {.it = {"key.destroy", "@", "{}"},
     .before = {MAKE_KEY, {"key.deactivate", "@", "{}"}},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"state\":\"destroyed\""},
    {.it = {"key.resume", "@", "{}"},
     .before = {MAKE_KEY, {"key.suspend", "@", "{}"}},
     .resource = READ_KEY,
     .name = "@",
     .effect = "!\"state\":\"suspended\""},
    {.it = {"key.rotate", "@", "{}"},
     .before = {MAKE_KEY},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"version\":2"},
    {.it = {"key.suspend", "@", "{}"},
     .before = {MAKE_KEY},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"state\":\"suspended\""},
    {.it = {"key.withdraw", "@", "{}"},
     .before = {MAKE_KEY, {"key.rotate", "@", "{}"}},
     .resource = READ_KEY,
     .name = "@",
     .effect = "!\"state\":\"pre-activation\""},
    {.it = {"log.prune", "", kill_shard}, .before = {MAKE_KEY}, .prepare = complete_shard},
    {.it = {"officer.enrol", "", kill_newcomer},
     .resource = READ_OFFICER,
     .name = PEOPLE_NEWCOMER,
     .effect = "\"person\":\"" PEOPLE_NEWCOMER,
     .prepare = kill_newcomer_is_gone},
    {.it = {"officer.remove", PEOPLE_NEWCOMER, "{}"},
     .resource = READ_OFFICER,
     .name = PEOPLE_NEWCOMER,
     .effect = "!\"person\":\"" PEOPLE_NEWCOMER,
     .prepare = kill_newcomer_is_there},
    {.it = {"officer.replace", PEOPLE_NEWCOMER, kill_replacement},
     .resource = READ_OFFICER,
     .name = PEOPLE_NEWCOMER,
     .effect = "\"valid_until\":\"2041",
     .prepare = kill_newcomer_is_there},
    {.it = {"officer.resume", "dave", "{}"},
     .resource = READ_OFFICER,
     .name = "dave",
     .effect = "!\"suspended\":true",
     .prepare = kill_dave_is_suspended},
    {.it = {"officer.suspend", "dave", "{}"},
     .resource = READ_OFFICER,
     .name = "dave",
     .effect = "\"suspended\":true",
     .prepare = kill_dave_is_active},
    {.it = {"policy.change", "", kill_policy},
     .resource = READ_POLICY,
     .name = "",
     .effect = kill_epoch,
     .prepare = kill_policy_is_next},
    {.it = PUT_PROFILE,
     .before = {MAKE_CA},
     .resource = READ_PROFILES,
     .name = "",
     .effect = "\"name\":\"@\"",
     .more_keys = 1},
    {.it = {"profile.remove", "@", "{}"},
     .before = {MAKE_CA, PUT_PROFILE},
     .resource = READ_PROFILES,
     .name = "",
     .effect = "!\"name\":\"@\"",
     .more_keys = 1},
    {.it = {"set.put", "@", "{\"keys\":[\"@.*\"]}"},
     .resource = READ_SETS,
     .name = "",
     .effect = "\"name\":\"@\""},
    {.it = {"set.remove", "@", "{}"},
     .before = {{"set.put", "@", "{\"keys\":[\"@.*\"]}"}},
     .resource = READ_SETS,
     .name = "",
     .effect = "!\"name\":\"@\""},
    {.it = {"operation.cancel", "%", "{}"},
     .resource = READ_OPERATION,
     .name = "%",
     .effect = "\"state\":\"cancelled\"",
     .prepare = ask_for_another},
    {.it = {"token.accept", "@", "{}"},
     .resource = READ_SYSTEM,
     .name = "",
     .effect = "\"token\":\"@\",\"state\":\"ready\"",
     .prepare = add_token},
    {.it = {"token.decommission", "@", "{}"},
     .resource = READ_SYSTEM,
     .name = "",
     .effect = "!\"token\":\"@\",\"state\":\"ready\"",
     .prepare = accept_token,
     .takes_s = 10},
    {.it = {"token.approve", STACK_TOKEN, "{}"},
     .resource = READ_SYSTEM,
     .name = "",
     .effect = "!unapproved",
     .prepare = kill_exchange_module},
    {.it = {"exception", "",
            "{\"expected\":\"@\",\"happened\":\"#\",\"decision\":\"none\",\"deciders\":[\"alice\"]"
            "}"}},
    {.it = MAKE_WRAPPING, .wraps = true},
    {.it = MAKE_WRAPPED,
     .before = {MAKE_WRAPPING},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"residence\":\"wrapped\"",
     .wraps = true},
    {.it = {"key.rotate", "@", "{}"},
     .before = {MAKE_WRAPPING, MAKE_WRAPPED},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"version\":2",
     .wraps = true},
    {.it = {"key.destroy", "@", "{}"},
     .before = {MAKE_WRAPPING, MAKE_WRAPPED, {"key.deactivate", "@", "{}"}},
     .resource = READ_KEY,
     .name = "@",
     .effect = "\"state\":\"destroyed\"",
     .wraps = true},
    {.it = MAKE_FAMILY,
     .resource = READ_FAMILY,
     .name = "@.",
     .effect = "\"prefix\":\"@.\"",
     .once = make_first_wrapping},
    {.it = {"family.suspend", "@.", "{}"},
     .before = {MAKE_FAMILY},
     .resource = READ_FAMILY,
     .name = "@.",
     .effect = "\"suspended\":true",
     .once = make_first_wrapping},
    {.it = {"family.resume", "@.", "{}"},
     .before = {MAKE_FAMILY, {"family.suspend", "@.", "{}"}},
     .resource = READ_FAMILY,
     .name = "@.",
     .effect = "!\"suspended\":true",
     .once = make_first_wrapping},
    {.it = {"family.revoke", "@.", "{}"},
     .before = {MAKE_FAMILY},
     .resource = READ_FAMILY,
     .name = "@.",
     .effect = "!\"prefix\":\"@.\"",
     .once = make_first_wrapping},
    {.it = {"configuration.approve", "", "{}"},
     .resource = READ_SYSTEM,
     .name = "",
     .effect = "!\"code\":\"configuration\"",
     .prepare = kill_exchange_configuration},
    {.it = {"pin.split", STACK_TOKEN, "{" SPLIT_IN_TWO}},
    {.it = {"pin.split", STACK_TOKEN, "{\"pin\":\"so\"," SPLIT_IN_TWO}},
    {.it = {"pin.change", STACK_TOKEN, kill_holders},
     .prepare = kill_attend,
     .release = kill_unlock,
     .help = kill_unlock},
    {.it = {"pin.change", STACK_TOKEN, kill_so_holders},
     .prepare = kill_attend,
     .release = kill_release_both,
     .help = kill_release_both},
    {.it = {"pin.reset", STACK_TOKEN, kill_holders},
     .prepare = kill_lose_pin,
     .help = kill_unlock,
     .begin_anew = kill_lose_pin,
     .takes_s = 8},
    {.it = {"wrapping.destroy", "", kill_old_wrapping},
     .before = {MAKE_WRAPPING},
     .result = "\"not_destroyed_in\":[]",
     .prepare = make_old_wrapping},
    /* From here on the token has no PIN any more: nobody sends it one. */
    {.it = {"appliance.lock", "", "{}"},
     .before = {{"appliance.unlock", "", "{}"}},
     .resource = READ_SYSTEM,
     .name = "",
     .effect = "\"code\":\"officers\""},
    {.it = {"appliance.unlock", "", "{}"},
     .before = {{"appliance.lock", "", "{}"}},
     .resource = READ_SYSTEM,
     .name = "",
     .effect = "!\"code\":\"officers\""},
};

#endif
