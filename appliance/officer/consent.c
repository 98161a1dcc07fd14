#include "appliance/officer/consent.h"

#include "appliance/officer/officer.h"
#include "appliance/officer/places.h"
#include "appliance/terminal.h"
#include "lib/ceremony/words/pgp_words.h"
#include "lib/system/file.h"

#include <strings.h>

#define WORDS_FOR_SCRIPTS 4u

enum ps_err consent_load_key(const char *key_path, struct ssh_key **ret_key)
{
    PS_BUF_AUTO line = {0};
    char path[PLACE_MAX];
    enum ps_err err;

    PS_TRY(place_of_public_key(key_path, path));
    err = file_read(path, SSH_KEY_LINE_MAX, &line);
    if (err == PS_E_NOT_FOUND) {
        return ps_fail(err, 0,
                       "%.140s is not there; `ssh-keygen -y -f KEY > KEY.pub` makes it from the "
                       "private key",
                       path);
    }
    PS_TRY(err);
    err = ssh_key_parse_line(ps_buf_bytes(&line), ret_key);
    return err == PS_OK ? PS_OK : officer_name_file(path, err);
}

/* Whether a script knows the words, as only who has seen the document does. */
static bool begins_with_words(const uint8_t hash[PS_SHA256_LEN], const char *given)
{
    static const char between[] = " -,\t";

    for (size_t i = 0; i < WORDS_FOR_SCRIPTS; i++) {
        const char *word = pgp_word(i, hash[i]);
        const size_t len = strcspn(given, between);

        if (len != strlen(word) || strncasecmp(given, word, len) != 0) {
            return false;
        }
        given += len;
        given += strspn(given, between);
    }
    return *given == '\0';
}

enum ps_err consent_ask(const struct cli_run *run, const char *question,
                        const uint8_t hash[PS_SHA256_LEN])
{
    const char *words = cli_value(run, "yes");

    if (words == NULL) {
        return terminal_ask(question, "Yes");
    }
    if (!begins_with_words(hash, words)) {
        return ps_fail(PS_E_DENIED, 0,
                       "--yes does not give the first %u words of this document, so nothing was "
                       "signed; `privyseal-officer words FILE` prints them",
                       WORDS_FOR_SCRIPTS);
    }
    return PS_OK;
}
