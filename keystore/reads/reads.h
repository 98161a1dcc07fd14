#ifndef KEYSTORE_READS_READS_H
#define KEYSTORE_READS_READS_H

#include "keystore/catalog/records.h"
#include "keystore/internal.h"
#include "keystore/writer.h"
#include "lib/ceremony/people/roster.h"

/* What api processes may read: documents built from memory, catalog and logs. */
void read_answer(struct keeper *keeper, const struct reply_to *to, const struct msg_read *message);
void read_answer_access_check(struct keeper *keeper, const struct reply_to *to,
                              const struct msg_access_check *message);
void read_answer_verify_keys(struct keeper *keeper, const struct reply_to *to,
                             const struct msg_verify_keys *message);
void read_answer_recipient(struct keeper *keeper, const struct reply_to *to,
                           const struct msg_jwe_recipient *message);
void read_answer_random(struct keeper *keeper, const struct reply_to *to,
                        const struct msg_random *message);

/* --- Members of the documents, also for the answers of operations; an object is open --- */

void read_put_key(struct key *key, bool with_versions, struct writer *json);
/* Nothing when the version has none. */
void read_put_certificate(const struct key_version *version, struct writer *json);
void read_put_key_etag(const struct key *key, struct ps_buf *out);
void read_put_client(const struct client_record *client, uint64_t revision, struct writer *json);
void read_put_family(const struct family_record *family, uint64_t revision, struct writer *json);
void read_put_grant(const struct grant_record *grant, struct writer *json);
void read_put_person(const struct person *person, uint64_t revision, struct writer *json);
void read_put_profile(const struct profile_record *profile, uint64_t revision, struct writer *json);
void read_put_set(const struct set_record *set, uint64_t revision, struct writer *json);

/* How long relying parties keep a JWKS that nobody has set a time for. */
#define READ_MAX_AGE_DEFAULT_S 300u

/* The longest max-age of all sets, and of those that list a key; at least the default one. */
uint64_t read_longest_max_age(const struct keeper *keeper);
uint64_t read_max_age_of(const struct keeper *keeper, const struct key *key);

#endif
