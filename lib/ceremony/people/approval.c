#include "lib/ceremony/people/approval.h"

#include "lib/formats/ssh/sshsig.h"

static const struct {
    const char *name;
    const char *namespace;
} kinds[APPROVAL_KIND_COUNT] = {
    [APPROVAL_REQUEST] = {"request", "request.ceremony.privyseal.v1"},
    [APPROVAL_APPROVE] = {"approve", "approve.ceremony.privyseal.v1"},
    [APPROVAL_REJECT] = {"reject", "reject.ceremony.privyseal.v1"},
    [APPROVAL_STATEMENT] = {"statement", "statement.ceremony.privyseal.v1"},
};

const char *approval_namespace(enum approval_kind kind)
{
    return kinds[kind].namespace;
}

const char *approval_kind_name(enum approval_kind kind)
{
    return kinds[kind].name;
}

static enum ps_err find_person(const struct approval_request *request,
                               const struct ssh_key *claimed, const struct person **ret_person)
{
    const struct person *holder = roster_find_key(request->roster, ssh_key_blob(claimed));
    const struct person *person = holder;

    if (request->person.len != 0) {
        if (!ps_name_valid(request->person)) {
            return ps_fail(PS_E_INPUT, 0, "`person`: not a name ([a-z0-9][a-z0-9._-]{0,127})");
        }
        person = roster_find(request->roster, request->person);
        if (person == NULL) {
            return ps_fail(PS_E_DENIED, 0, "the roster has no person \"%.*s\"",
                           PS_BYTES_FMT(request->person));
        }
    }
    if (holder == NULL) {
        return ps_fail(PS_E_DENIED, 0,
                       "the signature is by the key %s, which nobody has in the roster",
                       ssh_key_fingerprint(claimed));
    }
    if (person != holder) {
        return ps_fail(PS_E_DENIED, 0, "the signature is by a key of \"%.64s\", not of \"%.64s\"",
                       holder->name, person->name);
    }
    *ret_person = person;
    return PS_OK;
}

/* A statement that one has a key may come before one's time, approvals not. */
static enum ps_err check_standing(const struct approval_request *request,
                                  const struct person *person)
{
    const enum person_standing standing = person_standing(person, request->now_s);

    if (standing == PERSON_VALID ||
        (standing == PERSON_NOT_YET && request->kind == APPROVAL_STATEMENT)) {
        return PS_OK;
    }
    return ps_fail(PS_E_DENIED, 0, "\"%.64s\" is %s in the roster: the signature does not count",
                   person->name, person_standing_name(standing));
}

/* Of the person, who has it: the claim was looked up by its octets. */
static const struct roster_key *key_of(const struct person *person, const struct ssh_key *claimed)
{
    size_t i = 0;

    while (i + 1 < person->key_count && !ssh_key_equal(person->keys[i].key, claimed)) {
        i++;
    }
    return &person->keys[i];
}

static void set_approval(const struct approval_request *request, const struct person *person,
                         const struct roster_key *key, const struct sshsig_seen *seen,
                         struct approval *ret_approval)
{
    *ret_approval = (struct approval){
        .kind = request->kind,
        .role = person->role,
        .is_unproven = key->is_unproven,
        .is_sk = seen->sk,
        .sk_flags = seen->flags,
        .sk_counter = seen->counter,
    };
    memcpy(ret_approval->person, person->name, sizeof person->name);
    ps_sha256(request->document, ret_approval->document);
    ps_sha256(ssh_key_blob(key->key), ret_approval->key);
}

enum ps_err approval_verify(const struct approval_request *request, struct approval *ret_approval)
{
    const struct policy *policy = request->policy;
    const struct sshsig_policy wanted = {.application = policy->sk_application,
                                         .presence = policy->sk_presence,
                                         .verification = policy->sk_verification};
    SSHSIG_CLAIM_AUTO claim = {.key = NULL};
    const struct person *person;
    const struct roster_key *key;
    struct sshsig_seen seen;

    PS_TRY(sshsig_peek(request->signature, &claim));
    PS_TRY(find_person(request, claim.key, &person));
    PS_TRY(check_standing(request, person));
    key = key_of(person, claim.key);
    PS_TRY(sshsig_verify(request->signature, key->key, approval_namespace(request->kind),
                         request->document, &wanted, &seen));
    set_approval(request, person, key, &seen, ret_approval);
    return PS_OK;
}

enum ps_err approval_peek_key(struct ps_bytes signature, uint8_t ret_key[PS_SHA256_LEN])
{
    SSHSIG_CLAIM_AUTO claim = {.key = NULL};

    PS_TRY(sshsig_peek(signature, &claim));
    ps_sha256(ssh_key_blob(claim.key), ret_key);
    return PS_OK;
}

bool approval_repeats(const struct approval *a, const struct approval *b)
{
    return a->kind == b->kind && strcmp(a->person, b->person) == 0 &&
           (a->kind != APPROVAL_STATEMENT || memcmp(a->key, b->key, sizeof a->key) == 0);
}
