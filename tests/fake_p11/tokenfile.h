#ifndef FAKE_P11_TOKENFILE_H
#define FAKE_P11_TOKENFILE_H

#include <stdbool.h>
#include <stddef.h>

/* What a token keeps beside its objects: the file `token-N` of the module's directory. */

#define PIN_MIN 4
#define PIN_MAX 64

struct pin {
    size_t length; /* 0: not set */
    unsigned char octets[PIN_MAX];
};

/* Indexes of pins and failures. */
enum pin_owner { PIN_SO, PIN_USER };

struct token_file {
    bool initialised;
    char label[33]; /* 32 octets, padded with blanks */
    struct pin pins[2];
    unsigned failures[2]; /* wrong PINs in a row */
};

/*
 * The functions below work on the open directory of the module. Between tokenfile_lock and
 * tokenfile_unlock no other thread and no other process changes a token's file.
 */
int tokenfile_lock(int directory);
void tokenfile_unlock(int lock);

/* A missing file is a token that was never initialised. 0, or -1 with errno set. */
int tokenfile_load(int directory, unsigned token, struct token_file *ret_file);
int tokenfile_save(int directory, unsigned token, const struct token_file *file);

void pin_set(struct pin *pin, const void *octets, size_t length);
bool pin_equals(const struct pin *pin, const void *octets, size_t length);

/* Pads a label with blanks to the 32 octets it has in a token. */
void tokenfile_set_label(struct token_file *file, const char *label, size_t length);

#endif
